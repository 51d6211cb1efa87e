"""Training data: rows a second and memory at 100,000 interactions, and what scrubbing finds."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import resource
import tempfile
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import hybrid_coordinator
from benchmarks.learning.secret_kinds import CARRIERS, KINDS, recall
from benchmarks.routing.tables import Table
from hybrid_coordinator.domain.personal import without_personal_data
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.learning.training.generating import TrainingData
from hybrid_coordinator.storage.postgres.bookkeeping import Datasets
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.embedded import EmbeddedPostgres
from hybrid_coordinator.storage.postgres.migrate import migrate
from hybrid_coordinator.storage.postgres.training import TrainingRecords

SIZES = (10_000, 100_000)
_BATCH = 5_000
_SESSION = 8
"""Interactions of a session."""
_TASK_LINES, _ANSWER_LINES = 2, 10
_TIMEOUT = 60.0
_TRIES = 200
_MIB = 1 << 20


def exported(_: Path | None) -> Table:
    """How fast a record becomes a dataset; needs no data."""
    return asyncio.run(measured(SIZES))


def scrubbed(_: Path | None) -> Table:
    """How many secrets of each kind are found in each carrier, and how often text that holds none
    is taken for one; needs no data."""
    rows = [
        [kind, *(f"{recall(kind, carrier, _TRIES):.3f}" for carrier in CARRIERS)] for kind in KINDS
    ]
    lines, alarms, personal = _false_alarms()
    note = (
        f"{_TRIES} made-up secrets a cell; found means that nothing of it is left. In {lines:,} "
        f"lines of this package {alarms} were taken for secrets and {personal} for personal data."
    )
    return Table("Are secrets found?", ["kind", *CARRIERS], rows, note)


async def measured(sizes: Sequence[int]) -> Table:
    """Exports of records of each size: the first one, which gives every example its place, and one
    after it. Memory is the peak of a process that does nothing else."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        server = await EmbeddedPostgres.start(Path(folder) / "postgres")
        try:
            for size in sizes:
                characters = await _fill(server.dsn, size)
                for run in ("first", "again"):
                    out = Path(folder) / f"{size}-{run}"
                    # A process of its own each time, so that a peak is that of this run.
                    context = multiprocessing.get_context("spawn")
                    with ProcessPoolExecutor(1, mp_context=context) as pool:
                        work = pool.submit(_export, server.dsn, out)
                        kept, seconds, busy, before, peak = await asyncio.wrap_future(work)
                    rows.append(
                        [
                            *(f"{size:,}", run, f"{characters / _MIB:.0f} MiB", f"{kept:,}"),
                            *(f"{size / seconds:,.0f}", f"{size / busy:,.0f}"),
                            *(f"{before / _MIB:.0f} MiB", f"{(peak - before) / _MIB:.0f} MiB"),
                        ]
                    )
        finally:
            await server.stop()
    header = [
        *("interactions", "export", "text", "examples", "rows/s", "rows/s of its processor time"),
        *("before", "peak above it"),
    ]
    note = (
        "Tasks and answers are lines of source code. Where the machine does other things too, the "
        "rate by processor time is what one free core would give. Memory grows with the examples: "
        "of each one its signature, that of its task, and their places in 16 bands each are kept. "
        "Kept in a mapped file instead, they took a sixth more processor time and, while they "
        "were read, about as much memory."
    )
    return Table("How fast is a dataset made?", header, rows, note)


async def _fill(dsn: str, size: int) -> int:
    """An empty record with that many successes; returns how many characters they have."""
    database = await Database.connect(dsn, timeout=_TIMEOUT)
    try:
        await migrate(database)
        await database.execute("TRUNCATE interactions CASCADE")
        source, lines = random.Random(size), _lines()
        characters = 0
        for start in range(0, size, _BATCH):
            count = min(_BATCH, size - start)
            tasks = ["\n".join(source.choices(lines, k=_TASK_LINES)) for _ in range(count)]
            answers = ["\n".join(source.choices(lines, k=_ANSWER_LINES)) for _ in range(count)]
            characters += sum(map(len, tasks)) + sum(map(len, answers))
            ids = [uuid.UUID(int=start + number) for number in range(count)]
            await database.execute(
                "INSERT INTO interactions (id, project, session_id, query, response, agent_type,"
                " model_used, tokens_used, latency_ms)"
                " SELECT id, 'bench', session, query, response, 'remote', 'm', 0, 0"
                " FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[])"
                " AS t (id, session, query, response)",
                ids,
                [f"s{(start + number) // _SESSION}" for number in range(count)],
                tasks,
                answers,
            )
            await database.execute(
                "INSERT INTO outcomes (interaction_id, outcome, user_feedback, value_score,"
                " components) SELECT id, 'success', 0, 0.9, '{}' FROM unnest($1::uuid[]) AS id",
                ids,
            )
        await database.execute("ANALYZE")
        return characters
    finally:
        await database.close()


def _export(dsn: str, out: Path) -> tuple[int, float, float, int, int]:
    """(examples, seconds, seconds of processor time, bytes before it, bytes at its peak)."""
    return asyncio.run(_exporting(dsn, out))


async def _exporting(dsn: str, out: Path) -> tuple[int, float, float, int, int]:
    database = await Database.connect(dsn, timeout=_TIMEOUT)
    try:
        data = TrainingData(TrainingRecords(database), Datasets(database), Scrubber())
        before, began, idle = _peak(), time.perf_counter(), time.process_time()
        report = await data.generate("openai", min_value=0.7, output_dir=out)
        seconds, busy = time.perf_counter() - began, time.process_time() - idle
        return sum(report.counts.values()), seconds, busy, before, _peak()
    finally:
        await database.close()


def _peak() -> int:
    """The greatest resident set of this process so far, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux counts what was forked from, too, in ru_maxrss
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _sources() -> list[Path]:
    return sorted(Path(hybrid_coordinator.__file__).parent.rglob("*.py"))


def _lines() -> list[str]:
    """The lines of this package that say something."""
    texts = (source.read_text("utf-8") for source in _sources())
    return [line for text in texts for line in text.splitlines() if line.strip()]


def _false_alarms() -> tuple[int, int, int]:
    """Lines of clean text, and what was found in them: secrets, and personal data."""
    scrubber = Scrubber()
    texts = [source.read_text("utf-8") for source in _sources()]
    secrets = sum(_new(text, scrubber.scrub(text), "<SECRET:") for text in texts)
    personal = sum(_new(text, without_personal_data(text), "<PERSONAL:") for text in texts)
    return sum(text.count("\n") for text in texts), secrets, personal


def _new(text: str, changed: str, mark: str) -> int:
    return changed.count(mark) - text.count(mark)
