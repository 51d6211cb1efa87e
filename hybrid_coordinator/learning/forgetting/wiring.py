"""What forgetting is made of."""

from __future__ import annotations

from collections.abc import Mapping

from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.home import Home
from hybrid_coordinator.knowledge.code.watching import Watches
from hybrid_coordinator.knowledge.collections import CollectionDefinition
from hybrid_coordinator.knowledge.moving_index import MovingIndex
from hybrid_coordinator.learning.capture.inbox import Inbox
from hybrid_coordinator.learning.forgetting.memory import Memory
from hybrid_coordinator.learning.forgetting.retention import Retention
from hybrid_coordinator.settings import SettingsStore
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.forgetting import Forgetting
from hybrid_coordinator.storage.postgres.forgotten import Tombstones
from hybrid_coordinator.storage.postgres.histories import Histories
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords


def build_forgetting(
    settings: SettingsStore,
    database: Database,
    moving: MovingIndex,
    watches: Watches,
    definitions: Mapping[CollectionName, CollectionDefinition],
    scrubber: Scrubber,
    home: Home,
) -> tuple[Memory, Retention]:
    """What takes things out of the record, on purpose and by their age. Files of ``home``
    that nothing could read are named when something is deleted."""
    inbox = Inbox(home.inbox_dir)

    def set_aside() -> list[str]:
        damaged = sorted(map(str, home.vectors_dir.glob("*.damaged-*")))
        kept = (*home.root.glob("replaced-*"), *home.backups_dir.glob("*"))
        return [
            *damaged,
            *sorted(map(str, kept)),
            *([str(inbox.aside)] if inbox.unreadable() else []),
        ]

    forgetting = Forgetting(database)
    memory = Memory(
        forgetting,
        Histories(database),
        InteractionRecords(database),
        KnowledgeRecords(database),
        moving.files,
        moving.indexer,
        watches,
        moving.projector,
        definitions,
        scrubber,
        set_aside,
    )
    retention = Retention(
        forgetting,
        Tombstones(database),
        lambda: settings.current().learning.retention_days,
        moving.projector.wake,
    )
    return memory, retention
