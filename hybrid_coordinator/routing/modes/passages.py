"""Cutting files into passages: whole lines, at the best places, each with its source."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.ask import FileText
from hybrid_coordinator.domain.tokens import BYTES_PER_TOKEN, estimate_tokens

_AROUND_TOKENS = 16
"""What a passage's number, fence and message cost beside its name and text."""
_LONGEST_HEADING = 60
_WIDEST_CHARACTER = 4
_HEADING = re.compile(r"[A-Za-z_$#]")


@dataclass(frozen=True, slots=True)
class Source:
    """Lines of a file, counted from 1, both ends included."""

    path: str
    start: int
    end: int

    def __str__(self) -> str:
        return f"{self.path}:{self.start}-{self.end}"


@dataclass(frozen=True, slots=True)
class Passage:
    """Lines of a file: ``text`` is exactly what stands at ``source``, or a piece of it where one
    line is too long. ``within`` is the heading that the lines are under, as in a diff's hunks."""

    source: Source
    text: str
    within: str = ""

    @property
    def tokens(self) -> int:
        """What it costs in a prompt, an estimate on the safe side."""
        return estimate_tokens(self.text) + estimate_tokens(self.label(1)) + _AROUND_TOKENS

    def label(self, number: int) -> str:
        """The name that a model sees."""
        within = f" (in: {self.within})" if self.within else ""
        return f"[{number}] {self.source}{within}"

    def shown(self, number: int) -> FileText:
        """The form in which a request carries it."""
        return FileText(self.label(number), self.text)


def split(file: FileText, max_tokens: int) -> Iterator[Passage]:
    """The passages of a file, of at most ``max_tokens`` tokens each. Every line that is not blank
    is in one of them.

    Passages end where a blank line comes before a line of little indentation, if there is such a
    place in their second half; the line that a reader needs to know where they are is in
    ``within``.
    """
    lines = file.text.split("\n")
    yield from _split_lines(lines, file.path, 0, max_tokens, "")


def _split_lines(
    lines: Sequence[str], path: str, offset: int, max_tokens: int, within: str
) -> Iterator[Passage]:
    about = Source(path, offset + len(lines), offset + len(lines))
    frame = Passage(about, "", "x" * _LONGEST_HEADING).tokens + 1
    room = int(max(1, max_tokens - frame) * BYTES_PER_TOKEN)
    heading, start = within, 0
    while start < len(lines):
        if not lines[start].strip():
            start += 1
            continue
        end = _end(lines, start, room)
        number = offset + start + 1
        inside = heading if lines[start][:1].isspace() else ""
        if end == start:  # one line is too long
            for piece in _pieces(lines[start], room):
                yield Passage(Source(path, number, number), piece, inside)
            end = start + 1
        else:
            while not lines[end - 1].strip():
                end -= 1
            text = "\n".join(lines[start:end])
            yield Passage(Source(path, number, offset + end), text, inside)
        for line in lines[start:end]:
            if _HEADING.match(line):
                heading = line.strip()[:_LONGEST_HEADING]
        start = end


def _end(lines: Sequence[str], start: int, room: int) -> int:
    """Where to end what begins at ``start``; ``start`` itself if its line is larger than ``room``
    (in bytes)."""
    end, size = start, -1
    while end < len(lines):
        size += len(lines[end].encode("utf-8", "replace")) + 1
        if size > room:
            break
        end += 1
    if end == len(lines) or end <= start + 1:
        return end
    return max(range(start + (end - start + 1) // 2, end + 1), key=lambda at: _place(lines, at))


def _place(lines: Sequence[str], at: int) -> tuple[bool, int, int]:
    """How good a place to cut is, before the line ``at``."""
    line = lines[at]
    indent = len(line) - len(line.lstrip())
    return (not lines[at - 1].strip() and bool(line.strip()), -indent if line.strip() else -99, at)


def _pieces(line: str, room: int) -> Iterator[str]:
    width = max(1, room // (1 if line.isascii() else _WIDEST_CHARACTER))
    for at in range(0, len(line), width):
        yield line[at : at + width]


class Material:
    """Passages that are still to be read, in order."""

    def __init__(self, files: Sequence[FileText], passage_tokens: int) -> None:
        """``passage_tokens`` bounds a passage: the smaller, the finer the sources."""
        self._waiting = deque(passage for file in files for passage in split(file, passage_tokens))
        self._tokens = sum(passage.tokens for passage in self._waiting)

    @property
    def tokens(self) -> int:
        """What is still to be read, an estimate on the safe side."""
        return self._tokens

    def parts(self, max_tokens: int) -> int:
        """In how many parts of ``max_tokens`` all of it can be taken."""
        count, left = 0, 0
        for passage in self._waiting:
            if count == 0 or passage.tokens > left:
                count, left = count + 1, max_tokens
            left -= passage.tokens
        return count

    def take(self, max_tokens: int) -> tuple[Passage, ...]:
        """The next passages that fit ``max_tokens`` together; none at the end. A passage that is
        too large by itself is cut."""
        taken: list[Passage] = []
        left = max_tokens
        while self._waiting:
            if self._waiting[0].tokens > max_tokens:
                self._cut_first(max_tokens)
            if self._waiting[0].tokens > left and taken:
                break
            passage = self._waiting.popleft()
            left -= passage.tokens
            self._tokens -= passage.tokens
            taken.append(passage)
        return tuple(taken)

    def put_back(self, passages: Sequence[Passage]) -> None:
        """Have passages read later, before all others."""
        self._waiting.extendleft(reversed(passages))
        self._tokens += sum(passage.tokens for passage in passages)

    def _cut_first(self, max_tokens: int) -> None:
        first = self._waiting.popleft()
        self._tokens -= first.tokens
        source, lines = first.source, first.text.split("\n")
        self.put_back(
            tuple(_split_lines(lines, source.path, source.start - 1, max_tokens, first.within))
        )


def merged(sources: Sequence[Source]) -> tuple[Source, ...]:
    """The sources in order, with those that touch or overlap made one."""
    whole: list[Source] = []
    for source in sorted(set(sources), key=lambda each: (each.path, each.start, each.end)):
        last = whole[-1] if whole else None
        if last is not None and last.path == source.path and source.start <= last.end + 1:
            whole[-1] = Source(last.path, last.start, max(last.end, source.end))
        else:
            whole.append(source)
    return tuple(whole)
