"""Cutting prose at its headings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hybrid_coordinator.knowledge.code.pieces import (
    MAX_LINE_SHOWN,
    Definition,
    Lines,
    Piece,
    split_by_lines,
)

_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*")  # CommonMark 4.2
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")  # CommonMark 4.5
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*")  # CommonMark 4.3
_RST_UNDERLINE = re.compile(r"([!-/:-@\[-`{-~])\1+\s*")

_ASCIIDOC = re.compile(r"(={1,6})[ \t]+(\S.*)")
_ASCIIDOC_BLOCK = re.compile(r"(-{4,}|\.{4,}|\+{4,}|={4,}|\*{4,}|/{4,})[ \t]*")
_ORG = re.compile(r"(\*+)[ \t]+(?:(?:TODO|DONE)[ \t]+)?(\S.*)")
_LATEX = re.compile(r"\s*\\(part|chapter|(?:sub){0,2}section)\*?(?:\[[^\]]*\])?\{([^{}]*)")
_LATEX_LEVELS = ("part", "chapter", "section", "subsection", "subsubsection")

Heading = tuple[int, int, str]
"""Line (from 0), level (from 1) and title."""


def split_markdown(lines: Lines) -> list[Piece]:
    """A piece for each section, divided at blank lines where it is long."""
    return _sections(lines, list(_markdown_headings(lines)))


def split_rst(lines: Lines) -> list[Piece]:
    """A piece for each section, divided at blank lines where it is long."""
    return _sections(lines, list(_rst_headings(lines)))


def split_asciidoc(lines: Lines) -> list[Piece]:
    """A piece for each section, divided at blank lines where it is long."""
    return _sections(lines, list(_asciidoc_headings(lines)))


def split_org(lines: Lines) -> list[Piece]:
    """A piece for each section of Org mode, divided at blank lines where it is long."""
    found = ((number, _ORG.fullmatch(lines[number])) for number in range(len(lines)))
    return _sections(lines, [(at, len(it[1]), _title(it[2])) for at, it in found if it])


def split_latex(lines: Lines) -> list[Piece]:
    """A piece for each section, divided at blank lines where it is long."""
    found = ((number, _LATEX.match(lines[number])) for number in range(len(lines)))
    levels = {name: level for level, name in enumerate(_LATEX_LEVELS)}
    return _sections(lines, [(at, levels[it[1]], _title(it[2])) for at, it in found if it])


def _sections(lines: Lines, headings: list[Heading]) -> list[Piece]:
    pieces = list(split_by_lines(lines, Piece(0, headings[0][0] if headings else len(lines))))
    above: list[tuple[int, Definition]] = []
    starts = [heading[0] for heading in headings]
    for (line, level, title), following in zip(
        headings, [*starts[1:], len(lines)][: len(headings)], strict=True
    ):
        while above and above[-1][0] >= level:
            above.pop()
        parent = above[-1][1] if above else None
        symbol = f"{parent.symbol} > {title}" if parent is not None else title
        section = Definition(symbol[-MAX_LINE_SHOWN:], "section", title, "", line, parent)
        above.append((level, section))
        pieces.extend(split_by_lines(lines, Piece(line, following, section)))
    return pieces


def _markdown_headings(lines: Lines) -> Iterator[Heading]:
    fence = ""
    for number in range(len(lines)):
        line = lines[number]
        if opened := _FENCE.match(line):
            if not fence:
                fence = opened[1]
            elif opened[1].startswith(fence) and not line[opened.end() :].strip():
                fence = ""
            continue
        if fence:
            continue
        if found := _ATX.fullmatch(line):
            yield number, len(found[1]), _title(found[2] or "")
        elif number and (found := _SETEXT.fullmatch(line)) and _is_paragraph(lines[number - 1]):
            yield number - 1, 1 if found[1][0] == "=" else 2, _title(lines[number - 1])


def _asciidoc_headings(lines: Lines) -> Iterator[Heading]:
    block = ""
    for number in range(len(lines)):
        line = lines[number]
        if opened := _ASCIIDOC_BLOCK.fullmatch(line):
            if not block:
                block = opened[1]
            elif block == opened[1]:
                block = ""
        elif not block and (found := _ASCIIDOC.fullmatch(line)):
            yield number, len(found[1]), _title(found[2])


def _is_paragraph(line: str) -> bool:
    return bool(line.strip()) and not re.match(r"\s{4}|\s*(?:[-*+>|#]|\d+[.)]|`{3}|~{3})", line)


def _rst_headings(lines: Lines) -> Iterator[Heading]:
    levels: list[str] = []
    number = 1
    while number < len(lines):
        title, underline = lines[number - 1], lines[number]
        if (
            title.strip()
            and not title.startswith((" ", "\t"))
            and _RST_UNDERLINE.fullmatch(underline)
            and len(underline.rstrip()) >= len(title.rstrip())
            and not _RST_UNDERLINE.fullmatch(title)
        ):
            overlined = number > 1 and lines[number - 2].rstrip() == underline.rstrip()
            style = underline[0] + "o" * overlined
            if style not in levels:
                levels.append(style)
            yield number - 1 - overlined, levels.index(style) + 1, _title(title)
            number += 1
        number += 1


def _title(text: str) -> str:
    return " ".join(text.split()).strip("*`")[:MAX_LINE_SHOWN] or "(untitled)"
