"""Following one directory: which files below it change, as the operating system tells."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncGenerator, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from functools import partial
from pathlib import Path

from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.knowledge.code.excluded import file_reason
from hybrid_coordinator.knowledge.code.walk import IGNORE_FILES, list_files, list_parts, reaches

WHOLE = frozenset({"."})
"""Said when any file may have changed."""

_STEP_MILLISECONDS = 50
"""Changes are told when none has come for this long, and looked for this often."""
_GROUP_MILLISECONDS = 50
"""How long changes that keep coming are gathered."""
_LOOK_MILLISECONDS = 10_000
"""How often the directory itself is looked at: a move of one above it makes no event."""
_MANY = 64
"""More changes than this at once are not told one by one."""
_RESTS = 4
_MAX_REST_SECONDS = 5.0
"""After directories have come or gone, taking in that they have again waits this many times as
long as it took, so that a storm of them leaves the processor to others."""

# The kernel of macOS follows a whole tree as one; that of Linux counts each directory, so those
# that are not indexed (node_modules, .git) are not followed.
_RECURSIVE = sys.platform == "darwin"

Events = Set[tuple[int, str]]
"""As watchfiles tells them: what happened, and the absolute path."""


class DirectoryGoneError(Exception):
    """The followed directory is not there any more."""


class CannotFollowError(Exception):
    """The system does not tell of changes here: too many directories, or no watches left."""


async def changes(root: Path, max_directories: int) -> AsyncGenerator[frozenset[str]]:
    """Paths below ``root``, relative to it, that may have to be indexed anew, in groups. The
    first is ``WHOLE``: from then on nothing is missed. What is left out of the index is not told.

    Raises:
        DirectoryGoneError: as it says.
        CannotFollowError: there are more than ``max_directories``, or the system's limit is
            reached.
    """
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        async with aclosing(_until_directories_change(root, max_directories)) as groups:
            yield await anext(groups)
            took = loop.time() - began
            async for group in groups:
                yield group
        if loop.time() - began < _RESTS * took:
            await asyncio.sleep(min(_RESTS * took, _MAX_REST_SECONDS))


async def _until_directories_change(
    root: Path, max_directories: int
) -> AsyncGenerator[frozenset[str]]:
    followed = await asyncio.to_thread(_Followed, root)
    if len(followed.directories) > max_directories:
        raise CannotFollowError(f"it has more than {max_directories:,} directories")
    notify = await asyncio.to_thread(_notify, followed)
    if notify is None:
        yield WHOLE  # a directory went meanwhile
        return
    ended = threading.Event()
    # A thread of its own: it waits for most of its life.
    thread = ThreadPoolExecutor(1, thread_name_prefix="follow")
    watch = partial(
        notify.watch, _GROUP_MILLISECONDS, _STEP_MILLISECONDS, _LOOK_MILLISECONDS, ended
    )
    try:
        yield WHOLE
        again = True
        while again:
            found = await asyncio.get_running_loop().run_in_executor(thread, watch)
            events: Events = set() if isinstance(found, str) else found
            paths, again = await asyncio.to_thread(followed.sort, events)
            if paths:
                yield paths
    finally:
        ended.set()
        await asyncio.to_thread(thread.shutdown)  # within a step
        notify.close()


def _notify(followed: _Followed) -> RustNotify | None:
    """A watch of the directories, None if one of them is not there any more."""
    paths = [os.fspath(followed.root)] if _RECURSIVE else sorted(followed.directories)
    try:
        # Told to overlook directories that it may not read, it overlooks the limits as well.
        return RustNotify(paths, False, False, 0, _RECURSIVE, False)
    except FileNotFoundError:
        return None
    except (OSError, WatchfilesRustInternalError) as error:
        raise CannotFollowError(str(error)) from error


class _Followed:
    """The directories below a root that are indexed, and what events there are about.

    Raises:
        DirectoryGoneError, CannotFollowError: when it is made, the root cannot be listed.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._identity = _identity(root)
        if self._identity is None:
            raise DirectoryGoneError
        try:
            self.directories = frozenset(list_files(root).directories)
        except InvalidArgumentError as error:
            raise CannotFollowError(str(error)) from error

    def sort(self, events: Events) -> tuple[frozenset[str], bool]:
        """The changed files, and whether the directories are still the same.

        Raises:
            DirectoryGoneError: the root is not there any more.
        """
        if _identity(self.root) != self._identity:
            if not self.root.is_dir():
                raise DirectoryGoneError
            return frozenset(), False
        changed = set()
        for path in (Path(name) for _, name in events):
            if self._is_about_directories(path):
                return frozenset(), False
            if file_reason(path.name) is None and path.is_relative_to(self.root):
                changed.add(path.relative_to(self.root).as_posix())
        if len(changed) > _MANY:
            return WHOLE, True
        indexed = frozenset(list_parts(self.root, changed).paths)
        gone = {path for path in changed - indexed if not os.path.lexists(self.root / path)}
        return indexed | gone, True

    def _is_about_directories(self, path: Path) -> bool:
        """Whether an event says that other directories are to be indexed now."""
        if path.name in IGNORE_FILES or str(path) in self.directories:
            return True
        try:
            if path.is_symlink() or not path.is_dir():
                return False
            return reaches(self.root, path)
        except OSError:  # it may no longer be entered
            return True


def _identity(root: Path) -> tuple[int, int] | None:
    try:
        status = root.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
