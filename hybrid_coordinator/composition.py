"""The composition root: starts the engines, wires the rooms to them, and takes all down again."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hybrid_coordinator.coordinator import Coordinator, Progress
from hybrid_coordinator.domain.health import CollectionState, PartHealth
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.errors import (
    EmbeddingMismatchError,
    HybridError,
    InvalidArgumentError,
    NotFoundError,
    SettingsError,
    UnavailableError,
)
from hybrid_coordinator.home import Home
from hybrid_coordinator.settings import InferenceSettings, Settings, SettingsStore

# Loaded by the starting task, behind the handshake; see `_import_rooms`.
if TYPE_CHECKING:
    from hybrid_coordinator.domain.secrets import Scrubber
    from hybrid_coordinator.knowledge.code.indexer import CodeIndexer
    from hybrid_coordinator.knowledge.code.refreshing import Refresher
    from hybrid_coordinator.knowledge.code.watching import Watches
    from hybrid_coordinator.knowledge.collections import CollectionDefinition
    from hybrid_coordinator.knowledge.embedding.protocol import Embedder
    from hybrid_coordinator.knowledge.index_setup import IndexSetup
    from hybrid_coordinator.routing.delegate import LocalModels
    from hybrid_coordinator.storage.postgres.bookkeeping import CollectionEmbedders
    from hybrid_coordinator.storage.postgres.database import Database
    from hybrid_coordinator.storage.postgres.source_files import SourceFiles
    from hybrid_coordinator.storage.vectors.protocol import VectorIndex

_log = logging.getLogger(__name__)


class Engines:
    """The coordinator's engines: started in the background, started again after a failure."""

    def __init__(self, home: Home, settings: SettingsStore) -> None:
        self._home = home
        self._settings = settings
        self._stack = contextlib.AsyncExitStack()
        self._starting: asyncio.Task[Running] | None = None

    def begin(self) -> None:
        """Start now, without waiting."""
        self._starting = asyncio.create_task(self._start())

    def state(self) -> str:
        """ "starting", "up", or what keeps them down."""
        task = self._starting
        if task is None or not task.done():
            return "starting"
        error = None if task.cancelled() else task.exception()
        return f"down: {error}" if error else "up"

    def settings_notice(self) -> str | None:
        """What a user should know of hybrid.yaml as it is now; None mostly."""
        return self._settings.notice()

    async def get(self) -> Coordinator:
        """The coordinator, once its engines are up.

        Raises:
            HybridError: they could not be started; the next call tries again.
        """
        return (await self.running()).coordinator

    async def running(self) -> Running:
        """Everything that runs. Raises as `get` does."""
        task = self._starting
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._starting = asyncio.create_task(self._start())
        return await asyncio.shield(task)

    async def health(self) -> list[PartHealth]:
        """Each part, asked now; where the engines are down, why, and the parts beside them."""
        try:
            return await (await self.running()).health()
        except HybridError as error:
            from hybrid_coordinator.domain.secrets import Scrubber
            from hybrid_coordinator.routing.delegate import LocalModels

            down = PartHealth("engines", ok=False, detail=str(error), remedy=_remedy(error))
            models = LocalModels(self._settings.current().inference, Scrubber())
            try:
                return [down, *await _models_health(models)]
            finally:
                await models.close()

    async def tidy(self) -> None:
        """Compact the index. Qdrant Edge has no background optimizer, and while it works nothing
        else in the process runs (1 s of CPU at 20,000 points): for when nobody waits."""
        task = self._starting
        if task is not None and task.done() and not task.cancelled() and task.exception() is None:
            try:
                await task.result().index.optimize()
            except HybridError:
                _log.warning("the index could not be compacted", exc_info=True)

    async def close(self) -> None:
        """Stop the engines; what was acknowledged is durable already."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        await self._stack.aclose()

    async def _start(self) -> Running:
        stack = contextlib.AsyncExitStack()
        try:
            running = await _open(self._home, self._settings, stack)
        except BaseException:
            await stack.aclose()
            raise
        self._stack = stack
        return running


def stop_leftovers(home: Home) -> bool:
    """Stop the Postgres that a killed coordinator left running. True if there was one."""
    from hybrid_coordinator.storage.postgres.server import PostgresServer

    return home.postgres_dir.exists() and PostgresServer(home.postgres_dir).stop()


@dataclass(frozen=True)
class Running:
    """A started coordinator, with the parts that its upkeep needs."""

    coordinator: Coordinator
    settings: Settings
    database: Database
    index: VectorIndex
    embedder: Embedder
    embedders: CollectionEmbedders
    files: SourceFiles
    setup: IndexSetup
    definitions: Mapping[CollectionName, CollectionDefinition]

    async def health(self) -> list[PartHealth]:
        """Each part, asked now."""
        storage, embedding = self.settings.storage, self.settings.embedding
        checks: tuple[tuple[str, Awaitable[object], str], ...] = (
            ("postgres", self.database.ping(), "external" if storage.database_url else "embedded"),
            ("qdrant", self.index.ping(), storage.qdrant_url or "embedded (Qdrant Edge)"),
            ("embedder", self.embedder.embed(["ping"]), embedding.provider),
            ("collections", self.setup.ensure(), "all five are there, built by this embedder"),
        )
        parts = []
        for name, check, detail in checks:
            try:
                await check
            except HybridError as error:
                parts.append(PartHealth(name, ok=False, detail=str(error), remedy=_remedy(error)))
            else:
                parts.append(PartHealth(name, ok=True, detail=detail))
        notice = self.coordinator.settings.notice()
        parts.append(
            PartHealth("settings", ok=notice is None, detail=notice or "in force", needed=False)
        )
        watched = ", ".join(self.coordinator.watches.directories()) or "no directory"
        parts.append(PartHealth("watching", ok=True, detail=watched, needed=False))
        return [*parts, *await _models_health(self.coordinator.models())]

    async def collections(self) -> list[CollectionState]:
        """The five collections, counted now."""
        await self.setup.ensure()
        built = await self.embedders.all()
        return [
            CollectionState(
                name=name.value,
                purpose=definition.purpose,
                points=await self.index.count(name.value, {}),
                embedder=built[name.value].model,
            )
            for name, definition in self.definitions.items()
        ]

    async def rebuild(self, progress: Progress) -> None:
        """Make every collection anew from the record and from the indexed directories, with the
        embedder that is configured now.

        Raises:
            EmbedderUnavailableError: nothing was emptied.
        """
        for name in self.definitions:
            await self.coordinator.projector.rebuild(name)
        await self._index_unfinished(progress)
        await self.coordinator.projector.drain(_REBUILD_SECONDS)

    async def catch_up(self) -> None:
        """Index again what a crash, a damaged shard or a missing embedder left unfinished, and
        take up what is watched."""
        try:
            await self.coordinator.projector.drain(_REBUILD_SECONDS)
            await self.coordinator.watches.resume()
            await self._index_unfinished(_say_nothing)
        except HybridError:
            _log.warning("unfinished indexing is left to the next start", exc_info=True)

    async def _index_unfinished(self, progress: Progress) -> None:
        roots = await self.files.unfinished_roots()
        for number, (project, root) in enumerate(roots):

            async def told(done: int, total: int, number: int = number, root: str = root) -> None:
                await progress(number + done / max(total, 1), len(roots), f"roots, in {root}")

            try:
                await self.coordinator.indexer.index(Path(root), project, told)
            except (InvalidArgumentError, NotFoundError) as error:
                _log.warning("%s cannot be indexed again: %s", root, error)


async def _models_health(models: LocalModels) -> list[PartHealth]:
    from hybrid_coordinator.inference.starting import unavailable

    survey = await models.survey()
    parts = [
        PartHealth(
            f"model {report.endpoint.kind}",
            ok=bool(report.models),
            detail=", ".join(model.name for model in report.models) or str(report),
            needed=False,
        )
        for report in survey
    ]
    if not any(part.ok for part in parts):
        parts.append(
            PartHealth(
                "a local model",
                ok=False,
                detail="none answers, so ask_local_llm cannot",
                remedy=str(unavailable(survey)).rpartition(". ")[2],
                needed=False,
            )
        )
    return parts


_REBUILD_SECONDS = 600.0


async def _say_nothing(_: float, __: float | None, ___: str) -> None:
    """Progress that nobody asked for."""


def _remedy(error: HybridError) -> str:
    if isinstance(error, EmbeddingMismatchError):
        return "hybrid-coordinator reindex"
    if isinstance(error, UnavailableError):
        return "start that server, or correct or unset its setting; then hybrid-coordinator stop"
    return "hybrid-coordinator stop, then try again; the log says more"


async def _open(home: Home, store: SettingsStore, stack: contextlib.AsyncExitStack) -> Running:
    """Start the engines side by side, then build the rooms on them.

    Raises:
        HybridError: an engine does not come up.
    """
    settings = store.current()
    record = asyncio.create_task(_open_record(home, settings, stack))
    try:
        await asyncio.to_thread(_import_rooms)
        index = await _open_index(home, settings)
        stack.push_async_callback(index.close)
    except BaseException:
        record.cancel()
        await asyncio.gather(record, return_exceptions=True)
        raise
    return await _build(home, store, await record, index, stack)


async def _open_record(
    home: Home, settings: Settings, stack: contextlib.AsyncExitStack
) -> Database:
    from hybrid_coordinator.storage.postgres.database import Database
    from hybrid_coordinator.storage.postgres.migrate import migrate

    storage = settings.storage
    if storage.database_url is not None:
        database = await Database.connect(
            storage.database_url.get_secret_value(), timeout=storage.timeout_seconds
        )
    else:
        from hybrid_coordinator.storage.postgres.embedded import EmbeddedPostgres

        server = await EmbeddedPostgres.start(home.postgres_dir)
        stack.push_async_callback(server.stop)
        database = await Database.connect(
            server.dsn, timeout=storage.timeout_seconds, revive=server.ensure_running
        )
    stack.push_async_callback(database.close)
    await migrate(database)
    return database


async def _open_index(home: Home, settings: Settings) -> VectorIndex:
    storage = settings.storage
    if storage.qdrant_url is None:
        from hybrid_coordinator.storage.vectors.edge import EdgeIndex

        index = await EdgeIndex.open(home.vectors_dir)
        for collection, reason in index.damaged.items():
            _log.error("collection %s was damaged and is built anew: %s", collection, reason)
        return index
    from hybrid_coordinator.storage.vectors.client import ClientIndex

    key = storage.qdrant_api_key
    return ClientIndex.connect(
        storage.qdrant_url, key.get_secret_value() if key else None, storage.timeout_seconds
    )


async def _build(
    home: Home,
    store: SettingsStore,
    database: Database,
    index: VectorIndex,
    stack: contextlib.AsyncExitStack,
) -> Running:
    from hybrid_coordinator.domain.secrets import Scrubber
    from hybrid_coordinator.knowledge.code.grammars import unpack_grammars_into
    from hybrid_coordinator.knowledge.code.indexer import CodeIndexer
    from hybrid_coordinator.knowledge.code.worker import Workshop
    from hybrid_coordinator.knowledge.collections import load_collections
    from hybrid_coordinator.knowledge.embedding.cooling import CoolingEmbedder
    from hybrid_coordinator.knowledge.embedding.factory import build_embedder
    from hybrid_coordinator.knowledge.index_setup import IndexSetup
    from hybrid_coordinator.knowledge.projection import Projector
    from hybrid_coordinator.knowledge.retrieval import Retriever
    from hybrid_coordinator.learning.datasets import TrainingData
    from hybrid_coordinator.learning.outcomes import OutcomeRecorder
    from hybrid_coordinator.learning.tracking import Tracker
    from hybrid_coordinator.routing.route import Router
    from hybrid_coordinator.storage.postgres.bookkeeping import (
        CollectionEmbedders,
        Datasets,
        Statistics,
    )
    from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
    from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords
    from hybrid_coordinator.storage.postgres.source_files import SourceFiles
    from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder

    settings = store.current()
    unpack_grammars_into(home.grammars_dir)
    interactions, knowledge = InteractionRecords(database), KnowledgeRecords(database)
    files, embedders = SourceFiles(database), CollectionEmbedders(database)
    definitions = load_collections()
    scrubber = Scrubber(_secrets(settings))
    embedder, bm25 = CoolingEmbedder(build_embedder(settings.embedding)), Bm25Encoder()
    stack.push_async_callback(embedder.close)
    workshop = Workshop()
    stack.push_async_callback(workshop.close)
    setup = IndexSetup(index, embedder, embedders, interactions, knowledge, files, definitions)
    projector = Projector(index, embedder, bm25, interactions, knowledge, setup, definitions)
    indexer = CodeIndexer(index, embedder, workshop, files, scrubber)
    refresher, watches = _upkeep(indexer, database)
    stack.push_async_callback(watches.close)
    models = CurrentModels(store, scrubber)
    stack.push_async_callback(models.close)
    coordinator = Coordinator(
        retriever=Retriever(index, embedder, bm25, interactions, setup, definitions),
        projector=projector,
        indexer=indexer,
        watches=watches,
        tracker=Tracker(interactions, projector.wake, scrubber),
        outcomes=OutcomeRecorder(
            interactions,
            index,
            bm25,
            lambda: store.current().learning.high_value_threshold,
            projector.wake,
            scrubber,
        ),
        training_data=TrainingData(interactions, Datasets(database), scrubber),
        interactions=interactions,
        knowledge=knowledge,
        definitions=definitions,
        models=models.current,
        router=Router(),
        statistics=Statistics(database),
        scrubber=scrubber,
        settings=store,
        datasets_dir=home.datasets_dir,
    )
    running = Running(
        coordinator, settings, database, index, embedder, embedders, files, setup, definitions
    )
    for work in (projector.run(), refresher.run(), running.catch_up()):
        task = asyncio.create_task(work)
        stack.push_async_callback(_cancel, task)
    return running


def _upkeep(indexer: CodeIndexer, database: Database) -> tuple[Refresher, Watches]:
    """What keeps the index of code up to date while nobody asks for it."""
    from hybrid_coordinator.knowledge.code.refreshing import Refresher
    from hybrid_coordinator.knowledge.code.watching import Watches
    from hybrid_coordinator.storage.postgres.watched import WatchedDirectories

    refresher = Refresher(indexer)
    return refresher, Watches(WatchedDirectories(database), refresher)


class CurrentModels:
    """The local models that the settings name now: made anew when those settings change."""

    def __init__(self, store: SettingsStore, scrubber: Scrubber) -> None:
        self._store = store
        self._scrubber = scrubber
        self._settings = store.current().inference
        self._made = [self._make(self._settings)]

    def _make(self, settings: InferenceSettings) -> LocalModels:
        from hybrid_coordinator.routing.delegate import LocalModels

        return LocalModels(settings, self._scrubber)

    def current(self) -> LocalModels:
        """The models in force."""
        wanted = self._store.current().inference
        if wanted != self._settings:
            self._settings = wanted
            try:
                # The former ones may still be answering somebody: they are closed at the end.
                self._made.append(self._make(wanted))
            except SettingsError as error:
                _log.warning("the previous model endpoints stay in force: %s", error)
        return self._made[-1]

    async def close(self) -> None:
        """Close all connections; no call may follow."""
        for models in self._made:
            await models.close()


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _secrets(settings: Settings) -> list[str]:
    """Configured values that must never be stored."""
    given = (
        settings.storage.database_url,
        settings.storage.qdrant_api_key,
        settings.embedding.api_key,
    )
    return [secret.get_secret_value() for secret in given if secret is not None]


_ROOMS = (
    "hybrid_coordinator.storage.postgres.interactions",
    "hybrid_coordinator.storage.vectors.edge",
    "hybrid_coordinator.knowledge.projection",
    "hybrid_coordinator.knowledge.retrieval",
    "hybrid_coordinator.knowledge.code.watching",
    "hybrid_coordinator.learning.datasets",
    "hybrid_coordinator.learning.outcomes",
    "hybrid_coordinator.routing.delegate",
)


def _import_rooms() -> None:
    """Load what `_build` needs, on a thread: the handshake is being answered meanwhile."""
    for name in _ROOMS:
        importlib.import_module(name)
