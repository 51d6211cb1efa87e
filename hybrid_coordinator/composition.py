"""The composition root: starts the engines, wires the rooms to them, and takes all down again."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hybrid_coordinator.coordinator import Coordinator, Progress
from hybrid_coordinator.domain.captured import CaptureState
from hybrid_coordinator.domain.health import CollectionState, PartHealth
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.errors import (
    HybridError,
    InvalidArgumentError,
    NotFoundError,
)
from hybrid_coordinator.home import Home
from hybrid_coordinator.insights.instruments import Instruments
from hybrid_coordinator.insights.recorder import Recorder
from hybrid_coordinator.insights.tracing import Tracing
from hybrid_coordinator.settings import (
    EmbeddingSettings,
    Settings,
    SettingsStore,
    StorageSettings,
    configured_secrets,
)
from hybrid_coordinator.traffic import Traffic

# Loaded by the starting task, behind the handshake; see `_import_rooms`.
if TYPE_CHECKING:
    from pathlib import Path

    from hybrid_coordinator.domain.indexing import RebuildState
    from hybrid_coordinator.domain.knowledge import JsonValue
    from hybrid_coordinator.domain.secrets import Scrubber
    from hybrid_coordinator.keeping.backup import Made
    from hybrid_coordinator.knowledge.code.indexer import CodeIndexer
    from hybrid_coordinator.knowledge.code.recall import FreshSources
    from hybrid_coordinator.knowledge.code.refreshing import Refresher
    from hybrid_coordinator.knowledge.code.watching import Watches
    from hybrid_coordinator.knowledge.collections import CollectionDefinition
    from hybrid_coordinator.knowledge.embedding.protocol import Embedder
    from hybrid_coordinator.knowledge.index_setup import IndexSetup
    from hybrid_coordinator.knowledge.locating import Wanted
    from hybrid_coordinator.knowledge.moving_index import MovingIndex
    from hybrid_coordinator.knowledge.rebuild import Rebuilder
    from hybrid_coordinator.routing.caching import Embed
    from hybrid_coordinator.routing.current import CurrentModels
    from hybrid_coordinator.routing.delegate import Delegate
    from hybrid_coordinator.routing.reporting import Reports
    from hybrid_coordinator.storage.postgres.database import Database
    from hybrid_coordinator.storage.postgres.source_files import SourceFiles
    from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
    from hybrid_coordinator.storage.vectors.engines import VectorEngines
    from hybrid_coordinator.storage.vectors.protocol import VectorIndex

_log = logging.getLogger(__name__)


class Engines:
    """The coordinator's engines: started in the background, started again after a failure."""

    def __init__(self, home: Home, settings: SettingsStore) -> None:
        self._home = home
        self._settings = settings
        self._stack = contextlib.AsyncExitStack()
        self._starting: asyncio.Task[Running] | None = None
        self._instruments = Instruments(Recorder(), Tracing(settings.current().telemetry))

    @property
    def recorder(self) -> Recorder:
        """What counts the calls of this process."""
        return self._instruments.recorder

    def begin(self) -> None:
        """Start now, without waiting."""
        self._instruments.tracing.start()
        self._starting = asyncio.create_task(self._start())

    def state(self) -> str:
        """ "starting", "up", or what keeps them down."""
        task = self._starting
        if task is None or not task.done():
            return "starting"
        error = None if task.cancelled() else task.exception()
        return f"down: {error}" if error else "up"

    def rebuild(self) -> RebuildState | None:
        """How far a rebuild of the index is, if one is under way."""
        task = self._starting
        if task is None or not task.done() or task.cancelled() or task.exception() is not None:
            return None
        return task.result().rebuilder.state

    async def captured(self) -> CaptureState | None:
        """What came of the sessions of coding agents; None while the engines are not up."""
        if self.state() != "up":
            return None
        return await (await self.get()).learning.capture.state()

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
            from hybrid_coordinator.insights.health import models_health, remedy

            down = PartHealth("engines", ok=False, detail=str(error), remedy=remedy(error))
            models = _models_alone(self._settings)
            try:
                return [down, *await models_health(models), *self._instruments.tracing.health()]
            finally:
                await models.close()

    async def backup(self, file: Path | None, keep: int | None, progress: Progress) -> Made:
        """Write a backup of the record, index, settings and rules; see `keeping.backup`."""
        from hybrid_coordinator.keeping.backup import backup

        running = await self.running()
        index = running.engines.embedded
        return await backup(running.database, index, self._home, file, keep, progress)

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
        await self._instruments.tracing.close()

    async def _start(self) -> Running:
        stack = contextlib.AsyncExitStack()
        try:
            running = await _open(self._home, self._settings, self._instruments, stack)
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
    database: Database
    index: VectorIndex
    engines: VectorEngines
    files: SourceFiles
    setup: IndexSetup
    rebuilder: Rebuilder

    async def health(self) -> list[PartHealth]:
        """Each part, asked now."""
        return await self.coordinator.insights.health()

    async def collections(self) -> list[CollectionState]:
        """The five collections, counted now."""
        return await self.coordinator.insights.collections()

    async def rebuild(self, progress: Progress) -> None:
        """Build the index anew beside the one that serves, as the settings want it, and switch.
        One that is under way is waited for.

        Raises:
            HybridError: what holds it up. It goes on by itself once it has begun.
        """
        await self.rebuilder.rebuild(progress)
        await self.setup.ensure()

    async def keep_up(self) -> None:
        """Catch up now, and whenever another coordinator has rebuilt the index: it does not have
        the files that are on this machine alone."""
        while True:
            self.setup.moved.clear()
            await self.catch_up()
            await self.setup.moved.wait()

    async def catch_up(self) -> None:
        """Index again what a crash, a damaged shard or a missing embedder left unfinished, and
        take up what is watched."""
        try:
            await self.coordinator.watches.resume()
            await self.coordinator.projector.drain(_DRAIN_SECONDS)
            await self._index_unfinished()
        except HybridError:
            _log.warning("unfinished indexing is left to the next start", exc_info=True)

    async def _index_unfinished(self) -> None:
        for project, root in await self.files.unfinished_roots():
            try:
                await self.coordinator.indexer.index_again(root, project)
            except (InvalidArgumentError, NotFoundError) as error:
                _log.warning("%s cannot be indexed again: %s", root, error)


