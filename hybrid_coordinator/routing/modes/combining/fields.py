"""JSON answers field by field: the majority's value, or the middle one of numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from statistics import median_low

from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.routing.modes.asking import first_line, read_json
from hybrid_coordinator.routing.modes.combining.combined import (
    Combined,
    Said,
    most_agreed,
    share_of_others,
)

_MOST_DISSENT = 5


@dataclass(frozen=True, slots=True)
class _Value:
    """What a voice says in one place."""

    said: Said
    value: JsonValue


def combine(said: Sequence[Said], matches: Callable[[JsonValue], bool]) -> Combined | None:
    """The answers made one, place by place. Where that would not match the schema, the answer
    that agrees most with the others. None where no answer matches it, or all are nested so deep
    that they cannot be compared."""
    try:
        return _combine(said, matches)
    except RecursionError:
        return None


def _combine(said: Sequence[Said], matches: Callable[[JsonValue], bool]) -> Combined | None:
    given = [_Value(one, read_json(one.text)) for one in said]
    sound = [each for each in given if matches(each.value)]
    if not sound:
        return None
    by_voice = {each.said: _leaves(each.value) for each in sound}

    def likeness(one: Said, other: Said) -> float:
        mine, theirs = by_voice[one], by_voice[other]
        same = sum(theirs.get(place) == value for place, value in mine.items())
        return same / max(1, len(mine | theirs))

    nearest = most_agreed([each.said for each in sound], likeness)
    value = _merged(sound, nearest)
    if not matches(value):
        value = next(each.value for each in sound if each.said is nearest)
    chosen = _leaves(value)
    equal = [one.voice for one, leaves in by_voice.items() if leaves == chosen]
    return Combined(
        # One voice's own words, where they are what was agreed on.
        text=nearest.text if nearest.voice in equal else json.dumps(value, ensure_ascii=False),
        best=nearest.voice,
        agreement=_agreement(chosen, list(by_voice.values()), len(said)),
        agreeing=tuple(sorted(equal)),
        dissent=tuple(_dissent(chosen, by_voice, [one for one in said if one not in by_voice])),
    )


def _merged(values: Sequence[_Value], nearest: Said) -> JsonValue:
    """The value of a place. ``nearest`` has the say where there is no majority, and decides on
    the order."""
    groups: dict[Hashable, list[_Value]] = {}
    for each in values:
        groups.setdefault(_comparable(each.value), []).append(each)
    largest = max(groups.values(), key=len)
    if 2 * len(largest) > len(values):
        return _preferred(largest, nearest)
    plain = [each.value for each in values]
    if all(isinstance(value, dict) for value in plain):
        return _merged_objects(values, nearest)
    if all(_is_number(value) for value in plain):
        return median_low([value for value in plain if isinstance(value, int | float)])
    if all(isinstance(value, list) and all(map(_is_scalar, value)) for value in plain):
        return _merged_lists(values, nearest)
    return _preferred(values, nearest)


def _merged_objects(values: Sequence[_Value], nearest: Said) -> JsonValue:
    objects = [(each.said, each.value) for each in values if isinstance(each.value, dict)]
    first = _preferred(values, nearest)
    names = list(first) if isinstance(first, dict) else []
    names += sorted({name for _, value in objects for name in value} - set(names))
    merged: dict[str, JsonValue] = {}
    for name in names:
        having = [_Value(said, value[name]) for said, value in objects if name in value]
        decides = any(each.said is nearest for each in having)
        if 2 * len(having) + decides > len(objects):
            merged[name] = _merged(having, nearest)
    return merged


def _merged_lists(values: Sequence[_Value], nearest: Said) -> JsonValue:
    """The items that more than half of the lists hold."""
    lists = [each.value for each in values if isinstance(each.value, list)]
    first = _preferred(values, nearest)
    known: dict[Hashable, JsonValue] = {}
    for items in [first if isinstance(first, list) else [], *sorted(lists, key=json.dumps)]:
        for item in items:
            known.setdefault(_comparable(item), item)
    holding = [{_comparable(item) for item in items} for items in lists]
    return [
        item for key, item in known.items() if 2 * sum(key in keys for keys in holding) > len(lists)
    ]


def _preferred(values: Sequence[_Value], nearest: Said) -> JsonValue:
    """What ``nearest`` says, if it is among them, or else the surest."""
    best = min(
        values,
        key=lambda each: (
            each.said is not nearest,
            -each.said.weight,
            json.dumps(each.value),
            each.said.voice,
        ),
    )
    return best.value


def _leaves(value: JsonValue, place: str = "") -> dict[str, Hashable]:
    """Every place of a value with what stands there, in comparable form."""
    if isinstance(value, dict) and value:
        inside = [(f"{place}.{name}".lstrip("."), each) for name, each in value.items()]
    elif isinstance(value, list) and value and not all(map(_is_scalar, value)):
        inside = [(f"{place}[{number}]", each) for number, each in enumerate(value)]
    else:
        return {place: _comparable(value)}
    return {at: leaf for name, each in inside for at, leaf in _leaves(each, name).items()}


def _comparable(value: JsonValue) -> Hashable:
    """Equal for values that say the same: letter case, spaces, the end of a sentence and the
    order of a list of plain values do not count."""
    if isinstance(value, str):
        return ("text", re.sub(r"\s+", " ", value).strip().rstrip(".!").casefold())
    if isinstance(value, list) and all(map(_is_scalar, value)):
        return ("list", tuple(sorted((_comparable(item) for item in value), key=repr)))
    if isinstance(value, list | dict):
        return ("json", json.dumps(value, sort_keys=True))
    return (type(value).__name__ if isinstance(value, bool) or value is None else "number", value)


def _is_scalar(value: JsonValue) -> bool:
    return not isinstance(value, list | dict)


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _agreement(
    chosen: dict[str, Hashable], leaves: Sequence[dict[str, Hashable]], total: int
) -> float:
    shares = [
        share_of_others(sum(each.get(place) == value for each in leaves), total)
        for place, value in chosen.items()
    ]
    return sum(shares) / len(shares)


def _dissent(
    chosen: dict[str, Hashable], by_voice: dict[Said, dict[str, Hashable]], unsound: Sequence[Said]
) -> list[str]:
    lines = [f"{one.voice}: not in the form asked for" for one in unsound]
    places = sorted({place for leaves in by_voice.values() for place in leaves} | set(chosen))
    for place in places:
        others: dict[str, list[str]] = {}
        for one, leaves in by_voice.items():
            if leaves.get(place) != chosen.get(place):
                others.setdefault(_shown(leaves.get(place)), []).append(one.voice)
        if others:
            said = "; ".join(
                f"{value} ({', '.join(sorted(voices))})" for value, voices in sorted(others.items())
            )
            lines.append(f"{place or 'value'}: {_shown(chosen.get(place))}, but {said}")
    return sorted(lines)[:_MOST_DISSENT]


def _shown(leaf: Hashable) -> str:
    if leaf is None:
        return "left out"
    kind, value = leaf if isinstance(leaf, tuple) else ("", leaf)
    if kind == "list":
        return first_line("[" + ", ".join(_shown(item) for item in value) + "]", 60)
    return first_line(str(value) if kind == "json" else json.dumps(value, ensure_ascii=False), 60)
