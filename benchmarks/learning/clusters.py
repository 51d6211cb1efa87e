"""How well clusters of tasks agree with the templates that the tasks were made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import comb

import numpy as np
from numpy.typing import NDArray

from hybrid_coordinator.learning.skills.clustering import NOISE


def adjusted_rand_index(truth: Sequence[int], labels: Sequence[int]) -> float:
    """Hubert and Arabie (1985): 1 for the same partition, 0 on average for a random one."""
    together = sum(comb(count, 2) for count in Counter(zip(truth, labels, strict=True)).values())
    in_truth = sum(comb(count, 2) for count in Counter(truth).values())
    in_labels = sum(comb(count, 2) for count in Counter(labels).values())
    pairs = comb(len(truth), 2)
    expected = in_truth * in_labels / pairs if pairs else 0.0
    most = (in_truth + in_labels) / 2
    return (together - expected) / (most - expected) if most != expected else 1.0


def alone(labels: NDArray[np.intp]) -> list[int]:
    """The labels with a number of its own for everything that is in no cluster."""
    return [-2 - place if label == NOISE else label for place, label in enumerate(labels.tolist())]


def components(distances: NDArray[np.float32], cut: float) -> NDArray[np.intp]:
    """The plain alternative: everything that steps up to ``cut`` lead to is one cluster."""
    labels = np.full(len(distances), NOISE, np.intp)
    for start in range(len(distances)):
        if labels[start] != NOISE:
            continue
        labels[start] = start
        waiting = [start]
        while waiting:
            near = np.flatnonzero((distances[waiting.pop()] <= cut) & (labels == NOISE))
            labels[near] = start
            waiting += near.tolist()
    return labels
