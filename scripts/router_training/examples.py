"""The labelled prompts that the prior is fitted on, and how they are split to be judged."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from benchmarks.routing.data import load

TIERS = ("SIMPLE", "MEDIUM", "COMPLEX", "REASONING")
NEED = {"SIMPLE": 0.0, "MEDIUM": 0.5, "COMPLEX": 1.0, "REASONING": 1.0}
FOLDS = 5

_SHINGLE = 5
_NEAR = 0.5


@dataclass(frozen=True, slots=True)
class Labels:
    """Prompts with a tier. ``fold`` keeps near-duplicates together."""

    prompts: Sequence[str]
    tiers: Sequence[str]
    languages: Sequence[str]
    fold: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Questions:
    """Prompts with the gain (-1, 0 or 1) of the strong model over the weak one."""

    prompts: Sequence[str]
    weak: NDArray[np.float64]
    strong: NDArray[np.float64]
    fold: NDArray[np.intp]

    @property
    def gain(self) -> NDArray[np.float64]:
        return self.strong - self.weak


def tier_labels(data: Path) -> Labels:
    """Both open parts. Raises DataMissingError."""
    rows = [*load(data, "tier_labels_train"), *load(data, "tier_labels_dev")]
    prompts = [str(row["prompt"]) for row in rows]
    return Labels(
        prompts,
        [str(row["expected_tier"]) for row in rows],
        [str(row["lang"]) for row in rows],
        folds([prompts[group] for group in near_duplicates(prompts)]),
    )


def questions(data: Path, name: str) -> Questions:
    """Of ``mmlu_dev`` or ``gsm8k_dev``. Raises DataMissingError."""
    rows = load(data, name)
    prompts = [str(row["prompt"]) for row in rows]
    return Questions(
        prompts,
        np.array([bool(row["weak_correct"]) for row in rows], dtype=np.float64),
        np.array([bool(row["strong_correct"]) for row in rows], dtype=np.float64),
        folds(prompts),
    )


def folds(keys: Sequence[str]) -> NDArray[np.intp]:
    """By a hash of the key: the same key is always in the same fold."""
    return np.array([crc32(key.encode()) // 7 % FOLDS for key in keys], dtype=np.intp)


def near_duplicates(prompts: Sequence[str]) -> list[int]:
    """For each prompt the first of its group: groups are joined by pairs of prompts that share
    half of their runs of five characters or more (Jaccard)."""
    shingles = [_shingles(prompt) for prompt in prompts]
    holders: defaultdict[str, list[int]] = defaultdict(list)
    leader = list(range(len(prompts)))

    def first(of: int) -> int:
        while leader[of] != of:
            of = leader[of]
        return of

    for place, own in enumerate(shingles):
        shared: defaultdict[int, int] = defaultdict(int)
        for shingle in own:
            for other in holders[shingle]:
                shared[other] += 1
            holders[shingle].append(place)
        for other, count in shared.items():
            if count >= _NEAR * (len(own) + len(shingles[other]) - count):
                one, two = sorted((first(place), first(other)))
                leader[two] = one
    return [first(place) for place in range(len(prompts))]


def _shingles(prompt: str) -> set[str]:
    plain = " ".join(re.findall(r"\w+|[^\w\s]", prompt.lower()))
    return {plain[at : at + _SHINGLE] for at in range(max(1, len(plain) - _SHINGLE + 1))}
