"""Where the serving index is: its generation, its engine, and the model that built it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.errors import EmbedderUnavailableError, HybridError, SettingsError
from hybrid_coordinator.knowledge.embedding.chosen import ChosenEmbedder, LostEmbedder
from hybrid_coordinator.knowledge.embedding.protocol import Embedder
from hybrid_coordinator.knowledge.index_setup import Still, described, identity_of
from hybrid_coordinator.storage.postgres.generations import (
    EmbedderRecord,
    Generation,
    Generations,
    GenerationState,
)
from hybrid_coordinator.storage.vectors.generation import GenerationIndex
from hybrid_coordinator.storage.vectors.protocol import VectorIndex

OpenEngine = Callable[[str], Awaitable[VectorIndex]]
"""The engine of a name, opened once; it is closed by whoever gives this."""

MakeEmbedder = Callable[[Mapping[str, JsonValue]], Embedder]
"""The embedder that recorded settings lead to; it is closed by whoever gives this. Raises
``SettingsError`` or ``EmbedderUnavailableError``."""

_STATIC = "static"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The index that the settings ask for. ``embedding`` are those that lead to ``embedder``."""

    engine: str
    embedding: Mapping[str, JsonValue]
    embedder: Embedder


class Locator:
    """Turns the index and the embedder that everybody holds to the serving generation.

    Where the settings ask for another engine, or a new version of the program brings another
    static model, a generation that has those is begun, and the serving one goes on until that
    is whole. A model that the user chose is another matter: ``begin`` must be called.
    """

    def __init__(
        self,
        generations: Generations,
        wanted: Wanted,
        open_engine: OpenEngine,
        make_embedder: MakeEmbedder,
        index: GenerationIndex,
        embedder: ChosenEmbedder,
    ) -> None:
        self._generations = generations
        self._wanted = wanted
        self._open_engine = open_engine
        self._make_embedder = make_embedder
        self._index = index
        self._embedder = embedder
        self._former: dict[int, Embedder] = {}
        self._beginning = asyncio.Lock()
        self._announced: set[int] = set()
        self._turned = False
        self.work = asyncio.Event()
        """Set when there is a generation to build or to drop."""

    async def locate(self, still: Still) -> Generation:
        """Go by the record as it is now; returns the serving generation. Where that is another
        one than before, the turn to it is made inside ``still``.

        Raises:
            RecordUnavailableError: the record cannot be read.
            OwnershipError, StorageError: the engine cannot be opened.
        """
        generations = await self._generations.all()
        serving = next(one for one in generations if one.state is GenerationState.SERVING)
        building = next((one for one in generations if one.state is GenerationState.BUILDING), None)
        if serving.engine is None or serving.embedder is None:  # nothing was built there yet
            await self._generations.adopt(serving.number, self._wanted.engine)
            serving = replace(serving, engine=self._wanted.engine)
        current = await self._current()
        if building is not None and not self._is_wanted(building, current):
            await self._generations.retire(building.number)
            building = None
        at_work = building is not None
        if not at_work and self._moves_by_itself(serving, current):
            await self.begin()
            at_work = True
        self._announce(await self._generations.all())
        engine = await self._open_engine(serving.engine or self._wanted.engine)
        is_former = at_work and not self._is_built_by_wanted(serving, current)
        embedder = await self._former_of(serving) if is_former else self._wanted.embedder
        moves = self._turned and serving.number != self._index.generation
        async with still() if moves else nullcontext():
            self._index.turn_to(engine, serving.number)
            self._embedder.turn_to(embedder)
        self._turned = True
        return serving

    async def begin(self) -> int:
        """Begin a generation as the settings want it, unless one is being built; its number.

        Raises:
            EmbedderUnavailableError: its dimension is not known without the embedder.
            RecordUnavailableError: nothing has begun.
        """
        async with self._beginning:
            current = await identity_of(self._wanted.embedder)
            for one in await self._generations.all():
                if one.state is GenerationState.BUILDING:
                    if self._is_wanted(one, current):
                        return one.number
                    await self._generations.retire(one.number)
            engine, embedding = self._wanted.engine, self._wanted.embedding
            return await self._generations.begin(engine, embedding, current)

    def _announce(self, generations: Sequence[Generation]) -> None:
        """Say once of each generation that there is something to do."""
        idle = {one.number for one in generations if one.state is GenerationState.SERVING}
        found = {one.number for one in generations} - idle
        if found - self._announced:
            self.work.set()
        self._announced = found

    async def _current(self) -> EmbedderRecord | None:
        try:
            return await identity_of(self._wanted.embedder)
        except EmbedderUnavailableError:
            return None

    def _is_wanted(self, generation: Generation, current: EmbedderRecord | None) -> bool:
        return generation.engine == self._wanted.engine and self._is_built_by_wanted(
            generation, current
        )

    def _is_built_by_wanted(self, generation: Generation, current: EmbedderRecord | None) -> bool:
        if current is None:  # the settings must do
            return generation.embedding == self._wanted.embedding
        return generation.embedder in (None, current)

    def _moves_by_itself(self, serving: Generation, current: EmbedderRecord | None) -> bool:
        if current is None or serving.embedder is None:
            return False
        if serving.embedder == current:
            return serving.engine != self._wanted.engine
        settings = (serving.embedding or {}, self._wanted.embedding)
        return all(each.get("provider") == _STATIC for each in settings)

    async def _former_of(self, serving: Generation) -> Embedder:
        """The embedder of a generation that another one shall follow."""
        former = self._former.get(serving.number)
        if former is not None:
            return former
        try:
            former = self._make_embedder(serving.embedding or {})
            found = await identity_of(former)
        except (EmbedderUnavailableError, SettingsError) as error:
            return LostEmbedder(_lost(serving, error))
        if found != serving.embedder:
            former = LostEmbedder(_lost(serving, None))
        self._former[serving.number] = former
        return former


def _lost(serving: Generation, cause: HybridError | None) -> str:
    built_by = described(serving.embedder) if serving.embedder else "an unknown model"
    why = f" ({cause})" if cause else ""
    return (
        f"The index is being rebuilt, and {built_by}, which built the one in use, "
        f"is not to be had any more{why}."
    )
