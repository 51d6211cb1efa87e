"""Tokens and the audit, put together."""

from __future__ import annotations

from dataclasses import dataclass

from hybrid_coordinator.access.audit import Audit
from hybrid_coordinator.access.tokens import Tokens
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.settings import SettingsStore
from hybrid_coordinator.storage.postgres.access import TokenRecords
from hybrid_coordinator.storage.postgres.audit import AuditRecords
from hybrid_coordinator.storage.postgres.database import Database


@dataclass(frozen=True)
class Access:
    """Who may reach the coordinator from elsewhere, and what they did."""

    tokens: Tokens
    audit: Audit


def build_access(settings: SettingsStore, database: Database, scrubber: Scrubber) -> Access:
    """On the record, so that every coordinator of it knows the same."""
    return Access(
        Tokens(TokenRecords(database)),
        Audit(AuditRecords(database), scrubber, lambda: settings.current().serving.audit_days),
    )