def _models_alone(store: SettingsStore) -> Delegate:
    """The models without a record."""
    from hybrid_coordinator.domain.secrets import Scrubber
    from hybrid_coordinator.routing.delegate import Delegate
    from hybrid_coordinator.routing.planning import Planner

    planner = Planner(lambda: store.current().routing, None, None)
    return Delegate(store.current(), planner, Scrubber(), None)


_DRAIN_SECONDS = 600.0


async def _open(
    home: Home, store: SettingsStore, instruments: Instruments, stack: contextlib.AsyncExitStack
) -> Running:
    """Start the engines side by side, then build the rooms on them.

    Raises:
        HybridError: an engine does not come up.
    """
    settings = store.current()
    record = asyncio.create_task(_open_record(home, settings, stack))
    try:
        await asyncio.to_thread(_import_rooms)
        from hybrid_coordinator.storage.vectors.engines import EMBEDDED, VectorEngines

        storage = settings.storage
        key = storage.qdrant_api_key.get_secret_value() if storage.qdrant_api_key else None
        engines = VectorEngines(home.vectors_dir, key, storage.timeout_seconds)
        stack.push_async_callback(engines.close)
        await engines.open(storage.qdrant_url or EMBEDDED)  # while the record is being opened
    except BaseException:
        record.cancel()
        await asyncio.gather(record, return_exceptions=True)
        raise
    return await _build(home, store, instruments, await record, engines, stack)


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


