"""Changing values in YAML text, while all else in it stays as somebody wrote it."""

from __future__ import annotations

import json
from collections.abc import Mapping

import yaml

Place = tuple[str, str]
"""A section of hybrid.yaml, and a key in it."""


def with_values(text: str, values: Mapping[Place, str | None]) -> str:
    """The text with these values in place of what stands there, None as ``null``. Where a key is
    missing it is added; its section too, at the end.

    Raises:
        ValueError: the text is no YAML of sections, or such that a value cannot be changed alone
            (it is an alias, say).
    """
    for place, value in values.items():
        written = "null" if value is None else json.dumps(value, ensure_ascii=False)
        text = _with_value(text, place, written)
        if _read(text).get(place[0], {}).get(place[1]) != value:
            raise ValueError(f"{'.'.join(place)} cannot be changed by itself")
    return text


def _with_value(text: str, place: Place, value: str) -> str:
    section, key = place
    root = _compose(text)
    if root is None:
        return f"{_ended(text)}{section}:\n  {key}: {value}\n"
    holder = _child(root, section)
    if holder is None:
        if isinstance(root, yaml.CollectionNode) and root.flow_style:
            raise ValueError(f"{section} cannot be added to a mapping in braces")
        end = len(text.rstrip()) if not text.rstrip().endswith("...") else 0
        return f"{_ended(text[:end] if end else text)}{section}:\n  {key}: {value}\n"
    if not isinstance(holder, yaml.MappingNode):
        # A section of which every key is commented out is null.
        found = _child(root, section)
        assert found is not None
        return _replaced(text, found, f"{{{key}: {value}}}")
    found = _child(holder, key)
    if found is not None:
        return _replaced(text, found, value)
    at = holder.start_mark.index
    if holder.flow_style:
        comma = ", " if holder.value else ""
        return f"{text[: at + 1]}{key}: {value}{comma}{text[at + 1 :]}"
    return f"{text[:at]}{key}: {value}\n{' ' * holder.start_mark.column}{text[at:]}"


def _replaced(text: str, node: yaml.Node, value: str) -> str:
    start, end = node.start_mark.index, node.end_mark.index
    if start == end:  # a key without a value
        return f"{text[:start]} {value}{text[end:]}"
    tail = text[start:end]
    kept = tail[len(tail.rstrip()) :]  # of a block scalar, the line's end is part
    return f"{text[:start]}{value}{kept}{text[end:]}"


def _child(node: yaml.Node, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        raise ValueError("it is no mapping")  # noqa: TRY004 - of the text, not of the program
    found: yaml.Node | None = None
    for name, value in node.value:
        if name.value == key:
            found = value
    return found


def _compose(text: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ValueError("it is no YAML") from error


def _read(text: str) -> Mapping[str, Mapping[str, object]]:
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError("it is no YAML any more") from error
    return {name: section or {} for name, section in found.items()}


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"
