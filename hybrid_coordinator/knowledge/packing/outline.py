"""What does not fit, by its signature and place, so that the reader knows where to look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hybrid_coordinator.domain.items import ContextItem
from hybrid_coordinator.knowledge.packing.pieces import label, size

_TITLE = "\nNot shown:\n"
_SIGNATURE_CHARACTERS = 80


def outline(left_out: Iterable[ContextItem], room: int) -> str:
    """A line a file, with the signatures of its items and their places, and one for each other
    item; the best first, as many as fit ``room`` bytes. Empty where none does."""
    lines: dict[str, dict[str, str]] = {}
    room -= size(_TITLE)
    for item in left_out:
        head, says, place = _entry(item)
        line = lines.get(head, {})
        known = line.get(says)
        grown = line | {says: place if known is None else f"{known}, {place}"}
        cost = size(_line(head, grown)) - (size(_line(head, line)) if line else 0)
        if cost <= room:
            lines[head] = grown
            room -= cost
    return _TITLE + "".join(_line(head, line) for head, line in lines.items()) if lines else ""


def _line(head: str, places: Mapping[str, str]) -> str:
    entries = (f"{place} {says}" if place else says for says, place in places.items())
    return f"- {head}: {'; '.join(entries)}\n"


def _entry(item: ContextItem) -> tuple[str, str, str]:
    """Where it is from, what it says, and in which lines that stands."""
    lines = item.lines
    if lines is None:
        named = label(item.signature or item.title, _SIGNATURE_CHARACTERS)
        return item.collection, f"{named}, {label(item.source)}", ""
    says, name = item.signature, item.title.rpartition(".")[2]
    if name not in says and not lines.path.endswith(item.title):
        says = item.title  # the signature is not its own, but a line within it
    place = f"{lines.start}-{lines.end}"
    return label(lines.path), label(says or item.title, _SIGNATURE_CHARACTERS), place
