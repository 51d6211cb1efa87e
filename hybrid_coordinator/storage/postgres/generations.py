"""Generations of the index: which one serves, which is being built, and what each has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum

from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.errors import NotFoundError, StorageError
from hybrid_coordinator.storage.postgres.database import WHOLE_TABLE_SECONDS, Database, Row
from hybrid_coordinator.storage.postgres.queries import load_queries


class GenerationState(StrEnum):
    """At most one generation is being built. A retired one waits to be dropped."""

    BUILDING = "building"
    SERVING = "serving"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class EmbedderRecord:
    """The embedding model that builds a generation."""

    model: str
    dimension: int
    revision: str


@dataclass(frozen=True, slots=True)
class Generation:
    """All collections, built by one embedding model in one engine.

    ``engine`` names the engine, ``embedding`` holds the settings that lead to the model (no
    secrets). What is None has not been decided: the generation was never used.
    """

    number: int
    state: GenerationState
    engine: str | None
    embedding: Mapping[str, JsonValue] | None
    embedder: EmbedderRecord | None


@dataclass(frozen=True, slots=True)
class _Queries:
    all: str
    adopt: str
    built_by: str
    begin: str
    forget_interactions: str
    forget_knowledge: str
    keep_unfinished: str
    switch_interactions: str
    switch_knowledge: str
    turn: str
    turn_over: str
    hold: str
    manifest_mark: str
    retire: str
    retire_serving: str
    serve: str
    forget: str
    differing_roots: str
    progress: str


class Generations:
    """The record's part of a move from one generation to the next."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("generations", _Queries)

    async def all(self) -> list[Generation]:
        """Every generation, oldest first."""
        return [_generation(row) for row in await self._database.fetch(self._queries.all)]

    async def serving(self) -> Generation:
        """The one that answers questions.

        Raises:
            StorageError: there is none, which only a hand in the database can bring about.
        """
        for one in await self.all():
            if one.state is GenerationState.SERVING:
                return one
        raise StorageError("no generation of the index serves; run `hybrid-coordinator reindex`")

    async def adopt(self, number: int, engine: str) -> None:
        """Say where a generation lies that has nothing yet."""
        await self._database.execute(self._queries.adopt, number, engine)

    async def built_by(
        self, number: int, embedding: Mapping[str, JsonValue], embedder: EmbedderRecord
    ) -> None:
        """Say which model builds a generation."""
        await self._database.execute(
            self._queries.built_by,
            number,
            dict(embedding),
            embedder.model,
            embedder.dimension,
            embedder.revision,
        )

    async def begin(
        self, engine: str, embedding: Mapping[str, JsonValue], embedder: EmbedderRecord
    ) -> int:
        """Begin a generation that has nothing yet; returns its number.

        Raises:
            StorageError: another one is being built.
        """
        async with self._database.transaction() as session:
            number: int = await session.fetch_value(
                self._queries.begin,
                engine,
                dict(embedding),
                embedder.model,
                embedder.dimension,
                embedder.revision,
            )
            for statement in (self._queries.forget_interactions, self._queries.forget_knowledge):
                await session.execute(statement, timeout=WHOLE_TABLE_SECONDS)
        return number

    async def forget_rows(self, *, interactions: bool) -> None:
        """Say that the generation under construction has no interaction, or no knowledge."""
        if interactions:
            await self._database.execute(self._queries.forget_interactions)
        else:
            await self._database.execute(self._queries.forget_knowledge)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[bool]:
        """Whether it is our turn to build and drop generations, until this ends: of several
        coordinators one does. The turn of one that is killed ends with its connection."""
        async with self._database.session() as session:
            ours = True  # for all that is known until the server has answered
            try:
                ours = await session.fetch_value(self._queries.turn)
                yield ours
            finally:
                if ours:
                    await session.let_go(self._queries.turn_over)

    async def manifest_mark(self) -> str:
        """Something that differs once a file of the serving generation was written."""
        mark: str = await self._database.fetch_value(self._queries.manifest_mark)
        return mark

    async def switch(self, number: int, lost: Sequence[tuple[str, str]], mark: str) -> bool:
        """Make the generation under construction the serving one, and retire that: all of it or
        nothing. ``lost`` are (project, root) that could not be indexed; their files stay known as
        unfinished. ``mark`` is that of the manifest that was brought into it: False, and nothing
        is done, if another coordinator has written files since.

        Raises:
            StorageError: it is not under construction any more; the serving one stays.
        """
        queries = self._queries
        projects, roots = [project for project, _ in lost], [root for _, root in lost]
        async with self._database.transaction() as session:
            await session.execute(queries.hold)
            if await session.fetch_value(queries.manifest_mark) != mark:
                return False
            await session.execute(queries.keep_unfinished, number, projects, roots)
            for statement in (queries.switch_interactions, queries.switch_knowledge):
                await session.execute(statement, timeout=WHOLE_TABLE_SECONDS)
            await session.execute(queries.retire_serving)
            if await session.fetch_value(queries.serve, number) is None:
                raise StorageError(
                    f"generation {number} of the index is no longer being built: "
                    "another coordinator has switched it or given it up"
                )
        return True

    async def retire(self, number: int) -> None:
        """Give a generation up; it waits to be dropped."""
        await self._database.execute(self._queries.retire, number)

    async def forget(self, number: int) -> None:
        """Forget a retired generation with its manifest: its collections are gone."""
        await self._database.execute(self._queries.forget, number)

    async def differing_roots(self, number: int) -> list[tuple[str, str]]:
        """Each (project, root) of which the generation under construction does not have what the
        serving one has."""
        rows = await self._database.fetch(self._queries.differing_roots, number)
        return [(row["project"], row["root"]) for row in rows]

    async def progress(self, number: int) -> tuple[int, int]:
        """How many rows and files the generation under construction has, and of how many."""
        (row,) = await self._database.fetch(self._queries.progress, number)
        return row["done"], row["total"]


def require_serving(serving: int | None, generation: int) -> None:
    """Refuse what was said of a generation.

    Raises:
        NotFoundError: it does not serve, ``serving`` is None.
    """
    if serving is None:
        raise NotFoundError(f"generation {generation} of the index does not serve any more")


def _generation(row: Row) -> Generation:
    built = row["model"] is not None
    return Generation(
        row["number"],
        GenerationState(row["state"]),
        row["engine"],
        row["embedding"],
        EmbedderRecord(row["model"], row["dimension"], row["revision"]) if built else None,
    )
