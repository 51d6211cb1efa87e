"""Work handed over by people with little, with much and with nothing: each gets the best that this
allows, and is told what happened. One coordinator serves them all: its settings are edited live."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hybrid_coordinator.storage.postgres.cluster import program
from hybrid_coordinator.storage.postgres.server import PostgresServer
from tests.support.llama_server import MODEL, LlamaServer
from tests.support.model_server import HANG, ModelServer, Stream
from tests.support.model_wire import (
    anthropic_answer,
    anthropic_refusal,
    anthropic_start,
    anthropic_text,
    openai_answer,
    openai_refusal,
)
from tests.support.stdio import (
    Json,
    RpcError,
    ToolError,
    kill,
    owner_of,
    session,
    wait_until,
)
from tests.support.world import (
    BEST,
    KEYS,
    KINDS,
    LARGE,
    OTHER,
    REMOTE,
    SIMPLE,
    SMALL,
    World,
    every_server,
)

REFUSAL = "I'm sorry, but I can't help with that."
HARD = (
    "Design a distributed, strongly consistent database that survives partitions, prove it "
    "linearizable, and plan the migration of our forty services to it."
)
NEW_KEY = "Hk2sV6yB9tQw3XeU"
NOBODY = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def world(shared_home: Path) -> Iterator[World]:
    shared_home.mkdir(mode=0o700)
    with every_server(shared_home) as made:
        yield made


@pytest.fixture(autouse=True)
def usual_answers(world: World) -> None:
    world.answer()


# Each gets the best that what he has allows


@pytest.mark.parametrize(
    ("name", "model", "tier"),
    [("ollama", SMALL, "LOCAL_FAST"), ("lmstudio", LARGE, "LOCAL_QUALITY")],
)
def test_with_one_server_its_model_answers(world: World, name: str, model: str, tier: str) -> None:
    world.edit(**{name: world.url(name)})
    answer = world.ask()
    assert (answer["model"], answer["tier"], answer["cost_usd"]) == (model, tier, 0)
    assert (answer["endpoint"], answer["notices"]) == (world.url(name), [])
    assert (world.route(SIMPLE)["target"], world.route(SIMPLE)["tier"]) == ("local", tier)
    # More than it can give is said to be more.
    assert world.route(HARD)["target"] == "remote"
    best = world.ask(quality_critical=True)
    assert best["model"] == model
    (notice,) = best["notices"]
    assert notice.startswith("no remote model is configured: the best local model answers")
    assert world.doctor()["remote models"]["detail"].startswith("off: ")


def test_with_a_llama_cpp_server_alone_its_model_answers(
    world: World, llama_server: LlamaServer
) -> None:
    world.edit(llama_cpp=llama_server.url)
    schema = {"enum": ["yes", "no"]}
    answer = world.ask("Is it?", json_schema=schema, max_tokens=40)
    assert json.loads(answer["response"]) in ("yes", "no")
    assert (answer["model"], answer["endpoint"]) == (MODEL, llama_server.url)
    assert answer["notices"] == []
    # What its random weights say freely is given with what the check makes of it.
    free = world.ask("Explain a mutex.", max_tokens=60)
    assert free["response"]
    told = any(notice.startswith("low confidence") for notice in free["notices"])
    assert told is (free["confidence"] < 0.7)


def test_with_nothing_it_says_what_was_looked_for_and_how_to_start_one(world: World) -> None:
    world.edit(ollama=NOBODY, lmstudio=NOBODY)
    with pytest.raises(ToolError) as caught:
        world.ask()
    said = str(caught.value)
    assert said.startswith("No local model is ready. Probed: ")
    for kind in ("Ollama", "LM Studio"):
        assert f"{NOBODY} [{kind}]: down (connection refused)" in said
    assert said.count("`") == 2, "one command to start one"
    status, printed, error = world.command("ask", "--no-context", SIMPLE)
    assert (status, printed, error) == (1, "", f"error: {said}\n")
    route = world.route(SIMPLE)
    assert (route["target"], route["tier"]) == ("remote", "API_FALLBACK")
    assert route["reason"].endswith("could take it, but none is ready")
    lines = world.doctor()
    assert lines["not running"]["detail"] == f"Ollama ({NOBODY}), LM Studio ({NOBODY})"
    line = lines["a local model"]
    assert (line["ok"], line["detail"]) == (False, "none answers, so ask_local_llm cannot")
    assert line["remedy"] in said
    # The memory works all the same.
    stored = {"collection": "best-practices", "title": "Locks", "content": "Hold locks briefly."}
    assert world.opened.tool("store_knowledge", **stored)["action"] in ("created", "unchanged")
    assert world.opened.tool("search_knowledge", query="Locks")["items"]


def test_with_a_key_alone_a_remote_model_answers_and_its_money_is_counted(world: World) -> None:
    before, tokens = money(world)["today_usd"], stats(world)["tokens_remote"]
    world.edit(ollama=NOBODY, remote=world.remote())
    answer = world.ask()
    assert (answer["model"], answer["tier"]) == (BEST, "API_FALLBACK")
    assert answer["response"] == "Use a lock."
    assert answer["cost_usd"] > 0
    assert money(world)["today_usd"] == pytest.approx(before + answer["cost_usd"])
    (sent,) = world.servers["anthropic"].server.requests
    assert sent.headers["x-api-key"] == KEYS[0]
    assert world.asked("openai") == []
    assert stats(world)["tokens_remote"] == tokens + answer["tokens_in"] + answer["tokens_out"]
    assert world.doctor()["a local model"]["detail"].endswith("so only remote ones are left")


def test_with_everything_each_task_goes_where_it_belongs(world: World) -> None:
    world.everything()
    assert world.ask()["model"] == SMALL
    assert world.ask(HARD)["model"] == BEST
    assert world.ask(quality_critical=True)["model"] == BEST
    assert world.ask(prefer_local=False)["model"] == BEST
    routes = {query: world.route(query) for query in (SIMPLE, HARD)}
    assert [routes[SIMPLE][name] for name in ("target", "complexity")] == ["local", "simple"]
    assert [routes[HARD][name] for name in ("target", "complexity")] == ["remote", "complex"]
    assert all(0 < route["confidence"] <= 1 for route in routes.values())


def test_the_advice_is_local_only_where_a_model_of_the_tier_is_ready(world: World) -> None:
    moderate = "Explain how TCP slow start works"
    world.edit(ollama=world.url("ollama"))
    far = world.route(moderate)
    assert (far["complexity"], far["target"], far["tier"]) == ("moderate", "remote", "API_FALLBACK")
    assert far["reason"].endswith("a local model (LOCAL_QUALITY) could take it, but none is ready")
    # A local agent has nobody better to hand it to.
    near = world.route(moderate, agent_type="local")
    assert (near["target"], near["tier"]) == ("local", "LOCAL_FAST")
    world.edit(lmstudio=world.url("lmstudio"))
    assert (world.route(moderate)["target"], world.route(moderate)["tier"]) == (
        "local", "LOCAL_QUALITY"
    )  # fmt: skip
    assert world.asked("ollama") == world.asked("lmstudio") == [], "advice asks no model"


def stats(world: World) -> Json:
    return world.opened.request("hybrid/stats")


def money(world: World) -> Json:
    return stats(world)["usage"]["money"]


# ... and is told what happened


def test_a_weak_answer_goes_up_the_tiers_and_each_step_is_told(world: World) -> None:
    world.everything()
    world.answer(ollama=REFUSAL, lmstudio=openai_answer(REFUSAL))
    answer = world.ask()
    steps = [(one["model"], one["tier"], one["outcome"]) for one in answer["attempts"]]
    assert steps == [
        (SMALL, "LOCAL_FAST", "low_confidence"),
        (LARGE, "LOCAL_QUALITY", "low_confidence"),
        (BEST, "API_FALLBACK", "ok"),
    ]
    assert answer["response"] == "Use a lock."
    assert answer["cost_usd"] > 0


def test_a_refused_key_is_named_and_not_shown_and_the_next_best_answers(world: World) -> None:
    world.everything()
    world.answer(
        anthropic=anthropic_refusal(401, "authentication_error", f"invalid x-api-key {KEYS[0]}"),
        openai=openai_refusal(400, "invalid_request", f"not with {KEYS[1]}"),
    )
    answer = world.ask(quality_critical=True)
    assert (answer["model"], answer["cost_usd"]) == (LARGE, 0)
    refused, wrong = answer["notices"]
    assert "correct remote.anthropic_api_key" in refused
    assert "not with [key]" in wrong
    assert not any(key in json.dumps(answer) for key in KEYS)


def test_a_spent_budget_stops_remote_models_alone_and_is_told(world: World) -> None:
    world.everything(daily_budget_usd=0)
    answer = world.ask(quality_critical=True)
    assert answer["model"] == LARGE
    (notice,) = answer["notices"]
    assert notice.startswith("today's budget for remote models is spent: ")
    line = world.doctor()["remote models"]
    assert (line["ok"], "0.00 of 0.00 USD left today" in line["detail"]) == (False, True)
    world.edit(remote=world.remote(daily_budget_usd=0))
    with pytest.raises(ToolError, match="today's budget for remote models is spent"):
        world.ask()
    assert world.asked("anthropic") == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            {"models": [REMOTE[0]]},
            f"{REMOTE[0]} is off: remote.anthropic_api_key is not set",
        ),
        (
            {"anthropic_api_key": KEYS[0]},
            "off: remote.models names none, though remote.anthropic_api_key is set",
        ),
        (
            {"models": [REMOTE[0]], "openai_api_key": KEYS[1]},
            f"{REMOTE[0]} is off: remote.anthropic_api_key is not set",
        ),
    ],
)
def test_half_of_what_a_remote_model_needs_is_told_by_doctor(
    world: World, given: Json, says: str
) -> None:
    world.edit(ollama=world.url("ollama"), remote=given)
    assert world.ask(quality_critical=True)["model"] == SMALL
    line = world.doctor()["remote models"]
    assert (line["detail"], line["ok"]) == (says, "models" not in given)


def test_a_model_whose_price_is_not_known_is_not_asked_and_doctor_says_so(world: World) -> None:
    world.edit(
        ollama=world.url("ollama"),
        remote=world.remote(models=["anthropic/claude-next", REMOTE[1]]),
    )
    answer = world.ask(quality_critical=True)
    assert (answer["model"], world.asked("anthropic")) == (OTHER, [])
    assert any("no price of anthropic/claude-next is known" in each for each in answer["notices"])
    line = world.doctor()["remote models"]
    assert line["detail"].startswith(f"{REMOTE[1]}, ")
    assert "anthropic/claude-next is off: its price is not known" in line["detail"]
    assert not line["ok"]


def test_an_edit_that_cannot_be_used_is_told_and_keeps_what_was(world: World) -> None:
    world.everything()
    assert world.ask(quality_critical=True)["model"] == BEST
    owner = owner_of(world.home)
    for remote, local, problem in (
        ({"anthropic_api_key": "two words"}, "ollama", "remote.anthropic_api_key holds a space"),
        ({}, "http://me:secret@here", "a model server's URL may not hold a user or password"),
        ({"olama": 1}, "ollama", "remote.olama: unknown setting"),
    ):
        world.edit(
            remote=world.remote(**remote),
            ollama=world.url(local) if local in world.servers else local,
        )
        answer = world.ask(quality_critical=True)
        assert answer["model"] == BEST
        (notice,) = answer["notices"]
        assert problem in notice
        assert notice.endswith("(the previous settings stay in force)")
        assert world.ask()["model"] == SMALL
        line = world.doctor()["settings"]
        assert (line["ok"], line["detail"]) == (False, notice)
    assert owner_of(world.home) == owner


def test_an_edit_counts_from_the_next_call_on(world: World) -> None:
    owner = owner_of(world.home)
    world.edit()
    with pytest.raises(ToolError, match="no endpoint is configured"):
        world.ask()
    world.edit(ollama=world.url("ollama"))
    assert world.ask(quality_critical=True)["model"] == SMALL
    world.everything()
    assert world.ask(quality_critical=True)["model"] == BEST
    world.everything(models=[REMOTE[1]])
    assert world.ask(quality_critical=True)["model"] == OTHER
    world.edit(lmstudio=world.url("lmstudio"))
    assert world.ask(quality_critical=True)["model"] == LARGE
    assert owner_of(world.home) == owner


def test_a_rule_of_ones_own_decides_both_the_advice_and_the_call(world: World) -> None:
    world.everything()
    rule = "- condition: task_type == 'question'\n  target: API_FALLBACK\n  description: ask well\n"
    rules = world.home / "rules.yaml"
    rules.write_text(rule)
    try:
        assert world.route(SIMPLE)["target"] == "remote"
        assert world.ask()["model"] == BEST
        rules.write_text("- condition: tokenz > 3\n  target: LOCAL_FAST\n")
        problem = "line 1: condition: there is no fact `tokenz`"
        assert any(problem in notice for notice in world.ask()["notices"])
        line = world.doctor()["routing rules"]
        assert (line["ok"], problem in line["detail"]) == (False, True)
    finally:
        rules.unlink()
    assert world.ask()["model"] == SMALL


# Options of the tool


def test_what_is_asked_for_reaches_each_kind_of_server(world: World) -> None:
    schema = {
        "type": "object",
        "properties": {"lock": {"type": "boolean"}},
        "required": ["lock"],
        "additionalProperties": False,
    }
    said = '{"lock": true}'
    world.answer(ollama=said, anthropic=anthropic_answer(said))
    world.everything()
    options = {"json_schema": schema, "task_type": "extraction", "max_tokens": 99}
    local = world.ask(**options)
    remote = world.ask(**options, prefer_local=False)
    assert [answer["model"] for answer in (local, remote)] == [SMALL, BEST]
    for answer in (local, remote):
        assert (answer["task_type"], answer["checks"]["format"]) == ("extraction", 1.0)
        assert json.loads(answer["response"]) == {"lock": True}
    sent = world.asked("ollama")[-1]
    assert sent["format"] == schema
    assert sent["options"]["num_ctx"] >= 99
    assert world.asked("anthropic")[-1]["max_tokens"] >= 99


def test_an_answer_that_breaks_its_schema_is_not_taken_for_one(world: World) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    world.answer(ollama="three", anthropic=anthropic_answer('{"n": 3}'))
    world.edit(ollama=world.url("ollama"), remote=world.remote())
    answer = world.ask("How many?", json_schema=schema)
    assert [one["outcome"] for one in answer["attempts"]] == ["low_confidence", "ok"]
    assert json.loads(answer["response"]) == {"n": 3}


def test_several_models_are_asked_at_once_and_dissent_is_told(world: World) -> None:
    world.edit(ollama=world.url("ollama"), lmstudio=world.url("lmstudio"))
    world.answer(ollama="Paris", lmstudio=openai_answer("Lyon"))
    answer = world.ask("Name the capital of France.", mode="ensemble")
    assert {one["model"] for one in answer["attempts"]} == {SMALL, LARGE}
    assert answer["response"] == "Paris", "one model in two voices outvotes the other"
    assert f"dissent: {LARGE}: lyon (not paris)" in answer["notices"]
    assert answer["confidence"] < 1


def test_reasoning_shows_each_step(world: World) -> None:
    verdict = {"faults": [{"quote": "two threads", "fault": "one only"}], "missing": []}
    texts = [
        "1. Say what it is.",
        "A lock that two threads hold.",
        json.dumps(verdict),
        "A lock that one thread holds.",
        json.dumps({"faults": [], "missing": []}),
    ]
    world.answer(lmstudio=[openai_answer(text) for text in texts])
    world.edit(lmstudio=world.url("lmstudio"))
    answer = world.ask(mode="reason")
    assert answer["response"] == "A lock that one thread holds."
    titles = ["plan", "solve", "criticise", "correct", "criticise"]
    assert len(answer["attempts"]) == len(titles)
    for number, title in enumerate(titles, start=1):
        assert any(each.startswith(f"step {number}, {title}: ") for each in answer["notices"])


def test_files_that_no_context_holds_are_read_in_parts_at_home(
    world: World, tmp_path_factory: pytest.TempPathFactory
) -> None:
    world.edit(lmstudio=world.url("lmstudio"))
    notes = {"notes": [{"text": "The port is 8123.", "from": [1]}]}
    world.answer(lmstudio=openai_answer(json.dumps(notes)))
    folder = world.home.parent / "project"
    folder.mkdir()
    lines = (f"setting_{number} = {number * 7}\n" for number in range(2_000))
    (folder / "settings.ini").write_text("port = 8123\n" + "".join(lines))
    with session(world.home, cwd=folder) as opened:
        call = {"prompt": "Which port?", "files": ["settings.ini"], "use_context": False}
        answer = opened.tool("ask_local_llm", **call)
    assert len(world.asked("lmstudio")) > 3
    assert "8123" in answer["response"]
    assert "settings.ini" in answer["response"]
    assert answer["cost_usd"] == 0


# While it takes long


def test_what_is_waited_for_is_told_before_the_first_token_and_while_it_takes_long(
    world: World,
) -> None:
    slow = Stream([HANG, *openai_answer("1. Say what it is.").chunks])
    fine = openai_answer(json.dumps({"faults": [], "missing": []}))
    world.answer(
        lmstudio=[slow, openai_answer("A lock."), fine],
        anthropic=Stream([HANG, *anthropic_answer("Use a lock.").chunks]),
    )
    world.edit(lmstudio=world.url("lmstudio"), remote=world.remote())
    start = len(world.opened.messages)

    def told(token: str) -> list[Json]:
        heard = [each for each in world.opened.messages[start:] if "method" in each]
        return [each["params"] for each in heard if each["params"]["progressToken"] == token]

    calls = {
        "steps": ({"mode": "reason"}, "A lock.", "step 1: plan"),
        "one": (
            {"prefer_local": False},
            "Use a lock.",
            f"waiting for the first token of {BEST} at {world.url('anthropic')}",
        ),
    }
    begun = {
        token: world.opened.begin(
            "tools/call",
            {
                "name": "ask_local_llm",
                "arguments": {"prompt": SIMPLE, "use_context": False, **options},
                "_meta": {"progressToken": token},
            },
        )
        for token, (options, _, _) in calls.items()
    }
    wait_until(lambda: all(len(told(each)) >= 2 for each in calls), what="for signs of life")
    for token, (_, _, words) in calls.items():
        assert world.opened.answers_waiting(begun[token]) == 0
        assert told(token)[-1]["message"] == words
    for name in ("lmstudio", "anthropic"):
        world.servers[name].do(ModelServer.release)
    for token, (_, answer, _) in calls.items():
        assert world.opened.result(begun[token])["structuredContent"]["response"] == answer
        seconds = [each["progress"] for each in told(token)]
        assert seconds == sorted(seconds)


# What commands say of it


def test_commands_tell_the_same_story(world: World) -> None:
    world.everything()
    status, printed, error = world.command("ask", "--no-context", "--remote", SIMPLE)
    assert (status, printed) == (0, "Use a lock.\n")
    assert error.startswith(f"[{BEST} at {world.url('anthropic')}, confidence 1.00, ")
    assert error.endswith(" USD]\n")
    status, printed, _ = world.command("route", HARD)
    assert status == 0
    assert f"   1. API_FALLBACK: {BEST} at " in printed
    assert "USD left today (UTC)" in printed
    usage = json.loads(world.command("stats", "--json")[1])["usage"]
    assert {BEST, SMALL, LARGE} <= {one["model"] for one in usage["models"]}
    log = world.command("export", "usage")[1]
    assert f",{BEST},{world.url('anthropic')},API_FALLBACK,true," in log
    doctor = world.command("doctor")[1]
    assert "remote models" in doctor
    assert all(each in doctor for each in (*REMOTE, SMALL, LARGE))


# Secrets, and a sudden end


def test_a_key_that_was_just_configured_is_not_passed_on_when_someone_pastes_it(
    world: World,
) -> None:
    world.edit(ollama=world.url("ollama"))
    world.ask(f"Is {NEW_KEY} a word?")
    assert NEW_KEY in json.dumps(world.asked("ollama")[-1]), "it looks like nothing in particular"
    world.edit(ollama=world.url("ollama"), remote=world.remote(anthropic_api_key=NEW_KEY))
    answer = world.ask(f"Is {NEW_KEY} a name?")
    assert NEW_KEY not in json.dumps(world.asked("ollama")[-1])
    rows = world.opened.request("hybrid/export", {"kind": "interactions"})["rows"]
    (row,) = [row for row in rows if row["id"] == answer["interaction_id"]]
    assert row["query"] == "Is <SECRET:known-value> a name?"


def test_no_key_is_in_any_output_file_or_record(world: World) -> None:
    dsn = PostgresServer(world.home / "postgres").dsn
    dsn = dsn.replace("&target_session_attrs=any", "")  # which is asyncpg's, not libpq's
    dump = [program("pg_dump"), "--inserts", dsn]
    record = subprocess.run(dump, capture_output=True, timeout=30, check=True).stdout
    assert b"INSERT INTO public.route_attempts" in record
    messages = (json.dumps(each).encode() for each in world.opened.messages)
    texts = [record, *messages, *(each.encode() for each in world.said)]
    for key in KEYS:
        assert not [text[:200] for text in texts if key.encode() in text]
    files = [file for file in world.home.rglob("*") if file.is_file()]
    holding = {file.name for file in files for key in KEYS if key.encode() in file.read_bytes()}
    assert holding == {"hybrid.yaml"}
    assert not any("Traceback" in text for text in world.said)


def test_keys_of_the_environment_count_and_money_survives_a_kill_in_mid_answer(
    world: World, home: Path
) -> None:
    given = {
        "ANTHROPIC_API_KEY": KEYS[0],
        "OPENAI_API_KEY": KEYS[1],
        "HYBRID_REMOTE_MODELS": ",".join(reversed(REMOTE)),
        "HYBRID_REMOTE_ANTHROPIC_BASE_URL": world.url("anthropic"),
        "HYBRID_REMOTE_OPENAI_BASE_URL": world.url("openai"),
        **{f"HYBRID_INFERENCE_{kind.upper()}": "," for kind in KINDS},
    }
    call = {"prompt": SIMPLE, "use_context": False, "prefer_local": False}
    with session(home, **given) as opened:
        first = opened.tool("ask_local_llm", **call)
        assert first["model"] == OTHER, "the first that is named"
        (sent,) = world.servers["openai"].server.requests
        assert sent.headers["authorization"] == f"Bearer {KEYS[1]}"

        world.answer(openai=openai_refusal(500, "server_error", "It went wrong."))
        world.servers["anthropic"].server.answers = {
            "POST /v1/messages": Stream([anthropic_start(), anthropic_text("Use "), HANG])
        }
        arguments = {**call, "prompt": "What is a semaphore?"}
        number = opened.begin("tools/call", {"name": "ask_local_llm", "arguments": arguments})
        wait_until(lambda: bool(world.asked("anthropic")), what="for the next provider")

        def spending() -> Json:
            return opened.request("hybrid/stats")["usage"]["money"]

        before = spending()
        (aside,) = [one for one in before["spent"] if one["reserved_usd"]]
        assert aside["model"] == REMOTE[0]
        assert before["today_usd"] == pytest.approx(first["cost_usd"] + aside["reserved_usd"])
        kill(owner_of(home))
        with pytest.raises(RpcError, match=r"coordinator"):
            opened.result(number)
        after = spending()
        assert (after["today_usd"], after["spent"]) == (before["today_usd"], before["spent"])
        here = opened.request("hybrid/route_here", {"prompt": HARD})["here"]
        assert here["budget_left_usd"] == pytest.approx(10 - before["today_usd"])
        rows = opened.request("hybrid/export", {"kind": "interactions"})["rows"]
        assert [row["id"] for row in rows] == [first["interaction_id"]]
        world.answer()
        assert opened.tool("ask_local_llm", **{**call, "prompt": "What is a barrier?"})["response"]
