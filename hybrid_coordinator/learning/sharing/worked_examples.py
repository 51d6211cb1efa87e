"""Worked examples: earlier tasks that went well, as a local model can follow them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hybrid_coordinator.domain.interactions import Interaction, OutcomeKind
from hybrid_coordinator.domain.items import CollectionName, ContextItem
from hybrid_coordinator.domain.tokens import estimate_tokens
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords

MOST_TOKENS = 400
"""Of a question with its answer: a longer one would push everything else out of a small context."""
SURE = 0.7
"""How sure an inferred success must be."""
_WHY = "worked example, for reference"


async def with_worked_examples(
    items: Sequence[ContextItem], records: InteractionRecords
) -> tuple[ContextItem, ...]:
    """The items, with each interaction that is known to have succeeded as a question with its
    answer, and without the others: a small model follows whatever it is shown (strict admission of
    what was verified is worth ten points, arXiv 2505.16067).

    One that is too long for that stays the bare answer. The texts depend on the interactions alone,
    so the same question finds a recorded answer.
    """
    earlier = [one.id for one in items if one.collection is CollectionName.INTERACTION_HISTORY]
    if not earlier:
        return tuple(items)
    known = {row.id: row for row in await records.get_many(earlier)}
    shown = (
        one if one.collection is not CollectionName.INTERACTION_HISTORY else _example(one, known)
        for one in items
    )
    return tuple(one for one in shown if one is not None)


def _example(item: ContextItem, known: dict[str, Interaction]) -> ContextItem | None:
    row = known.get(item.id)
    if row is None or not _went_well(row):
        return None
    text = f"Question:\n{row.query.strip()}\n\nAnswer that worked:\n{row.response.strip()}"
    if estimate_tokens(text) > MOST_TOKENS:
        return item
    return replace(item, text=text, why=_WHY)


def _went_well(row: Interaction) -> bool:
    outcome = row.outcome
    return (
        outcome is not None
        and outcome.kind is OutcomeKind.SUCCESS
        and outcome.feedback >= 0
        and outcome.confidence >= SURE
    )
