"""Training data from interactions that went well."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.domain.personal import without_personal_data
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.domain.training import SPLITS, Answer, Candidate, FailedAnswer, Place
from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.learning.training.card import Contents, card, manifest
from hybrid_coordinator.learning.training.examples import (
    DatasetFormat,
    Example,
    example_key,
    render,
)
from hybrid_coordinator.learning.training.files import DatasetWriter
from hybrid_coordinator.learning.training.filters import (
    MIN_CONFIDENCE,
    REASONS,
    reason_to_drop,
    usable,
)
from hybrid_coordinator.learning.training.minhash import NearDuplicates, Signature, signature
from hybrid_coordinator.learning.training.numbers import Numbers
from hybrid_coordinator.learning.training.pairs import FailedAnswers
from hybrid_coordinator.learning.training.splits import MOST_OF_A_TASK, Splits, group_key
from hybrid_coordinator.routing.checking.checks import CUT_AT_LIMIT
from hybrid_coordinator.storage.postgres.bookkeeping import Datasets
from hybrid_coordinator.storage.postgres.training import TrainingExport, TrainingRecords

Progress = Callable[[int], Awaitable[None]]
"""Told how many interactions were read so far."""

_BATCH = 200
"""Rows that are worked on at a time: what bounds the memory, texts aside."""

_T = TypeVar("_T")
_PROVENANCE = "provenance"
_KEY_BYTES = 8


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """``paths`` and ``counts`` are by split; ``dropped`` counts the candidates that made no
    example, each once, by the first reason found; ``sha256`` is over the three files in order."""

    paths: Mapping[str, Path]
    counts: Mapping[str, int]
    dropped: Mapping[str, int]
    sha256: str


class TrainingData:
    """Writes datasets."""

    def __init__(self, records: TrainingRecords, datasets: Datasets, scrubber: Scrubber) -> None:
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
        project: str | None = None,
        progress: Progress | None = None,
    ) -> DatasetReport:
        """Write train, validation and test files to a new directory in ``output_dir``, named by
        format and content, so the same content comes to the same directory; beside them a card, a
        manifest and where each example comes from.

        Candidates are successes of at least ``min_value``, and interactions of unknown outcome,
        oldest first, of one ``project`` or of all; a task is in the same split in both.
        ``max_examples`` keeps the oldest.

        Raises:
            InvalidArgumentError: an unknown format, or ``output_dir`` cannot be written to.
            StorageError: the disk is full. Nothing is left behind then.
        """
        layout = _layout(format)
        async with self._records.exporting() as record:
            writer = await asyncio.to_thread(DatasetWriter, output_dir, SPLITS, [_PROVENANCE])
            try:
                export = _Export(writer, layout, self._scrubber, max_examples, project)
                await self._read(record, export, min_value, progress)
                contents = export.contents(min_value)
                directory, noted = await asyncio.to_thread(_publish, writer, contents)
            finally:
                await asyncio.to_thread(writer.close)
        await self._datasets.add(layout.value, str(directory), sum(export.counts.values()), noted)
        return DatasetReport(
            paths={split: directory / f"{split}.jsonl" for split in SPLITS},
            counts=contents.counts,
            dropped=contents.dropped,
            sha256=str(noted["sha256"]),
        )

    async def count_new(self, min_value: float) -> int:
        """How many successes of at least that value were told since the latest dataset of all
        projects."""
        return await self._records.count_new(min_value, MIN_CONFIDENCE)

    async def _read(
        self,
        record: TrainingExport,
        export: _Export,
        min_value: float,
        progress: Progress | None,
    ) -> None:
        async with aclosing(record.assigned()) as places, aclosing(_batches(places)) as batches:
            async for known in batches:
                await asyncio.to_thread(export.remember, known)
        failed = None
        if export.layout is DatasetFormat.DPO:
            failed = await self._failures(record, export.project)
        candidates = record.candidates(min_value, CUT_AT_LIMIT, export.project)
        async with aclosing(candidates), aclosing(_batches(candidates)) as batches:
            placed: list[tuple[str, Place]] = []
            async for batch in batches:
                rejected = None if failed is None else await self._rejected(record, batch, failed)
                # The disk gets the places of a batch while the next one is worked on.
                placed, _ = await asyncio.gather(
                    asyncio.to_thread(export.add, batch, rejected), record.assign(placed)
                )
                if progress is not None:
                    await progress(export.read)
            await record.assign(placed)

    async def _failures(self, record: TrainingExport, project: str | None) -> FailedAnswers:
        failed = FailedAnswers()
        failures = record.failures(MIN_CONFIDENCE, project)
        async with aclosing(failures), aclosing(_batches(failures)) as batches:
            async for batch in batches:
                await asyncio.to_thread(failed.extend, batch)
        return failed

    async def _rejected(
        self, record: TrainingExport, batch: Sequence[Candidate], failed: FailedAnswers
    ) -> dict[str, list[FailedAnswer]]:
        """Failed answers by the id of the success that they belong to, the best match first."""
        wanted = await asyncio.to_thread(lambda: {row.id: failed.of(row) for row in batch})
        ids = sorted({each for found in wanted.values() for each in found})
        answers = await record.answers(ids) if ids else {}
        return {
            success: [answers[each] for each in found if each in answers]
            for success, found in wanted.items()
        }


class _DroppedError(Exception):
    """An interaction makes no example, for this reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Export:
    """Turns interactions into lines of the files, and counts what it drops."""

    def __init__(
        self,
        writer: DatasetWriter,
        layout: DatasetFormat,
        scrubber: Scrubber,
        max_examples: int | None,
        project: str | None,
    ) -> None:
        self.layout = layout
        self.project = project
        self.read = 0
        self.counts: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._models: Counter[str] = Counter()
        self._projects: Counter[str] = Counter()
        self._writer = writer
        self._scrubber = scrubber
        self._max_examples = max_examples
        self._splits = Splits()
        self._of_task = Numbers()  # how many examples
        self._seen = Numbers()
        self._kept = NearDuplicates()

    def remember(self, places: Sequence[tuple[Place, str | None]]) -> None:
        """Take in places that earlier exports gave."""
        for place, session in places:
            self._splits.remember(place, session)

    def add(
        self, batch: Sequence[Candidate], rejected: Mapping[str, Sequence[FailedAnswer]] | None
    ) -> list[tuple[str, Place]]:
        """Write the interactions that make an example; returns the places that are new.
        ``rejected`` holds failed answers by interaction, None where no pairs are wanted."""
        placed: list[tuple[str, Place]] = []
        for row in batch:
            self.read += 1
            try:
                place = self._take(row, None if rejected is None else rejected.get(row.id, ()))
            except _DroppedError as dropped:
                self._dropped[dropped.reason] += 1
            else:
                if row.split is None:
                    placed.append((row.id, place))
        return placed

    def contents(self, min_value: float) -> Contents:
        """What the files hold by now."""
        return Contents(
            layout=self.layout,
            made_at=datetime.now(UTC),
            min_value=min_value,
            max_examples=self._max_examples,
            project=self.project,
            candidates=self.read,
            counts={split: self.counts[split] for split in SPLITS},
            dropped={reason: self._dropped[reason] for reason in REASONS if self._dropped[reason]},
            models=dict(sorted(self._models.items())),
            projects=dict(sorted(self._projects.items())),
        )

    def _take(self, row: Candidate, failed: Sequence[FailedAnswer] | None) -> Place:
        """Write an example.

        Raises:
            _DroppedError: it is none.
        """
        clean = replace(row, query=self._clean(row.query), answer=self._clean_answer(row.answer))
        if reason := reason_to_drop(clean):
            raise _DroppedError(reason)
        rejected = None if failed is None else self._rejected(clean.answer, failed)
        example = Example(clean.query, clean.answer, None if rejected is None else rejected.answer)
        key, looks = self._looks_of_new(example)
        place = self._place(clean)
        task = group_key(place.task_group)
        alike = self._of_task.get(task)
        if alike == MOST_OF_A_TASK:
            raise _DroppedError("task_over_represented")
        if self._max_examples is not None and self.counts.total() >= self._max_examples:
            raise _DroppedError("over_max_examples")
        self._seen.put(key, 1)
        self._kept.add(looks)
        self._of_task.put(task, alike + 1)
        if row.split is None:
            self._splits.remember(place, row.session_id)
        self._write(row, rejected, example, place)
        return place

    def _clean(self, text: str) -> str:
        return without_personal_data(self._scrubber.scrub(text))

    def _clean_answer(self, answer: Answer) -> Answer:
        steps = tuple(
            replace(
                step,
                action=replace(
                    step.action,
                    subject=self._clean(step.action.subject),
                    detail=self._clean(step.action.detail),
                ),
            )
            for step in answer.steps
        )
        return Answer(self._clean(answer.text), steps)

    def _rejected(self, chosen: Answer, failed: Sequence[FailedAnswer]) -> FailedAnswer:
        """The first failed answer that the chosen one can be preferred to."""
        clean = [replace(each, answer=self._clean_answer(each.answer)) for each in failed]
        good = [each for each in clean if usable(each.answer)]
        if not good:
            raise _DroppedError("no_pair")
        for each in good:
            if each.answer.text.split() != chosen.text.split():
                return each
        raise _DroppedError("same_answer")

    def _looks_of_new(self, example: Example) -> tuple[int, Signature]:
        """The key and the signature of an example that no earlier one is like."""
        key = int.from_bytes(example_key(example)[:_KEY_BYTES])
        if key in self._seen:
            raise _DroppedError("duplicate")
        looks = signature(*example.texts())
        near, _ = self._kept.near(looks)
        if len(near):
            raise _DroppedError("near_duplicate")
        return key, looks

    def _place(self, row: Candidate) -> Place:
        if row.split is not None and row.task_group is not None:
            return Place(row.split, row.task_group, b"")
        place = self._splits.place(row.query, row.session_id)
        if place is None:
            raise _DroppedError("bridges_splits")
        return place

    def _write(
        self, row: Candidate, rejected: FailedAnswer | None, example: Example, place: Place
    ) -> None:
        self.counts[place.split] += 1
        self._models[row.model_used] += 1
        self._projects[row.project] += 1
        self._writer.write(place.split, render(example, self.layout))
        origin: dict[str, JsonValue] = {
            "split": place.split,
            "line": self.counts[place.split],
            "interaction_id": row.id,
            "project": row.project,
            "model": row.model_used,
            "value": row.value,
            "outcome_source": row.outcome.source.value,
            "task_group": place.task_group.hex(),
        }
        if rejected is not None:
            if rejected.model_used != row.model_used:
                self._models[rejected.model_used] += 1
            origin["rejected_interaction_id"] = rejected.interaction_id
            origin["rejected_model"] = rejected.model_used
        self._writer.write(_PROVENANCE, json.dumps(origin, ensure_ascii=False))


def _publish(writer: DatasetWriter, contents: Contents) -> tuple[Path, dict[str, JsonValue]]:
    """Complete the files and make them visible; returns where, and the manifest."""
    digests = writer.finish()
    noted = manifest(contents, digests)
    writer.add("manifest.json", json.dumps(noted, indent=2, ensure_ascii=False) + "\n")
    writer.add("README.md", card(contents))
    prefix = contents.layout.value
    if contents.project is not None:  # what it says of itself differs from all projects' dataset
        prefix += f"-{hashlib.sha256(contents.project.encode()).hexdigest()[:8]}"
    return writer.commit(prefix, digests.splits), noted


def _layout(name: str) -> DatasetFormat:
    try:
        return DatasetFormat(name)
    except ValueError:
        allowed = ", ".join(DatasetFormat)
        raise InvalidArgumentError("format", f"{name!r} is unknown; use {allowed}") from None


async def _batches(rows: AsyncIterator[_T]) -> AsyncGenerator[list[_T]]:
    batch: list[_T] = []
    async for row in rows:
        batch.append(row)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
