"""Which kind of task a request is: a linear model over hashed signs; see ``PRIOR.md``.

``scripts/train_task_types.py`` writes its file, ``kinds.bin``.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from itertools import pairwise
from zlib import crc32

from hybrid_coordinator.domain.route import TaskType
from hybrid_coordinator.routing.classification.features import Shape
from hybrid_coordinator.routing.classification.grams import words

KINDS_FILE = "kinds.bin"
SIGNS = 1 << 13

_LINE_WORDS, _WORDS = 60, 120
"""Words read of the line that says what is wanted, and of the request."""
_PREFIX = 4
_FEW_WORDS = 5
_CODE = re.compile(
    r"^[ \t]*(?:def |class |import |from \w+ import|func |function\b|const |let |var |for |while "
    r"|if |return |SELECT |select |public |--- |\+\+\+ |@@ )|[;{}][ \t]*$|\w\([^()\n]*\)"
    r"|:=|=>|==",
    re.MULTILINE,
)
_COLON = re.compile(r":[ \t]*\S")
_QUESTION = ("?", "\uff1f", "\u061f")


def kind(seen: Shape) -> TaskType:
    """The most likely kind of a task."""
    found = signs(seen)
    best, _ = max(
        ((task_type, sum([table[sign] for sign in found])) for task_type, table in _tables()),
        key=lambda scored: scored[1],
    )
    return best


def signs(seen: Shape) -> list[int]:
    """What a request shows, as ascending numbers below ``SIGNS``: cue words, the words of the
    line that says what is wanted with their order, and whether code, data or an error follows."""
    return sorted({crc32(sign.encode("utf-8", "replace")) % SIGNS for sign in _signs(seen)})


def _signs(seen: Shape) -> Iterator[str]:
    yield "always"
    yield from (f"has {cue.name}" for cue in seen.cues)
    yield from (f"first {cue.name}" for cue in seen.cues[:1])
    yield from (f"opens {name}" for name in seen.opening)
    yield from (f"word {word}" for word in words(seen.request)[:_WORDS])
    head, tail = _parts(seen)
    line = words(head)[:_LINE_WORDS]
    yield from (f"line {word}" for word in line)
    yield from (f"line {' '.join(pair)}" for pair in pairwise(line))
    yield from (f"begins {word[:_PREFIX]}" for word in line if len(word) > _PREFIX)
    if line:
        yield from (f"at first {line[0]}", f"at first {line[0][:_PREFIX]}*", f"{line[:2]}")
    yield from (name for name, shown in _looks(seen, head, tail).items() if shown)


def _parts(seen: Shape) -> tuple[str, str]:
    """The line that says what is wanted, and what follows. In a long text, or where a question
    stands last, the last line says it as well."""
    head, _, tail = seen.request.strip().partition("\n")
    last = tail.rsplit("\n", 1)[-1].strip()
    if last and (last.endswith(_QUESTION) or seen.request != seen.excerpt):
        head = f"{head} {last}"
    return head, tail


def _looks(seen: Shape, head: str, tail: str) -> dict[str, bool]:
    return {
        "code follows": seen.code or _CODE.search(tail) is not None,
        "more follows": bool(tail),
        "an error is shown": seen.error,
        "a question": any(mark in head for mark in _QUESTION),
        "one file": seen.files == 1,
        "files": seen.files > 1,
        "three files": seen.files > 2,
        "a colon": _COLON.search(head) is not None,
        "a quote": '"' in seen.request or "'" in head,
        "a brace": "{" in seen.request,
        "few words": len(head.split()) < _FEW_WORDS,
        "a list": head.count(",") >= 2,
    }


@cache
def _tables() -> Sequence[tuple[TaskType, array[int]]]:
    content = resources.files(__package__).joinpath(KINDS_FILE).read_bytes()
    return tuple(
        (task_type, array("b", content[place * SIGNS :][:SIGNS]))
        for place, task_type in enumerate(TaskType)
    )
