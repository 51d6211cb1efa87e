"""Ranking pieces of code by more than their text: names, places, and what else was found there."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import PurePosixPath
from types import MappingProxyType

from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.domain.words import split_identifier
from hybrid_coordinator.knowledge.ranking.asked import Asked, Kind
from hybrid_coordinator.knowledge.ranking.roles import Role, roles_of
from hybrid_coordinator.knowledge.ranking.words import share
from hybrid_coordinator.knowledge.relevance import comparable
from hybrid_coordinator.storage.vectors.protocol import ScoredHit

ROLE_WEIGHTS: Mapping[Role, float] = MappingProxyType(
    {
        Role.TEST: 0.5,
        Role.EXAMPLE: 0.6,
        Role.VENDORED: 0.5,
        Role.GENERATED: 0.5,
        Role.LEGACY: 0.6,
        Role.PROSE: 0.6,
        Role.DATA: 0.8,
        Role.HIDDEN: 0.7,
        Role.DECLARATIONS: 0.7,
    }
)
"""What a piece of such a file is worth against one of code, unless the question asks for it. None
is so low that it cannot come first where nothing else is found."""


@dataclass(frozen=True, slots=True)
class CodeWeights:
    """What each kind of evidence adds to the engine's score, which is brought to 0-1 before; the
    last four multiply the sum.

    `benchmarks/` measures what each is worth (the ablation table). The values are round on
    purpose: fitted ones were better on the questions that they were fitted to, and worse on
    those of a package left out.
    """

    defines: float = 1.0
    """The piece begins the definition of a name that the question names: where one looks first."""
    defines_roughly: float = 0.5
    """As ``defines``, but with other capitals: people write names from memory."""
    continues: float = 0.5
    """The piece is a further part of such a definition."""
    name: float = 0.15
    """Times the share of the question's words in the name of what the piece defines: the
    shortest summary that its author could think of."""
    file_name: float = 0.5
    """Times the share of the file's name that the question says: `cookies.py` for "cookie
    storage"."""
    asked_in_file_name: float = 0.1
    """Times the share of the question that the file's name says."""
    folders: float = 0.1
    """Times the share of the question that the names of folders say."""
    company: float = 0.4
    """Times the score of all that was found in the file, against the file with most: a subject
    has its place in a project."""
    same_file: float = 0.4
    """For each better piece of the same file, so that other files are seen too."""
    only_imports: float = 0.6
    """For a package's front file where it defines nothing: it names everything and explains
    nothing."""
    older_copy: float = 0.6
    """For a file of which a newer version was found: `v1/fields.py` beside `fields.py`."""
    roles: Mapping[Role, float] = field(default_factory=lambda: ROLE_WEIGHTS)


WORDS_ALONE = CodeWeights(
    defines=0.0,
    defines_roughly=0.0,
    continues=0.0,
    name=0.0,
    file_name=0.0,
    asked_in_file_name=0.0,
    folders=0.0,
    company=0.0,
    same_file=1.0,
)
"""For the text of an error: it stands in the code as it is, whatever the names around it say."""

_FRONT_FILES = frozenset({"__init__", "index", "mod", "lib", "main", "init", "package-info"})
"""Files that take their meaning from the folder they are in."""

_NAMES_COMPARED = 6
"""Of the names that a piece defines: a list of a hundred constants is no summary of anything."""

_VERSION = re.compile(r"v\d+")


def rank_code(
    hits: Sequence[ScoredHit], asked: Asked, weights: CodeWeights | None = None
) -> list[ScoredHit]:
    """The hits in the order of their evidence, best first, with the scores that it gives them.

    ``hits`` are what the engine found, with its fused scores. The best piece of a file comes
    before the next ones of that file unless those are much better than other files' best.
    """
    if not hits:
        return []
    if weights is None:
        weights = WORDS_ALONE if asked.kind is Kind.ERROR else CodeWeights()
    return _Ranking(hits, asked, weights).order()


