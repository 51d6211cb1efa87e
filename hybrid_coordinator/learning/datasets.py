"""Training data from interactions that went well."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Mapping,
    Sequence,
)
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from hybrid_coordinator.domain.interactions import Interaction, OutcomeKind
from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.learning.dataset_files import DatasetWriter
from hybrid_coordinator.learning.examples import (
    SPLITS,
    DatasetFormat,
    Example,
    example_key,
    render,
    split_of,
    task_key,
)
from hybrid_coordinator.storage.postgres.bookkeeping import Datasets
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords

Progress = Callable[[int], Awaitable[None]]
"""Told how many interactions were read so far."""

_BATCH = 200
"""Rows that are worked on at a time: what bounds the memory, texts aside."""


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """``paths`` and ``counts`` are by split; ``dropped`` counts successful interactions that made
    no example, by reason; ``sha256`` is over the three files in order."""

    paths: Mapping[str, Path]
    counts: Mapping[str, int]
    dropped: Mapping[str, int]
    sha256: str


class TrainingData:
    """Writes datasets."""

    def __init__(self, records: InteractionRecords, datasets: Datasets, scrubber: Scrubber) -> None:
        self._records = records
        self._datasets = datasets
        self._scrubber = scrubber

    async def generate(
        self,
        format: str,  # noqa: A002 - what the contract calls it
        *,
        min_value: float,
        output_dir: Path,
        max_examples: int | None = None,
        progress: Progress | None = None,
    ) -> DatasetReport:
        """Write train, validation and test files to a new directory in ``output_dir``, named by
        format and content, so the same content comes to the same directory.

        Every success of at least ``min_value`` is read, oldest first; for "dpo" those to whose
        task there is a failed answer too. ``max_examples`` keeps the oldest.

        Raises:
            InvalidArgumentError: an unknown format, or ``output_dir`` cannot be written to.
            StorageError: the disk is full. Nothing is left behind then.
        """
        layout = _layout(format)
        failures = await self._failures() if layout is DatasetFormat.DPO else None
        writer = await asyncio.to_thread(DatasetWriter, output_dir, SPLITS)
        read = 0
        try:
            export = _Export(writer, layout, self._scrubber, max_examples)
            successes = self._records.with_outcome(min_value=min_value, kinds=[OutcomeKind.SUCCESS])
            async with aclosing(successes), aclosing(_batches(successes)) as batches:
                async for batch in batches:
                    rejected = None if failures is None else await self._rejected(batch, failures)
                    await asyncio.to_thread(export.add, batch, rejected)
                    read += len(batch)
                    if progress is not None:
                        await progress(read)
            directory, digest = await asyncio.to_thread(writer.commit, layout.value)
        finally:
            await asyncio.to_thread(writer.close)
        report = DatasetReport(
            paths={split: directory / f"{split}.jsonl" for split in SPLITS},
            counts={split: export.counts[split] for split in SPLITS},
            dropped=dict(sorted(export.dropped.items())),
            sha256=digest,
        )
        await self._note(layout, directory, report, min_value)
        return report

    async def _failures(self) -> dict[bytes, str]:
        """The id of the latest failed answer by task."""
        failures = self._records.with_outcome(min_value=0, kinds=[OutcomeKind.FAILURE])
        async with aclosing(failures):
            return {task_key(self._scrubber.scrub(row.query)): row.id async for row in failures}

    async def _rejected(
        self, batch: Sequence[Interaction], failures: Mapping[bytes, str]
    ) -> dict[str, str]:
        """Failed answers by the id of the success that they belong to."""
        wanted = {row.id: failures.get(task_key(self._scrubber.scrub(row.query))) for row in batch}
        ids = sorted({failed for failed in wanted.values() if failed})
        answers = {row.id: row.response for row in await self._records.get_many(ids)}
        return {success: answers[failed] for success, failed in wanted.items() if failed in answers}

    async def _note(
        self, layout: DatasetFormat, directory: Path, report: DatasetReport, min_value: float
    ) -> None:
        manifest: dict[str, JsonValue] = {
            "min_value": min_value,
            "counts": dict(report.counts),
            "dropped": dict(report.dropped),
            "sha256": report.sha256,
        }
        examples = sum(report.counts.values())
        await self._datasets.add(layout.value, str(directory), examples, manifest)


class _Export:
    """Turns interactions into lines of the files, and counts what it drops."""

    def __init__(
        self,
        writer: DatasetWriter,
        layout: DatasetFormat,
        scrubber: Scrubber,
        max_examples: int | None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self._writer = writer
        self._layout = layout
        self._scrubber = scrubber
        self._max_examples = max_examples
        self._seen: set[bytes] = set()

    def add(self, batch: Sequence[Interaction], rejected: Mapping[str, str] | None) -> None:
        """Write the interactions that make an example. ``rejected`` holds failed answers by
        interaction; None where no pairs are wanted."""
        scrub = self._scrubber.scrub
        for row in batch:
            failed = None if rejected is None else rejected.get(row.id)
            example = Example(
                scrub(row.query), scrub(row.response), None if failed is None else scrub(failed)
            )
            reason = self._reason_to_drop(example, wants_pair=rejected is not None)
            if reason:
                self.dropped[reason] += 1
                continue
            split = split_of(example.task)
            self._writer.write(split, render(example, self._layout))
            self.counts[split] += 1

    def _reason_to_drop(self, example: Example, *, wants_pair: bool) -> str | None:
        if not example.task.strip():
            return "empty_query"
        if not example.answer.strip():
            return "empty_response"
        if wants_pair:
            if not (example.rejected and example.rejected.strip()):
                return "no_pair"
            if example.rejected.split() == example.answer.split():
                return "same_answer"
        key = example_key(example)
        if key in self._seen:
            return "duplicate"
        self._seen.add(key)
        if self._max_examples is not None and self.counts.total() >= self._max_examples:
            return "over_max_examples"
        return None


def _layout(name: str) -> DatasetFormat:
    try:
        return DatasetFormat(name)
    except ValueError:
        allowed = ", ".join(DatasetFormat)
        raise InvalidArgumentError("format", f"{name!r} is unknown; use {allowed}") from None


async def _batches(rows: AsyncIterator[Interaction]) -> AsyncGenerator[list[Interaction]]:
    batch: list[Interaction] = []
    async for row in rows:
        batch.append(row)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
