"""Build the next generation of the index beside the serving one, and switch when it is whole."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from hybrid_coordinator.domain.indexing import RebuildState
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.errors import HybridError, InvalidArgumentError, NotFoundError
from hybrid_coordinator.knowledge.code.indexer import CodeIndexer
from hybrid_coordinator.knowledge.collections import CollectionDefinition
from hybrid_coordinator.knowledge.embedding.protocol import Embedder
from hybrid_coordinator.knowledge.index_setup import IndexSetup
from hybrid_coordinator.knowledge.locating import Locator, OpenEngine
from hybrid_coordinator.knowledge.rows import Row, RowPoints, remove_points
from hybrid_coordinator.storage.postgres.forgotten import Tombstones
from hybrid_coordinator.storage.postgres.generations import (
    Generation,
    Generations,
    GenerationState,
)
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords
from hybrid_coordinator.storage.postgres.source_files import SourceFiles
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from hybrid_coordinator.storage.vectors.engines import EMBEDDED
from hybrid_coordinator.storage.vectors.generation import GenerationIndex, stored_name
from hybrid_coordinator.storage.vectors.protocol import VectorIndex
from hybrid_coordinator.waiting import came_within

_ROWS_A_BATCH = 256
_FIRST_RETRY_SECONDS = 1.0
_LAST_RETRY_SECONDS = 60.0
_ANOTHERS_SECONDS = 2.0
"""Between two looks at how far another coordinator has come."""
_PROBE = "probe"

_log = logging.getLogger(__name__)

Progress = Callable[[float, float | None, str], Awaitable[None]]
MakeIndexer = Callable[[VectorIndex, SourceFiles], CodeIndexer]
"""An indexer of code into that index, with that manifest, by the embedder that is wanted."""

_Root = tuple[str, str]
_Read = Callable[[str | None], Awaitable[list[Row]]]
_Mark = Callable[[Sequence[tuple[str, int]]], Awaitable[None]]


class Rebuilder:
    """Fills the generation under construction from the record and from the indexed directories.

    What it has is marked in the record, row by row and file by file, after its points are
    stored: a process that is killed anywhere goes on where it was. The serving generation is
    written to as ever. Rows that are written meanwhile lack their mark and files have another
    content, so they are caught up before the switch, or (what comes while that is done) by the
    projector after it.
    """

    def __init__(
        self,
        locator: Locator,
        setup: IndexSetup,
        generations: Generations,
        interactions: InteractionRecords,
        knowledge: KnowledgeRecords,
        tombstones: Tombstones,
        manifest: Callable[[int | None], SourceFiles],
        definitions: Mapping[CollectionName, CollectionDefinition],
        embedder: Embedder,
        bm25: Bm25Encoder,
        open_engine: OpenEngine,
        make_indexer: MakeIndexer,
    ) -> None:
        self._locator = locator
        self._setup = setup
        self._generations = generations
        self._interactions = interactions
        self._knowledge = knowledge
        self._tombstones = tombstones
        self._manifest = manifest
        self._definitions = definitions
        self._embedder = embedder
        self._bm25 = bm25
        self._open_engine = open_engine
        self._make_indexer = make_indexer
        self._state: RebuildState | None = None
        self._told = asyncio.Condition()
        self._idle = False
        self._whole = 0
        self._failures = 0
        self._failure: HybridError | None = None

    @property
    def state(self) -> RebuildState | None:
        """How far a rebuild is that is under way; None if there is none."""
        return self._state

    async def rebuild(self, progress: Progress) -> None:
        """Return when the index is rebuilt as the settings want it. One that is under way is
        waited for; it goes on when this is cancelled or fails.

        Raises:
            EmbedderUnavailableError: no rebuild has begun.
            HybridError: what holds the rebuild up; it is tried again until it succeeds.
        """
        number = await self._locator.begin()
        self._setup.doubt()
        failures = self._failures
        self._locator.work.set()
        before: RebuildState | None = None
        while self._whole < number:
            if self._failure is not None and self._failures > failures:
                raise self._failure
            async with self._told:
                if self._state in (None, before) and self._whole < number:
                    await self._told.wait()
            if self._state is not None and self._state != before:
                before = self._state
                await progress(before.done, before.total, "rows and files")

    async def idle(self) -> None:
        """Return when there is nothing to build or to drop."""
        async with self._told:
            await self._told.wait_for(lambda: self._idle and not self._locator.work.is_set())

    async def run(self) -> None:
        """Build and drop generations whenever there are any, until cancelled. What fails is
        repeated after growing pauses."""
        pause = _FIRST_RETRY_SECONDS
        while True:
            self._locator.work.clear()
            self._idle = False
            try:
                if not await self._work():
                    await came_within(_ANOTHERS_SECONDS, self._locator.work)
                    continue
            except HybridError as error:
                await self._fail(error)
                await came_within(pause, self._locator.work)
                pause = min(2 * pause, _LAST_RETRY_SECONDS)
            else:
                pause = _FIRST_RETRY_SECONDS
                self._idle = True
                await self._tell(None)
                await self._locator.work.wait()

    async def _work(self) -> bool:
        """Build and drop what there is to; False while another coordinator does."""
        async with self._generations.turn() as ours:
            await self._look()
            if not ours:
                return False
            for one in await self._generations.all():
                if one.state is GenerationState.BUILDING:
                    await self._build(one)
            for one in await self._generations.all():
                if one.state is GenerationState.RETIRED:
                    await self._drop(one)
        return True

    async def _look(self) -> None:
        """See what others have done: a generation that serves is whole."""
        serving = (await self._generations.serving()).number
        if serving > self._whole:
            self._whole = serving
            self._setup.doubt()
        building = [
            one for one in await self._generations.all() if one.state is GenerationState.BUILDING
        ]
        await self._tell(await self._state_of(building[0]) if building else None)

    async def _state_of(self, building: Generation) -> RebuildState:
        assert building.engine is not None
        assert building.embedder is not None
        done, total = await self._generations.progress(building.number)
        place = "the embedded engine" if building.engine == EMBEDDED else building.engine
        problem = self._state.problem if self._state else None  # until something has gone well
        return RebuildState(done, total, place, building.embedder.model, problem)

    async def _build(self, building: Generation) -> None:
        assert building.engine is not None
        state = await self._state_of(building)
        await self._tell(state)
        engine = await self._open_engine(building.engine)
        index = GenerationIndex(engine, building.number)
        await self._create_missing(index, building, fresh=not state.done)
        rows = RowPoints(index, self._embedder, self._bm25, self._definitions)
        await self._fill_rows(rows)
        files = self._manifest(building.number)
        indexer = self._make_indexer(index, files)
        lost = await self._fill_code(await self._manifest(None).roots(), indexer, files)
        await self._fill_rows(rows)
        differing = await self._generations.differing_roots(building.number)
        await self._fill_code(differing, indexer, files)
        while not await self._finish(building, index, indexer, files, lost):
            pass  # another coordinator wrote files in between
        self._whole = building.number
        await self._tell(None)

    async def _finish(
        self,
        building: Generation,
        index: GenerationIndex,
        indexer: CodeIndexer,
        files: SourceFiles,
        lost: Sequence[_Root],
    ) -> bool:
        """Catch up with what was written meanwhile, and switch; False if that has to be done
        again."""
        async with self._setup.writers.closed():
            mark = await self._generations.manifest_mark()
            await self._drop_deleted_code(indexer, files)
            differing = await self._generations.differing_roots(building.number)
            await self._fill_code([root for root in differing if root not in lost], indexer, files)
            await self._fill_rows(RowPoints(index, self._embedder, self._bm25, self._definitions))
            await self._remove_deleted(index)
            async with self._setup.questions.closed():
                try:
                    return await self._generations.switch(building.number, lost, mark)
                finally:
                    self._setup.doubt()  # whether or not the record has heard it

    async def _create_missing(
        self, index: GenerationIndex, building: Generation, *, fresh: bool
    ) -> None:
        """``fresh``: nothing of the generation counts; drop what lies there under its names."""
        assert building.embedder is not None
        if fresh:
            for name in self._definitions:
                await index.drop(name)
        missing = self._definitions.keys() - set(await index.collections())
        # Before, so that a crash in between loses nothing.
        if CollectionName.INTERACTION_HISTORY in missing:
            await self._generations.forget_rows(interactions=True)
        if missing - {CollectionName.INTERACTION_HISTORY}:
            await self._generations.forget_rows(interactions=False)
        if CollectionName.CODEBASE_CONTEXT in missing:
            await self._manifest(building.number).mark_all_unfinished()
        for name in missing:
            await index.create(self._definitions[name].spec(building.embedder.dimension))

    async def _fill_rows(self, rows: RowPoints) -> None:
        async def knowledge(after: str | None) -> list[Row]:
            found = await self._knowledge.unbuilt(after, _ROWS_A_BATCH)
            return [rows.of_knowledge(item) for item in found]

        async def interactions(after: str | None) -> list[Row]:
            found = await self._interactions.unbuilt(after, _ROWS_A_BATCH)
            return [rows.of_interaction(each, revision) for each, revision in found]

        sources: tuple[tuple[_Read, _Mark], ...] = (
            (knowledge, self._knowledge.mark_built),
            (interactions, self._interactions.mark_built),
        )
        for read, mark in sources:
            batch = await read(None)
            while batch:
                await rows.store(batch)
                await mark([row.key for row in batch])
                await self._advance(len(batch))
                batch = await read(batch[-1].id)

    async def _remove_deleted(self, index: GenerationIndex) -> None:
        """Of what was deleted from the record, this generation may have got a part before. What
        is deleted from now on goes out of it after the switch, as out of any that serves."""
        gone = await self._tombstones.page(None, _ROWS_A_BATCH)
        while gone:
            await remove_points(index, gone)
            gone = await self._tombstones.page(gone[-1].id, _ROWS_A_BATCH)

    async def _drop_deleted_code(self, indexer: CodeIndexer, files: SourceFiles) -> None:
        """Of projects that were deleted since their code was indexed here."""
        serving = {project for project, _ in await self._manifest(None).roots()}
        for project in {project for project, _ in await files.roots()} - serving:
            await indexer.forget(project)

    async def _fill_code(
        self, roots: Sequence[_Root], indexer: CodeIndexer, files: SourceFiles
    ) -> list[_Root]:
        """Index of the roots what the serving generation has of them; returns those that are not
        there any more."""
        serving = self._manifest(None)
        lost = []
        for project, root in roots:
            before = 0

            async def told(done: int, _: int) -> None:
                nonlocal before
                await self._advance(done - before)
                before = done

            try:
                await indexer.index_again(root, project, told, serving)
            except (InvalidArgumentError, NotFoundError) as error:
                _log.warning("%s cannot be indexed again: %s", root, error)
                lost.append((project, root))
                continue
            if project in {owner for owner, _ in await files.unfinished_roots()}:
                # Indexed by words only: the embedder says why, or is back by now.
                await self._embedder.embed([_PROBE])
                await indexer.index_again(root, project, recorded=serving)
        return lost

    async def _drop(self, retired: Generation) -> None:
        assert retired.engine is not None
        try:
            engine = await self._open_engine(retired.engine)
            for name in self._definitions:
                await engine.drop(stored_name(name, retired.number))
        except HybridError as error:
            # Its engine may be gone for good. The next start tries again.
            _log.warning("The former index stays in %s: %s", retired.engine, error)
            return
        await self._generations.forget(retired.number)

    async def _advance(self, by: int) -> None:
        if self._state is not None and by:
            # Files of a start before this one are counted already, and looked at again.
            done = min(self._state.done + by, self._state.total)
            await self._tell(replace(self._state, done=done, problem=None))

    async def _fail(self, error: HybridError) -> None:
        if self._failure is None or str(error) != str(self._failure):
            _log.warning("The index could not be rebuilt now; the former one serves. %s", error)
        self._failures += 1
        self._failure = error
        state = self._state
        await self._tell(None if state is None else replace(state, problem=str(error)))

    async def _tell(self, state: RebuildState | None) -> None:
        async with self._told:
            self._state = state
            self._told.notify_all()
