"""How well each system finds what answers a question about a code base, and how quickly."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.search.data import Question
from benchmarks.search.findings import Figure, Findings, Point, Table
from benchmarks.search.metrics import DEPTH, bootstrap, ndcg, percentile
from benchmarks.search.systems import System
from benchmarks.search.workbench import Workbench

GOAL = 0.90


@dataclass(slots=True)
class Answers:
    """A system's NDCG@10 of each question, and all of its times in ms."""

    scores: list[float] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    @property
    def mean(self) -> float:
        return statistics.fmean(self.scores)

    def by(self, keys: Sequence[str]) -> dict[str, float]:
        """Mean scores by each question's key, in the keys' order."""
        groups = defaultdict(list)
        for key, score in zip(keys, self.scores, strict=True):
            groups[key].append(score)
        return {key: statistics.fmean(scores) for key, scores in groups.items()}


async def ask_all(
    systems: Sequence[System], questions: Sequence[Question], rounds: int
) -> dict[str, Answers]:
    """Every question to one system after the other, so that a busy machine slows all alike."""
    answers = {system.name: Answers() for system in systems}
    for round_number in range(rounds):
        for question in questions:
            for system in systems:
                began = time.perf_counter()
                results = await system.search(question.text, question.package, DEPTH)
                taken = 1000 * (time.perf_counter() - began)
                answers[system.name].times.append(taken)
                if round_number == 0:
                    answers[system.name].scores.append(ndcg(results, question.targets))
    return answers


async def measure(bench: Workbench) -> Findings:
    """NDCG@10 and times over the open questions."""
    async with bench.indexed(bench.corpora) as indexed:
        systems = await bench.systems(indexed)
        answers = await ask_all(systems, bench.questions, bench.sizes.rounds)
    return Findings(
        figures=(_figure(answers, bench),),
        tables=(
            _summary(answers, bench),
            _by_package(answers, bench.questions),
            _spread(answers["ours"], bench.questions),
        ),
        points=tuple(
            Point(name, statistics.median(each.times), each.mean) for name, each in answers.items()
        ),
    )


def _figure(answers: Mapping[str, Answers], bench: Workbench) -> Figure:
    means = {name: f"{each.mean:.3f}" for name, each in answers.items()}
    return Figure(
        f"NDCG@10, {len(bench.questions)} open questions",
        f"{GOAL:.2f}",
        means.pop("ours"),
        {
            "semble": means.get("semble hybrid", "absent"),
            "BM25": means["plain BM25"],
            "ripgrep": means.get("ripgrep", "absent"),
        },
    )


def _summary(answers: Mapping[str, Answers], bench: Workbench) -> Table:
    categories = [question.category for question in bench.questions]
    rows = []
    for name, each in answers.items():
        by_category = each.by(categories)
        rows.append(
            [
                name,
                f"{each.mean:.3f}",
                *(f"{by_category[category]:.3f}" for category in sorted(by_category)),
                f"{min(each.times):.2f}",
                f"{statistics.median(each.times):.2f}",
                f"{percentile(each.times, 0.95):.2f}",
            ]
        )
    rows += [[name, how] for name, how in bench.absent().items()]
    return Table(
        "NDCG@10 over the open questions",
        ["system", "all", *sorted(set(categories)), "min ms", "p50 ms", "p95 ms"],
        rows,
        "Every question goes to all systems in turn, in its own package. Our BM25 and our dense "
        "are the two halves of our search by themselves; plain BM25 ranks the same chunks by whole "
        "words. semble has its own chunks, index and ranker, and our static model. ripgrep is an "
        "agent that looks for each word of the question but the commonest, and opens whole files, "
        "which count whatever the lines: "
        "each word adds 1 / (files that hold it) to a file, so rare words count most, and the "
        "number of hits decides between equals; its time is that of the processes.",
    )


def _by_package(answers: Mapping[str, Answers], questions: Sequence[Question]) -> Table:
    packages = [question.package for question in questions]
    names = list(dict.fromkeys(packages))
    rows = [
        [name, *(f"{score:.3f}" for score in each.by(packages).values())]
        for name, each in answers.items()
    ]
    return Table("NDCG@10 by package", ["system", *names], rows)


def _spread(ours: Answers, questions: Sequence[Question]) -> Table:
    by_package = ours.by([question.package for question in questions])
    means = list(by_package.values())
    total, count = sum(ours.scores), len(ours.scores)
    without = {
        name: (total - mean * size) / (count - size)
        for name, mean in by_package.items()
        if (size := sum(question.package == name for question in questions)) < count
    }
    low, high = bootstrap(means)
    rows = [
        ["mean over packages", f"{statistics.fmean(means):.3f}"],
        ["standard deviation over packages", f"{statistics.pstdev(means):.3f}"],
        ["worst and best package", f"{min(means):.3f} to {max(means):.3f}"],
        ["95% interval of the mean (packages resampled)", f"{low:.3f} to {high:.3f}"],
    ]
    if without:
        least, most = min(without.values()), max(without.values())
        rows.append(["with one package left out", f"{least:.3f} to {most:.3f}"])
    return Table("How far ours carries over", ["of ours", "NDCG@10"], rows)
