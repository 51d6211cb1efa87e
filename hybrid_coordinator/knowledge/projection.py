"""Bring the index up to the record: rows that it does not have yet, and what was deleted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.errors import EmbedderUnavailableError, HybridError, NotFoundError
from hybrid_coordinator.knowledge.collections import CollectionDefinition
from hybrid_coordinator.knowledge.embedding.protocol import Embedder
from hybrid_coordinator.knowledge.index_setup import IndexSetup
from hybrid_coordinator.knowledge.rows import Row, RowPoints, remove_points
from hybrid_coordinator.storage.postgres.forgotten import Tombstones
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from hybrid_coordinator.storage.vectors.protocol import VectorIndex
from hybrid_coordinator.waiting import came_within

_ROWS_A_BATCH = 64
_TOMBSTONES_A_BATCH = 512
_MANY_ROWS = 512
"""More than anybody writes between two passes: an index that is filled from the start."""
_LOOK_SECONDS = 30.0
"""Another process may write rows too; it cannot wake this one."""
_GATHER_SECONDS = 0.05
"""How long a pass lets writes come together unless somebody waits for it: an outcome set right
after its interaction then costs one point, and neither call shares the processor with it."""
_FIRST_RETRY_SECONDS = 1.0
_LAST_RETRY_SECONDS = 60.0
_PROBE = "probe"

_log = logging.getLogger(__name__)


_Read = Callable[[int], Awaitable[list[Row]]]
_Mark = Callable[[Sequence[tuple[str, int]]], Awaitable[None]]


class Projector:
    """Copies rows into the index, and marks them when the index has them.

    Every step can be repeated, and a row is marked only after its point is stored, so nothing is
    lost when the process ends anywhere in between. What was deleted from the record goes out of
    the index in the same way, after the rows: one of them may have been deleted since it was read.
    While the embedder is gone, points are stored
    without a vector, so that text search finds them, and their rows stay unmarked.
    """

    def __init__(
        self,
        index: VectorIndex,
        embedder: Embedder,
        bm25: Bm25Encoder,
        interactions: InteractionRecords,
        knowledge: KnowledgeRecords,
        tombstones: Tombstones,
        setup: IndexSetup,
        definitions: Mapping[CollectionName, CollectionDefinition],
        look_seconds: float = _LOOK_SECONDS,
    ) -> None:
        """Everything is looked for after ``look_seconds``, whatever it was woken for until then."""
        self._rows = RowPoints(index, embedder, bm25, definitions)
        self._index = index
        self._embedder = embedder
        self._interactions = interactions
        self._knowledge = knowledge
        self._tombstones = tombstones
        self._setup = setup
        self._woken = asyncio.Event()
        self._awaited = asyncio.Event()
        self._wakes = 1  # whatever waits since the last run of the process
        self._everything = True
        self._look_seconds = look_seconds
        self._look_at = 0.0  # in the event loop's time
        self._answered = 0
        self._pass_ended = asyncio.Condition()
        self._without_vector: set[tuple[str, int]] = set()
        self._problem: str | None = None
        self._stored = 0  # by the pass that is under way

    @property
    def problem(self) -> str | None:
        """Why the last pass could not finish; None if it could."""
        return self._problem

    @property
    def filling(self) -> str | None:
        """What to tell while there is so much to bring into the index that answers lack it, as
        after a restore; None mostly."""
        if self._stored < _MANY_ROWS:
            return None
        return (
            f"The index is being filled from the record, {self._stored} rows so far: what is not "
            "in it yet is not found"
        )

    def wake(self) -> None:
        """Say that there may be new rows, or fewer. Costs nothing."""
        self._everything = True
        self.wake_for_interactions()

    def wake_for_interactions(self) -> None:
        """Say that there may be new interactions, and nothing else. Costs nothing."""
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
            await came_within(self._look_seconds if complete else pause, self._woken)
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

    async def _attempt(self) -> bool:
        """One pass; whether everything is in the index, with its vector."""
        problem = None
        now = asyncio.get_running_loop().time()
        # Not only where nobody writes for so long: another process wakes nobody here.
        everything = self._everything or now >= self._look_at
        self._everything = False
        if everything:
            self._look_at = now + self._look_seconds
        try:
            async with self._setup.writing() as generation:
                await self._project_all(generation, everything)
        except HybridError as error:
            problem = str(error)
            self._everything = True
            if isinstance(error, NotFoundError):
                self._setup.doubt()
        self._stored = 0
        if problem and problem != self._problem:
            _log.warning("What was stored cannot be made findable now; it waits. %s", problem)
        self._problem = problem
        return problem is None

    async def _project_all(self, generation: int, everything: bool) -> None:
        failure = await self._still_gone() if self._without_vector else None
        if everything:
            mark = partial(self._knowledge.mark_projected, generation=generation)
            failure = await self._project(self._read_knowledge, mark) or failure
        mark = partial(self._interactions.mark_projected, generation=generation)
        failure = await self._project(self._read_interactions, mark) or failure
        if everything:
            await self._remove_deleted(generation)
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
            most = _ROWS_A_BATCH + len(self._without_vector)
            waiting = await read(most)
            rows = [row for row in waiting if row.key not in self._without_vector]
            if not rows:
                return failure
            every = len(waiting) < most and len(rows) <= _ROWS_A_BATCH
            rows = rows[:_ROWS_A_BATCH]
            keys = [row.key for row in rows]
            try:
                await self._rows.store(rows)
            except EmbedderUnavailableError as error:
                failure = error
                self._without_vector.update(keys)
            else:
                await mark(keys)
            self._stored += len(rows)
            if every:
                return failure  # whoever wrote meanwhile has woken us again

    async def _remove_deleted(self, generation: int) -> None:
        while gone := await self._tombstones.pending(_TOMBSTONES_A_BATCH):
            await remove_points(self._index, gone)
            await self._tombstones.removed([one.id for one in gone], generation)

    async def _read_knowledge(self, limit: int) -> list[Row]:
        return [self._rows.of_knowledge(item) for item in await self._knowledge.unprojected(limit)]

    async def _read_interactions(self, limit: int) -> list[Row]:
        waiting = await self._interactions.unprojected(limit)
        return [self._rows.of_interaction(each, revision) for each, revision in waiting]
