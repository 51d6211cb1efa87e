"""Several coordinators, each with a home of its own, on one Postgres and one Qdrant: what one is
told another finds, and any of them may die."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from tests.acceptance.conftest import INVOICE
from tests.support.background import Background, in_background
from tests.support.model_server import HANG, ModelServer, Stream
from tests.support.patterns import TASK, jobs, model, only, patterns, says, solved
from tests.support.qdrant_server import QdrantServer
from tests.support.stdio import (
    Json,
    RpcError,
    StdioSession,
    ToolError,
    command,
    owner_of,
    processes_of,
    session,
    wait_until,
)

CHAT = "/v1/chat/completions"
PAUSED = "the parser of night trains keeps its tokens"
CONTEXT = "What was the parser of night trains?"
DONE = {"agent_type": "remote", "model_used": "m"}


@dataclass
class Team:
    """Homes on shared engines; ``engines`` are the settings that lead there."""

    folder: Path
    project: Path
    engines: dict[str, str]
    homes: list[Path] = field(default_factory=list)

    def home(self, number: int) -> Path:
        home = self.folder / f"home{number}"
        if home not in self.homes:
            self.homes.append(home)
        return home

    def session(self, number: int, **extra: str) -> Any:
        return session(self.home(number), cwd=self.project, **{**self.engines, **extra})

    def kill(self, number: int) -> None:
        owner = psutil.Process(owner_of(self.home(number)))
        owner.kill()
        owner.wait(timeout=30)


@pytest.fixture
def qdrant() -> Iterator[Background[QdrantServer]]:
    with in_background(QdrantServer()) as running:
        yield running


@pytest.fixture
def team(
    tmp_path: Path, project: Path, dsn: str, qdrant: Background[QdrantServer]
) -> Iterator[Team]:
    """Nobody has come yet. Whoever came leaves at the end, without a process."""
    opened = Team(
        tmp_path,
        project,
        {"DATABASE_URL": dsn, "QDRANT_URL": qdrant.server.url, **only(None)},
    )
    yield opened
    for home in opened.homes:
        stopped = command(home, "stop")
        assert stopped.returncode == 0, stopped.stderr
        assert processes_of(home) == []


def rows(dsn: str, sql: str, *values: object) -> list[asyncpg.Record]:
    async def run() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetch(sql, *values)
        finally:
            await connection.close()

    return asyncio.run(run())


def titles(opened: StdioSession, query: str, **where: Any) -> list[str]:
    found = opened.tool("search_knowledge", query=query, limit=20, **where)["items"]
    return [item["title"] for item in found]


def lesson(opened: StdioSession, title: str, content: str = "Round late, and once.") -> str:
    """Tell it; its id."""
    stored = opened.tool(
        "store_knowledge", collection="best-practices", title=title, content=content
    )
    return str(stored["id"])


def test_what_one_is_told_another_finds(team: Team) -> None:
    with team.session(1) as first, team.session(2) as second:
        first.tool("index_codebase", path=".")
        entry = lesson(first, "Round at the end")
        tracked = first.tool("track_interaction", query=CONTEXT, response=PAUSED, **DONE)

        assert "invoice_total" in titles(second, "invoice_total")
        assert "Round at the end" in titles(second, "when to round amounts")
        found = second.tool("search_knowledge", query=CONTEXT, collection="interaction-history")
        assert [item["id"] for item in found["items"]] == [tracked["interaction_id"]]

        # An outcome may be told to another one, and what is told twice counts once.
        judged = second.tool("update_outcome", **tracked, outcome="success")
        assert first.tool("update_outcome", **tracked, outcome="success") == judged
        assert second.tool(
            "store_knowledge",
            collection="best-practices",
            title="Round at the end",
            content="Round late, and once.",
        ) == {"id": entry, "action": "unchanged"}

        # Code that changed, and was indexed by one, is found as it is by the other.
        (team.project / "billing" / "invoice.py").write_text(
            INVOICE.replace("invoice_total", "amount_due")
        )
        second.tool("index_codebase", path=".")
        assert "amount_due" in titles(first, "amount_due")
        assert "invoice_total" not in titles(first, "invoice_total")

        deleted = command(team.home(2), "memory", "delete", entry, "--yes")
        assert deleted.returncode == 0, deleted.stderr
        wait_until(
            lambda: "Round at the end" not in titles(first, "when to round amounts"),
            what="for what was deleted to be gone everywhere",
        )


def test_one_that_is_killed_in_mid_write_loses_nothing_and_stops_nobody(
    team: Team, dsn: str
) -> None:
    acknowledged: set[str] = set()
    survivor_failed: list[str] = []
    ended = threading.Event()

    def writes(opened: StdioSession, failed: list[str]) -> None:
        while not ended.is_set():
            try:
                done = opened.tool("track_interaction", query=CONTEXT, response=PAUSED, **DONE)
                opened.tool("update_outcome", **done, outcome="success")
            except (RpcError, ToolError) as error:
                failed.append(str(error))
            else:
                acknowledged.add(done["interaction_id"])

    with team.session(1) as mortal, team.session(2) as survivor:
        threads = [
            threading.Thread(target=writes, args=(mortal, [])),
            threading.Thread(target=writes, args=(survivor, survivor_failed)),
        ]
        for thread in threads:
            thread.start()
        try:
            for more in (10, 20, 30):
                wait_until(lambda more=more: len(acknowledged) >= more, timeout=60)
                team.kill(1)
                wait_until(lambda: _is_up(team.home(1)), timeout=60, what="for the next one")
        finally:
            ended.set()
            for thread in threads:
                thread.join(timeout=90)
        assert survivor_failed == []
        kept = rows(
            dsn,
            "SELECT interaction_id::text AS id FROM outcomes GROUP BY id HAVING count(*) = 1",
        )
        assert acknowledged <= {row["id"] for row in kept}
        wait_until(
            lambda: rows(dsn, "SELECT FROM interactions WHERE projected < revision") == [],
            timeout=60,
            what="for the survivor to bring all of it into the index",
        )


def _is_up(home: Path) -> bool:
    try:
        return psutil.pid_exists(owner_of(home))
    except ValueError:  # it is being written
        return False


def test_a_job_of_one_that_is_killed_is_done_once_by_another(team: Team) -> None:
    with in_background(ModelServer(model(Stream([HANG])))) as beside:
        server = beside.server
        with team.session(1, **only(server.url)) as first:
            solved(first)
            wait_until(lambda: len(server.bodies(CHAT)) == 1, what="for the model to be asked")
            with team.session(2, **only(server.url)) as second:
                # It is up, looks at the queue, and leaves alone what another one has.
                assert jobs(second)["words"] == "1 running"
                server.answers = model(says())
                team.kill(1)
                beside.do(ModelServer.release)
                wait_until(lambda: bool(patterns(second)), timeout=60, what="for the pattern")
                wait_until(lambda: jobs(second)["jobs"] == [], what="for the job's end")
                exported = second.request("hybrid/export", {"kind": "knowledge"})["rows"]
                (entry,) = [row for row in exported if row["origin"] == "pattern"]
                assert entry["fields"]["success_examples"] == [TASK]
        assert len(server.bodies(CHAT)) == 2


def tier(team: Team, number: int) -> str:
    """Where the rules of that home send a question."""
    done = command(team.home(number), "route", "What is a mutex?", "--json", **team.engines)
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["tier"])


def test_each_goes_by_its_own_files(team: Team) -> None:
    """Settings and rules are files of a home: an edit counts where it was made."""
    rules = "- condition: true\n  target: API_FALLBACK\n"
    with team.session(1) as first, team.session(2) as second:
        told = first.tool("track_interaction", query="say hi", response="hi", **DONE)

        def is_high(opened: StdioSession) -> bool:
            return bool(opened.tool("update_outcome", **told, outcome="partial")["high_value"])

        assert [tier(team, 1), tier(team, 2)] == ["LOCAL_FAST", "LOCAL_FAST"]
        assert [is_high(first), is_high(second)] == [False, False]
        (team.home(1) / "rules.yaml").write_text(rules)
        (team.home(1) / "hybrid.yaml").write_text("learning: {high_value_threshold: 0.05}\n")
        assert [tier(team, 1), tier(team, 2)] == ["API_FALLBACK", "LOCAL_FAST"]
        assert [is_high(first), is_high(second)] == [True, False]
        (team.home(2) / "rules.yaml").write_text(rules)
        (team.home(2) / "hybrid.yaml").write_text("learning: {high_value_threshold: 0.05}\n")
        assert tier(team, 2) == "API_FALLBACK"
        assert is_high(second)


def test_all_follow_one_edit_of_files_that_they_share(team: Team) -> None:
    """The files of every home are links to those of one directory, as in the containers."""
    shared = team.folder / "config"
    shared.mkdir()
    for number in (1, 2):
        team.home(number).mkdir()
        for name in ("hybrid.yaml", "rules.yaml"):
            (team.home(number) / name).symlink_to(shared / name)

    def write(name: str, text: str) -> None:
        """As editors do: another file, renamed over the one that is there."""
        (shared / "new").write_text(text)
        (shared / "new").rename(shared / name)

    def problems(number: int) -> str:
        found = command(team.home(number), "doctor", **team.engines).stdout.splitlines()
        ours = ("warn  settings ", "warn  routing rules ")
        return "\n".join(line for line in found if line.startswith(ours))

    with team.session(1) as first, team.session(2) as second:
        told = first.tool("track_interaction", query="say hi", response="hi", **DONE)
        owners = [owner_of(team.home(1)), owner_of(team.home(2))]

        def in_force() -> list[tuple[bool, str]]:
            return [
                (
                    bool(opened.tool("update_outcome", **told, outcome="partial")["high_value"]),
                    tier(team, number),
                )
                for number, opened in ((1, first), (2, second))
            ]

        assert in_force() == [(False, "LOCAL_FAST")] * 2  # there are no files yet
        write("hybrid.yaml", "learning: {high_value_threshold: 0.05}\n")
        write("rules.yaml", "- condition: true\n  target: API_FALLBACK\n")
        assert in_force() == [(True, "API_FALLBACK")] * 2

        write("hybrid.yaml", "learning: {high_value_threshold: often}\n")
        write("rules.yaml", "- condition: tokenz > 3\n  target: LOCAL_FAST\n")
        assert in_force() == [(True, "API_FALLBACK")] * 2
        for number, opened in ((1, first), (2, second)):
            notices = opened.tool("augment_query", query="What is a mutex?")["notices"]
            for shown in ("\n".join(notices), problems(number)):
                assert "learning.high_value_threshold" in shown
                assert "(the previous settings stay in force)" in shown
                assert "line 1: condition: there is no fact `tokenz`" in shown
                assert "(the previous rules stay in force)" in shown

        write("hybrid.yaml", "learning: {high_value_threshold: 0.7}\n")
        write("rules.yaml", "- condition: true\n  target: LOCAL_QUALITY\n")
        assert in_force() == [(False, "LOCAL_QUALITY")] * 2
        assert [problems(1), problems(2)] == ["", ""]
        assert [owner_of(team.home(1)), owner_of(team.home(2))] == owners


def test_a_rebuild_by_one_is_followed_by_another(
    team: Team, qdrant: Background[QdrantServer]
) -> None:
    with team.session(1) as first, team.session(2) as second:
        first.tool("index_codebase", path=".")
        lesson(first, "Round at the end")
        for opened in (first, second):
            assert "invoice_total" in titles(opened, "invoice_total round at the end")
        done = command(team.home(1), "reindex")
        assert done.returncode == 0, done.stderr
        wait_until(
            lambda: "best-practices" not in _collections(qdrant), what="for the former to be gone"
        )

        # At the first question, and in full.
        found = second.tool("search_knowledge", query="invoice_total round at the end", limit=20)
        assert {"invoice_total", "Round at the end"} <= {one["title"] for one in found["items"]}
        assert found["notices"] == []
        lesson(second, "Tax before discounts", "The rate is for the net amount.")
        wait_until(
            lambda: "Tax before discounts" in titles(first, "tax before discounts"),
            what="for what one was told to be findable by the other",
        )
        assert "best-practices--g2" in _collections(qdrant)
        assert "best-practices" not in _collections(qdrant)


def _collections(qdrant: Background[QdrantServer]) -> list[str]:
    found: Json = qdrant.server.engine._client.collections
    return list(found)
