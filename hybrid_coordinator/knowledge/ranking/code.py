"""Ranking pieces of code by more than their text: names, places, and what else was found there."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import PurePosixPath
from types import MappingProxyType

from hybrid_coordinator.domain.words import split_identifier
from hybrid_coordinator.knowledge.ranking.asked import Asked, Kind
from hybrid_coordinator.knowledge.ranking.roles import Role, roles_of
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
    name: float = 0.3
    """Times the share of the question's words in the name of what the piece defines: the
    shortest summary that its author could think of."""
    file_name: float = 0.5
    """Times the share of the file's name that the question says: `cookies.py` for "cookie
    storage"."""
    asked_in_file_name: float = 0.2
    """Times the share of the question that the file's name says."""
    folders: float = 0.2
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


_FRONT_FILES = frozenset({"__init__", "index", "mod", "lib", "main", "init", "package-info"})
"""Files that take their meaning from the folder they are in."""

_VERSION = re.compile(r"v\d+")
_SHORTEST_BEGINNING = 3
"""Letters with which one word may begin another and still mean it: `auth`, authentication."""


def rank_code(
    hits: Sequence[ScoredHit], asked: Asked, weights: CodeWeights | None = None
) -> list[ScoredHit]:
    """The hits in the order of their evidence, best first, with the scores that it gives them.

    ``hits`` are what the engine found, with its fused scores. The best piece of a file comes
    before the next ones of that file unless those are much better than other files' best.
    """
    if not hits:
        return []
    return _Ranking(hits, asked, weights or CodeWeights()).order()


class _Ranking:
    def __init__(self, hits: Sequence[ScoredHit], asked: Asked, weights: CodeWeights) -> None:
        self._hits = hits
        self._asked = asked
        self._weights = weights
        self._rough_names = frozenset(name.lower() for name in asked.names)
        best = max(hit.score for hit in hits) or 1.0
        self._base = [hit.score / best for hit in hits]
        self._paths = [_text(hit, "file_path") for hit in hits]
        found: dict[str, float] = defaultdict(float)
        for path, base in zip(self._paths, self._base, strict=True):
            found[path] += base
        most = max(found.values())
        self._company = {path: total / most for path, total in found.items()}
        self._places = {path: self._place(path) for path in found}

    def order(self) -> list[ScoredHit]:
        scored = sorted(
            (replace(hit, score=self._score(number)) for number, hit in enumerate(self._hits)),
            key=_best_first,
        )
        earlier: Counter[str] = Counter()
        spread = []
        for hit in scored:
            path = _text(hit, "file_path")
            spread.append(replace(hit, score=hit.score * self._weights.same_file ** earlier[path]))
            earlier[path] += 1
        return sorted(spread, key=_best_first)

    def _score(self, number: int) -> float:
        hit, path = self._hits[number], self._paths[number]
        added, factor = self._places[path]
        defined = _defined(hit)
        total = self._base[number] + added + self._definition(hit, defined)
        if self._asked.terms and defined:
            total += self._weights.name * max(
                _share(self._asked.terms, _name_parts(name)) for name in defined
            )
        if not defined and _file_stem(path) in _FRONT_FILES and hit.payload.get("kind") == "block":
            factor *= self._weights.only_imports
        return total * factor * self._role_factor(path, _text(hit, "language"))

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

    def _place(self, path: str) -> tuple[float, float]:
        """What a file's place adds to the score of each of its pieces, and multiplies it by."""
        terms, weights = self._asked.terms, self._weights
        added = weights.company * self._company[path]
        if terms:
            stem, folders = _path_parts(path)
            said = [part for part in stem if any(_agree(part, term) for term in terms)]
            added += weights.file_name * len(said) / max(1, len(stem))
            added += weights.asked_in_file_name * _share(terms, stem)
            added += weights.folders * _share(terms, folders)
        parts = PurePosixPath(path).parts
        newer = ("/".join(parts[:at] + parts[at + 1 :]) for at in _versions(parts))
        is_older = any(other in self._company for other in newer)
        return added, weights.older_copy if is_older else 1.0

    def _role_factor(self, path: str, language: str) -> float:
        factor = 1.0
        for role in roles_of(path, language) - self._asked.roles:
            factor *= self._weights.roles.get(role, 1.0)
        return factor


def _best_first(hit: ScoredHit) -> tuple[float, str]:
    return -hit.score, hit.id


def _defined(hit: ScoredHit) -> Sequence[str]:
    """The names that the piece begins to define; of a note on code, the one that it is about."""
    given = hit.payload.get("defines")
    if isinstance(given, list):
        return [name for name in given if isinstance(name, str)]
    symbol = _text(hit, "symbol")
    return [symbol.rpartition(".")[2]] if symbol else ()


def _versions(parts: Sequence[str]) -> Iterator[int]:
    return (at for at, part in enumerate(parts[:-1]) if _VERSION.fullmatch(part))


@lru_cache(4096)
def _path_parts(path: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The comparable words of a file's name, and of its folders' names. A front file is called
    by its folder."""
    place = PurePosixPath(path)
    *folders, stem = (*place.parts[:-1], _file_stem(path))
    if stem in _FRONT_FILES and folders:
        stem = folders.pop()
    return _name_parts(stem), tuple(part for folder in folders for part in _name_parts(folder))


def _file_stem(path: str) -> str:
    return PurePosixPath(path).stem


@lru_cache(16_384)
def _name_parts(name: str) -> tuple[str, ...]:
    return tuple(comparable(part.lower()) for part in split_identifier(name.replace("-", "_")))


def _share(terms: Sequence[str], parts: Sequence[str]) -> float:
    """The share of ``terms`` that ``parts`` hold."""
    return sum(any(_agree(term, part) for part in parts) for term in terms) / len(terms)


def _agree(one: str, other: str) -> bool:
    """Whether two comparable words may mean the same: one begins the other."""
    if len(one) > len(other):
        one, other = other, one
    return one == other or (len(one) >= _SHORTEST_BEGINNING and other.startswith(one))


def _text(hit: ScoredHit, name: str) -> str:
    value = hit.payload.get(name)
    return value if isinstance(value, str) else ""
