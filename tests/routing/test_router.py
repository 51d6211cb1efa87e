"""``Router``: the models as a library, with a record or without one."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

import hybrid_coordinator
from hybrid_coordinator import Router
from hybrid_coordinator.domain.reply import AnswerPiece
from hybrid_coordinator.domain.route import Target, TaskType
from hybrid_coordinator.errors import (
    InvalidArgumentError,
    ModelUnavailableError,
    RecordUnavailableError,
    SettingsError,
)
from hybrid_coordinator.settings import (
    InferenceSettings,
    RemoteSettings,
    RoutingSettings,
    Settings,
    StorageSettings,
)
from hybrid_coordinator.storage.postgres.database import Database
from tests.routing.conftest import NOTHING
from tests.routing.servers import (
    CHAT,
    CLAUDE,
    CLAUDE_COST,
    LARGE,
    REFUSAL,
    SMALL,
    asked,
    claude,
    large,
    remote,
    small,
)
from tests.support.llama_server import MODEL, LlamaServer


def settings(
    dsn: str | None = None, paid: RemoteSettings | None = None, **inference: Any
) -> Settings:
    return Settings(
        storage=StorageSettings(database_url=None if dsn is None else SecretStr(dsn)),
        inference=InferenceSettings(**{**NOTHING, "reply_timeout_seconds": 20.0, **inference}),
        remote=paid or RemoteSettings(),
        routing=RoutingSettings(preset="strong", seed=1),
    )


@pytest.fixture(autouse=True)
def no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that does not exist, for rules and settings."""
    home = tmp_path / "home"
    monkeypatch.setenv("HYBRID_HOME", str(home))
    return home


async def test_a_real_model_answers_with_json_that_matches(llama_server: LlamaServer):
    schema = {
        "type": "object",
        "properties": {"done": {"type": "boolean"}},
        "required": ["done"],
        "additionalProperties": False,
    }
    async with Router(settings(llama_cpp=(llama_server.url,))) as router:
        reply = await router.ask("Is it done?", json_schema=schema)
    assert set(json.loads(reply.response)) == {"done"}
    assert (reply.model, reply.cost_usd) == (MODEL, 0.0)


async def test_it_needs_no_home_and_leaves_none(no_home: Path):
    async with small("Yes, it is.") as server, Router(settings(vllm=(server.url,))) as router:
        assert (await router.ask("Is it done?")).response == "Yes, it is."
    assert not no_home.exists()


async def test_settings_are_by_default_those_of_the_file_and_the_environment(
    no_home: Path, monkeypatch: pytest.MonkeyPatch
):
    no_home.mkdir()
    off = {kind: [] for kind in NOTHING}
    async with small("Yes, it is.") as server:
        (no_home / "hybrid.yaml").write_text(json.dumps({"inference": off}))
        monkeypatch.setenv("HYBRID_INFERENCE_VLLM", server.url)
        async with Router() as router:
            assert (await router.ask("Is it done?")).model == SMALL


async def test_the_rules_of_the_home_hold(no_home: Path):
    no_home.mkdir()
    (no_home / "rules.yaml").write_text(
        "rules:\n  - condition: task_type == 'question'\n    target: LOCAL_QUALITY\n"
        "    confidence: 0.9\n    description: of the house\n"
    )
    async with (
        small("Small.") as one,
        large("Large.") as two,
        Router(settings(vllm=(one.url, two.url))) as router,
    ):
        assert (await router.ask("Is it done?")).model == LARGE


async def test_a_weak_answer_steps_up_and_pieces_tell_of_it():
    heard: list[AnswerPiece] = []
    async with (
        small(REFUSAL) as one,
        large("Yes, it is.") as two,
        Router(settings(vllm=(one.url, two.url))) as router,
    ):
        reply = await router.ask("Is it done?", pieces=heard.append)
    assert reply.response == "Yes, it is."
    assert sorted({piece.attempt for piece in heard}) == [1, 2]
    assert "".join(piece.text for piece in heard if piece.attempt == 2) == reply.response
    assert [piece.because for piece in heard if piece.because] == ["not good enough (0.66)"]


@pytest.mark.parametrize("mode", ["ensemble", "reason"])
async def test_modes(mode: str):
    async with small("Yes, it is.") as server, Router(settings(vllm=(server.url,))) as router:
        reply = await router.ask("Is it done?", mode=mode)
    assert len(reply.attempts) > 1
    assert all(attempt.rule.startswith(f"{mode}: ") for attempt in reply.attempts)


async def test_files_and_the_system_text_reach_the_model_without_secrets(tmp_path: Path):
    key = "AKIA" + "Q3EGRXVZ7PLM2TWB"
    file = tmp_path / "a.txt"
    file.write_text(f"colour = blue\nkey = {key}\n")
    async with small("Blue.") as server, Router(settings(vllm=(server.url,))) as router:
        await router.ask("Which colour?", files=[file], system="Be brief.")
        (body,) = server.bodies(CHAT)
    sent = json.dumps(body)
    assert "colour = blue" in sent
    assert "Be brief." in sent
    assert key not in sent


