"""Bring rows that the index does not have yet into it: interactions and knowledge."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.errors import EmbedderUnavailableError, HybridError, NotFoundError
from hybrid_coordinator.knowledge.collections import CollectionDefinition
from hybrid_coordinator.knowledge.embedding.protocol import Embedder, Vector
from hybrid_coordinator.knowledge.index_setup import IndexSetup
from hybrid_coordinator.knowledge.payloads import (
    interaction_payload,
    knowledge_payload,
    searched_interaction,
    searched_knowledge,
)
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from hybrid_coordinator.storage.vectors.protocol import IndexPoint, VectorIndex

_ROWS_A_BATCH = 64
_LOOK_SECONDS = 30.0
"""Another process may write rows too; it cannot wake this one."""
_GATHER_SECONDS = 0.05
"""How long a pass lets writes come together unless somebody waits for it: an outcome set right
after its interaction then costs one point, and neither call shares the processor with it."""
_FIRST_RETRY_SECONDS = 1.0
_LAST_RETRY_SECONDS = 60.0
_PROBE = "probe"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Row:
    """A row to project, at the version that is to be marked when that is done. ``text`` is what
    is searched."""

    id: str
    version: int
    collection: CollectionName
    text: str
    payload: Mapping[str, JsonValue]

    @property
    def key(self) -> tuple[str, int]:
        return self.id, self.version


_Read = Callable[[int], Awaitable[list[_Row]]]
_Mark = Callable[[Sequence[tuple[str, int]]], Awaitable[None]]


class Projector:
    """Copies rows into the index, and marks them when the index has them.

    Every step can be repeated, and a row is marked only after its point is stored, so nothing is
    lost when the process ends anywhere in between. While the embedder is gone, points are stored
    without a vector, so that text search finds them, and their rows stay unmarked.
    """

    def __init__(
        self,
        index: VectorIndex,
        embedder: Embedder,
        bm25: Bm25Encoder,
        interactions: InteractionRecords,
        knowledge: KnowledgeRecords,
        setup: IndexSetup,
        definitions: Mapping[CollectionName, CollectionDefinition],
    ) -> None:
        self._index = index
        self._embedder = embedder
        self._bm25 = bm25
        self._interactions = interactions
        self._knowledge = knowledge
        self._setup = setup
        self._definitions = definitions
        self._projecting = asyncio.Lock()
        self._woken = asyncio.Event()
        self._awaited = asyncio.Event()
        self._wakes = 1  # whatever waits since the last run of the process
        self._answered = 0
        self._pass_ended = asyncio.Condition()
        self._without_vector: set[tuple[str, int]] = set()
        self._problem: str | None = None

    @property
    def problem(self) -> str | None:
        """Why the last pass could not finish; None if it could."""
        return self._problem

    def wake(self) -> None:
        """Say that there may be new rows. Costs nothing."""
        self._wakes += 1
        self._woken.set()

    async def run(self) -> None:
        """Project whatever waits, whenever woken, until cancelled.

        A pass that cannot finish (the record, the index or the embedder does not answer) is
        repeated after growing pauses, and ``problem`` says why.
        """
        pause = _FIRST_RETRY_SECONDS
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_GATHER_SECONDS):
                    await self._awaited.wait()
            self._awaited.clear()
            self._woken.clear()
            wakes = self._wakes
            complete = await self._attempt()
            async with self._pass_ended:
                self._answered = wakes
                self._pass_ended.notify_all()
            if complete:
                pause = _FIRST_RETRY_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS if complete else pause):
                    await self._woken.wait()
            if not complete:
                pause = min(2 * pause, _LAST_RETRY_SECONDS)

    async def drain(self, timeout: float) -> None:
        """Return when what was written before this call can be found, or cannot be helped now,
        or after ``timeout`` seconds. Costs nothing while nothing is pending."""
        wakes = self._wakes
        if self._answered >= wakes:
            return
        self._awaited.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout), self._pass_ended:
                await self._pass_ended.wait_for(lambda: self._answered >= wakes)

    async def rebuild(self, collection: CollectionName) -> None:
        """Empty a collection and have its rows projected anew, with the embedder in use.

        What was made from files is gone until the files are indexed again.

        Raises:
            EmbedderUnavailableError: nothing was emptied.
            UnavailableError, StorageError: the index or the record.
        """
        async with self._projecting:
            await self._setup.recreate(collection)
        self.wake()

    async def _attempt(self) -> bool:
        """One pass; whether everything is in the index, with its vector."""
        problem = None
        try:
            async with self._projecting:
                await self._project_all()
        except HybridError as error:
            problem = str(error)
            if isinstance(error, NotFoundError):
                self._setup.doubt()
        if problem and problem != self._problem:
            _log.warning("What was stored cannot be made findable now; it waits. %s", problem)
        self._problem = problem
        return problem is None

    async def _project_all(self) -> None:
        await self._setup.ensure()
        failure = await self._still_gone() if self._without_vector else None
        for read, mark in (
            (self._read_knowledge, self._knowledge.mark_projected),
            (self._read_interactions, self._interactions.mark_projected),
        ):
            failure = await self._project(read, mark) or failure
        if failure is not None:
            raise failure

    async def _still_gone(self) -> EmbedderUnavailableError | None:
        """What keeps the embedder away; None where it is back, and its rows are taken up."""
        try:
            await self._embedder.embed([_PROBE])
        except EmbedderUnavailableError as error:
            return error
        self._without_vector.clear()
        return None

    async def _project(self, read: _Read, mark: _Mark) -> EmbedderUnavailableError | None:
        """Project the rows of one table; returns what kept the embedder from its part."""
        failure = None
        while True:
            waiting = await read(_ROWS_A_BATCH + len(self._without_vector))
            rows = [row for row in waiting if row.key not in self._without_vector]
            if not rows:
                return failure
            rows = rows[:_ROWS_A_BATCH]
            keys = [row.key for row in rows]
            try:
                await self._store(rows)
            except EmbedderUnavailableError as error:
                failure = error
                self._without_vector.update(keys)
            else:
                await mark(keys)

    async def _store(self, rows: Sequence[_Row]) -> None:
        """Store the rows' points, without vectors before ``EmbedderUnavailableError`` is
        raised."""
        try:
            vectors = await self._embedder.embed([row.text for row in rows])
        except EmbedderUnavailableError:
            await self._upsert(rows, [None] * len(rows))
            raise
        await self._upsert(rows, vectors)

    async def _upsert(self, rows: Sequence[_Row], vectors: Sequence[Vector | None]) -> None:
        weights = await asyncio.to_thread(lambda: [self._bm25.document(row.text) for row in rows])
        points: dict[CollectionName, list[IndexPoint]] = {}
        for row, vector, sparse in zip(rows, vectors, weights, strict=True):
            point = IndexPoint(row.id, vector, sparse, row.payload)
            points.setdefault(row.collection, []).append(point)
        for collection, its_points in points.items():
            await self._index.upsert(collection, its_points)

    async def _read_knowledge(self, limit: int) -> list[_Row]:
        return [
            _Row(
                item.id,
                item.version,
                item.collection,
                searched_knowledge(item, self._definitions[item.collection]),
                knowledge_payload(item, self._definitions[item.collection]),
            )
            for item in await self._knowledge.unprojected(limit)
        ]

    async def _read_interactions(self, limit: int) -> list[_Row]:
        return [
            _Row(
                interaction.id,
                revision,
                CollectionName.INTERACTION_HISTORY,
                searched_interaction(
                    interaction, self._definitions[CollectionName.INTERACTION_HISTORY]
                ),
                interaction_payload(interaction),
            )
            for interaction, revision in await self._interactions.unprojected(limit)
        ]
