"""How each part is, asked now."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hybrid_coordinator.domain.captured import CaptureState
from hybrid_coordinator.domain.health import PartHealth
from hybrid_coordinator.domain.indexing import RebuildState
from hybrid_coordinator.errors import (
    EmbeddingMismatchError,
    HybridError,
    SettingsError,
    UnavailableError,
)
from hybrid_coordinator.insights.tracing import Tracing
from hybrid_coordinator.settings import Settings, SettingsStore

# Where no engine comes up this is loaded without them.
if TYPE_CHECKING:
    from hybrid_coordinator.knowledge.code.watching import Watches
    from hybrid_coordinator.knowledge.embedding.protocol import Embedder
    from hybrid_coordinator.knowledge.index_setup import IndexSetup
    from hybrid_coordinator.learning.capture.capturing import Capture
    from hybrid_coordinator.learning.jobs.queue import Jobs
    from hybrid_coordinator.routing.delegate import Delegate
    from hybrid_coordinator.storage.postgres.database import Database
    from hybrid_coordinator.storage.vectors.protocol import VectorIndex


@dataclass(frozen=True)
class Checkup:
    """What is asked. ``started_with`` are the settings that the engines were started with."""

    started_with: Settings
    settings: SettingsStore
    database: Database
    index: VectorIndex
    embedder: Embedder
    setup: IndexSetup
    rebuild_state: Callable[[], RebuildState | None]
    capture: Capture
    watches: Watches
    jobs: Jobs
    models: Callable[[], Delegate]
    tracing: Tracing

    async def health(self) -> list[PartHealth]:
        """Each part, asked now."""
        storage, embedding = self.started_with.storage, self.started_with.embedding
        checks: tuple[tuple[str, Awaitable[object], str], ...] = (
            ("postgres", self.database.ping(), "external" if storage.database_url else "embedded"),
            ("qdrant", self._ping_index(), storage.qdrant_url or "embedded (Qdrant Edge)"),
            ("embedder", self.embedder.embed(["ping"]), embedding.provider),
            ("collections", self.setup.ensure(), "all five are there"),
        )
        parts = []
        for name, check, detail in checks:
            try:
                await check
            except HybridError as error:
                parts.append(PartHealth(name, ok=False, detail=str(error), remedy=remedy(error)))
            else:
                parts.append(PartHealth(name, ok=True, detail=detail))
        parts.extend(await self._sharing())
        state = self.rebuild_state()
        if state is not None:
            parts.append(
                PartHealth("rebuild", ok=not state.problem, detail=state.words, needed=False)
            )
        notice = self.settings.notice()
        parts.append(
            PartHealth("settings", ok=notice is None, detail=notice or "in force", needed=False)
        )
        parts.append(_capture_health(await self.capture.state()))
        watched = ", ".join(self.watches.directories()) or "no directory"
        parts.append(PartHealth("watching", ok=True, detail=watched, needed=False))
        try:
            parts.append(await self.jobs.health())
        except HybridError as error:
            parts.append(PartHealth("jobs", False, str(error), remedy(error), needed=False))
        return [*parts, *self.tracing.health(), *await models_health(self.models())]

    async def _sharing(self) -> list[PartHealth]:
        """That others use the record of a home whose index they cannot reach; nothing mostly."""
        try:
            words = await unreachable_index(self.database, self.started_with)
        except HybridError:  # another check tells of it
            return []
        if words is None:
            return []
        fix = "set QDRANT_URL to one server in every home that uses this record, or stop the others"
        return [PartHealth("sharing", ok=False, detail=words, remedy=fix)]

    async def _ping_index(self) -> None:
        with contextlib.suppress(HybridError):  # another check tells of it
            await self.setup.ensure()  # only now is it known which engine serves
        await self.index.ping()


async def unreachable_index(database: Database, settings: Settings) -> str | None:
    """What is wrong where several coordinators share a record, and this one has its index for
    itself; None where that is not so. One home may well have its record on a server and its index
    embedded.

    Raises:
        RecordUnavailableError: the record does not answer.
    """
    from hybrid_coordinator.storage.postgres.snapshot import SnapshotRecords

    storage = settings.storage
    if storage.database_url is None or storage.qdrant_url is not None:
        return None
    others = await SnapshotRecords(database).other_coordinators()
    if not others:
        return None
    return (
        f"{others} connections of other coordinators use this record, but the index is embedded in "
        "this home: each would find only what it has indexed itself, and index all of it anew"
    )


def _capture_health(state: CaptureState) -> PartHealth:
    problems, remedies = [], []
    if state.unreadable:
        problems.append(f"{state.unreadable} files of the inbox hold no whole event")
        remedies.append("look at them in inbox/unreadable of the home, and delete them")
    if state.dropped:
        problems.append(
            f"{state.dropped} events of sessions were dropped, since no coordinator took them and "
            "the inbox was full"
        )
        remedies.append(
            "`hybrid-coordinator import claude-code` reads those sessions anew; then delete "
            "inbox/dropped of the home"
        )
    return PartHealth(
        "capture",
        ok=not problems,
        detail="; ".join([state.words, *problems]),
        remedy="; ".join(remedies),
        needed=False,
    )


async def models_health(models: Delegate) -> list[PartHealth]:
    """The models, also where nothing else is up."""
    from hybrid_coordinator.routing.health import local_health

    try:
        return [*local_health(await models.survey()), *await models.health()]
    except HybridError as error:  # the memory does without them
        return [PartHealth("models", False, str(error), remedy(error), needed=False)]


def remedy(error: HybridError) -> str:
    """What to do about it."""
    if isinstance(error, EmbeddingMismatchError):
        return "hybrid-coordinator reindex"
    if isinstance(error, SettingsError):
        return "correct it in hybrid.yaml or in the environment; then hybrid-coordinator stop"
    if isinstance(error, UnavailableError):
        return "start that server, or correct or unset its setting; then hybrid-coordinator stop"
    return "hybrid-coordinator stop, then try again; the log says more"
