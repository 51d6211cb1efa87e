"""Walking a tree: which files are there to index, and what is left out and why."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from hybrid_coordinator.errors import InvalidArgumentError, NotFoundError
from hybrid_coordinator.knowledge.code.excluded import MARKERS, directory_reason, file_reason
from hybrid_coordinator.knowledge.code.ignore import IgnoreScope, RuleSet
from hybrid_coordinator.knowledge.code.read import SkipReason, read_bytes, reason_of

MAX_DEPTH = 200
"""Directories below the root. Source trees have some 20; the bound ends hostile ones."""

_GIT_RULES = ".gitignore"
_OTHER_RULES = ".ignore"
IGNORE_FILES = frozenset({_GIT_RULES, _OTHER_RULES})
"""Files that say what is left out below the directory that they are in."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a tree: paths relative to its root (posix, sorted within each directory),
    and how many entries were left out, by reason. A directory that was not entered is one;
    ``directories`` are those that were, as absolute paths."""

    paths: tuple[str, ...]
    skipped: Mapping[SkipReason, int]
    directories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Scopes:
    """The ignore rules of a directory. Those of ``.ignore`` files have the first word."""

    git: IgnoreScope | None
    other: IgnoreScope | None

    def ignores(self, absolute_path: bytes, name: bytes, *, directory: bool) -> bool:
        for scope in (self.other, self.git):
            if scope is not None:
                verdict = scope.verdict(absolute_path, name, directory=directory)
                if verdict is not None:
                    return verdict
        return False


def resolve_root(path: Path) -> Path:
    """The absolute path without links of something that can be indexed.

    Raises:
        NotFoundError: there is nothing of this name.
        InvalidArgumentError: it is neither a directory nor a file, or its name is not UTF-8.
    """
    try:
        resolved = path.expanduser().resolve(strict=True)
        mode = resolved.stat().st_mode
    except FileNotFoundError as error:
        raise NotFoundError(f"path: {path} does not exist; name a directory or a file") from error
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, or no such user
        raise InvalidArgumentError("path", f"{path} cannot be read: {error}") from error
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise InvalidArgumentError("path", f"{path} is neither a directory nor a file")
    if not _is_utf8(os.fspath(resolved)):
        raise InvalidArgumentError("path", f"{os.fsencode(resolved)!r} is not UTF-8; rename it")
    return resolved


def list_files(root: Path, start: Path | None = None) -> Listing:
    """List what is to be indexed of ``root``, or of the part of it at ``start``.

    Links are never followed: what they lead to inside the root is found at its own place, and
    what is outside is none of the root's. Ignore files above the root are honoured up to the
    top of the git repository that it is in.

    Args:
        root: a directory as ``resolve_root`` gives it.
        start: a directory or a file inside the root.

    Raises:
        InvalidArgumentError: the system does not let us list ``start``.
    """
    walk = _Walk(root)
    paths = tuple(walk.files(start or root))
    return Listing(paths, dict(walk.skipped), tuple(walk.directories))


def list_parts(root: Path, parts: Iterable[str]) -> Listing:
    """The same of several files and directories, relative to the root. What is not there (any
    more) is left out."""
    walk = _Walk(root)
    paths: dict[str, None] = {}  # parts may lie in each other
    for part in parts:
        paths.update(dict.fromkeys(walk.part(root / part)))
    return Listing(tuple(paths), dict(walk.skipped), tuple(walk.directories))


def reaches(root: Path, start: Path) -> bool:
    """Whether the walk of ``root`` gets to ``start``, which is inside it: no directory on the
    way is left out or ignored."""
    return _Walk(root).reaches(start)


class _Walk:
    """One pass over a tree."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._prefix = len(os.fspath(root).rstrip("/")) + 1
        self.skipped: Counter[SkipReason] = Counter()
        self.directories: list[str] = []

    def reaches(self, start: Path) -> bool:
        """Whether the walk gets to the directory of ``start``."""
        return self._scopes_above(start if start.is_dir() else start.parent) is not None

    def part(self, start: Path) -> Iterator[str]:
        """Paths of files of what may be gone by now, or stand behind a link."""
        try:
            if start.is_symlink() or start.resolve(strict=True) != start:
                self.skipped[SkipReason.LINK] += 1
            elif self._is_marked(start if start.is_dir() else start.parent):
                self.skipped[SkipReason.IGNORED] += 1
            else:
                yield from self.files(start)
        except FileNotFoundError:
            return  # nothing is left to list
        except (OSError, RuntimeError, InvalidArgumentError):
            self.skipped[SkipReason.UNREADABLE] += 1

    def _is_marked(self, directory: Path) -> bool:
        """Whether a directory on the way from the root to this one, or this one, is an
        environment or a cache."""
        way = [each for each in (directory, *directory.parents) if self._root in each.parents]
        return any(os.path.lexists(each / marker) for each in way for marker in MARKERS)

    def files(self, start: Path) -> Iterator[str]:
        """Paths of files, depth first."""
        directory = start if start.is_dir() else start.parent
        scopes = self._scopes_above(directory)
        if scopes is None:
            self.skipped[SkipReason.IGNORED] += 1
            return
        if directory is not start:
            scopes = self._scopes_in(directory, scopes, (_GIT_RULES, _OTHER_RULES))
            yield from self._file(os.fspath(start), start.name, scopes)
            return
        first = os.fspath(directory)
        pending = [(first, scopes, len(directory.relative_to(self._root).parts))]
        while pending:
            path, scopes, depth = pending.pop()
            entries = self._entries(path, must_exist=path == first)
            if entries is None:
                continue
            names = {entry.name for entry in entries}
            if path != first and not MARKERS.isdisjoint(names):
                self.skipped[SkipReason.IGNORED] += 1
                continue
            self.directories.append(path)
            scopes = self._scopes_in(
                Path(path), scopes, names.intersection((_GIT_RULES, _OTHER_RULES))
            )
            below = []
            for entry in entries:
                if self._is_directory(entry):
                    if self._enters(entry, scopes, depth):
                        below.append((entry.path, scopes, depth + 1))
                else:
                    yield from self._file(entry.path, entry.name, scopes, entry)
            pending.extend(reversed(below))

    def _entries(self, path: str, *, must_exist: bool) -> list[os.DirEntry[str]] | None:
        try:
            with os.scandir(path) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if must_exist:
                raise InvalidArgumentError("path", f"{path} cannot be listed: {error}") from error
            self.skipped[reason_of(error)] += 1
            return None

    @staticmethod
    def _is_directory(entry: os.DirEntry[str]) -> bool:
        try:
            return entry.is_dir(follow_symlinks=False)
        except OSError:
            return False  # reading it as a file tells the reason

    def _enters(self, entry: os.DirEntry[str], scopes: _Scopes, depth: int) -> bool:
        reason = directory_reason(self._root, entry.path[self._prefix :])
        if reason is None and depth >= MAX_DEPTH:
            reason = SkipReason.TOO_DEEP
        if reason is None and self._ignored(entry.path, entry.name, scopes, directory=True):
            reason = SkipReason.IGNORED
        if reason is not None:
            self.skipped[reason] += 1
        return reason is None

    def _file(
        self, path: str, name: str, scopes: _Scopes, entry: os.DirEntry[str] | None = None
    ) -> Iterator[str]:
        """The relative path if the file is to be read; else it is counted."""
        reason = file_reason(name)
        if reason is None and self._ignored(path, name, scopes, directory=False):
            reason = SkipReason.IGNORED
        relative = path[self._prefix :]
        if reason is None and not _is_utf8(relative):
            reason = SkipReason.BAD_NAME
        if reason is None and entry is not None:
            reason = _kind_reason(entry)
        if reason is None:
            yield relative
        else:
            self.skipped[reason] += 1

    @staticmethod
    def _ignored(path: str, name: str, scopes: _Scopes, *, directory: bool) -> bool:
        return scopes.ignores(os.fsencode(path), os.fsencode(name), directory=directory)

    def _scopes_above(self, directory: Path) -> _Scopes | None:
        """The rules that hold at ``directory`` before its own are read, None where the root's
        rules keep the walk from getting there."""
        top = _repository_top(self._root)
        scopes = _Scopes(_exclude_file(top), None)
        chain = [*reversed(directory.parents), directory]
        for parent, child in pairwise(chain):
            if not parent.is_relative_to(top):
                continue
            scopes = self._scopes_in(parent, scopes, (_GIT_RULES, _OTHER_RULES))
            if parent.is_relative_to(self._root) and (
                directory_reason(self._root, child.relative_to(self._root).as_posix())
                or self._ignored(os.fspath(child), child.name, scopes, directory=True)
            ):
                return None
        return scopes

    def _scopes_in(self, directory: Path, scopes: _Scopes, names: Iterable[str]) -> _Scopes:
        git, other = scopes.git, scopes.other
        for name in names:
            rules = self._rules(directory / name)
            if rules and name == _GIT_RULES:
                git = _scope(rules, directory, git)
            elif rules:
                other = _scope(rules, directory, other)
        return _Scopes(git, other)

    def _rules(self, file: Path) -> RuleSet:
        content = read_bytes(file)
        return RuleSet(b"" if isinstance(content, SkipReason) else content)


