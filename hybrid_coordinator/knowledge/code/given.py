"""Reading what a caller names: files, and directories with all that would be indexed of them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from hybrid_coordinator.domain.ask import FileText
from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.knowledge.code.excluded import SECRET_DIRECTORIES, file_reason
from hybrid_coordinator.knowledge.code.read import SkipReason, SourceText, read_source
from hybrid_coordinator.knowledge.code.walk import list_files

_FIELD = "files"
_MAX_FILE_BYTES = 8_000_000
_MAX_CHARACTERS = 32_000_000
"""Of all files together: what a local model reads in hours."""


def read_given(given: Sequence[str], directory: Path, root: Path | None) -> tuple[FileText, ...]:
    """The text of files and directories, named as in ``given``, relative to ``directory``.

    With a ``root``, all must lie inside it, and the models see paths relative to it.

    Raises:
        InvalidArgumentError: one is outside the root, cannot be read, may hold secrets, is over
            8 MB, not text or without any; or together they are over 32 million characters.
    """
    texts: list[FileText] = []
    characters = 0
    for said in given:
        for text in _read(said, directory, root):
            texts.append(text)
            characters += len(text.text)
            if characters > _MAX_CHARACTERS:
                bound = f"{_MAX_CHARACTERS // 1_000_000} million characters"
                raise InvalidArgumentError(_FIELD, f"over {bound} together; name fewer")
    return tuple(texts)


def _read(said: str, directory: Path, root: Path | None) -> Iterator[FileText]:
    path = _resolved(said, directory)
    if root is not None and not path.is_relative_to(root):
        raise InvalidArgumentError(_FIELD, f"{said} is outside the project {root}")
    if any(part.lower() in SECRET_DIRECTORIES for part in path.parts):
        raise InvalidArgumentError(_FIELD, f"{said} may hold secrets, so it is not read")
    name = said if root is None else str(path.relative_to(root))
    if not os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises where a name is too long
        yield FileText(name, _text(said, path))
        return
    empty = True
    for part in list_files(path).paths:
        source = read_source(path, part)
        if isinstance(source, SourceText):
            empty = False
            yield FileText(str(Path(name) / part), source.text)
    if empty:
        raise InvalidArgumentError(_FIELD, f"{said} holds no text that would be indexed")


def _resolved(said: str, directory: Path) -> Path:
    path = Path(said)
    with suppress(RuntimeError):  # no such user: as in a shell, the name is an ordinary one
        path = path.expanduser()
    try:
        return (directory / path).resolve()
    except (OSError, RuntimeError) as error:  # a loop is a RuntimeError before Python 3.13
        raise InvalidArgumentError(_FIELD, f"{said} cannot be followed: {error}") from error


def _text(said: str, path: Path) -> str:
    if file_reason(path.name) is SkipReason.SECRET:
        raise InvalidArgumentError(_FIELD, f"{said} may hold secrets, so it is not read")
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise InvalidArgumentError(_FIELD, f"{said} is not a regular file")
            content = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InvalidArgumentError(_FIELD, f"{said} cannot be read: {error.strerror}") from error
    if len(content) > _MAX_FILE_BYTES or b"\0" in content:
        raise InvalidArgumentError(
            _FIELD, f"{said} is over {_MAX_FILE_BYTES // 1_000_000} MB, or not text"
        )
    return content.decode("utf-8", "replace")


def _open_at_once(path: str, flags: int) -> int:
    """For ``open``: a pipe without a writer would keep a plain one waiting for ever."""
    return os.open(path, flags | os.O_NONBLOCK)
