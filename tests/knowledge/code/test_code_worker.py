"""Drafting in a process of its own: what it gives, what it survives, what it leaves behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.errors import UnavailableError
from hybrid_coordinator.knowledge.code.points import Batch, Drafter, Work
from hybrid_coordinator.knowledge.code.read import SkipReason
from hybrid_coordinator.knowledge.code.worker import Workshop
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from tests.knowledge.code.sources import FATAL, ONE_MORE_LANGUAGE, PYTHON
from tests.knowledge.code.test_code_walk import write

# Keeps the grammar of Groovy busy for minutes, in which it does not look up once.
ENDLESS = "{% if x %}\n" * 3000


@pytest.fixture
async def workshop() -> AsyncIterator[Workshop]:
    workshop = Workshop()
    yield workshop
    await workshop.close()
    assert processes() == []


def processes() -> list[psutil.Process]:
    """The drafting processes of this one."""
    mine = psutil.Process().children()
    return [each for each in mine if "hybrid_coordinator.knowledge.code.drafting" in each.cmdline()]


def work(root: Path, *paths: str, seconds_a_file: float = 20.0) -> Work:
    return Work(root, "p", Scrubber(), paths, {}, seconds_a_file=seconds_a_file)


async def drafted(workshop: Workshop, job: Work) -> Batch:
    """All that becomes of the work, in one batch."""
    async with aclosing(workshop.batches(job)) as batches:
        return joined([batch async for batch in batches])


def joined(batches: Iterable[Batch]) -> Batch:
    total = Batch()
    for batch in batches:
        total.looked_at += batch.looked_at
        total.changed += batch.changed
        total.unchanged += batch.unchanged
        total.skipped += batch.skipped
        total.problems += batch.problems
    return total


def many(root: Path, files: int) -> list[str]:
    """Files of some hundred chunks each."""
    paths = [f"{number}.md" for number in range(files)]
    for path in paths:
        write(root, path, text="".join(f"# Part {n}\n\n{'words ' * 100}\n\n" for n in range(300)))
    return paths


async def test_it_gives_what_drafting_in_this_process_gives(
    workshop: Workshop, tmp_path: Path
) -> None:
    write(tmp_path, "a.py", text=PYTHON)
    write(tmp_path, "b.md", text="# Ü\n\nWords.\n")
    write(tmp_path, "c.py", text="x = 1\n")
    (tmp_path / "d.py").write_bytes(b"\0")
    job = work(tmp_path, "a.py", "b.md", "c.py", "d.py", "e.py")
    expected = joined(Drafter(job, Bm25Encoder()).batches(job.paths))

    assert await drafted(workshop, job) == expected
    assert [file.path for file in expected.changed] == ["a.py", "b.md", "c.py"]
    assert expected.skipped == {SkipReason.BINARY: 1, SkipReason.VANISHED: 1}
    [process] = processes()

    job = replace(job, known={"b.md": expected.changed[1].recorded_hash})
    again = await drafted(workshop, job)

    assert (again.looked_at, len(again.changed), again.unchanged) == (5, 2, ["b.md"])
    assert processes() == [process]


async def test_nothing_is_started_for_no_files(workshop: Workshop, tmp_path: Path) -> None:
    assert await drafted(workshop, work(tmp_path)) == Batch()
    assert processes() == []


async def test_two_at_once_have_a_process_each_and_one_is_kept(
    workshop: Workshop, tmp_path: Path
) -> None:
    paths = many(tmp_path, 4)
    both = await asyncio.gather(*(drafted(workshop, work(tmp_path, *paths)) for _ in range(2)))

    assert both[0] == both[1]
    assert [file.path for file in both[0].changed] == paths
    assert len(processes()) == 1


async def test_a_file_that_ends_the_process_is_cut_by_lines_and_the_rest_as_ever(
    workshop: Workshop, tmp_path: Path
) -> None:
    write(tmp_path, "a.py", "z.py", text=PYTHON)
    write(tmp_path, "hostile.groovy", text=ENDLESS)
    job = work(tmp_path, "a.py", "hostile.groovy", "z.py", seconds_a_file=0.5)

    result = await drafted(workshop, job)

    assert result.looked_at == 3
    assert result.problems == {"it ended the process that parsed it, twice": 1}
    first, hostile, last = result.changed
    assert [first.path, hostile.path, last.path] == list(job.paths)
    assert {draft.payload["symbol"] for draft in first.drafts} >= {"Store.save"}
    assert len(first.drafts) == len(last.drafts)
    text = "\n".join(str(draft.payload["code_snippet"]) for draft in hostile.drafts)
    assert text == ENDLESS.rstrip()


async def test_a_grammar_that_crashes_harms_its_file_only(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "a.py", "z.py", text=PYTHON)
    write(tmp_path, "hostile.fatal", text=FATAL)
    write(tmp_path, "site/sitecustomize.py", text=ONE_MORE_LANGUAGE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))

    result = await drafted(workshop, work(tmp_path, "a.py", "hostile.fatal", "z.py"))

    assert result.problems == {"it ended the process that parsed it, twice": 1}
    assert [file.path for file in result.changed] == ["a.py", "hostile.fatal", "z.py"]
    assert {draft.payload["language"] for draft in result.changed[1].drafts} == {"fatal"}


async def test_a_file_that_ends_every_process_is_left_out(
    workshop: Workshop, tmp_path: Path
) -> None:
    write(tmp_path, "a.md", "z.md", text="# Title\n\nWords.\n")
    write(
        tmp_path, "long.py", text="def f(a, b):\n    return some_words + a_call(b)\n\n\n" * 15_000
    )
    job = work(tmp_path, "a.md", "long.py", "z.md", seconds_a_file=0.05)

    result = await drafted(workshop, job)

    assert result.looked_at == 3
    assert result.skipped == {SkipReason.CRASHED: 1}
    assert [file.path for file in result.changed] == ["a.md", "z.md"]


async def test_a_process_that_is_killed_loses_nothing(workshop: Workshop, tmp_path: Path) -> None:
    paths = many(tmp_path, 16)
    expected = await drafted(workshop, work(tmp_path, *paths))
    [before] = processes()
    seen: Counter[str] = Counter()
    chunks = 0
    async with aclosing(workshop.batches(work(tmp_path, *paths))) as batches:
        async for batch in batches:
            if not seen:
                before.kill()
            seen.update(file.path for file in batch.changed)
            chunks += sum(len(file.drafts) for file in batch.changed)

    assert seen == Counter(paths)
    assert chunks == sum(len(file.drafts) for file in expected.changed)
    assert before not in processes()


async def test_one_that_was_killed_while_idle_is_not_missed(
    workshop: Workshop, tmp_path: Path
) -> None:
    write(tmp_path, "a.py")
    first = await drafted(workshop, work(tmp_path, "a.py"))
    processes()[0].kill()

    assert await drafted(workshop, work(tmp_path, "a.py")) == first


async def test_ending_the_iteration_ends_the_work(workshop: Workshop, tmp_path: Path) -> None:
    write(tmp_path, "hostile.groovy", text=ENDLESS)
    paths = many(tmp_path, 2)
    batches = workshop.batches(work(tmp_path, *paths, "hostile.groovy"))
    await anext(batches)
    assert len(processes()) == 1
    async with asyncio.timeout(10):
        await batches.aclose()
    assert processes() == []

    waiting = asyncio.create_task(drafted(workshop, work(tmp_path, "hostile.groovy")))
    while not processes():
        await asyncio.sleep(0)
    waiting.cancel()
    async with asyncio.timeout(10):
        await asyncio.gather(waiting, return_exceptions=True)
    assert waiting.cancelled()
    assert processes() == []


async def test_work_under_way_ends_its_process_once_all_is_closed(
    workshop: Workshop, tmp_path: Path
) -> None:
    write(tmp_path, "a.py")
    async with aclosing(workshop.batches(work(tmp_path, "a.py"))) as batches:
        async for _ in batches:
            await workshop.close()
            assert len(processes()) == 1

    assert processes() == []


async def test_it_ends_after_it_has_been_idle(tmp_path: Path) -> None:
    write(tmp_path, "a.py")
    workshop = Workshop(idle_seconds=0.01)
    await drafted(workshop, work(tmp_path, "a.py"))
    async with asyncio.timeout(10):
        while processes():
            await asyncio.sleep(0)
    await workshop.close()


_DRAFT_AND_DIE = """
import asyncio, os, signal, sys
from pathlib import Path
import psutil
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.knowledge.code.points import Work
from hybrid_coordinator.knowledge.code.worker import Workshop