async def test_a_route_is_told_without_a_call():
    async with small("Yes.") as server, Router(settings(vllm=(server.url,))) as router:
        route = await router.route("Is it done?")
        chat = await router.route([{"role": "user", "content": "Is it done?"}])
        assert asked(server) == 0
    assert (route.target, route.task_type) == (Target.LOCAL, TaskType.QUESTION)
    assert route.chain[0].startswith(f"LOCAL_FAST: {SMALL} at {server.url}")
    assert chat.target is Target.LOCAL


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"prompt": "  "}, "prompt"),
        ({"task_type": "cooking"}, "task_type"),
        ({"mode": "choir"}, "mode"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 200_001}, "max_tokens"),
        ({"temperature": 2.5}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"json_schema": {"type": "nonsense"}}, "json_schema"),
        ({"files": ["missing.txt"]}, "files"),
        ({"files": ["/dev/null"]}, "files"),
    ],
)
async def test_a_bad_argument_is_named(given: dict[str, Any], field: str):
    async with small("Yes.") as server, Router(settings(vllm=(server.url,))) as router:
        with pytest.raises(InvalidArgumentError, match=f"^{field}: "):
            await router.ask(**{"prompt": "Is it done?", **given})
        assert asked(server) == 0


async def test_a_file_that_is_none_of_text_is_refused_by_name(tmp_path: Path):
    file = tmp_path / "given.bin"
    file.write_bytes(b"a\0b")
    async with Router(settings()) as router:
        with pytest.raises(InvalidArgumentError, match=r"^files: .*given\.bin is .* not text"):
            await router.ask("What is it?", files=[file])


async def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    async with Router(settings()) as router:
        with pytest.raises(InvalidArgumentError, match="is not a regular file"):
            await router.ask("What is it?", files=[tmp_path / "pipe"])


async def test_with_no_model_at_all_the_error_tells_what_was_probed_and_the_next_step():
    async with Router(settings(ollama=("http://127.0.0.1:9",))) as router:
        with pytest.raises(ModelUnavailableError) as caught:
            await router.ask("Is it done?")
    assert "http://127.0.0.1:9 [Ollama]: down (connection refused)" in str(caught.value)
    assert str(caught.value).count("`") == 2


# With a record


async def test_attempts_money_and_answers_are_kept(dsn: str, database: Database):
    async with small(REFUSAL) as one, claude("Yes, it is.") as two:
        given = settings(dsn, remote(two), vllm=(one.url,))
        async with Router(given) as router:
            reply = await router.ask("Is it done?")
        async with Router(given) as router:
            again = await router.ask("Is it done?")
        assert asked(two) == 1
    assert (reply.model, reply.cost_usd) == (CLAUDE, pytest.approx(CLAUDE_COST))
    assert (again.cached, again.response) == (True, "Yes, it is.")
    rows = await database.fetch("SELECT model, outcome, project FROM route_attempts ORDER BY id")
    assert [tuple(row) for row in rows] == [
        (SMALL, "low_confidence", "library"),
        (CLAUDE, "ok", "library"),
        (CLAUDE, "cached", "library"),
    ]
    spent = await database.fetch_value("SELECT sum(amount_usd) FROM spend")
    assert spent == pytest.approx(CLAUDE_COST)


async def test_an_empty_database_is_prepared(empty_dsn: str):
    async with (
        small("Yes, it is.") as server,
        Router(settings(empty_dsn, vllm=(server.url,))) as router,
    ):
        assert (await router.ask("Is it done?")).response == "Yes, it is."


async def test_what_it_recorded_it_learns_from(dsn: str):
    async with small("") as one, large("Yes, it is.") as two:
        given = settings(dsn, vllm=(one.url, two.url))
        async with Router(given) as router, asyncio.timeout(60):
            done = 0
            # What was recorded is read a moment later, several at once.
            while done < 16 or asked(one) == done:
                await router.ask(f"Is part {done} done?")
                done += 1
        before = asked(one)
        async with Router(given) as router:
            replies = [await router.ask(f"Is part {number} over?") for number in range(10)]
    # It is a draw: now and then the failing one is tried.
    assert asked(one) - before <= 5
    rules = [reply.attempts[0].rule for reply in replies]
    assert sum("has been failing at such tasks" in rule for rule in rules) >= 5


async def test_without_a_record_no_money_is_spent():
    async with small("Yes, it is.") as one, claude("Yes.") as two:
        async with Router(settings(None, remote(two), vllm=(one.url,))) as router:
            reply = await router.ask("Is it done?", quality_critical=True)
        assert asked(two) == 0
    assert reply.model == SMALL
    assert "what remote models cost is not recorded here" in reply.notices[0]


async def test_where_one_part_cannot_be_opened_the_others_are_closed(dsn: str, database: Database):
    connected = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    before = await database.fetch_value(connected)
    with pytest.raises(SettingsError, match="is not the URL of a model server"):
        async with Router(settings(dsn, vllm=("ftp://x",))):
            pass
    async with asyncio.timeout(10):
        # Postgres ends a connection a moment after its client did.
        while await database.fetch_value(connected) > before:
            await asyncio.sleep(0)


async def test_a_record_that_is_away_is_named():
    router = Router(settings("postgresql://nobody@127.0.0.1:9/none"))
    for _ in range(2):
        with pytest.raises(RecordUnavailableError):
            await router.ask("Is it done?")
    await router.close()


# What it costs to import


def imported(statement: str) -> set[str]:
    code = f"import sys; {statement}; print('\\n'.join(sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(found.stdout.split())


HEAVY = {"numpy", "qdrant_client", "asyncpg", "httpx", "mcp", "tokenizers", "jsonschema"}


def test_importing_the_package_loads_nothing_heavy():
    loaded = imported("import hybrid_coordinator")
    assert not loaded & {*HEAVY, "pydantic", "yaml", "asyncio", "hybrid_coordinator.router"}


def test_importing_the_router_loads_no_engine_and_no_client():
    loaded = imported("from hybrid_coordinator import Router")
    assert "hybrid_coordinator.router" in loaded
    assert not loaded & HEAVY


def test_an_unknown_name_of_the_package_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Rooter"):
        getattr(hybrid_coordinator, "Rooter")  # noqa: B009 - mypy knows that it is none
