"""The answer check on recorded answers of a weak model: what it knows of right and wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.routing import apgr
from benchmarks.routing.data import Row, load
from benchmarks.routing.fitting import (
    Bin,
    Floats,
    auc,
    bins,
    calibration_error,
    fit,
    folds,
    probabilities,
)
from benchmarks.routing.prompts import outcomes
from benchmarks.routing.tables import Table
from hybrid_coordinator.routing.checking.checks import confidence, judge
from hybrid_coordinator.routing.checking.working import Sign, read_working

_FILE = "gsm8k_dev"
_FOLDS, _REPEATS = 5, 10


@dataclass(frozen=True, slots=True)
class Checked:
    """Answers, checked: ``shares`` is the weighted mean of the checks, ``signs`` one row an answer
    (the signs of its working, then the logarithm for the question), ``worked`` where it has one,
    ``shipped`` the confidence that the product gives, ``held_out`` that of weights fitted on other
    answers, one row a repetition."""

    right: Floats
    shares: Floats
    signs: Floats
    worked: Floats
    shipped: Floats

    def held_out(self) -> Iterator[Floats]:
        for seed in range(_REPEATS):
            found = np.zeros(len(self.right))
            for out in folds(len(self.right), _FOLDS, seed):
                known = ~out & (self.worked > 0)
                weights = fit(self.signs[known], self.right[known])
                chance = np.where(self.worked[out] > 0, probabilities(self.signs[out], weights), 1)
                found[out] = self.shares[out] * chance
            yield found


def measure(data: Path) -> Table:
    """AUC, APGR of the cascade and calibration error."""
    rows = load(data, _FILE)
    seen, checked = outcomes(rows), check(rows)
    prompts = [-float(len(row["prompt"])) for row in rows]
    lengths = [-float(len(row["weak_response"])) for row in rows]
    unfit = [_line("prompt length", prompts, seen), _line("answer length", lengths, seen)]
    others = [_line("share of the checks passed", checked.shares, seen, calibrated=True)]
    repeated = [_figures(found, seen) for found in checked.held_out()]
    ours = [f"{np.mean(figure):.3f}" for figure in zip(*repeated, strict=True)]
    chance = apgr.chance(seen)
    return Table(
        "The answer check, on recorded answers (GSM8K)",
        ["first to the strong model", "AUC", "cascade APGR", "ECE"],
        [
            ["random", "0.500", f"{chance.apgr:.3f}", ""],
            ["always weak", "", "0", ""],
            ["always strong", "", "1", ""],
            *unfit,
            *others,
            ["**ours**, weights fitted on other answers", *ours],
            _line("ours, as shipped (weights from these answers)", checked.shipped, seen, True),
        ],
        f"Answers of Mixtral-8x7B, {len(rows)} of them, {seen.weak.mean():.0%} right; those with "
        f"the lowest confidence go to GPT-4 first. {_FOLDS}-fold, {_REPEATS} times. Which signs "
        "there are was chosen on these answers; only the weights are held out. On GPT-4's answers, "
        f"as shipped: AUC {_on_strong(rows, seen):.3f}, {seen.strong.mean():.0%} right.\n\n"
        f"Weights on all of them: {_weights(checked)}",
    )


def reliability(data: Path) -> Table:
    """Confidence against the share that was right, by tenths, held out."""
    found = held_out_bins(data)
    lines = [
        [
            f"{each.start:.1f} to {each.start + 0.1:.1f}",
            f"{each.count / _REPEATS:.0f}",
            f"{each.confidence:.2f}",
            f"{each.right:.2f}",
        ]
        for each in found
    ]
    return Table(
        "What confidence is worth (GSM8K)",
        ["confidence", "answers", "mean confidence", "share right"],
        lines,
        f"Weights fitted on other answers ({_FOLDS}-fold, {_REPEATS} times); calibration error "
        f"(ECE) {calibration_error(found):.3f}.",
    )


def held_out_bins(data: Path) -> list[Bin]:
    """The tenths of confidence with weights fitted on other answers, every repetition's answers
    together. Raises DataMissingError."""
    checked = check(load(data, _FILE))
    return bins(np.concatenate(list(checked.held_out())), np.tile(checked.right, _REPEATS))


def check(rows: Sequence[Row]) -> Checked:
    """Judge every weak answer as the product does."""
    shares, signs, worked, shipped = [], [], [], []
    for row in rows:
        prompt, answer = str(row["prompt"]), str(row["weak_response"])
        verdict = judge(answer, prompt=prompt)
        working = read_working(prompt, answer)
        shares.append(confidence(verdict.checks))
        shipped.append(verdict.confidence)
        worked.append(float(working is not None))
        found = working.signs if working else {}
        difficulty = working.difficulty if working else 0.0
        signs.append([*(float(sign in found) for sign in Sign), difficulty])
    right = [float(row["weak_correct"]) for row in rows]
    return Checked(
        *(np.array(each, dtype=np.float64) for each in (right, shares, signs, worked, shipped))
    )


def _on_strong(rows: Sequence[Row], seen: apgr.Outcomes) -> float:
    """AUC on the answers of another model, in another style, that no weight was fitted to."""
    sure = [judge(row["strong_response"], prompt=row["prompt"]).confidence for row in rows]
    return auc(sure, seen.strong)


def _figures(scores: Floats, seen: apgr.Outcomes) -> tuple[float, float, float]:
    error = calibration_error(bins(scores, seen.weak))
    return auc(scores, seen.weak), apgr.quality(-scores, seen).apgr, error


def _line(
    name: str, scores: Sequence[float] | Floats, seen: apgr.Outcomes, calibrated: bool = False
) -> list[str]:
    given = np.asarray(scores, dtype=np.float64)
    error = f"{calibration_error(bins(given, seen.weak)):.3f}" if calibrated else ""
    return [name, f"{auc(given, seen.weak):.3f}", f"{apgr.quality(-given, seen).apgr:.3f}", error]


def _weights(checked: Checked) -> str:
    known = checked.worked > 0
    start, *rest = fit(checked.signs[known], checked.right[known])
    names = [*(sign.name for sign in Sign), "log(1 + relations)"]
    told = ", ".join(f"{name} {weight:+.2f}" for name, weight in zip(names, rest, strict=True))
    return f"start {start:+.2f}, {told}"