async def _build(
    home: Home,
    store: SettingsStore,
    instruments: Instruments,
    database: Database,
    engines: VectorEngines,
    stack: contextlib.AsyncExitStack,
) -> Running:
    from hybrid_coordinator.access.wiring import build_access
    from hybrid_coordinator.domain.secrets import Scrubber
    from hybrid_coordinator.insights.health import unreachable_index
    from hybrid_coordinator.insights.wiring import Looked, build_insights
    from hybrid_coordinator.keeping.logs import Logs
    from hybrid_coordinator.knowledge.code.grammars import unpack_grammars_into
    from hybrid_coordinator.knowledge.embedding.static import StaticEmbedder
    from hybrid_coordinator.knowledge.retrieval import Retriever
    from hybrid_coordinator.learning.forgetting.wiring import build_forgetting
    from hybrid_coordinator.learning.wiring import Parts, build_learning
    from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
    from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords
    from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder

    settings = store.current()
    unpack_grammars_into(home.grammars_dir)
    interactions, knowledge = InteractionRecords(database), KnowledgeRecords(database)
    definitions = _definitions(settings.storage)
    scrubber, bm25 = Scrubber(configured_secrets(settings)), Bm25Encoder()
    _follow(store, scrubber)
    moving = _moving_index(settings, database, engines, scrubber, bm25, definitions, stack)
    index, embedder, setup = moving.index, moving.embedder, moving.setup
    shipped = StaticEmbedder()  # the model that thresholds of likeness were measured with
    models, reports = _routing(home, store, scrubber, database, shipped.embed, instruments.recorder)
    stack.push_async_callback(models.close)
    rows = (store, database, interactions, knowledge, definitions)
    points = (index, bm25, moving.projector)
    traffic = Traffic()
    learning = build_learning(Parts(*rows, *points, models, scrubber, shipped, home, traffic))
    refresher, watches, sources = _upkeep(home, moving.indexer, database, scrubber)
    stack.push_async_callback(watches.close)
    memory, retention = build_forgetting(
        store, database, moving, watches, definitions, scrubber, home
    )
    models_now = models.current
    shown = (home, store, database, moving, watches, definitions, interactions)
    insights = build_insights(Looked(*shown, learning, reports, models_now, instruments))
    stack.push_async_callback(insights.close)
    if lonely := await unreachable_index(database, settings):
        _log.warning("%s; set QDRANT_URL to one server in every home that uses it", lonely)
    coordinator = Coordinator(
        retriever=Retriever(index, embedder, bm25, interactions, setup, sources, definitions),
        projector=moving.projector,
        indexer=moving.indexer,
        watches=watches,
        learning=learning,
        interactions=interactions,
        knowledge=knowledge,
        memory=memory,
        definitions=definitions,
        models=models_now,
        insights=insights,
        reports=reports,
        scrubber=scrubber,
        settings=store,
        access=build_access(store, database, scrubber),
        rebuild_state=lambda: moving.rebuilder.state,
        datasets_dir=home.datasets_dir,
        traffic=traffic,
    )
    running = Running(coordinator, database, index, engines, moving.files, setup, moving.rebuilder)
    _begin(
        stack,
        *(moving.projector.run, models.run, refresher.run, running.keep_up, *learning.works),
        *(moving.rebuilder.run, retention.run, coordinator.access.audit.run, Logs(home).run),
    )
    return running


def _definitions(storage: StorageSettings) -> Mapping[CollectionName, CollectionDefinition]:
    """The collections, laid out over a cluster as the settings have it."""
    from hybrid_coordinator.knowledge.collections import laid_out, load_collections

    return laid_out(load_collections(), storage.qdrant_shards, storage.qdrant_replicas)


def _begin(
    stack: contextlib.AsyncExitStack, *works: Callable[[], Coroutine[None, None, None]]
) -> None:
    """Start what goes on behind the callers, until ``stack`` is closed."""
    for work in works:
        stack.push_async_callback(_cancel, asyncio.create_task(work()))


def _follow(store: SettingsStore, scrubber: Scrubber) -> None:
    """Refuse edits with a URL or a key that cannot be used, and keep the keys of others secret."""
    from hybrid_coordinator.inference.credentials import configured_credentials

    def edited(settings: Settings) -> None:
        configured_credentials(settings.inference, settings.remote)
        scrubber.know(configured_secrets(settings))

    store.follow(edited)


def _routing(
    home: Home,
    store: SettingsStore,
    scrubber: Scrubber,
    database: Database,
    embed: Embed,
    recorder: Recorder,
) -> tuple[CurrentModels, Reports]:
    """The models, and what is said of how they did."""
    from hybrid_coordinator.routing.current import CurrentModels
    from hybrid_coordinator.routing.reporting import Reports
    from hybrid_coordinator.storage.postgres.spend import Spend
    from hybrid_coordinator.storage.postgres.usage import UsageRecords

    models = CurrentModels(store, home.rules_file, scrubber, database, embed, recorder.attempts)
    reports = Reports(UsageRecords(database), Spend(database), lambda: store.current().remote)
    return models, reports


