"""Answers with code: the one that parses and whose code is most like that of the others."""

from __future__ import annotations

import ast
import re
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from hybrid_coordinator.routing.checking.fences import Fence, find_fences
from hybrid_coordinator.routing.checking.parsing import fault
from hybrid_coordinator.routing.modes.combining.combined import Combined, Said, most_agreed

_PYTHON = frozenset({"python", "py", "python3", ""})
_DATA = frozenset({"json", "text", "txt", "output", "console", "diff", "markdown", "md"})
_TOKEN = re.compile(r"\w+|[^\w\s]")
_STRING = (
    r"\"\"\"(?:\\.|.)*?\"\"\"|'{3}(?:\\.|.)*?'{3}|\"(?:\\.|[^\"\\])*\"|`(?:\\.|[^`\\])*`"
    r"|'(?:\\.|[^'\\\n])*'|\\."
)
_BLOCK = r"/\*.*?\*/"
_SLASHES = rf"{_BLOCK}|(?<!:)//[^\n]*"
_HASH = r"(?<!\S)#(?!!)[^\n]*"
_COMMENTS = {
    _SLASHES: "c h cpp c++ cc cxx hpp objc cs csharp c# java js javascript jsx mjs ts typescript"
    " tsx go golang rust rs swift kotlin kt scala dart php groovy proto zig",
    _BLOCK: "css scss less",
    _HASH: "yaml yml toml r python py python3",
    # Quotes of these go over lines.
    rf"(?P<quoted>'[^']*')|{_HASH}": "sh bash shell zsh ruby rb perl pl",
    rf"(?P<quoted>'[^']*')|{_BLOCK}|--[^\n]*": "sql",
    r"--\[\[.*?\]\]|--[^\n]*": "lua",
    r"\{-.*?-\}|--+(?![^\w\s\"'(){}\[\],;])[^\n]*": "haskell hs",
}
_COMMENT = {
    language: re.compile(f"{comment}|(?P<string>{_STRING})", re.DOTALL)
    for comment, languages in _COMMENTS.items()
    for language in languages.split()
}
"""What is a comment in a language, or a string, which may hold what looks like one."""
_SAME = 1.0


@dataclass(frozen=True, slots=True)
class _Code:
    """The code of an answer: whether it parses, and what is compared of it."""

    parses: bool
    form: str
    grams: Counter[tuple[str, str]]


def has_code(text: str) -> bool:
    """Whether an answer holds a block of code."""
    return any(_is_code(fence) for fence in find_fences(text))


def combine(said: Sequence[Said]) -> Combined:
    """The answer whose code most others agree with, of those whose code parses, if any does."""
    code = {one: _code_of(one.text) for one in said}
    sound = [one for one in said if code[one].parses] or list(said)

    def likeness(one: Said, other: Said) -> float:
        return _likeness(code[one], code[other])

    best = most_agreed(sound, likeness)
    others = [one for one in said if one is not best]
    shares = {one: likeness(best, one) for one in others}
    agreeing = [best, *(one for one in others if shares[one] == _SAME)]
    dissent = [
        f"{one.voice}: {_difference(code[one], share)}"
        for one, share in sorted(shares.items(), key=lambda each: each[0].voice)
        if share < _SAME
    ]
    return Combined(
        text=best.text,
        best=best.voice,
        agreement=sum(sorted(shares.values())) / len(others) if others else 1.0,
        agreeing=tuple(sorted(one.voice for one in agreeing)),
        dissent=tuple(dissent),
    )


def _code_of(text: str) -> _Code:
    fences = [fence for fence in find_fences(text) if _is_code(fence)]
    whole = bool(fences) and all(fence.closed and fault(fence) is None for fence in fences)
    form = "\n".join(_form(fence) for fence in fences)
    return _Code(whole, form, Counter(pairwise(["", *_TOKEN.findall(form)])))


def _form(fence: Fence) -> str:
    """Code without what does not change what it does: layout, comments, docstrings and, in
    Python, the names of parameters and variables."""
    if fence.language in _PYTHON:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                # A text of comments only may be of another language: "#top { color: red }".
                if form := _python_form(ast.parse(fence.text)):
                    return form
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            pass  # compared as it stands
    return " ".join(_TOKEN.findall(_without_comments(fence)))


def _without_comments(fence: Fence) -> str:
    comment = _COMMENT.get(fence.language)
    if comment is None:
        return fence.text
    return comment.sub(lambda found: found[0] if found.lastgroup else " ", fence.text)


def _python_form(tree: ast.Module) -> str:
    names: dict[str, str] = {}
    nodes = list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.arg):
            names.setdefault(node.arg, f"v{len(names)}")
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.setdefault(node.id, f"v{len(names)}")
    for node in nodes:
        if isinstance(node, ast.arg):
            node.arg, node.annotation = names[node.arg], None
        elif isinstance(node, ast.Name):
            node.id = names.get(node.id, node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
            node.body = _without_docstring(node.body)
    return ast.unparse(tree)


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return body[1:] or [ast.Pass()]
    return body


def _is_code(fence: Fence) -> bool:
    return fence.language not in _DATA and bool(fence.text.strip())


def _likeness(one: _Code, other: _Code) -> float:
    """1 for the same code, 0 for nothing in common; below 1 for what only looks the same."""
    if one.form == other.form:
        return _SAME
    shared = sum((one.grams & other.grams).values())
    return min(0.99, shared / max(1, sum((one.grams | other.grams).values())))


def _difference(code: _Code, share: float) -> str:
    if not code.form:
        return "no code"
    if not code.parses:
        return "code that does not parse"
    return f"other code ({share:.0%} alike)"
