"""`import claude-code`: the memory of a person's first day."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.serving.cli.imports import since_when
from hybrid_coordinator.storage.postgres.database import Database
from tests.learning.sessions.session_files import START, SessionFile
from tests.support.stdio import command, owner_of, session, wait_until
from tests.support.terminal import Terminal


def write_sessions(folder: Path, count: int, turns: int = 3, cwd: str = "/nowhere/shop") -> Path:
    """``count`` sessions of ``turns`` turns each; the folder."""
    for number in range(count):
        made = SessionFile(
            f"{number:08}-aaaa-4bbb-8ccc-000000000001", cwd, at=START + timedelta(days=number)
        )
        for each in range(turns):
            made.prompt(f"Repair the flux capacitor of unit {number}, step {each}")
            coil = chr(97 + number) * 3 + chr(97 + each) * 3
            made.bash("pytest -q", 1, f"FluxError: coil {coil} is cold")
            made.edit()
            made.bash("pytest -q", 0, "1 passed")
            made.answer(f"Heated coil {number} with the warmer of step {each}.")
        made.write(folder / "-nowhere-shop" / f"{number}.jsonl")
    return folder


def imported(home: Path, *arguments: str, **extra: str) -> dict[str, Any]:
    done = command(home, "import", "claude-code", "--json", *arguments, **extra)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def exported(home: Path) -> list[dict[str, Any]]:
    lines = command(home, "export").stdout.splitlines()
    return [row for row in map(json.loads, lines) if row["type"] == "interaction"]


def test_what_was_imported_is_found_by_the_next_question(home: Path, tmp_path: Path) -> None:
    project = tmp_path / "shop"
    project.mkdir()
    config = tmp_path / "claude"
    write_sessions(config / "projects", 2, cwd=str(project))
    report = imported(home, CLAUDE_CONFIG_DIR=str(config))
    assert (report["files"], report["turns"], report["outcomes"]) == (2, 6, {"success": 6})
    again = imported(home, CLAUDE_CONFIG_DIR=str(config))
    assert (again["files"], again["unchanged"], again["turns"]) == (0, 2, 0)

    question = "the flux capacitor's coil is cold, how to repair?"
    with session(home, cwd=project) as opened:
        # The index follows the record behind the import's back.
        wait_until(lambda: opened.request("hybrid/stats")["unprojected"] == 0, timeout=60)
        found = opened.tool("augment_query", query=question, collections=["interaction-history"])[
            "interaction_history"
        ]
        assert found
        assert all("Heated coil" in item["text"] for item in found)
        assert not opened.tool("augment_query", query=question)["abstained"]
    kept = exported(home)
    assert {row["outcome"]["source"] for row in kept} == {"inferred"}
    assert {row["created_at"][:10] for row in kept} == {"2026-03-01", "2026-03-02"}


def test_a_person_reads_a_table(home: Path, tmp_path: Path) -> None:
    folder = write_sessions(tmp_path / "files", 2)
    with (folder / "-nowhere-shop" / "0.jsonl").open("a") as file:
        file.write("{torn")
    done = command(home, "import", "claude-code", "--path", str(folder))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "session files read 2" in lines
    assert "turns imported 6" in lines
    assert "others: torn 1" in lines
    assert "of them: success 6" in lines


def test_a_terminal_shows_how_far_it_is(home: Path, tmp_path: Path) -> None:
    folder = write_sessions(tmp_path / "files", 2)
    with Terminal(home, "import", "claude-code", "--path", str(folder)) as terminal:
        terminal.until("importing")
        assert "turns imported" in terminal.until("outcomes inferred")
        assert terminal.end() == 0


async def test_a_killed_import_goes_on_where_it_was(
    home: Path, tmp_path: Path, dsn: str, database: Database
) -> None:
    folder = write_sessions(tmp_path / "files", 4, turns=6)
    where = ("--path", str(folder))
    settings = {"DATABASE_URL": dsn, "HYBRID_STORAGE_TIMEOUT_SECONDS": "600"}

    def stored() -> int:
        return json.loads(command(home, "stats", "--json", **settings).stdout)["interactions"]

    started = await asyncio.to_thread(command, home, "stats", **settings)
    assert started.returncode == 0, started.stderr
    async with database.transaction() as held:
        # Nobody can set an outcome: the import stands still behind the turns of the first file.
        await held.execute("LOCK TABLE outcomes IN EXCLUSIVE MODE")
        running = asyncio.create_task(
            asyncio.to_thread(command, home, "import", "claude-code", *where, **settings)
        )
        await asyncio.to_thread(wait_until, lambda: stored() >= 6, timeout=60)
        owner = psutil.Process(owner_of(home))
        owner.kill()
        await asyncio.to_thread(owner.wait, 30)
        broken_off = await running
        assert broken_off.returncode == 1
        assert "closed the connection" in broken_off.stderr
    assert await database.fetch_value("SELECT count(*) FROM interactions") == 6

    report = await asyncio.to_thread(imported, home, *where, **settings)
    assert (report["files"], report["unchanged"]) == (4, 0)
    assert (report["turns"], report["known"], report["outcomes"]) == (18, 6, {"success": 24})
    kept = await asyncio.to_thread(exported, home)
    assert len({row["query"] for row in kept}) == len(kept) == 24
    assert {row["outcome"]["kind"] for row in kept} == {"success"}


def test_two_coordinators_import_the_same_files_into_one_record(
    home: Path, tmp_path: Path, dsn: str
) -> None:
    folder = write_sessions(tmp_path / "files", 6, turns=6)
    other = tmp_path / "other"
    homes = (home, other)
    arguments = ("--path", str(folder))
    try:
        for each in homes:
            assert command(each, "stats", DATABASE_URL=dsn).returncode == 0
        with ThreadPoolExecutor() as pool:
            running = [pool.submit(imported, each, *arguments, DATABASE_URL=dsn) for each in homes]
            reports = [each.result(timeout=120) for each in running]
        assert sum(report["turns"] for report in reports) == 36
        kept = exported(home)
        assert len({row["query"] for row in kept}) == len(kept) == 36
        assert {row["outcome"]["kind"] for row in kept} == {"success"}
    finally:
        assert command(other, "stop").returncode == 0


NOW = datetime(2026, 3, 8, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("7d", NOW - timedelta(days=7)),
        ("12h", NOW - timedelta(hours=12)),
        ("2w", NOW - timedelta(weeks=2)),
        ("1y", NOW - timedelta(days=365)),
        ("2026-03-01T08:00:00+00:00", datetime(2026, 3, 1, 8, tzinfo=UTC)),
        ("2026-03-01", datetime(2026, 3, 1).astimezone()),
    ],
)
def test_since_is_a_day_or_an_age(text: str, when: datetime) -> None:
    assert since_when(text, NOW) == when


@pytest.mark.parametrize("text", ["", "7", "d", "yesterday", "7m", "2026-13-01", "999999999d"])
def test_another_since_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgumentError, match="--since"):
        since_when(text, NOW)


def test_what_cannot_be_imported_is_told(shared_home: Path, tmp_path: Path) -> None:
    done = command(shared_home, "import", "claude-code", "--path", str(tmp_path / "nowhere"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "--path" in done.stderr
    done = command(shared_home, "import", "claude-code", CLAUDE_CONFIG_DIR=str(tmp_path / "none"))
    assert done.stderr.startswith("error: CLAUDE_CONFIG_DIR: ")
    nowhere = {"CLAUDE_CONFIG_DIR": "", "HOME": str(tmp_path)}
    done = command(shared_home, "import", "claude-code", **nowhere)
    assert done.stderr.startswith(f"error: --path: {tmp_path}/.claude/projects is no directory")
    done = command(shared_home, "import", "claude-code", "--since", "soon", "--path", str(tmp_path))
    assert "neither a day" in done.stderr
    assert command(shared_home, "import").returncode == 2
