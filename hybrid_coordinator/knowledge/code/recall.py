"""Honest recall: a piece of code is shown as it stands in its file now, or not at all."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.errors import UnavailableError
from hybrid_coordinator.knowledge.code.cleaning import clean
from hybrid_coordinator.knowledge.code.points import Draft
from hybrid_coordinator.knowledge.code.read import (
    SkipReason,
    decode_source,
    read_bytes,
)
from hybrid_coordinator.storage.vectors.protocol import ScoredHit

Changed = Callable[[str, str, str], None]
"""Told project, root and path of a file that is no longer as it was indexed."""

DraftFile = Callable[[str, str, str], Awaitable[Sequence[Draft]]]
"""The pieces that a file (project, root, path) is made of now, as they would be indexed."""

_DRAFT_SECONDS = 1.0
"""How long a question waits for a changed file to be cut; a process that is warm takes 20 ms."""


class FileNow:
    """A file as it was read a moment ago. What is shown of it has neither secrets nor injected
    context, and the line numbers of the file."""

    def __init__(self, data: bytes, scrubber: Scrubber) -> None:
        self.content_hash = hashlib.sha256(data).hexdigest()
        self._data = data
        self._scrubber = scrubber
        self._lines: list[str] | None = None

    def all_lines(self) -> list[str]:
        """Its lines; none if it is no source any more."""
        if self._lines is None:
            text = decode_source(self._data)
            shown = "" if isinstance(text, SkipReason) else clean(text, self._scrubber)
            self._lines = shown.split("\n") if shown else []
        return self._lines

    def lines(self, start: int, end: int) -> str:
        """The text of the lines from ``start`` to ``end``, counted from 1, as far as there are
        such lines."""
        return "\n".join(self.all_lines()[max(0, start - 1) : max(0, end)])

    def place_of(self, text: str, near: int) -> int | None:
        """The line where ``text`` begins, the nearest to ``near`` if there are several; None if
        it is not in the file as whole lines."""
        wanted = text.split("\n")
        lines = self.all_lines()
        found = [
            at + 1
            for at, line in enumerate(lines)
            if line == wanted[0] and lines[at : at + len(wanted)] == wanted
        ]
        return min(found, key=lambda line: abs(line - near), default=None)


@dataclass(frozen=True, slots=True)
class Recalled:
    """What to show for a hit: its text now. Lines are None, and ``file`` too, for what was
    stored by hand and is of no file."""

    text: str
    start_line: int | None = None
    end_line: int | None = None
    file: FileNow | None = None

    def lines(self, start: int, end: int) -> str:
        """Lines of the same file, as it is now; nothing for what is of no file."""
        return "" if self.file is None else self.file.lines(start, end)


class FreshSources:
    """Holds hits against the files that they are from."""

    def __init__(self, scrubber: Scrubber, changed: Changed, draft: DraftFile) -> None:
        """``changed`` is told of files that have to be indexed again; it must not block."""
        self._scrubber = scrubber
        self._changed = changed
        self._draft = draft

    async def check(
        self, hits: Sequence[ScoredHit], notices: list[str] | None = None
    ) -> list[Recalled | None]:
        """What each hit stands for now, in the same order; None for what is to be dropped.

        A piece whose file has changed since it was indexed is shown where it stands now, or as
        the definition of its symbol is now, or not at all. ``notices`` gets a line for each
        indexed directory that is gone.
        """
        checked = await asyncio.to_thread(self._check, hits)
        for key in sorted({each.key for each in checked if each.key is not None}):
            self._changed(*key)
            if any(each.key == key and each.wants_definition for each in checked):
                drafts = await self._drafted(*key)
                checked = [each.defined_by(drafts) if each.key == key else each for each in checked]
        if notices is not None:
            roots = sorted({each.gone_root for each in checked if each.gone_root is not None})
            notices.extend(f"{root}, which was indexed, is gone: left out." for root in roots)
        return [each.recalled for each in checked]

    async def _drafted(self, project: str, root: str, path: str) -> Sequence[Draft]:
        """The file's pieces now; none where that would keep the question waiting: the file is
        being indexed again anyway."""
        try:
            async with asyncio.timeout(_DRAFT_SECONDS):
                return await self._draft(project, root, path)
        except (UnavailableError, TimeoutError):
            return ()

    def _check(self, hits: Sequence[ScoredHit]) -> list[_Checked]:
        files: dict[tuple[str, str], FileNow | None] = {}
        checked = []
        for hit in hits:
            root, path = _text(hit, "root"), _text(hit, "file_path")
            if not (root and path):
                checked.append(_Checked(hit, Recalled(_stored(hit))))
                continue
            if (root, path) not in files:
                files[root, path] = self._file(root, path)
            file = files[root, path]
            key = (_text(hit, "project"), root, path)
            if file is None:
                gone = None if Path(root).is_dir() else root
                checked.append(_Checked(hit, None, None if gone else key, gone))
            elif file.content_hash == hit.payload.get("content_hash"):
                start = _number(hit.payload, "start_line")
                end = _number(hit.payload, "end_line")
                checked.append(_Checked(hit, Recalled(_stored(hit), start, end, file)))
            else:
                checked.append(_Checked(hit, _moved(hit, file), key, file=file))
        return checked

    def _file(self, root: str, path: str) -> FileNow | None:
        data = read_bytes(Path(root, path))
        return None if isinstance(data, SkipReason) else FileNow(data, self._scrubber)


@dataclass(frozen=True, slots=True)
class _Checked:
    """A hit held against its file. ``key`` is set where the file has to be indexed again,
    ``gone_root`` where there is nothing left to index, ``file`` where it has changed."""

    hit: ScoredHit
    recalled: Recalled | None
    key: tuple[str, str, str] | None = None
    gone_root: str | None = None
    file: FileNow | None = None

    @property
    def wants_definition(self) -> bool:
        """Whether it may be found as what its symbol stands for now."""
        return self.recalled is None and self.file is not None and bool(_text(self.hit, "symbol"))

    def defined_by(self, drafts: Sequence[Draft]) -> _Checked:
        """As the piece of its file that defines its symbol, the nearest if there are several."""
        if not self.wants_definition:
            return self
        symbol, near = _text(self.hit, "symbol"), _number(self.hit.payload, "start_line")
        payloads = [each.payload for each in drafts if each.payload.get("symbol") == symbol]
        if not payloads:
            return self
        found = min(payloads, key=lambda each: abs(_number(each, "start_line") - near))
        start, end = _number(found, "start_line"), _number(found, "end_line")
        text = str(found.get("code_snippet", ""))
        return replace(self, recalled=Recalled(text, start, end, self.file))


def _moved(hit: ScoredHit, file: FileNow) -> Recalled | None:
    """The same text where it stands now, None if it does not."""
    text = _stored(hit)
    start = file.place_of(text, _number(hit.payload, "start_line"))
    return None if start is None else Recalled(text, start, start + text.count("\n"), file)


def _stored(hit: ScoredHit) -> str:
    return _text(hit, "code_snippet") or _text(hit, "text")


def _text(hit: ScoredHit, field: str) -> str:
    value: JsonValue = hit.payload.get(field)
    return value if isinstance(value, str) else ""


def _number(payload: Mapping[str, JsonValue], field: str) -> int:
    value: JsonValue = payload.get(field)
    return value if isinstance(value, int) else 1
