"""What each part of the ranking is worth: the open questions with one part switched off."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.search.findings import Findings, Table
from benchmarks.search.product import Ours, shipped
from benchmarks.search.quality import ask_all
from benchmarks.search.workbench import Workbench
from hybrid_coordinator.composition import Running
from hybrid_coordinator.coordinator import Coordinator
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.errors import EmbedderUnavailableError
from hybrid_coordinator.knowledge.code.recall import FreshSources
from hybrid_coordinator.knowledge.embedding.protocol import EmbedderIdentity, Vector
from hybrid_coordinator.knowledge.embedding.static import StaticEmbedder
from hybrid_coordinator.knowledge.ranking.code import CodeWeights
from hybrid_coordinator.knowledge.retrieval import Retriever
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder


@dataclass(frozen=True, slots=True)
class Variant:
    """The product's search without something: the fields of ``CodeWeights`` that are replaced by
    values that do nothing (0 where evidence adds, 1 where it multiplies), or without vectors."""

    name: str
    neutral: Mapping[str, Any] = field(default_factory=dict)
    vectors: bool = True


_DEFINITIONS = {"defines": 0.0, "defines_roughly": 0.0, "continues": 0.0}
_FILE_NAMES = {"file_name": 0.0, "asked_in_file_name": 0.0}
_REST = {
    "name": {"name": 0.0},
    "folders": {"folders": 0.0},
    "company": {"company": 0.0},
    "same_file": {"same_file": 1.0},
    "only_imports": {"only_imports": 1.0},
    "older_copy": {"older_copy": 1.0},
    "roles": {"roles": {}},
}

VARIANTS = (
    Variant("nothing: ours"),
    Variant("definitions that are named", _DEFINITIONS),
    Variant("names of file", _FILE_NAMES),
    Variant("  the file's name in the question", {"file_name": 0.0}),
    Variant("  the question in the file's name", {"asked_in_file_name": 0.0}),
    Variant("names of folders", _REST["folders"]),
    Variant("names of what is defined", _REST["name"]),
    Variant("company in the file", _REST["company"]),
    Variant("other files first", _REST["same_file"]),
    Variant("demotion of mere imports", _REST["only_imports"]),
    Variant("demotion of older copies", _REST["older_copy"]),
    Variant("demotion by role: tests, vendored, generated, prose", _REST["roles"]),
    Variant(
        "the whole ranker",
        {
            name: value
            for part in (_DEFINITIONS, _FILE_NAMES, *_REST.values())
            for name, value in part.items()
        },
    ),
    Variant("vectors", vectors=False),
)
"""The first is the product as it is; every other switches one part off."""


class NoVectors:
    """An embedder that does not answer, which the product has a way to go on without."""

    async def identity(self) -> EmbedderIdentity:
        """That of the model that built the index."""
        return await StaticEmbedder().identity()

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """No vector."""
        raise EmbedderUnavailableError(f"switched off for {len(texts)} texts")

    async def close(self) -> None:
        """Nothing to let go of."""


def without(running: Running, variant: Variant) -> Coordinator:
    """The coordinator as the variant has it."""
    sources = FreshSources(Scrubber(), lambda *_: None, running.coordinator.indexer.draft)
    retriever = Retriever(
        running.index,
        shipped() if variant.vectors else NoVectors(),
        Bm25Encoder(),
        running.coordinator.interactions,
        running.setup,
        sources,
        running.coordinator.definitions,
        dataclasses.replace(CodeWeights(), **variant.neutral) if variant.neutral else None,
    )
    return dataclasses.replace(running.coordinator, retriever=retriever)


async def measure(bench: Workbench) -> Findings:
    """NDCG@10 of every variant, and what it loses."""
    async with bench.indexed(bench.corpora) as indexed:
        systems = [
            Ours(indexed, variant.name, without(indexed.running, variant)) for variant in VARIANTS
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