async def main():
    async for _ in Workshop().batches(Work(Path(sys.argv[1]), "p", Scrubber(), ("a.py",), {})):
        [child] = psutil.Process().children()
        print(child.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_it_does_not_outlive_who_asked_for_it(tmp_path: Path) -> None:
    write(tmp_path, "a.py")
    killed = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", _DRAFT_AND_DIE, str(tmp_path)],
        capture_output=True,
        timeout=60,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )

    assert killed.returncode == -signal.SIGKILL, killed.stderr
    pid = int(killed.stdout)
    if psutil.pid_exists(pid):
        psutil.Process(pid).wait(timeout=10)


async def test_secrets_that_are_known_reach_it_unseen(workshop: Workshop, tmp_path: Path) -> None:
    secret = "correct horse battery"
    write(tmp_path, "a.md", text=f"# Title\n\nIt is {secret}, of course.\n")

    result = await drafted(workshop, replace(work(tmp_path, "a.md"), scrubber=Scrubber([secret])))

    [draft] = result.changed[0].drafts
    assert "It is <SECRET:known-value>, of course." in str(draft.payload["code_snippet"])
    [process] = processes()
    assert secret not in " ".join([*process.cmdline(), *process.environ().values()])


async def test_one_that_cannot_start_is_said(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "a.py", "modules/struct.py")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))

    with pytest.raises(UnavailableError, match="ended with status 1 before it began"):
        await drafted(workshop, work(tmp_path, "a.py"))
