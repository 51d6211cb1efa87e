"""The dashboard's files: read and compressed once, and kept by browsers as long as they fit."""

from __future__ import annotations

import gzip
import hashlib
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    "": "text/plain; charset=utf-8",
}
"""By the end of a name; licence texts have none."""

_CURRENT = "/assets/current/"
"""Where the page looks for the rest, until the version is put in its place."""

_PRELOADS = "<!-- preloads -->"
_IMPORT = re.compile(rb'(?:\bfrom|^import)\s*"(\.[^"]+)"', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent; ``packed`` is the body in gzip."""

    media_type: str
    body: bytes
    packed: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class Assets:
    """All of them by their path, the page, and the version: a hash over the content of all. The
    version stands in every address, so that a file may be kept for ever, and what a page imports
    is of its own version."""

    version: str
    files: Mapping[str, Asset]
    page: Asset

    @classmethod
    def read(cls, directory: Path) -> Assets:
        """Those of ``directory``, in which ``index.html`` is the page and ``app.js`` starts."""
        found = {
            file.relative_to(directory).as_posix(): file.read_bytes()
            for file in sorted(directory.rglob("*"))
            if file.is_file()
        }
        page = found.pop("index.html")
        digest = hashlib.sha256(page)
        for path, body in found.items():
            digest.update(path.encode() + b"\0" + body + b"\0")
        version = digest.hexdigest()[:16]
        preloads = "\n    ".join(
            f'<link rel="modulepreload" href="{_CURRENT}{path}">' for path in _modules(found)
        )
        text = page.decode().replace(_PRELOADS, preloads).replace(_CURRENT, f"/assets/{version}/")
        files = {path: _asset(path, body) for path, body in found.items()}
        return cls(version, files, _asset("index.html", text.encode()))


def _asset(path: str, body: bytes) -> Asset:
    return Asset(
        media_type=_TYPES[Path(path).suffix],
        body=body,
        packed=gzip.compress(body, mtime=0),
        etag=f'"{hashlib.sha256(body).hexdigest()[:32]}"',
    )


def _modules(files: Mapping[str, bytes], start: str = "app.js") -> list[str]:
    """The modules that ``start`` needs before it runs: a browser told of them fetches all at once
    instead of one generation of imports after the other."""
    found: list[str] = []
    ahead = [start]
    while ahead:
        path = ahead.pop(0)
        for match in _IMPORT.finditer(files[path]):
            named = posixpath.normpath(
                posixpath.join(posixpath.dirname(path), match.group(1).decode())
            )
            if named not in found:
                found.append(named)
                ahead.append(named)
    return found
