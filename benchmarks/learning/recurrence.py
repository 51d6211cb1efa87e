"""Does a task recur, is it the same, which are of one kind: ours beside plain similarities."""

from __future__ import annotations

import asyncio
import json
import math
import random
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from benchmarks.learning.clusters import adjusted_rand_index, alone, components
from benchmarks.routing.data import DataMissingError
from benchmarks.routing.tables import Table
from hybrid_coordinator.domain.recurrence import RECURRENCE_THRESHOLD, same_task
from hybrid_coordinator.domain.words import words
from hybrid_coordinator.knowledge.embedding.static import StaticEmbedder
from hybrid_coordinator.learning.skills.clustering import NOISE, hdbscan
from hybrid_coordinator.learning.skills.kinds import CUT
from hybrid_coordinator.learning.skills.likeness import NEAREST, distances

_SHUFFLES = 10
_SPLITS = 10
_THRESHOLDS = np.arange(0.2, 0.9, 0.02)
_TFIDF = 0.35
"""In the middle of the .3 to .4 that work for TF-IDF."""
_LEAST = 3
_MANY = 2_000

Matrix = NDArray[np.float32]


class Tasks(NamedTuple):
    """What was asked, and the number of the template that it was made from."""

    texts: list[str]
    templates: list[int]


class Hits(NamedTuple):
    """Of "this task recurs": how often that is right, and how much of what recurs is found."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def load(data: Path) -> Tasks:
    """The tasks in the file's order. Raises DataMissingError."""
    path = data / "recurrence" / "webarena_intents.json"
    if not path.is_file():
        source = "google-research/reasoning-bank (Apache-2.0)"
        raise DataMissingError(f"No {path}; it lists WebArena's tasks, from {source}.")
    rows = json.loads(path.read_text(encoding="utf-8"))
    return Tasks([row["intent"] for row in rows], [row["template_id"] for row in rows])


def recurring(data: Path) -> Table:
    """Precision and recall of "an earlier task has the same template", at each threshold."""
    tasks = load(data)
    rows = [
        _recurring_row(
            f"ours, at {RECURRENCE_THRESHOLD}", _ours(tasks), RECURRENCE_THRESHOLD, tasks
        ),
        _recurring_row(f"TF-IDF cosine, at {_TFIDF}", _tfidf(tasks.texts), _TFIDF, tasks),
        _recurring_row("embedder's cosine, at its best", _embedded(tasks.texts), None, tasks),
    ]
    header = [
        *("similarity", "file order: precision", "recall", "shuffled: precision", "recall"),
        *("threshold from other templates", "precision", "recall"),
    ]
    return Table("Does a task recur?", header, rows, _RECURRING_NOTE)


_RECURRING_NOTE = (
    f"Each task is compared with those before it. Shuffled: the mean of {_SHUFFLES} orders. The "
    "thresholds of the first columns have seen these tasks (ours was chosen on them, the "
    "embedder's is the best there is), and TF-IDF knows the document frequencies of all of them "
    "beforehand. So the last three columns count: a threshold fitted to half of the templates, "
    f"measured on the tasks of the other half, {_SPLITS} times both ways. They have the range of "
    "the thresholds, and mean (least) figures."
)


def _recurring_row(name: str, alike: Matrix, threshold: float | None, tasks: Tasks) -> list[str]:
    templates = np.array(tasks.templates)
    order = np.arange(len(templates))
    if threshold is None:
        threshold = _fitted(alike, order, templates)
    in_order = _hits(alike, order, threshold, templates)
    rng = np.random.default_rng(0)
    shuffled = [
        _hits(alike, rng.permutation(order), threshold, templates) for _ in range(_SHUFFLES)
    ]
    fits, held = _cross_validated(alike, templates)
    return [
        name,
        *(f"{share:.3f}" for share in in_order),
        *(f"{np.mean(shares):.3f}" for shares in zip(*shuffled, strict=True)),
        f"{min(fits):.2f} to {max(fits):.2f}",
        *(f"{np.mean(shares):.3f} ({min(shares):.3f})" for shares in zip(*held, strict=True)),
    ]


