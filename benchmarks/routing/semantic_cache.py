"""A cache that answers by meaning: how often it is right, and how often it serves a wrong answer.

By GPTCache's protocol: all questions are cached, each is asked again in other words, and a hit is
right if it is the question's own entry. Beside it, what matters in use: a question that is not in
the cache, and one that differs from a cached one in a single particular.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.routing.data import DataMissingError
from benchmarks.routing.tables import Table
from hybrid_coordinator.knowledge.embedding.static import StaticEmbedder
from hybrid_coordinator.routing.likeness import THRESHOLD, same_particulars

_FILE = "cache/similar_queries.json.gz"
_GPTCACHE_THRESHOLD = 0.8
_FALSE_SHARE = 0.05
"""The share of wrong answers among the hits that a threshold may have where it is chosen."""
_GRID = np.arange(0.60, 0.97, 0.01)
_FOLDS = 5
_SEED = 20

Same = Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Cached questions, the same in other words, and the cosine of each asked with each cached."""

    cached: Sequence[str]
    asked: Sequence[str]
    cosines: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Found:
    """Of one asked question: the cosine of the best cached one that may answer, whether that is
    its own, and the cosine of the best one that is not its own. -1 where there is none."""

    best: float
    own: bool
    best_other: float


def measure(data: Path) -> Table:
    """Hits, right and wrong, beside others."""
    pairs = asyncio.run(_embedded(_load(data)))
    alone = _search(pairs, lambda *_: True)
    ours = _search(pairs, same_particulars)
    changed = asyncio.run(_changed(pairs.cached))
    count = len(pairs.cached)
    exact = sum(one == other for one, other in zip(pairs.cached, pairs.asked, strict=True))
    rows = [
        ["exact only", "", str(exact), "0", str(count - exact), "0%", "0%", "0%"],
        ["GPTCache, as published", "0.80", "804", "77", "118", "8.7%", "", ""],
        _row(
            f"cosine alone, GPTCache's {_GPTCACHE_THRESHOLD}", alone, _GPTCACHE_THRESHOLD, changed
        ),
        _cross_validated("cosine alone, cross-validated", alone, changed),
        _cross_validated("ours, cross-validated", ours, changed, guarded=True),
        _row("**ours, as shipped (off by default)**", ours, THRESHOLD, changed, guarded=True),
    ]
    return Table(
        "A cache by meaning: wrong answers on 999 rephrased questions",
        [
            "cache",
            "threshold",
            "right",
            "wrong",
            "missed",
            "wrong among hits",
            "wrong where the question is not cached",
            "wrong where one particular differs",
        ],
        rows,
        "Vectors are the shipped static model's; GPTCache's row has its own model. Ours asks for "
        "equal numbers, names, code, quotations and negations in the same order beside the cosine, "
        "and for more than one word or its place to differ. Cross-validated: "
        f"the least threshold with at most {_FALSE_SHARE:.0%} wrong among hits on four fifths, "
        "counted on the other. Where a question is not cached, each hit counts as wrong, though "
        "the data hold many questions two or three times over. One particular: a cached question "
        "with another number or name or a 'not' put in, and one with two of its words in each "
        f"other's place ({len(changed)} made from the data).",
    )


def _load(data: Path) -> list[dict[str, str]]:
    path = data / _FILE
    if not path.is_file():
        raise DataMissingError(
            f"No {path}; it is the paraphrased questions of zilliztech/GPTCache, "
            "examples/benchmark (MIT), as a list of objects with origin and similar."
        )
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows: list[dict[str, str]] = json.load(file)
    return rows


async def _embedded(rows: Sequence[dict[str, str]]) -> _Pairs:
    cached = [row["origin"] for row in rows]
    asked = [row["similar"] for row in rows]
    embedder = StaticEmbedder()
    kept = np.array(await embedder.embed(cached), dtype=np.float32)
    sought = np.array(await embedder.embed(asked), dtype=np.float32)
    await embedder.close()
    return _Pairs(cached, asked, sought @ kept.T)


def _search(pairs: _Pairs, same: Same) -> list[_Found]:
    return [_best(pairs, number, same) for number in range(len(pairs.asked))]


def _best(pairs: _Pairs, number: int, same: Same) -> _Found:
    cosines, own = pairs.cosines[number], pairs.cached[number]
    best, best_own, other = -1.0, False, -1.0
    for at in np.argsort(-cosines):
        if cosines[at] < _GRID[0]:
            break
        if not same(pairs.asked[number], pairs.cached[at]):
            continue
        if best < 0:
            best, best_own = float(cosines[at]), pairs.cached[at] == own
        if pairs.cached[at] != own:
            other = float(cosines[at])
            break
    return _Found(best, best_own, other)


