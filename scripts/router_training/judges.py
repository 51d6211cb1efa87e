"""Fitting one judge of the prior: what goes in, and how strongly it is held back."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybrid_coordinator.routing.classification.features import (
    Form,
    Shape,
    choice_measures,
    problem_measures,
    shape,
    task_measures,
)
from hybrid_coordinator.routing.classification.grams import BUCKETS, buckets
from hybrid_coordinator.routing.classification.prior import Judge, Question
from scripts.router_training.fitting import Floats, Sparse, ridge

_GRAM_SHARE = 0.25
"""The size of a bucket's entry beside those of the measures."""

_STEP_SHARE = 0.5
"""The size of a step's entry."""
_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Where the steps of a measure are."""

_LARGEST = 127


@dataclass(frozen=True, slots=True)
class Recipe:
    """The measures of a judge, whether it reads words, the penalties of both, and whether it has
    steps."""

    measures: Callable[[Shape], Mapping[str, float]]
    grams: bool
    gram_penalty: float
    measure_penalty: float
    steps: bool = False


RECIPES = {
    Question.TASK: Recipe(task_measures, True, 1.0, 0.3),
    Question.REASONING: Recipe(task_measures, True, 1.0, 0.3),
    Question.CHOICE: Recipe(choice_measures, True, 8.0, 8.0, steps=True),
    Question.PROBLEM: Recipe(problem_measures, False, 1.0, 5.0),
}


@dataclass(frozen=True, slots=True)
class Read:
    """A prompt as a judge sees it."""

    measures: Mapping[str, float]
    buckets: Sequence[int]


def read(prompt: str, recipe: Recipe) -> Read:
    seen = shape(prompt)
    words = seen.request if seen.form is Form.TASK else seen.excerpt
    # Sorted, since sums of floats depend on the order, and two runs are to give the same files.
    return Read(recipe.measures(seen), sorted(buckets(words)) if recipe.grams else [])


def fit(texts: Sequence[Read], wanted: Floats, recipe: Recipe) -> Judge:
    """The judge of these texts, its words quantised to a byte."""
    names = sorted({name for text in texts for name in text.measures})
    steps = _steps(texts, names) if recipe.steps else []
    columns = BUCKETS + len(names) + len(steps) + 1
    column = {name: BUCKETS + place for place, name in enumerate(names)}
    step_column = {step: BUCKETS + len(names) + place for place, step in enumerate(steps)}
    rarity = _rarity(texts)
    rows = []
    for text in texts:
        size = _GRAM_SHARE / math.sqrt(max(1, len(text.buckets)))
        row = {each: size * float(rarity[each]) for each in text.buckets}
        row.update((column[name], value) for name, value in text.measures.items())
        row |= {
            place: _STEP_SHARE
            for (name, threshold), place in step_column.items()
            if text.measures.get(name, 0.0) > threshold
        }
        row[columns - 1] = 1.0
        rows.append(row)
    data = Sparse.of(rows, columns)
    penalty = np.full(data.columns, recipe.measure_penalty)
    penalty[:BUCKETS] = recipe.gram_penalty
    penalty[-1] = 1e-6
    weights = ridge(data, wanted, penalty)
    grams = _GRAM_SHARE * rarity * weights[:BUCKETS]
    scale = float(np.abs(grams).max()) / _LARGEST or 1.0
    return Judge(
        bias=round(float(weights[-1]), 5),
        measures={name: round(float(weights[column[name]]), 4) for name in names},
        scale=scale,
        grams=np.rint(grams / scale).astype(int).tolist() if recipe.grams else [],
        steps={
            name: [
                (threshold, round(_STEP_SHARE * float(weights[place]), 5))
                for (of, threshold), place in step_column.items()
                if of == name
            ]
            for name in sorted({name for name, _ in steps})
        },
    )


def judged(judge: Judge, texts: Sequence[Read]) -> Floats:
    return np.array([judge.judge(text.measures, text.buckets) for text in texts])


def cross_validated(
    texts: Sequence[Read], wanted: Floats, recipe: Recipe, fold: NDArray[np.intp]
) -> Floats:
    """The answer for each text, by a judge that was fitted without its fold."""
    answers = np.zeros(len(texts))
    for left_out in np.unique(fold):
        kept, asked = np.flatnonzero(fold != left_out), np.flatnonzero(fold == left_out)
        judge = fit([texts[place] for place in kept], wanted[kept], recipe)
        answers[asked] = judged(judge, [texts[place] for place in asked])
    return answers


def _steps(texts: Sequence[Read], names: Sequence[str]) -> list[tuple[str, float]]:
    """The measures' quantiles, each once; one at the least value would part nothing."""
    found = []
    for name in names:
        values = np.array([text.measures.get(name, 0.0) for text in texts])
        cuts = {round(float(cut), 5) for cut in np.quantile(values, _QUANTILES)}
        found += [(name, cut) for cut in sorted(cuts) if values.min() < cut < values.max()]
    return found


def _rarity(texts: Sequence[Read]) -> Floats:
    seen = np.zeros(BUCKETS)
    for text in texts:
        seen[list(text.buckets)] += 1
    return np.log((1 + len(texts)) / (1 + seen)) + 1
