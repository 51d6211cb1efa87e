"""Fenced code in an answer: finding it, and whether it parses."""

from __future__ import annotations

import ast
import json
import re
import textwrap
import warnings
from dataclasses import dataclass

_OPENING = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*([\w+#.-]*)[^`\n]*$")
_PROMPTS = re.compile(r"^(?:>>> |\.\.\. ?)", re.MULTILINE)
_SHELL_LINES = re.compile(r"^[ \t]*[!%].*$", re.MULTILINE)
_PYTHON = frozenset({"python", "py", "python3"})
_BRACKETED = frozenset(
    {"c", "cpp", "c++", "cs", "csharp", "go", "java", "javascript", "js", "jsx", "kotlin", "php"}
    | {"rust", "rs", "scala", "swift", "ts", "tsx", "typescript"}
)
"""Languages in which brackets outside strings and comments always balance."""
_MAX_PARSED_CHARACTERS = 200_000
_LITERALS = re.compile(
    r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`", re.DOTALL
)
_CLOSES = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block; ``language`` is its tag in lower case, empty where it has none."""

    language: str
    text: str
    closed: bool


def find_fences(text: str) -> tuple[Fence, ...]:
    """The fenced blocks of a Markdown text (CommonMark 4.5), an unclosed last one included."""
    fences: list[Fence] = []
    mark, language = "", ""
    lines: list[str] = []
    for line in text.split("\n"):
        if not mark:
            opening = _OPENING.match(line)
            if opening:
                mark, language = opening.group(1), opening.group(2).lower()
                lines = []
        elif line.strip().startswith(mark) and not line.strip(" \t\r" + mark[0]):
            fences.append(Fence(language, "\n".join(lines), closed=True))
            mark = ""
        else:
            lines.append(line)
    if mark:
        fences.append(Fence(language, "\n".join(lines), closed=False))
    return tuple(fences)


def parses(fence: Fence) -> bool:
    """Whether the block is well formed, as far as its language can be checked here: Python and
    JSON are parsed, in languages with brackets these balance, and all else passes."""
    if len(fence.text) > _MAX_PARSED_CHARACTERS:
        return True
    if fence.language in _PYTHON:
        return _parses_as_python(fence.text)
    if fence.language == "json":
        return _parses_as_json(fence.text)
    return fence.language not in _BRACKETED or _balanced(_LITERALS.sub("", fence.text))


def _parses_as_python(text: str) -> bool:
    if ">>> " in text:
        text = "\n".join(line for line in text.split("\n") if _PROMPTS.match(line))
        text = _PROMPTS.sub("", text)
    text = textwrap.dedent(_SHELL_LINES.sub("", text))
    try:
        with warnings.catch_warnings():
            # What the parser thinks of "\d" is no fault of form.
            warnings.simplefilter("ignore")
            ast.parse(text)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return True


def _parses_as_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _balanced(text: str) -> bool:
    open_brackets: list[str] = []
    for sign in text:
        if sign in "([{":
            open_brackets.append(sign)
        elif sign in _CLOSES and (not open_brackets or open_brackets.pop() != _CLOSES[sign]):
            return False
    return not open_brackets
