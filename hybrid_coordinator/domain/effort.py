"""How much work an answer shows, by what is distinct in it: steps, lines of code, files.

Every line is judged by itself, without regard to fences or comment blocks around it, and counts
once, so that repeating any lines changes nothing.
"""

from __future__ import annotations

import re

from hybrid_coordinator.domain.file_names import file_name

_STEPS, _LINES, _FILES = 3.0, 2.5, 2.0
"""Half-way points: three listed steps, two or three lines of code, two files are each an ordinary
small change. A single one of them is next to nothing (0.04, 0.06, 0.11)."""

_MAX_LINE = 300
"""Characters beyond which a line is data or minified code, not something one wrote."""

_WORD = re.compile(r"\w+")
_COMMENT = re.compile(r"#|//|/\*|\*|--|<!--|;|%|\"\"\"|'''")
_TRAILING_COMMENT = re.compile(r"\s(?:#|//|--|;|/\*)\s.*")
_CODE = re.compile(
    r"\w\(|[;{}]$|^[})\]]|=>|::|^\$ "  # calls, ends of statements and blocks, a shell prompt
    r"|\w\s?[-+*/|&.:]?=|^[\w.\"'-]+:\s*[\"'\[{]|\s--\w"  # assignments, mappings, options
)
_SENTENCE_END = tuple(".!?\u2026\u3002\uff01\uff1f")
_INLINE_CODE = re.compile(r"`[^`]*`|\]\([^)]*\)")
_NUMBERS_AND_SPACE = re.compile(r"[\d\s]+")
# A star is a list marker at the start of a line only; further in it goes on with a block comment.
_MARKER = re.compile(
    r"(?:\*|\s*(?:[-+\u2022\u00b7\u2013]|\(?\d{1,3}[.):\u3001]|\(?[a-zA-Z][.)]))\s*(?=\S)"
)
_TOKEN = re.compile(r"[\w./\\@+:~-]+", re.ASCII)


def complexity(query: str, response: str) -> float:
    """How much work the texts show, in 0-1."""
    steps: set[str] = set()
    code: set[str] = set()
    files: set[str] = set()
    for line in {line.rstrip() for text in (query, response) for line in text.splitlines()}:
        files.update(_files(line))
        if written := _code(line):
            code.add(written)
        elif step := _step(line):
            steps.add(step)
    untouched = 1.0
    for found, half in ((steps, _STEPS), (code, _LINES), (files, _FILES)):
        untouched *= 1 - saturation(len(found), half)
    return 1 - untouched


def saturation(amount: float, half: float) -> float:
    """Hill's curve of third degree: 0 at 0, slow at first, 1/2 at ``half``, at most 1.

    The degree sets apart what is next to nothing from what is ordinary: a third of ``half``
    gives 0.04, twice as much as ``half`` 0.89.
    """
    return amount**3 / (amount**3 + half**3)


def _code(line: str) -> str | None:
    """The line as code without comment, spacing and numbers; None if it is not code, or trivial:
    with less than two different words."""
    line = line.lstrip()
    if line[:1] in {"+", "-"} and line[:3] not in {"+++", "---"}:
        line = line[1:].strip()
    if len(line) > _MAX_LINE or _COMMENT.match(line) or line.endswith(_SENTENCE_END):
        return None
    line = _INLINE_CODE.sub(" ", _TRAILING_COMMENT.sub("", line))
    if not _CODE.search(line) or len(set(_WORD.findall(line))) < 2:
        return None
    return _NUMBERS_AND_SPACE.sub("", line).casefold()


def _step(line: str) -> str | None:
    """What a list item says, without marker, numbers and punctuation; None if it says next to
    nothing: less than three words and less than six characters of an unspaced script."""
    marker = _MARKER.match(line)
    if not marker:
        return None
    said = line[marker.end() : _MAX_LINE].casefold()
    words = {word for word in _WORD.findall(said) if not word.isdigit()}
    if len(words) < 3 and not any(len(word) > 5 and not word.isascii() for word in words):
        return None
    return " ".join(sorted(words))


def _files(line: str) -> set[str]:
    """Names of the files that a line mentions; one file is one name, whatever its folders."""
    if "." not in line:
        return set()
    names = {file_name(token.strip(".:")) for token in _TOKEN.findall(line) if "." in token}
    return {name for name in names if name and "." in name}
