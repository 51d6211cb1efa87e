"""Setting and removing members of a JSON text, which otherwise stays as it is, byte for byte."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.knowledge import JsonValue

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class _Member:
    """Where a member stands: from ``start`` to ``end``, its value from ``value`` on."""

    name: str
    start: int
    value: int
    end: int


@dataclass(frozen=True, slots=True)
class _Object:
    """An object's members; its braces stand at ``open`` and ``close``."""

    open: int
    members: Sequence[_Member]
    close: int

    def find(self, name: str) -> _Member | None:
        """The one that counts, of several of a name: the last."""
        return next((each for each in reversed(self.members) if each.name == name), None)


def with_member(text: str, section: str, name: str, value: JsonValue) -> str:
    """``text`` with the member ``name`` of the object ``section`` of the root set to ``value``,
    written as the members around it are.

    Raises:
        ValueError: ``text`` is not JSON, or its root or the section is no object.
    """
    root = _object(text, _skip(text, 0))
    found = root.find(section)
    if found is None:
        return _insert(text, root, section, {name: value}, depth=0)
    inner = _object(text, found.value)
    member = inner.find(name)
    if member is None:
        return _insert(text, inner, name, value, depth=1)
    if json.loads(text[member.value : member.end]) == value:
        return text
    space = _space_before(text, member.start)
    written = _member(text, name, value, space, _colon(text, member))
    return text[: member.start] + written + text[member.end :]


def without_member(text: str, section: str, name: str, *, prune: bool) -> str:
    """``text`` without that member; with ``prune`` without the section too, if nothing else is in
    it. Where there is no such member, nothing changes.

    Raises:
        ValueError: as `with_member`.
    """
    root = _object(text, _skip(text, 0))
    found = root.find(section)
    if found is None or text[found.value] != "{":
        return text
    inner = _object(text, found.value)
    member = inner.find(name)
    if member is None:
        return text
    if prune and len(inner.members) == 1:
        return _remove(text, root, found)
    return _remove(text, inner, member)


def members(text: str) -> dict[str, JsonValue]:
    """The root object.

    Raises:
        ValueError: as `with_member`.
    """
    _object(text, _skip(text, 0))
    content: dict[str, JsonValue] = json.loads(text)
    return content


def _object(text: str, start: int) -> _Object:
    if text[start : start + 1] != "{":
        raise ValueError(f"an object is wanted in line {text.count(chr(10), 0, start) + 1}")
    found: list[_Member] = []
    place = _skip(text, start + 1)
    while text[place : place + 1] != "}":
        if found:
            _expect(text, place, ",")
            place = _skip(text, place + 1)
        _expect(text, place, '"')
        name, end = _DECODER.raw_decode(text, place)
        colon = _skip(text, end)
        _expect(text, colon, ":")
        value = _skip(text, colon + 1)
        _, end = _DECODER.raw_decode(text, value)
        found.append(_Member(name, place, value, end))
        place = _skip(text, end)
    return _Object(start, found, place)


def _insert(text: str, into: _Object, name: str, value: JsonValue, *, depth: int) -> str:
    """``text`` with a member more, behind the others of ``into``."""
    if into.members:
        last = into.members[-1]
        space, colon = _space_before(text, last.start), _colon(text, last)
        written = _member(text, name, value, space, colon)
        return f"{text[: last.end]},{space}{written}{text[last.end :]}"
    unit = _unit(text)
    line = _newline(text)
    if unit is None:
        space = close = ""
    else:
        close = line + unit * depth
        space = close + unit
    written = _member(text, name, value, space, ": ")
    return f"{text[: into.open]}{{{space}{written}{close}}}{text[into.close + 1 :]}"


def _member(text: str, name: str, value: JsonValue, space: str, colon: str) -> str:
    broken = "\n" in space
    indent = space.rpartition("\n")[2] if broken else ""
    written = _written(value, indent, _unit(text) if broken else None)
    written = written.replace("\n", _newline(text))
    return f"{json.dumps(name, ensure_ascii=False)}{colon}{written}"


def _written(value: JsonValue, indent: str, unit: str | None) -> str:
    """``value`` on one line without ``unit``, else on lines that are indented by it."""
    if unit is None:
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False, indent=unit or 0).replace("\n", "\n" + indent)


def _remove(text: str, of: _Object, member: _Member) -> str:
    place = of.members.index(member)
    if len(of.members) == 1:
        return text[: of.open + 1] + text[of.close :]
    if place + 1 < len(of.members):
        return text[: member.start] + text[of.members[place + 1].start :]
    return text[: of.members[place - 1].end] + text[member.end :]


def _skip(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    return match.end() if match else place


def _expect(text: str, place: int, character: str) -> None:
    if text[place : place + 1] != character:
        line = text.count("\n", 0, place) + 1
        raise ValueError(f"{character} is wanted in line {line}")


def _space_before(text: str, start: int) -> str:
    end = start
    while text[start - 1] in " \t\r\n":
        start -= 1
    return text[start:end]


def _colon(text: str, member: _Member) -> str:
    """What stands between a member's name and its value."""
    _, end = _DECODER.raw_decode(text, member.start)
    return text[end : member.value]


def _unit(text: str) -> str | None:
    """The step of indentation; None for a text on one line."""
    root = _object(text, _skip(text, 0))
    if not root.members:
        return "  "
    space = _space_before(text, root.members[0].start)
    return space.rpartition("\n")[2] if "\n" in space else None


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
