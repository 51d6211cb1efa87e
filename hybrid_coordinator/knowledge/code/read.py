"""Reading one source file, or saying why it is left out."""

from __future__ import annotations

import codecs
import errno
import hashlib
import os
import re
import stat
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from hybrid_coordinator.knowledge.code.stamps import lasting_stamp

MAX_FILE_BYTES = 1_000_000
"""Larger files are data or generated; the largest hand-written sources have some 500 kB."""

LONG_LINE_CHARACTERS = 2_000
"""No one writes such lines by hand. A file most of which is in such lines is minified."""

LONGEST_LINE_CHARACTERS = 20_000
"""A line is never divided between chunks, so this bounds the size of a chunk as well."""

_SPARE_BYTES = 4_096
"""Read beyond the size that a file had when it was opened, to see that this is all."""

_PRIVATE_KEY = re.compile(r"\s*-----BEGIN [A-Z0-9 ]*PRIVATE KEY")  # RFC 7468, RFC 4880


class SkipReason(StrEnum):
    """Why a file, or a directory with all that is in it, was left out."""

    BAD_NAME = "bad_name"  # not UTF-8
    BINARY = "binary"
    CRASHED = "crashed"  # it ended the process that read it, each time
    DATA = "data"  # tables, logs, drawings
    IGNORED = "ignored"
    LINK = "link"
    MINIFIED = "minified"
    NO_PERMISSION = "no_permission"
    NOT_A_FILE = "not_a_file"  # a socket, a pipe, a device
    NOT_TEXT = "not_text"  # neither UTF-8 nor marked as UTF-16 or UTF-32
    SECRET = "secret"  # noqa: S105  (a name, not a password)
    TOO_DEEP = "too_deep"
    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"  # the system refused for another reason
    VANISHED = "vanished"  # it was there when the directory was listed


@dataclass(frozen=True, slots=True)
class SourceText:
    """A file that was read. ``content_hash`` is the SHA-256 of its bytes, in hex; the lines of
    ``text`` end with a bare newline. While the file has this ``stamp`` it has this content; ''
    says nothing."""

    path: str
    text: str
    content_hash: str
    stamp: str = field(default="", compare=False)


def read_source(root: Path, path: str) -> SourceText | SkipReason:
    """Read ``path`` (posix, relative to ``root``) in one go.

    Never follows a link in the last part of the path and never waits for a pipe.
    """
    found = _read(root / path)
    if isinstance(found, SkipReason):
        return found
    data, stamp = found
    text = decode_source(data)
    if isinstance(text, SkipReason):
        return text
    return SourceText(path, text, hashlib.sha256(data).hexdigest(), stamp)


def decode_source(data: bytes) -> str | SkipReason:
    """The text of a file's bytes, with bare newlines, or why it is no source."""
    text = _decode(data)
    if isinstance(text, SkipReason):
        return text
    if _PRIVATE_KEY.match(text):
        return SkipReason.SECRET
    return SkipReason.MINIFIED if _is_minified(text) else text


def read_bytes(file: Path) -> bytes | SkipReason:
    """The bytes of a regular file of at most ``MAX_FILE_BYTES``."""
    found = _read(file)
    return found if isinstance(found, SkipReason) else found[0]


def _read(file: Path) -> tuple[bytes, str] | SkipReason:
    """The bytes, and the stamp under which they stand."""
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return _read_regular(handle)
        finally:
            os.close(handle)
    except OSError as error:
        return reason_of(error)


def reason_of(error: OSError) -> SkipReason:
    """The reason that an error of the file system gives."""
    if isinstance(error, PermissionError):
        return SkipReason.NO_PERMISSION
    if isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError):
        return SkipReason.VANISHED  # what the name stands for now is another thing
    if error.errno == errno.ELOOP:
        return SkipReason.LINK
    if error.errno == errno.ENXIO:
        return SkipReason.NOT_A_FILE  # a socket
    return SkipReason.UNREADABLE


def _read_regular(handle: int) -> tuple[bytes, str] | SkipReason:
    # By handle: a file object costs more than reading a source file.
    status = os.fstat(handle)
    if stat.S_ISDIR(status.st_mode):
        return SkipReason.VANISHED
    if not stat.S_ISREG(status.st_mode):
        return SkipReason.NOT_A_FILE
    if status.st_size > MAX_FILE_BYTES:
        return SkipReason.TOO_LARGE  # without reading any of it
    stamp = lasting_stamp(status)
    data = b""
    while piece := os.read(handle, max(0, status.st_size - len(data)) + _SPARE_BYTES):
        data += piece
        if len(data) > MAX_FILE_BYTES:  # it has grown
            return SkipReason.TOO_LARGE
    return data, stamp


def _decode(data: bytes) -> str | SkipReason:
    # The byte order marks of the Unicode standard, 23.8; UTF-32's begins with UTF-16's.
    if data.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        encoding = "utf-32"
    elif data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    else:
        encoding, data = "utf-8", data.removeprefix(codecs.BOM_UTF8)
        if b"\0" in data:
            return SkipReason.BINARY
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return SkipReason.NOT_TEXT
    if "\0" in text:
        return SkipReason.BINARY
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _is_minified(text: str) -> bool:
    if len(text) <= LONG_LINE_CHARACTERS:
        return False
    long = [length for line in text.split("\n") if (length := len(line)) > LONG_LINE_CHARACTERS]
    return bool(long) and (max(long) > LONGEST_LINE_CHARACTERS or sum(long) * 2 > len(text))
