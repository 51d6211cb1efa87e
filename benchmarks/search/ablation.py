"""What each part of the ranking is worth: the open questions with one part switched off."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.search.findings import Findings, Table
from benchmarks.search.product import Ours
from benchmarks.search.quality import ask_all
from benchmarks.search.workbench import Workbench
from hybrid_coordinator.composition import Running
from hybrid_coordinator.coordinator import Coordinator
from hybrid_coordinator.knowledge.retrieval import Retriever
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder


@dataclass(frozen=True, slots=True)
class Variant:
    """A ranking whose weights have these fields replaced by neutral values."""

    name: str
    neutral: Mapping[str, Any] = field(default_factory=dict)


VARIANTS = (Variant("ours"),)
"""The first is the product as it is; every other switches one part of the ranking off."""


def with_weights(running: Running, variant: Variant) -> Coordinator:
    """The coordinator with the variant's weights in its ranking."""
    retriever = Retriever(
        running.index,
        running.embedder,
        Bm25Encoder(),
        running.coordinator.interactions,
        running.setup,
        running.definitions,
        # The ranking's weights go in here: dataclasses.replace(Weights(), **variant.neutral).
        **variant.neutral,
    )
    return dataclasses.replace(running.coordinator, retriever=retriever)


async def measure(bench: Workbench) -> Findings:
    """NDCG@10 of every variant, and what it loses."""
    async with bench.indexed(bench.corpora) as indexed:
        systems = [
            Ours(indexed, variant.name, with_weights(indexed.running, variant))
            for variant in VARIANTS
        ]
        answers = await ask_all(systems, bench.questions, 1)
    categories = [question.category for question in bench.questions]
    whole = answers[VARIANTS[0].name]
    rows = []
    for name, each in answers.items():
        by_category = each.by(categories)
        rows.append(
            [
                name,
                f"{each.mean:.3f}",
                f"{each.mean - whole.mean:+.3f}",
                *(f"{by_category[category]:.3f}" for category in sorted(by_category)),
            ]
        )
    return Findings(
        tables=(
            Table(
                "What each part of the ranking is worth",
                ["without", "NDCG@10", "difference", *sorted(set(categories))],
                rows,
            ),
        )
    )