def _cross_validated(alike: Matrix, templates: NDArray[np.intp]) -> tuple[list[float], list[Hits]]:
    rng = np.random.default_rng(1)
    every = np.unique(templates)
    fits, held = [], []
    for _ in range(_SPLITS):
        half = np.isin(templates, rng.permutation(every)[: len(every) // 2])
        for fit, measured in ((half, ~half), (~half, half)):
            fits.append(_fitted(alike, np.flatnonzero(fit), templates))
            held.append(_hits(alike, np.flatnonzero(measured), fits[-1], templates))
    return fits, held


def _fitted(alike: Matrix, order: NDArray[np.intp], templates: NDArray[np.intp]) -> float:
    return float(
        max(_THRESHOLDS, key=lambda threshold: _hits(alike, order, threshold, templates).f1)
    )


def _hits(
    alike: Matrix, order: NDArray[np.intp], threshold: float, templates: NDArray[np.intp]
) -> Hits:
    ordered, labels = alike[np.ix_(order, order)], templates[order]
    before = np.tri(len(order), k=-1, dtype=bool)
    claimed = np.where(before, ordered, -1.0).max(axis=1, initial=-1.0) >= threshold
    true = ((labels[:, None] == labels[None]) & before).any(axis=1)
    right = (claimed & true).sum()
    return Hits(right / max(claimed.sum(), 1), right / max(true.sum(), 1))


def clustered(data: Path) -> Table:
    """How well clusters agree with the templates."""
    tasks = load(data)
    vectors = _vectors(tasks.texts)
    apart = distances(tasks.texts)
    embedded = np.clip(1 - vectors @ vectors.T, NEAREST, 1)
    kinds = len(set(tasks.templates))
    means = KMeans(kinds, n_init=4, random_state=0).fit(vectors).labels_.astype(np.intp)
    rows = [
        _cluster_row("ours: HDBSCAN with a cut", hdbscan(apart, least=_LEAST, cut=CUT), tasks),
        _cluster_row("HDBSCAN without it", hdbscan(apart, least=_LEAST), tasks),
        _cluster_row("HDBSCAN by the embedder", hdbscan(embedded, least=_LEAST), tasks),
        _cluster_row(
            "all that is linked by recurrence", components(apart, 1 - RECURRENCE_THRESHOLD), tasks
        ),
        _cluster_row(f"k-means by the embedder, told {kinds}", means, tasks),
    ]
    header = ["clusters", "ARI", "ARI of the clustered", "in no cluster", "number"]
    return Table("Which tasks are of one kind?", header, rows, _clustered_note(tasks))


def _cluster_row(name: str, labels: NDArray[np.intp], tasks: Tasks) -> list[str]:
    inside = np.flatnonzero(labels != NOISE)
    clustered = adjusted_rand_index(
        [tasks.templates[place] for place in inside], labels[inside].tolist()
    )
    return [
        name,
        f"{adjusted_rand_index(tasks.templates, alone(labels)):.3f}",
        f"{clustered:.3f}",
        f"{1 - len(inside) / len(labels):.0%}",
        str(len(set(labels.tolist()) - {NOISE})),
    ]


def _clustered_note(tasks: Tasks) -> str:
    few = [size for size in Counter(tasks.templates).values() if size < _LEAST]
    seconds, megabytes = _cost(tasks.texts)
    return (
        f"A task in no cluster counts as one of its own: {sum(few)} of the tasks are of templates "
        f"with fewer than {_LEAST}. {_MANY:,} tasks, each of three of these, take {seconds:.2f} s "
        f"and {megabytes:.0f} MB to cluster."
    )


def _cost(texts: Sequence[str]) -> tuple[float, float]:
    rng = random.Random(0)
    many = [" ".join(rng.choices(texts, k=3)) for _ in range(_MANY)]
    began = time.perf_counter()
    hdbscan(distances(many), least=_LEAST, cut=CUT)
    seconds = time.perf_counter() - began
    tracemalloc.start()
    hdbscan(distances(many), least=_LEAST, cut=CUT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return seconds, peak / 1e6


def same(data: Path) -> Table:
    """Which pairs of tasks are taken for the very same."""
    tasks = load(data)
    alike, embedded = _ours(tasks), _embedded(tasks.texts)
    pairs = list(combinations(range(len(tasks.texts)), 2))
    rows = [
        _same_row("ours: word by word", ((a, b) for a, b in pairs if _same(tasks, a, b)), tasks),
        _same_row("similarity from 0.9", _close(alike, 0.9), tasks),
        _same_row("embedder's cosine from 0.9", _close(embedded, 0.9), tasks),
        _same_row("embedder's cosine from 0.97", _close(embedded, 0.97), tasks),
    ]
    header = ["taken for the same", "pairs", "other words", "another template"]
    note = "Pairs that are merged, those of them that differ in a word, and in their template."
    return Table("Is a task the same?", header, rows, note)


def _same(tasks: Tasks, a: int, b: int) -> bool:
    return same_task(tasks.texts[a], tasks.texts[b])


def _close(alike: Matrix, threshold: float) -> Iterator[tuple[int, int]]:
    yield from np.argwhere(np.triu(alike >= threshold, k=1)).tolist()


def _same_row(name: str, pairs: Iterator[tuple[int, int]], tasks: Tasks) -> list[str]:
    merged = list(pairs)
    other = sum(words(tasks.texts[a]) != words(tasks.texts[b]) for a, b in merged)
    strange = sum(tasks.templates[a] != tasks.templates[b] for a, b in merged)
    return [name, str(len(merged)), str(other), str(strange)]


def _ours(tasks: Tasks) -> Matrix:
    return 1 - distances(tasks.texts)


def _vectors(texts: Sequence[str]) -> Matrix:
    return np.array(asyncio.run(StaticEmbedder().embed(texts)), np.float32)


def _embedded(texts: Sequence[str]) -> Matrix:
    vectors = _vectors(texts)
    return vectors @ vectors.T


def _tfidf(texts: Sequence[str]) -> Matrix:
    """Cosines of term frequency by inverse document frequency, smoothed as usual."""
    counts = [Counter(words(text)) for text in texts]
    having = Counter(word for count in counts for word in count)
    columns = {word: place for place, word in enumerate(having)}
    rows = np.zeros((len(texts), len(columns)), np.float32)
    for place, count in enumerate(counts):
        for word, times in count.items():
            rarity = math.log((1 + len(texts)) / (1 + having[word])) + 1
            rows[place, columns[word]] = times * rarity
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return rows @ rows.T
