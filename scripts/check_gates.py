"""Checks the size and honesty gates that no linter has, over every file that git knows.

    python scripts/check_gates.py

Prints one line a problem, as `file:line: what`, and exits 1 if there are any.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "hybrid_coordinator"
MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 80
MAX_BROAD_EXCEPTS_PER_1000 = 1.0
MAX_ANY_DICTS_PER_1000 = 3.0

BROAD = {"Exception", "BaseException"}
LINT_COMMENT = re.compile(r"#\s*noqa[\w:, ]*")
SUPPRESSED_TYPES = re.compile(r"#\s*(type|pyright|mypy):\s*ignore")
ANY_DICT = re.compile(r"\bdict\[str, Any\]")
MACHINE_SPECIFIC = re.compile(
    r"(?<![\w./~-])/(?:work|root|tmp/lab)/"
    r"|\b(?:registry[.]npmjs|pypi[.]org|python[h]osted|proxy[.]golang|deb[.]debian)\b"
)
"""Paths of one machine and package registries: which registry is used is a machine's setting."""

TEXT_SUFFIXES = {
    *(".py", ".sql", ".md", ".yaml", ".yml", ".toml", ".json", ".sh", ".txt", ".cfg", ".html"),
    "",
}
MAX_TEXT_BYTES = 1_000_000


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """A breach of a gate; ``line`` is 0 where it concerns several places."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


@dataclass(frozen=True, slots=True)
class Source:
    """A Python file."""

    path: str
    lines: Sequence[str]
    tree: ast.Module

    @classmethod
    def read(cls, root: Path, path: str) -> Source:
        text = (root / path).read_text(encoding="utf-8")
        return cls(path, text.splitlines(), ast.parse(text, filename=path))

    @property
    def in_package(self) -> bool:
        return self.path.startswith(f"{PACKAGE}/")


def problems(root: Path, paths: Sequence[str]) -> list[Problem]:
    """Every breach in the files ``paths``, relative to ``root``."""
    found: list[Problem] = []
    sources = [Source.read(root, path) for path in paths if path.endswith(".py")]
    for source in sources:
        found += _sizes(source)
        found += _opening(source)
    package = [source for source in sources if source.in_package]
    for source in package:
        found += _suppressed_types(source)
    found += _broad_excepts(package)
    found += _any_dicts(package)
    for path in paths:
        found += _machine_specific(root, path)
    return sorted(found)


def _sizes(source: Source) -> Iterator[Problem]:
    length = len(source.lines)
    if length > MAX_FILE_LINES:
        yield Problem(source.path, 1, f"{length} lines, {MAX_FILE_LINES} allowed")
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION_LINES:
                what = f"{node.name}() has {length} lines, {MAX_FUNCTION_LINES} allowed"
                yield Problem(source.path, node.lineno, what)


def _opening(source: Source) -> Iterator[Problem]:
    """The first line (the second after a #! line) opens a docstring, unless the file is empty."""
    if not source.lines:
        return
    first = 2 if source.lines[0].startswith("#!") else 1
    if ast.get_docstring(source.tree) is None or source.tree.body[0].lineno != first:
        yield Problem(source.path, first, "the first line must say in a docstring what this is for")


def _suppressed_types(source: Source) -> Iterator[Problem]:
    for number, line in enumerate(source.lines, 1):
        if SUPPRESSED_TYPES.search(line):
            yield Problem(source.path, number, "a type checker is silenced; say the type instead")


def _broad_excepts(package: Sequence[Source]) -> Iterator[Problem]:
    places = [(source, node) for source in package for node in _broad(source.tree)]
    for source, node in places:
        if not _raises_again(node) and not _has_reason(source.lines, node.lineno):
            what = "a broad except needs its reason in a comment on its line or next to it"
            yield Problem(source.path, node.lineno, what)
    total = sum(len(source.lines) for source in package)
    allowed = int(total * MAX_BROAD_EXCEPTS_PER_1000 / 1000)
    if len(places) > allowed:
        where = ", ".join(f"{source.path}:{node.lineno}" for source, node in places)
        what = f"{len(places)} broad excepts in {total} lines, {allowed} allowed: {where}"
        yield Problem(PACKAGE, 0, what)


def _broad(tree: ast.Module) -> Iterator[ast.ExceptHandler | ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            if any(kind is None or _name(kind) in BROAD for kind in caught):
                yield node
        elif (
            isinstance(node, ast.Call)
            and _name(node.func) == "suppress"
            and any(_name(argument) in BROAD for argument in node.args)
        ):
            yield node


def _raises_again(node: ast.ExceptHandler | ast.Call) -> bool:
    """Whether it only cleans up: nothing is swallowed."""
    last = node.body[-1] if isinstance(node, ast.ExceptHandler) else None
    return isinstance(last, ast.Raise) and last.exc is None


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _has_reason(lines: Sequence[str], number: int) -> bool:
    """Whether a comment that is more than a lint code stands on the line or next to it."""
    on_line = LINT_COMMENT.sub("#", lines[number - 1])
    before, after = lines[max(number - 2, 0)], lines[min(number, len(lines) - 1)]
    comments = [on_line.partition("#")[2], *(_whole_comment(line) for line in (before, after))]
    return any(re.search(r"\w{3}", comment) for comment in comments)


def _whole_comment(line: str) -> str:
    return line.strip().removeprefix("#") if line.lstrip().startswith("#") else ""


def _any_dicts(package: Sequence[Source]) -> Iterator[Problem]:
    counts = {
        source.path: sum(len(ANY_DICT.findall(line)) for line in source.lines) for source in package
    }
    lines, uses = sum(len(source.lines) for source in package), sum(counts.values())
    allowed = int(lines * MAX_ANY_DICTS_PER_1000 / 1000)
    if uses > allowed:
        most = sorted(counts, key=lambda path: -counts[path])[:5]
        where = ", ".join(f"{path} ({counts[path]})" for path in most)
        yield Problem(
            PACKAGE, 0, f"{uses} times dict[str, Any] in {lines} lines, {allowed} allowed: {where}"
        )


def _machine_specific(root: Path, path: str) -> Iterator[Problem]:
    file = root / path
    if file.suffix not in TEXT_SUFFIXES or file.stat().st_size > MAX_TEXT_BYTES:
        return
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return  # not text
    lock = file.name == "package-lock.json"
    for number, line in enumerate(text.splitlines(), 1):
        if match := MACHINE_SPECIFIC.search(line):
            yield Problem(path, number, f"only true on one machine: {match.group()}")
        if lock and '"resolved"' in line:
            yield Problem(path, number, "names a registry: npm's omit-lockfile-registry-resolved")


def files_of_git(root: Path) -> list[str]:
    """Tracked files and new ones that are not ignored, relative to ``root``."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    output = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
    return sorted(path for path in set(output.split("\0")) if path and (root / path).is_file())


def main() -> int:
    """Check the checkout that this file is in."""
    root = Path(__file__).resolve().parents[1]
    paths = files_of_git(root)
    found = problems(root, paths)
    for problem in found:
        print(problem)
    print(f"{len(paths)} files, {len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
