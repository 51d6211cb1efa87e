"""The source files inside a package's archive, read without unpacking it."""

from __future__ import annotations

import io
import re
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

MAX_FILE_BYTES = 300_000
"""Larger files are generated, or data."""

_LEFT_OUT = re.compile(
    r"(?:^|/)(?:node_modules|_?vendor(?:ed)?|third[_-]?party|extern(?:al)?s?|deps|dist|build|umd"
    r"|min|bundles?|locales?|translations?|i18n|fixtures?|testdata|test[_-]data|migrations"
    r"|__snapshots__|debian|m4|\.[^/]+)/|\.min\.|[._]pb2?\.|\.d\.ts$|_generated|\.map$|\.lock$"
    r"|(?:^|/)(?:change(?:s|log)|history|news|authors|contributors|licen[cs]e|copying)[^/]*$",
    re.IGNORECASE,
)
"""Copies of other packages, build output, translations, and files with nothing to learn from."""


def source_files(archive: Path) -> Iterator[tuple[str, str]]:
    """Paths (below the archive's top folder) and texts of what may be source, in archive order."""
    for path, raw in _members(archive):
        if b"\0" in raw:
            continue
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            continue
        lines = text.count("\n") + 1
        if len(text) < 200 * lines:  # longer lines were not written by people
            yield path, text.replace("\r\n", "\n")


def _members(archive: Path) -> Iterator[tuple[str, bytes]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                path = _path(info.filename, archive)
                if not info.is_dir() and info.file_size <= MAX_FILE_BYTES and _wanted(path):
                    yield path, opened.read(info)
        return
    with tarfile.open(fileobj=io.BytesIO(archive.read_bytes())) as tar:
        for member in tar:
            path = _path(member.name, archive)
            if member.isfile() and member.size <= MAX_FILE_BYTES and _wanted(path):
                held = tar.extractfile(member)
                if held is not None:
                    yield path, held.read()


def _path(name: str, archive: Path) -> str:
    """The path below the top folder; jars have none, modules of Go are below ``NAME@VERSION``."""
    if archive.suffix == ".maven":
        return name
    if "@v" in name:
        return re.sub(r"^.*?@v[^/]*/", "", name)
    return name.partition("/")[2]


def _wanted(path: str) -> bool:
    return bool(PurePosixPath(path).suffix) and not _LEFT_OUT.search(path)
