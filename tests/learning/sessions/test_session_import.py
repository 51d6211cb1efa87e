"""Importing session files: every turn once, every line counted, on from where it was broken off."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hybrid_coordinator.domain.turns import Turn, turn_key
from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.knowledge.projects import project_of
from hybrid_coordinator.learning.sessions.importing import ImportReport
from tests.learning.sessions.conftest import Learning
from tests.learning.sessions.session_files import START, SessionFile


async def quiet(_: float, __: float | None, ___: str) -> None:
    pass


async def imported(
    learning: Learning, files: Path, *, since: datetime | None = None, project: str | None = None
) -> ImportReport:
    return await learning.importer.run(files, since=since, project=project, progress=quiet)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Where Claude Code keeps its files."""
    folder = tmp_path / "projects"
    folder.mkdir()
    return folder


def session(number: int = 1, **fields: object) -> SessionFile:
    """A session with a fixed bug, and another one that was not."""
    name = f"{number:08}-aaaa-4bbb-8ccc-000000000001"
    made = SessionFile(name, at=START + timedelta(days=number), **fields)
    made.prompt(f"Fix bug {number} of the login")
    made.bash("pytest -q", 1, "1 failed")
    made.edit()
    made.bash("pytest -q", 0, "1 passed")
    made.answer("Fixed.")
    made.turn(f"Make page {number} wider", "It is wider.")
    made.turn("no, that's wrong", "Sorry.")
    made.prompt("/compact")
    return made


async def rows(learning: Learning) -> Mapping[str, int]:
    tables = ("interactions", "actions", "outcomes", "exposures")
    return {table: await learning.count(table) for table in tables}


async def test_sessions_are_imported_once(learning: Learning, files: Path) -> None:
    for number in (1, 2):
        session(number).write(files / "-nowhere-shop" / f"{number}.jsonl")
    report = await imported(learning, files)
    assert asdict(report) | {"seconds": 0} == {
        "files": 2,
        "unchanged": 0,
        "turns": 6,
        "completed": 0,
        "known": 0,
        "skipped": {"slash command": 2},
        "used_lines": 26,
        "lines": {},
        "outcomes": {"success": 2, "failure": 2},
        "unreadable": {},
        "seconds": 0,
    }
    before = await rows(learning)
    assert before == {"interactions": 6, "actions": 6, "outcomes": 4, "exposures": 0}

    again = await imported(learning, files)
    assert (again.files, again.unchanged, again.turns, again.known) == (0, 2, 0, 0)
    assert await rows(learning) == before


async def test_a_file_that_grew_adds_what_is_new_and_judges_anew(
    learning: Learning, files: Path
) -> None:
    growing = SessionFile()
    growing.turn("Fix the login")
    path = growing.write(files / "a.jsonl")
    assert (await imported(learning, files)).turns == 1
    assert await learning.count("outcomes") == 0
    growing.turn("perfect, thanks")
    growing.write(path)
    report = await imported(learning, files)
    assert (report.turns, report.known, report.outcomes) == (1, 1, {"success": 1})


async def test_a_turn_that_was_not_finished_is_completed(learning: Learning, files: Path) -> None:
    growing = SessionFile()
    growing.prompt("Fix the login")
    growing.answer("I look into it.", message_id="m1")
    path = growing.write(files / "a.jsonl")
    await imported(learning, files)
    growing.bash("pytest")
    growing.write(path)
    report = await imported(learning, files)
    assert (report.turns, report.completed) == (0, 1)
    assert await learning.count("actions") == 1


async def test_what_was_captured_live_is_not_imported_again(
    learning: Learning, files: Path
) -> None:
    made = session()
    made.lines = made.lines[:-1]
    made.cwd = str(files)
    for line in made.lines:
        line["cwd"] = str(files)
    made.write(files / "a.jsonl")
    live = await imported(learning, files)
    captured = await learning.records.session_turns(project_of(files).name, made.session_id)
    turns: list[Turn] = [each.turn for each in captured]
    await learning.database.execute("TRUNCATE interactions, imported_files CASCADE")
    assert await rows(learning) == dict.fromkeys(await rows(learning), 0)
    for each in turns:
        assert each.key == turn_key(made.session_id, each.prompt, 1)
        await learning.recorder.record(each)
    before = await rows(learning)
    report = await imported(learning, files)
    assert (report.turns, report.completed, report.known) == (0, 0, 3)
    assert report.outcomes == live.outcomes
    after = await rows(learning)
    assert after == before


