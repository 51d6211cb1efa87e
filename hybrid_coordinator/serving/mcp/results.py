"""What tools answer with: domain values as the contract's JSON objects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from hybrid_coordinator.domain.access import AuditEntry
from hybrid_coordinator.domain.context import Augmentation
from hybrid_coordinator.domain.indexing import IndexReport
from hybrid_coordinator.domain.interactions import Interaction
from hybrid_coordinator.domain.items import CollectionName, ContextItem, shown_ids
from hybrid_coordinator.domain.knowledge import KnowledgeItem
from hybrid_coordinator.domain.reply import Reply
from hybrid_coordinator.domain.route import Route

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Json = dict[str, Any]
"""A JSON object at the protocol's edge."""


ITEM_FIELDS = (
    "id",
    "collection",
    "title",
    "text",
    "source",
    "score",
    "why",
    "uses",
    "success_rate",
)
"""What an item has in a result; the rest of it is for making one text of many."""


def item(found: ContextItem) -> Json:
    """An item as every tool shows it."""
    fields = {name: getattr(found, name) for name in ITEM_FIELDS}
    return fields | {"collection": found.collection.value, "score": round(found.score, 4)}


def items(found: Iterable[ContextItem]) -> list[Json]:
    """Items, in order."""
    return [item(one) for one in found]


def route(decision: Route) -> Json:
    """A route, without its internal score."""
    return {
        "target": decision.target.value,
        "tier": decision.tier.value,
        "task_type": decision.task_type.value,
        "complexity": decision.complexity.value,
        "confidence": round(decision.confidence, 3),
        "reason": decision.reason,
    }


def explained(decision: Route) -> Json:
    """A route with all that led to it."""
    return {
        **route(decision),
        "score": round(decision.score, 4),
        "complexity_score": round(decision.complexity_score, 1),
        "rule": decision.rule,
        "chain": list(decision.chain),
        "skipped": list(decision.skipped),
        "notices": list(decision.notices),
        "budget_left_usd": decision.budget_left_usd,
    }


def augmentation(found: Augmentation) -> Json:
    """The result of `augment_query`: one list of items for each collection."""
    lists = {
        name.field: items(one for one in found.items if one.collection is name)
        for name in CollectionName
    }
    return {
        "augmented_prompt": found.augmented_prompt,
        "context_ids": list(shown_ids(found.items)),
        **lists,
        "tokens": found.tokens,
        "abstained": found.abstained,
        "route": route(found.route),
        "notices": list(found.notices),
    }


def reply(answer: Reply, interaction_id: str) -> Json:
    """The result of `ask_local_llm`."""
    attempts = [
        {
            "model": one.model,
            "tier": one.tier.value,
            "latency_ms": one.latency_ms,
            "confidence": one.confidence,
            "outcome": one.outcome,
        }
        for one in answer.attempts
    ]
    return asdict(answer) | {
        "interaction_id": interaction_id,
        "tier": answer.tier.value,
        "task_type": answer.task_type.value,
        "complexity": answer.complexity.value,
        "attempts": attempts,
        "notices": list(answer.notices),
    }


def record(row: Interaction | KnowledgeItem) -> Json:
    """A row of the export, with times as ISO 8601."""
    kind = "interaction" if isinstance(row, Interaction) else "knowledge"
    fields = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in asdict(row).items()
    }
    return {"type": kind, **fields}


def index_report(report: IndexReport) -> Json:
    """The result of `index_codebase`."""
    return asdict(report) | {"skipped": dict(report.skipped), "seconds": round(report.seconds, 3)}


def audit_entry(entry: AuditEntry) -> Json:
    """An entry of the audit, in one level."""
    return {"id": entry.id, "at": entry.at.isoformat(), **asdict(entry.deed)}


def plain(value: DataclassInstance) -> Json:
    """Figures as JSON, with days and times as ISO 8601."""
    return asdict(value, dict_factory=_with_iso_dates)


def _with_iso_dates(fields: list[tuple[str, Any]]) -> Json:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in fields}