def _counts(found: Sequence[_Found], threshold: float) -> tuple[int, int]:
    hits = [each for each in found if each.best >= threshold]
    return sum(each.own for each in hits), sum(not each.own for each in hits)


def _row(
    name: str,
    found: Sequence[_Found],
    threshold: float,
    changed: Sequence[tuple[float, bool]],
    *,
    guarded: bool = False,
) -> list[str]:
    right, wrong = _counts(found, threshold)
    cold = sum(each.best_other >= threshold for each in found)
    return [
        *_cells(name, f"{threshold:.2f}", len(found), right, wrong, cold),
        _share_changed(changed, threshold, guarded),
    ]


def _cross_validated(
    name: str,
    found: Sequence[_Found],
    changed: Sequence[tuple[float, bool]],
    *,
    guarded: bool = False,
) -> list[str]:
    order = np.random.default_rng(_SEED).permutation(len(found))
    right = wrong = cold = 0
    chosen = []
    for fold in np.array_split(order, _FOLDS):
        held_out = set(fold.tolist())
        rest = [each for number, each in enumerate(found) if number not in held_out]
        threshold = _chosen(rest)
        mine = [found[number] for number in held_out]
        hits = _counts(mine, threshold)
        right, wrong = right + hits[0], wrong + hits[1]
        cold += sum(each.best_other >= threshold for each in mine)
        chosen.append(threshold)
    shown = f"{min(chosen):.2f}-{max(chosen):.2f}"
    return [
        *_cells(name, shown, len(found), right, wrong, cold),
        _share_changed(changed, float(np.mean(chosen)), guarded),
    ]


def _chosen(found: Sequence[_Found]) -> float:
    for threshold in _GRID:
        right, wrong = _counts(found, float(threshold))
        if wrong <= _FALSE_SHARE * (right + wrong):
            return float(threshold)
    return float(_GRID[-1])


def _cells(name: str, threshold: str, count: int, right: int, wrong: int, cold: int) -> list[str]:
    share = wrong / (right + wrong) if right + wrong else 0.0
    missed = count - right - wrong
    return [
        name,
        threshold,
        str(right),
        str(wrong),
        str(missed),
        f"{share:.1%}",
        f"{cold / count:.1%}",
    ]


async def _changed(cached: Sequence[str]) -> list[tuple[float, bool]]:
    """For each question in which something can be changed: the cosine of the question with the
    changed one, and whether the particulars let it through."""
    pairs = [
        (one, other)
        for one in cached
        for other in (_with_a_change(one, cached), _with_two_words_exchanged(one))
        if other is not None
    ]
    embedder = StaticEmbedder()
    first = np.array(await embedder.embed([one for one, _ in pairs]), dtype=np.float32)
    second = np.array(await embedder.embed([other for _, other in pairs]), dtype=np.float32)
    await embedder.close()
    cosines = (first * second).sum(axis=1)
    return [
        (float(cosine), same_particulars(one, other))
        for cosine, (one, other) in zip(cosines, pairs, strict=True)
    ]


def _with_a_change(text: str, others: Sequence[str]) -> str | None:
    """With the first number raised, else the first quoted name replaced by one from elsewhere,
    else a "not" after the first "is", "are" or "can"; None where there is none of them."""
    number = re.search(r"(?<![\w.])\d+(?![\w.])", text)
    if number:
        return f"{text[: number.start()]}{int(number.group()) + 1}{text[number.end() :]}"
    name = re.search(r"`\w+`", text)
    if name:
        at = (len(text) * 31 + name.start()) % len(others)
        names = (re.search(r"`\w+`", other) for other in [*others[at:], *others[:at]])
        new = next(each.group() for each in names if each and each.group() != name.group())
        return f"{text[: name.start()]}{new}{text[name.end() :]}"
    verb = re.search(r"\b(is|are|can)\b", text)
    return f"{text[: verb.end()]} not{text[verb.end() :]}" if verb else None


def _with_two_words_exchanged(text: str) -> str | None:
    """With its first and its last longer word in each other's place; None where there is one."""
    words = list(re.finditer(r"\b[a-zA-Z]{5,}\b", text))
    if not words or words[0].group().lower() == words[-1].group().lower():
        return None
    first, last = words[0], words[-1]
    between = text[first.end() : last.start()]
    return f"{text[: first.start()]}{last.group()}{between}{first.group()}{text[last.end() :]}"


def _share_changed(changed: Sequence[tuple[float, bool]], threshold: float, guarded: bool) -> str:
    hits = sum(cosine >= threshold and (same or not guarded) for cosine, same in changed)
    return f"{hits / len(changed):.1%}"