async def test_turns_before_a_time_are_left_out_until_they_are_wanted(
    learning: Learning, files: Path
) -> None:
    old, new = session(1), session(9)
    for number, made in enumerate((old, new)):
        made.write(files / f"{number}.jsonl")
    since = START + timedelta(days=5)
    report = await imported(learning, files, since=since)
    assert (report.turns, report.skipped["before the time given"]) == (3, 4)
    later = await imported(learning, files, since=since + timedelta(days=1))
    assert (later.files, later.unchanged) == (0, 2)
    everything = await imported(learning, files)
    assert (everything.turns, everything.known, everything.unchanged) == (3, 3, 0)
    assert (await imported(learning, files, since=since)).unchanged == 2


async def test_one_project_can_be_asked_for(
    learning: Learning, files: Path, tmp_path: Path
) -> None:
    for number, name in ((1, "shop"), (2, "blog")):
        folder = tmp_path / name
        subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
        inner = folder / "src"
        inner.mkdir()
        session(number, cwd=str(inner)).write(files / f"{number}.jsonl")
    wanted = project_of(tmp_path / "shop").name
    report = await imported(learning, files, project=wanted)
    assert (report.turns, report.skipped["another project"]) == (3, 4)
    assert (await imported(learning, files)).turns == 3
    found = await learning.database.fetch("SELECT DISTINCT project FROM interactions")
    assert {row["project"] for row in found} == {wanted, project_of(tmp_path / "blog").name}


@pytest.mark.parametrize(
    ("cwd", "later", "project"),
    [
        ("{tmp}/here", "{tmp}/here", "here"),
        ("{tmp}/here", "{tmp}/here/gone", "here"),
        ("/gone/shop", "/gone/shop/src", "shop"),
        ("", "", "-nowhere-blog"),
        ("relative", "relative", "-nowhere-blog"),
        ("/bad\0name", "/bad\0name", "bad\ufffdname"),
    ],
)
async def test_projects_of_directories_that_are_gone(
    learning: Learning, files: Path, tmp_path: Path, cwd: str, later: str, project: str
) -> None:
    (tmp_path / "here").mkdir()
    made = SessionFile(cwd=cwd.format(tmp=tmp_path))
    made.turn("Fix the login")
    made.cwd = later.format(tmp=tmp_path)
    made.turn("Fix the logout")
    made.write(files / "-nowhere-blog" / "a.jsonl")
    await imported(learning, files)
    found = await learning.database.fetch("SELECT project FROM interactions")
    assert [row["project"].rpartition("-")[0] for row in found] == [project, project]


async def test_a_fork_adds_only_what_is_its_own_whenever_it_is_read(
    learning: Learning, files: Path
) -> None:
    original = session(1)
    original.lines = original.lines[:-1]
    fork = SessionFile("99999999-aaaa-4bbb-8ccc-000000000001")
    fork.lines = [line | {"sessionId": fork.session_id} for line in original.lines]
    fork.at = original.at
    fork.turn("and in the fork")
    fork.write(files / "fork.jsonl")
    original.write(files / "original.jsonl")
    os.utime(files / "original.jsonl", ns=(1, 1))
    together = await imported(learning, files)
    assert (together.turns, together.skipped) == (4, {"copied from another session": 3})

    # Read alone, after the original has been read another day, it is known by its words and time.
    fork.turn("once more in the fork")
    fork.write(files / "fork.jsonl")
    alone = await imported(learning, files)
    assert (alone.turns, alone.unchanged) == (1, 1)
    assert alone.skipped == {"copied from another session": 3}
    assert await learning.count("interactions") == 5


async def test_subagents_are_imported_under_their_kind(learning: Learning, files: Path) -> None:
    main = session(1)
    main.write(files / "p" / "main.jsonl")
    inner = SessionFile(main.session_id, agent="a7", at=main.at)
    inner.prompt("Look for callers")
    inner.answer("None.")
    inner.write(files / "p" / "main" / "subagents" / "agent-a7.jsonl")
    (files / "p" / "main" / "subagents" / "agent-a7.meta.json").write_text(
        '{"agentType": "Explore"}'
    )
    report = await imported(learning, files)
    assert (report.files, report.turns) == (2, 4)
    found = await learning.database.fetch("SELECT agent FROM interactions WHERE agent IS NOT NULL")
    assert [row["agent"] for row in found] == ["Explore"]


async def test_clocks_that_go_back_leave_the_order_of_a_session(
    learning: Learning, files: Path
) -> None:
    made = SessionFile(at=START)
    made.turn("Fix the login")
    made.at -= timedelta(hours=3)
    made.turn("it still fails")
    made.at += timedelta(days=20_000)
    made.turn("perfect")
    made.write(files / "a.jsonl")
    report = await imported(learning, files)
    assert report.outcomes == {"failure": 1, "success": 1}
    page = await learning.records.page(None, 10)
    assert [row.query for row in page] == ["Fix the login", "it still fails", "perfect"]
    assert max(row.created_at for row in page) < datetime.now(UTC) + timedelta(minutes=10)


