"""Whether fenced code parses in its language, and where it does not."""

from __future__ import annotations

import ast
import json
import re
import textwrap
import tomllib
import warnings
from collections.abc import Callable
from xml.parsers import expat

import yaml

from hybrid_coordinator.routing.checking.fences import Fence

_PROMPTS = re.compile(r"^(?:>>> |\.\.\. ?)", re.MULTILINE)
_SHELL_LINES = re.compile(r"^[ \t]*[!%].*$", re.MULTILINE)
_BRACKETED = frozenset(
    {"c", "cpp", "c++", "cs", "csharp", "go", "java", "javascript", "js", "jsx", "kotlin", "php"}
    | {"rust", "rs", "scala", "swift", "ts", "tsx", "typescript"}
)
"""Languages in which brackets outside strings and comments always balance."""
_RUST = frozenset({"rust", "rs"})
_TEMPLATED = re.compile(r"\{[{%]|<[A-Za-z_-]+>|^[ \t]*(?:#[ \t]*)?\.\.\.", re.MULTILINE)
"""Placeholders, which are meant to be replaced before anyone parses this."""

_MOST_CHARACTERS = 200_000
_MOST_YAML_CHARACTERS = 20_000
"""PyYAML reads some 5 characters a microsecond, even in C."""
_JSON_NOTES = re.compile(r"(\"(?:\\.|[^\"\\\n])*+\"?)|//[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
"""Comments, which the configurations of editors and compilers have in JSON; strings stay."""
_LITERALS = re.compile(
    r"//[^\n]*|/\*.*?(?:\*/|\Z)|\"(?:\\.|[^\"\\\n])*+\"?|`(?:\\.|[^`\\])*+`?"
    # Closed, or it is an apostrophe; and one sign long in Rust, whose lifetimes look the same.
    r"|(?<![a-z])'(?:\\.|[^'\\\n]){0,300}+'",
    re.DOTALL,
)
_RUST_SIGN = re.compile(r"'(?:\\[^\n]{1,9}?|[^'\\\n])'|'")
_CLOSES = {")": "(", "]": "[", "}": "{"}
_HUNK = re.compile(r"@@ -\d+(?:,(\d{1,9}))? \+\d+(?:,(\d{1,9}))? @@")
_DIFF_HEADS = ("--- ", "+++ ")


def fault(fence: Fence) -> str | None:
    """What is wrong with a block, in a few words, or None where nothing is or nobody can tell.

    Python, JSON, YAML, TOML, XML and unified diffs are parsed; in languages with brackets these
    must balance; what is in another language, or very long, has no fault. Never raises.
    """
    if len(fence.text) > _MOST_CHARACTERS:
        return None
    if fence.language in _BRACKETED:
        text = fence.text
        if fence.language in _RUST:
            text = _RUST_SIGN.sub("", text)
        return None if _balanced(_LITERALS.sub("", text)) else "brackets do not balance"
    parse = _PARSERS.get(fence.language)
    return None if parse is None else parse(fence.text)


def _python_fault(text: str) -> str | None:
    if ">>> " in text:
        text = "\n".join(line for line in text.split("\n") if _PROMPTS.match(line))
        text = _PROMPTS.sub("", text)
    text = textwrap.dedent(_SHELL_LINES.sub("", text))
    try:
        with warnings.catch_warnings():
            # What the parser thinks of "\d" is no fault of form.
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as error:
        return _at(error.lineno)
    except (ValueError, MemoryError, RecursionError):
        return _at(None)
    return None


def _json_fault(text: str) -> str | None:
    try:
        json.loads(_JSON_NOTES.sub(r"\1", text))
    except json.JSONDecodeError as error:
        return _at(error.lineno)
    except (ValueError, RecursionError):
        return _at(None)
    return None


def _yaml_fault(text: str) -> str | None:
    if len(text) > _MOST_YAML_CHARACTERS or _TEMPLATED.search(text):
        return None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        # Events only: nothing is built, so no alias can multiply.
        for _ in yaml.parse(text, Loader=loader):
            pass
    except yaml.MarkedYAMLError as error:
        return _at(error.problem_mark.line + 1 if error.problem_mark else None)
    except (yaml.YAMLError, ValueError, RecursionError):
        return _at(None)
    return None


def _toml_fault(text: str) -> str | None:
    if _TEMPLATED.search(text):
        return None
    try:
        tomllib.loads(text)
    except (ValueError, RecursionError):
        return _at(None)
    return None


def _xml_fault(text: str) -> str | None:
    parser = expat.ParserCreate()
    # Entities of its own are how a small document becomes a huge one; whether such a one is well
    # formed, nobody needs to know.
    parser.EntityDeclHandler = _refuse_entity
    try:
        # A document has one root; what is shown is often a piece of one.
        bare = re.sub(r"\A\s*<\?xml[^>]{0,200}\?>", "", text)
        if "<!DOCTYPE" not in bare:
            bare = f"<shown>{bare}</shown>"
        parser.Parse(bare, True)
    except expat.ExpatError as error:
        unbound = error.code == expat.errors.codes[expat.errors.XML_ERROR_UNDEFINED_ENTITY]
        return None if unbound else _at(error.lineno)
    except (_EntityError, ValueError):
        return None
    return None


class _EntityError(Exception):
    pass


def _refuse_entity(*_: object) -> None:
    raise _EntityError


def _diff_fault(text: str) -> str | None:
    """Whether every hunk has as many lines as its head says, and no line is of no kind."""
    old = new = 0
    for number, line in enumerate(text.rstrip("\n").split("\n"), 1):
        hunk = _HUNK.match(line)
        if hunk:
            if old or new:
                return _at(number)
            old, new = (1 if count is None else int(count) for count in hunk.groups())
        elif old > 0 or new > 0:
            old -= line[:1] in ("", " ", "-")
            new -= line[:1] in ("", " ", "+")
            if min(old, new) < 0 or line[:1] not in ("", " ", "-", "+", "\\"):
                return _at(number)
        elif line[:1] in ("+", "-") and "@@ -" in text and not line.startswith(_DIFF_HEADS):
            return _at(number)
    return "the last hunk is short" if old > 0 or new > 0 else None


def _balanced(text: str) -> bool:
    open_brackets: list[str] = []
    for sign in text:
        if sign in "([{":
            open_brackets.append(sign)
        elif sign in _CLOSES and (not open_brackets or open_brackets.pop() != _CLOSES[sign]):
            return False
    return not open_brackets


def _at(line: int | None) -> str:
    return "does not parse" if line is None else f"does not parse: line {line}"


_PARSERS: dict[str, Callable[[str], str | None]] = {
    **dict.fromkeys(("python", "py", "python3"), _python_fault),
    "json": _json_fault,
    **dict.fromkeys(("yaml", "yml"), _yaml_fault),
    "toml": _toml_fault,
    **dict.fromkeys(("xml", "svg"), _xml_fault),
    **dict.fromkeys(("diff", "patch"), _diff_fault),
}