class _Ranking:
    def __init__(self, hits: Sequence[ScoredHit], asked: Asked, weights: CodeWeights) -> None:
        self._hits = hits
        self._asked = asked
        self._weights = weights
        self._rough_names = frozenset(name.lower() for name in asked.names)
        self._named: dict[str, float] = {}
        best = max(hit.score for hit in hits)
        self._best = best if best > 0 else 1.0
        found: dict[_File, list[float]] = defaultdict(list)
        for hit in hits:
            found[_file_of(hit)].append(max(0.0, hit.score))
        # Exact sums, so that the order in which hits come makes no difference.
        totals = {file: math.fsum(scores) for file, scores in found.items()}
        most = max(totals.values()) or 1.0
        self._company = {file: total / most for file, total in totals.items()}
        self._places = {file: self._place(file) for file in found}

    def order(self) -> list[ScoredHit]:
        scored = sorted(
            (-self._score(hit), hit.id, number) for number, hit in enumerate(self._hits)
        )
        earlier: Counter[_File] = Counter()
        spread = []
        for negated, _, number in scored:
            file = _file_of(self._hits[number])
            score = -negated * self._weights.same_file ** earlier[file]
            spread.append(replace(self._hits[number], score=score))
            earlier[file] += 1
        return sorted(spread, key=lambda hit: (-hit.score, hit.id))

    def _score(self, hit: ScoredHit) -> float:
        path = _text(hit, "file_path")
        added, factor = self._places[_file_of(hit)]
        defined = defined_names(hit.payload)
        total = max(0.0, hit.score) / self._best + added + self._definition(hit, defined)
        if defined:
            named = defined[:_NAMES_COMPARED]
            total += self._weights.name * max(map(self._share_in_name, named))
        elif hit.payload.get("kind") == "block" and _place_of(path).is_front:
            factor *= self._weights.only_imports
        for role in roles_of(path, _text(hit, "language")) - self._asked.roles:
            factor *= self._weights.roles.get(role, 1.0)
        return total * factor

    def _definition(self, hit: ScoredHit, defined: Sequence[str]) -> float:
        """What it adds that the piece defines, or goes on defining, what the question names."""
        names, weights = self._asked.names, self._weights
        if not names:
            return 0.0
        sure = 1.0 if self._asked.kind is Kind.SYMBOL else 0.5
        if not names.isdisjoint(defined):
            return sure * weights.defines
        if any(name.lower() in self._rough_names for name in defined):
            return sure * weights.defines_roughly
        if not names.isdisjoint(_text(hit, "symbol").split(".")):
            return sure * weights.continues
        return 0.0

    def _share_in_name(self, name: str) -> float:
        known = self._named.get(name)
        if known is None:
            known = self._named[name] = share(self._asked.terms, _name_parts(name))
        return known

    def _place(self, file: _File) -> tuple[float, float]:
        """What a file's place adds to the score of each of its pieces, and multiplies it by."""
        root, path = file
        terms, weights, place = self._asked.terms, self._weights, _place_of(path)
        added = (
            weights.company * self._company[file]
            + weights.file_name * share(place.name, terms)
            + weights.asked_in_file_name * share(terms, place.name)
            + weights.folders * share(terms, place.folders)
        )
        is_older = any((root, newer) in self._company for newer in place.without_version)
        return added, weights.older_copy if is_older else 1.0


_File = tuple[str, str]
"""A file by its root and path. A note on code, which is of no file, counts as one of its own."""


def _file_of(hit: ScoredHit) -> _File:
    path = _text(hit, "file_path")
    return (_text(hit, "root"), path) if path else (hit.id, "")


@dataclass(frozen=True, slots=True)
class _Place:
    """A file's path: the comparable words of its name and of its folders' names, and the paths
    that it would have without one of its folders that are versions.

    A file that takes its meaning from its folder (``is_front``) is called by that.
    """

    name: tuple[str, ...]
    folders: tuple[str, ...]
    without_version: tuple[str, ...]
    is_front: bool


@lru_cache(8192)
def _place_of(path: str) -> _Place:
    parts = PurePosixPath(path).parts
    *folders, name = (*parts[:-1], PurePosixPath(path).stem)
    is_front = name in _FRONT_FILES
    if is_front and folders:
        name = folders.pop()
    return _Place(
        name=_name_parts(name),
        folders=tuple(part for folder in folders for part in _name_parts(folder)),
        without_version=tuple(
            "/".join(parts[:at] + parts[at + 1 :])
            for at, part in enumerate(parts[:-1])
            if _VERSION.fullmatch(part)
        ),
        is_front=is_front,
    )


def defined_names(payload: Mapping[str, JsonValue]) -> Sequence[str]:
    """The names that a piece of code begins to define; of a note on code, the one that it is
    about."""
    given = payload.get("defines")
    if isinstance(given, list):
        return [name for name in given if isinstance(name, str)]
    symbol = payload.get("symbol")
    return [symbol.rpartition(".")[2]] if isinstance(symbol, str) and symbol else ()


@lru_cache(16_384)
def _name_parts(name: str) -> tuple[str, ...]:
    return tuple(comparable(part.lower()) for part in split_identifier(name.replace("-", "_")))


def _text(hit: ScoredHit, name: str) -> str:
    value = hit.payload.get(name)
    return value if isinstance(value, str) else ""
