"""What does not fit, by its signature and place, so that the reader knows where to look."""

from __future__ import annotations

from collections.abc import Iterable

from hybrid_coordinator.domain.items import ContextItem
from hybrid_coordinator.knowledge.packing.pieces import label, size

_TITLE = "\nNot shown:\n"
_SIGNATURE_CHARACTERS = 80


def outline(left_out: Iterable[ContextItem], room: int) -> str:
    """A line a file, with the places and signatures of its items, and one for each other item;
    the best first, as many as fit ``room`` bytes. Empty where none does."""
    lines: dict[tuple[str, str], str] = {}
    room -= size(_TITLE)
    for number, item in enumerate(left_out):
        key, head, entry = _entry(item, number)
        line = lines.get(key)
        grown = f"- {head}{entry}\n" if line is None else f"{line[:-1]}; {entry}\n"
        cost = size(grown) - (0 if line is None else size(line))
        if cost <= room:
            lines[key] = grown
            room -= cost
    return _TITLE + "".join(lines.values()) if lines else ""


def _entry(item: ContextItem, number: int) -> tuple[tuple[str, str], str, str]:
    """What it shares with others, how a line of these begins, and what is its own."""
    says = label(item.signature or item.title, _SIGNATURE_CHARACTERS)
    lines = item.lines
    if lines is not None:
        place = f"{lines.start}-{lines.end} {says}"
        return (lines.root, lines.path), f"{label(lines.path)}: ", place
    return ("", str(number)), f"{item.collection}: ", f"{says}, {label(item.source)}"
