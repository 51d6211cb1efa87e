"""Command lines taken apart: which programs a line runs, and whether its exit status is theirs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

_HEREDOC = re.compile(r"<<-?\s*(?P<quote>['\"]?)(?P<end>\w+)(?P=quote)(?P<rest>[^\n]*)\n")
_OPERATORS = ("&&", "||", "|&", ";;", "|", ";", "\n")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_MAX_LENGTH = 20_000
"""Characters of a line that are read; longer ones are scripts written to a file."""

_WRAPPERS: dict[str, int] = {
    # How many arguments of its own each takes before the program it runs.
    "sudo": 0,
    "time": 0,
    "env": 0,
    "nice": 0,
    "nohup": 0,
    "command": 0,
    "exec": 0,
    "npx": 0,
    "bunx": 0,
    "pnpx": 0,
    "xvfb-run": 0,
    "timeout": 1,
    "gtimeout": 1,
}
_RUNNERS = {
    ("poetry", "run"),
    ("uv", "run"),
    ("pipenv", "run"),
    ("hatch", "run"),
    ("pdm", "run"),
    ("rye", "run"),
    ("bundle", "exec"),
    ("npm", "exec"),
    ("pnpm", "exec"),
    ("pnpm", "dlx"),
    ("yarn", "exec"),
    ("yarn", "dlx"),
    ("rtx", "exec"),
    ("mise", "exec"),
    ("direnv", "exec"),
    ("coverage", "run"),
}
_KEYWORDS = {"do", "then", "else", "elif", "if", "while", "until", "!"}

_HARMLESS = {"cd", "pushd", "popd", "export", "set", "source", ".", "echo", "pwd", "true", "mkdir"}
"""Programs that hardly ever fail: what stands behind their `&&` runs."""

_PYTHON = re.compile(r"python(\d(\.\d+)?)?|pypy3?|py")
_SCRIPT_SUFFIXES = (".cmd", ".exe", ".bat", ".sh")


@dataclass(frozen=True, slots=True)
class SimpleCommand:
    """One program with its arguments, without paths and wrappers around it.

    ``decides`` says that the exit status of the line is the program's own: nothing behind it can
    turn a failure into a success, and it is not run in the place of another that failed (``||``).
    ``reached`` says that the program runs whatever went before.
    """

    program: str
    arguments: tuple[str, ...]
    decides: bool
    reached: bool


def simple_commands(line: str) -> list[SimpleCommand]:
    """The programs that ``line`` runs, in order; none of a line that cannot be read."""
    if len(line) > _MAX_LENGTH:
        return []
    pieces = [(_words(text), op) for text, op in _pieces(_without_heredocs(line))]
    decisive = _decisive(pieces, pipefail="pipefail" in line)
    found = []
    reached = True
    for (words, operator), decides in zip(pieces, decisive, strict=True):
        if words:
            program, *arguments = _unwrapped(words)
            found.append(SimpleCommand(_name(program), tuple(arguments), decides, reached))
        goes_on = operator in (";", "\n", "|", "|&", "&")
        reached = goes_on or (reached and (not words or _name(words[0]) in _HARMLESS))
    return found


def _decisive(pieces: list[tuple[list[str], str]], *, pipefail: bool) -> list[bool]:
    """Whether the line ends with the status of each piece, given as its words and the operator
    behind it."""
    decisive = []
    kept = True  # what stands behind keeps the status of a piece that failed
    before = ["", *(operator for _, operator in pieces)]
    for (words, _), operator in zip(reversed(pieces), reversed(before[:-1]), strict=True):
        decisive.append(kept and operator != "||")
        if words:
            kept &= operator == "&&" or (operator in ("|", "|&") and pipefail)
    return decisive[::-1]


def _without_heredocs(line: str) -> str:
    kept = []
    start = 0
    while opening := _HEREDOC.search(line, start):
        closing = re.compile(rf"^\t*{re.escape(opening['end'])}\s*$", re.MULTILINE)
        end = closing.search(line, opening.end())
        kept.append(f"{line[start : opening.start()]} {opening['rest']}\n")
        start = end.end() if end else len(line)
    return "".join(kept) + line[start:]


def _pieces(line: str) -> Iterator[tuple[str, str]]:
    """The line cut at operators outside quotes, each piece with the operator behind it."""
    start = at = 0
    quote = ""
    while at < len(line):
        mark = line[at]
        if mark == "\\" and quote != "'":
            at += 2
            continue
        if quote:
            quote = "" if mark == quote else quote
        elif mark in "'\"`":
            quote = mark
        else:
            operator = next((op for op in _OPERATORS if line.startswith(op, at)), "")
            if not operator and mark == "&" and ">" not in line[max(at - 1, 0) : at + 2]:
                operator = "&"
            if operator:
                yield line[start:at], operator
                at += len(operator)
                start = at
                continue
        at += 1
    yield line[start:], ""


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text.strip().strip("(){}").strip(), comments=True)
    except ValueError:  # a quote without its end
        return []


def _unwrapped(words: list[str]) -> list[str]:
    """The words without assignments, and without programs that only start another."""
    while len(words) > 1:
        first, second = _name(words[0]), words[1]
        if _ASSIGNMENT.match(words[0]) or words[0] in _KEYWORDS:
            words = words[1:]
        elif first in _WRAPPERS and first != words[1]:
            rest = words[1:]
            while len(rest) > 1 and rest[0].startswith("-"):
                rest = rest[1:]
            words = rest[_WRAPPERS[first] :] or words[-1:]
        elif (first, second) in _RUNNERS and len(words) > 2:
            rest = words[2:]
            while len(rest) > 1 and rest[0].startswith("-") and rest[0] != "-m":
                rest = rest[1:]
            words = rest[1:] if rest[0] == "-m" and len(rest) > 1 else rest
        elif _PYTHON.fullmatch(first) and second == "-m" and len(words) > 2:
            words = words[2:]
        else:
            break
    return words


def _name(program: str) -> str:
    """A program's name without its directory and suffix."""
    name = program.replace("\\", "/").rsplit("/", 1)[-1]
    for suffix in _SCRIPT_SUFFIXES:
        name = name.removesuffix(suffix)
    return name
