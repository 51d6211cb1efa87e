"""Ignore files: git's patterns, translated to regular expressions, and where they apply.

The semantics are those of gitignore(5) as git itself has them (``dir.c``, ``wildmatch.c``): the
last matching pattern of the deepest file decides, a pattern without a slash is about the last
part of a path, and what is below an ignored directory cannot be taken back in, since the walk
never goes there. Paths and patterns are bytes, as they are to git.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_POSIX_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": " \\t",
    "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@\\[-`{-~",
    "space": "\\t-\\r ",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}


@dataclass(frozen=True, slots=True)
class _Rule:
    """One pattern line. ``by_name``: it is about the last part of the path only."""

    expression: str
    negated: bool
    directories_only: bool
    by_name: bool
    regex: re.Pattern[bytes]


class RuleSet:
    """The patterns of one ignore file."""

    def __init__(self, content: bytes) -> None:
        rules = [rule for line in _lines(content) if (rule := _rule(line)) is not None]
        self._last_first = tuple(reversed(rules))
        # One look says for most entries that no pattern of the file is about them.
        self._any_name = _union([rule for rule in rules if rule.by_name])
        self._any_path = _union([rule for rule in rules if not rule.by_name])

    def __bool__(self) -> bool:
        return bool(self._last_first)

    def verdict(self, path: bytes, name: bytes, *, directory: bool) -> bool | None:
        """Whether the entry is ignored, None where no pattern is about it.

        ``path`` is relative to the directory of the ignore file; ``name`` is its last part.
        """
        if not (
            (self._any_name is not None and self._any_name.fullmatch(name))
            or (self._any_path is not None and self._any_path.fullmatch(path))
        ):
            return None
        for rule in self._last_first:
            if rule.directories_only and not directory:
                continue
            if rule.regex.fullmatch(name if rule.by_name else path):
                return not rule.negated
        return None


@dataclass(frozen=True, slots=True)
class IgnoreScope:
    """The rules in force in one directory: its own ignore file and those of the ones above.

    ``prefix_length`` is the length of the directory's absolute path with its closing slash.
    """

    rules: RuleSet
    prefix_length: int
    above: IgnoreScope | None

    def verdict(self, absolute_path: bytes, name: bytes, *, directory: bool) -> bool | None:
        """Whether the entry is ignored, None where no pattern in force is about it."""
        scope: IgnoreScope | None = self
        while scope is not None:
            path = absolute_path[scope.prefix_length :]
            found = scope.rules.verdict(path, name, directory=directory)
            if found is not None:
                return found
            scope = scope.above
        return None


def _lines(content: bytes) -> list[bytes]:
    # Git ends the last line with a line break where it has none.
    text = content.removeprefix(b"\xef\xbb\xbf") + b"\n"
    return text.replace(b"\r\n", b"\n").split(b"\n")


def _union(rules: Sequence[_Rule]) -> re.Pattern[bytes] | None:
    if not rules:
        return None
    union = "|".join(f"(?:{rule.expression})" for rule in rules)
    return re.compile(union.encode("latin-1"), re.DOTALL)


def _rule(line: bytes) -> _Rule | None:
    pattern = _without_trailing_spaces(line.decode("latin-1"))
    if not pattern or pattern.startswith("#"):
        return None
    negated = pattern.startswith("!")
    pattern = pattern[negated:]
    directories_only = pattern.endswith("/")
    pattern = pattern.removesuffix("/")
    by_name = "/" not in pattern
    expression = _translate(pattern.removeprefix("/"))
    if expression is None:
        return None
    regex = re.compile(expression.encode("latin-1"), re.DOTALL)
    return _Rule(expression, negated, directories_only, by_name, regex)


def _without_trailing_spaces(pattern: str) -> str:
    """Without the spaces at the end, but for one that a backslash escapes."""
    bare = pattern.rstrip(" ")
    backslashes = len(bare) - len(bare.rstrip("\\"))
    return bare + " " if backslashes % 2 and bare != pattern else bare


def _translate(pattern: str) -> str | None:
    """A regular expression for the whole of a path, None where git would never match it.

    Pieces between stars are found at the first place they can be, in atomic groups: the next
    star of the same kind makes up for any choice, so trying other places could not help, and a
    pattern of many stars does not take exponential time.
    """
    groups: list[tuple[str, list[str]]] = [("", [""])]
    at = 0
    while at < len(pattern):
        if pattern[at] == "*":
            star, at = _star(pattern, at)
            if star == _IN_NAME:
                groups[-1][1].append("")
            else:
                groups.append((star, [""]))
            continue
        atom, at = _atom(pattern, at)
        if atom is None:
            return None
        groups[-1][1][-1] += atom
    *initial, last = [star + _joined(pieces) for star, pieces in groups]
    return "".join(f"(?>{group})" for group in initial if group) + last


def _joined(pieces: Sequence[str]) -> str:
    """Pieces with a star between each two of them."""
    if len(pieces) == 1:
        return pieces[0]
    between = "".join(f"(?>{_IN_NAME}{piece})" for piece in pieces[1:-1])
    return f"{pieces[0]}{between}{_IN_NAME}{pieces[-1]}"


_IN_NAME = "[^/]*?"
_ACROSS = "(?:.*?/)??"
_ALL = ".*?"


def _star(pattern: str, at: int) -> tuple[str, int]:
    """The translation of the star or stars at ``at``, and where the pattern goes on."""
    end = at
    while end < len(pattern) and pattern[end] == "*":
        end += 1
    # Git compares what stands before the first special character by itself, and so takes that
    # for the start of a part of the path.
    if end - at > 1 and (pattern[at - 1 : at] == "/" or not re.search(r"[*?\[\\]", pattern[:at])):
        if end == len(pattern):
            return _ALL, end
        if pattern[end] == "/":
            return _ACROSS, end + 1
    return _IN_NAME, end


def _atom(pattern: str, at: int) -> tuple[str | None, int]:
    """The translation of one character or bracket expression, None where it never matches."""
    character = pattern[at]
    if character == "?":
        return "[^/]", at + 1
    if character == "[":
        return _bracket(pattern, at + 1)
    if character == "\\":
        at += 1
        if at == len(pattern):
            return None, at
        character = pattern[at]
    return re.escape(character), at + 1


def _bracket(pattern: str, at: int) -> tuple[str | None, int]:
    negated = pattern[at : at + 1] in ("!", "^")
    at += negated
    members = ""
    previous = ""  # a single character that may begin a range
    first = True
    while first or pattern[at : at + 1] != "]":
        first = False
        if at >= len(pattern):
            return None, at
        if posix := re.match(r"\[:([^\]]*):\]", pattern[at:]):
            if posix[1] not in _POSIX_CLASSES:
                return None, at
            members += _POSIX_CLASSES[posix[1]]
            at += posix.end()
            previous = ""
            continue
        in_range = pattern[at] == "-" and previous and pattern[at + 1 : at + 2] not in ("", "]")
        at += bool(in_range)
        if pattern[at] == "\\":
            at += 1
            if at == len(pattern):
                return None, at
        if in_range:
            members += _span(previous, pattern[at])
            previous = ""
        else:
            previous = pattern[at]
            members += re.escape(previous)
        at += 1
    at += 1
    if negated:
        return f"[^/{members}]", at
    return (f"(?!/)[{members}]" if members else None), at


def _span(low: str, high: str) -> str:
    """A range for a bracket expression; one that runs backwards holds only its first end,
    which was added when it was read."""
    return f"{re.escape(low)}-{re.escape(high)}" if low <= high else ""