def _moving_index(
    settings: Settings,
    database: Database,
    engines: VectorEngines,
    scrubber: Scrubber,
    bm25: Bm25Encoder,
    definitions: Mapping[CollectionName, CollectionDefinition],
    stack: contextlib.AsyncExitStack,
) -> MovingIndex:
    """The index as the settings want it, with the embedders and processes that fill it."""
    from hybrid_coordinator.knowledge.code.worker import Workshop
    from hybrid_coordinator.knowledge.moving_index import moving_index
    from hybrid_coordinator.storage.vectors.engines import EMBEDDED

    embedders, workshop = _Embedders(settings.embedding), Workshop()
    stack.push_async_callback(embedders.close)
    stack.push_async_callback(workshop.close)
    wanted = embedders.wanted(settings.storage.qdrant_url or EMBEDDED)
    return moving_index(
        database, wanted, engines.open, embedders.make, bm25, workshop, scrubber, definitions
    )


def _upkeep(
    home: Home, indexer: CodeIndexer, database: Database, scrubber: Scrubber
) -> tuple[Refresher, Watches, FreshSources]:
    """What keeps the index of code up to date while nobody asks for it, and what is shown honest
    until it has."""
    from hybrid_coordinator.knowledge.code.recall import FreshSources
    from hybrid_coordinator.knowledge.code.refreshing import Refresher
    from hybrid_coordinator.knowledge.code.watching import Watches
    from hybrid_coordinator.storage.postgres.watched import WatchedDirectories

    refresher = Refresher(indexer)

    def changed(project: str, root: str, path: str) -> None:
        refresher.add(project, root, [path])

    watches = Watches(WatchedDirectories(database, home.identity()), refresher)
    return refresher, watches, FreshSources(scrubber, changed, indexer.draft)


_RECORDED_EMBEDDING = ("provider", "model", "base_url")
"""The settings that lead to an embedding model, less its key."""


class _Embedders:
    """Makes embedders, and closes them all at the end."""

    def __init__(self, settings: EmbeddingSettings) -> None:
        self._settings = settings
        self._made: list[Embedder] = []

    def wanted(self, engine: str) -> Wanted:
        """The index in ``engine`` by the embedder that is configured."""
        from hybrid_coordinator.knowledge.locating import Wanted

        embedding = self._settings.model_dump(include=set(_RECORDED_EMBEDDING))
        return Wanted(engine, embedding, self.make(embedding))

    def make(self, recorded: Mapping[str, JsonValue]) -> Embedder:
        """The embedder that these settings lead to. A key is given only to the address that it
        was configured for."""
        from hybrid_coordinator.knowledge.embedding.cooling import CoolingEmbedder
        from hybrid_coordinator.knowledge.embedding.factory import build_embedder

        now = self._settings
        known = {name: recorded.get(name) for name in _RECORDED_EMBEDDING if recorded.get(name)}
        settings = EmbeddingSettings.model_validate(
            known
            | {
                "timeout_seconds": now.timeout_seconds,
                "api_key": now.api_key if known.get("base_url") == now.base_url else None,
            }
        )
        self._made.append(CoolingEmbedder(build_embedder(settings)))
        return self._made[-1]

    async def close(self) -> None:
        """No call to any of them may follow."""
        for embedder in self._made:
            await embedder.close()


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


_ROOMS = (
    "hybrid_coordinator.storage.postgres.interactions",
    "hybrid_coordinator.storage.vectors.edge",
    "hybrid_coordinator.knowledge.projection",
    "hybrid_coordinator.knowledge.retrieval",
    "hybrid_coordinator.knowledge.code.watching",
    "hybrid_coordinator.learning.wiring",
    "hybrid_coordinator.insights.wiring",
)


def _import_rooms() -> None:
    """Load what `_build` needs, on a thread: the handshake is being answered meanwhile."""
    for name in _ROOMS:
        importlib.import_module(name)