async def test_imports_at_once_make_each_turn_once(learning: Learning, files: Path) -> None:
    for number in range(1, 6):
        session(number).write(files / f"{number}.jsonl")
    reports = await asyncio.gather(*(imported(learning, files) for _ in range(3)))
    assert sum(report.turns for report in reports) == 15
    assert await rows(learning) == {
        "interactions": 15,
        "actions": 15,
        "outcomes": 10,
        "exposures": 0,
    }


async def test_a_broken_off_import_goes_on(learning: Learning, files: Path) -> None:
    for number in range(1, 6):
        session(number).write(files / f"{number}.jsonl")
    reached = asyncio.Event()
    told: list[float] = []

    async def stop_behind_the_first(done: float, total: float | None, unit: str) -> None:
        assert unit == "MB"
        told.append(done)
        if len(told) == 3:
            reached.set()
            await asyncio.Event().wait()

    running = asyncio.create_task(
        learning.importer.run(files, since=None, project=None, progress=stop_behind_the_first)
    )
    await reached.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert told == sorted(told)
    report = await imported(learning, files)
    assert (report.files, report.unchanged, report.turns) == (4, 1, 12)
    assert await learning.count("interactions") == 15


async def test_what_is_no_file_is_passed_over(learning: Learning, files: Path) -> None:
    session(1).write(files / "1.jsonl")
    (files / "2.jsonl").mkdir()
    (files / "3.jsonl").symlink_to(files / "nowhere")
    (files / "notes.txt").write_text("no session")
    os.mkfifo(files / "4.jsonl")
    report = await imported(learning, files)
    assert report.turns == 3
    assert report.unreadable == {}
    with pytest.raises(InvalidArgumentError, match="path"):
        await imported(learning, files / "1.jsonl")


async def test_a_file_that_vanishes_is_named_and_the_rest_is_read(
    learning: Learning, files: Path
) -> None:
    for number in (1, 2, 3):
        os.utime(session(number).write(files / f"{number}.jsonl"), ns=(number, number))

    async def remove(_: float, __: float | None, ___: str) -> None:
        (files / "2.jsonl").unlink(missing_ok=True)

    report = await learning.importer.run(files, since=None, project=None, progress=remove)
    assert (report.files, report.turns) == (2, 6)
    assert report.unreadable == {str(files / "2.jsonl"): "No such file or directory"}


async def test_progress_is_told_within_a_file_and_never_goes_back(
    learning: Learning, files: Path
) -> None:
    made = SessionFile()
    for number in range(30):
        made.turn(f"Write page {number} of the manual")
    made.write(files / "a.jsonl")
    told: list[tuple[float, float | None]] = []

    async def note(done: float, total: float | None, _: str) -> None:
        told.append((done, total))

    await learning.importer.run(files, since=None, project=None, progress=note)
    size = (files / "a.jsonl").stat().st_size / 1e6
    assert told == sorted(told)
    assert {total for _, total in told} == {size}
    assert told[0][0] == 0
    assert told[-1][0] == size
    assert len(told) > 5


@pytest.mark.parametrize(
    "odd", ["\0", "\ud800", "x" * 300_000, "/" * 5000, "../..", "/x" * 3000, "y" * 300]
)
async def test_what_is_odd_in_a_file_does_not_stop_the_import(
    learning: Learning, files: Path, odd: str
) -> None:
    made = SessionFile()
    made.prompt(f"Fix {odd} it")
    made.bash(f"echo {odd}", 1, odd)
    made.call("Edit", odd, told={"structuredPatch": [{"lines": [odd]}]}, file_path=odd)
    made.call(odd, odd, error=True, told=odd, given=odd)
    made.answer(f"Fixed {odd}", message_id=odd)
    for line in made.lines:
        line |= {"sessionId": odd, "cwd": f"/{odd}", "version": odd, "gitBranch": odd}
        if line["type"] == "assistant":
            line["message"] |= {"model": odd, "usage": {"input_tokens": 2**62}}
    agent = [line | {"isSidechain": True, "agentId": odd, "uuid": odd} for line in made.lines[:1]]
    made.lines += agent
    made.answer("By the agent.", isSidechain=True, agentId=odd)
    path = files / "a.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in made.lines))
    report = await imported(learning, files)
    assert (report.files, report.turns) == (1, 2)
    assert (await imported(learning, files)).unchanged == 1


async def test_a_large_session_is_judged_to_its_end(learning: Learning, files: Path) -> None:
    made = SessionFile()
    for number in range(60):
        made.turn(f"Write page {number} of the manual")
        made.turn("perfect, thanks" if number % 2 else "no, that's wrong")
    made.write(files / "a.jsonl")
    report = await imported(learning, files)
    assert report.outcomes == {"success": 30, "failure": 30}
