"""How well each system finds the function that answers a question typed into a search engine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks.search.data import Corpus, load_web_questions
from benchmarks.search.findings import Figure, Findings, Table
from benchmarks.search.metrics import mean_reciprocal_rank, rank_of, recall
from benchmarks.search.workbench import Workbench

GOAL = 0.45
DEPTH = 100
_IN_A_FOLDER = 100
_LEFT_OUT = {"ripgrep"}
"""It ranks files by rare words of the question; among thousands of one-function files that takes
minutes and finds little."""


def write_tree(functions: Mapping[int, str], root: Path) -> dict[str, int]:
    """Each function as a file whose name says nothing; returns its number by path."""
    numbers = {}
    for number, code in functions.items():
        path = f"f{number // _IN_A_FOLDER}/f{number}.py"
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(code + "\n", encoding="utf-8")
        numbers[path] = number
    return numbers


async def measure(bench: Workbench) -> Findings:
    """MRR and recall@10 over CoSQA's open half."""
    functions, questions = load_web_questions(bench.data)
    corpus = Corpus("cosqa", bench.folder())
    numbers = write_tree(functions, corpus.root)
    rows, ranks = [], {}
    async with bench.indexed([corpus]) as indexed:
        for system in await bench.systems(indexed):
            if system.name in _LEFT_OUT:
                continue
            found = []
            for question in questions:
                results = await system.search(question.text, corpus.name, DEPTH)
                found.append(rank_of(question.answer, [numbers[each.path] for each in results]))
            ranks[system.name] = found
            row = mean_reciprocal_rank(found), recall(found, 1), recall(found)
            rows.append([system.name, *(f"{value:.3f}" for value in row)])
    mrr = {name: f"{mean_reciprocal_rank(each):.3f}" for name, each in ranks.items()}
    others = {"semble": mrr.get("semble hybrid", "absent"), "BM25": mrr["plain BM25"]}
    return Findings(
        figures=(Figure("CoSQA, open half: MRR", f"{GOAL:.2f}", mrr["ours"], others),),
        tables=(
            Table(
                f"CoSQA, {len(questions)} web questions against {len(functions):,} functions",
                ["system", "MRR", "recall@1", "recall@10"],
                rows,
                "Each function is a file of its own in a tree that is indexed as any other, under "
                f"a name that says nothing. The first {DEPTH} results count.",
            ),
        ),
    )