def _scope(rules: RuleSet, directory: Path, above: IgnoreScope | None) -> IgnoreScope:
    return IgnoreScope(rules, len(os.fsencode(directory).rstrip(b"/")) + 1, above)


def _is_utf8(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _kind_reason(entry: os.DirEntry[str]) -> SkipReason | None:
    try:
        if entry.is_symlink():
            return SkipReason.LINK
        return None if entry.is_file(follow_symlinks=False) else SkipReason.NOT_A_FILE
    except OSError as error:
        return reason_of(error)


def _repository_top(root: Path) -> Path:
    """The top of the git repository that holds ``root``; the root itself where there is none."""
    for directory in (root, *root.parents):
        if os.path.lexists(directory / ".git"):
            return directory
    return root


def _exclude_file(top: Path) -> IgnoreScope | None:
    """The rules of ``.git/info/exclude``, which for a linked worktree is the main one's
    (gitrepository-layout(5))."""
    git = top / ".git"
    pointer = read_bytes(git)
    if isinstance(pointer, bytes) and pointer.startswith(b"gitdir:"):
        git = top / os.fsdecode(pointer.removeprefix(b"gitdir:").strip())
    common = read_bytes(git / "commondir")
    if isinstance(common, bytes):
        git = git / os.fsdecode(common.strip())
    content = read_bytes(git / "info" / "exclude")
    rules = RuleSet(b"" if isinstance(content, SkipReason) else content)
    return _scope(rules, top, None) if rules else None
