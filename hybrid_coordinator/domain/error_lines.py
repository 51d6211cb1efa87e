"""The lines of a text that name an error, without what differs from run to run."""

from __future__ import annotations

import re

_READ = 20_000
_LINE = re.compile(
    r"^[ \t>|E]{0,8}((?:[\w.]+\.)?\w*(?:Error|Exception|Panic|Fault)\b[:( ].{3,300}"
    r"|(?:error|fatal|panic)(?:\[\w+\]| TS\d+)?: .{3,300}"
    r"|.{0,120}: (?:fatal )?error(?: TS\d+)?: .{3,300}"
    r"|FAILED \S+.{0,200}|--- FAIL: \S+|npm (?:ERR!|error) .{5,200})",
    re.MULTILINE,
)
_PLACE = re.compile(r"(?:[A-Za-z]:)?(?:[\w.@~-]*[/\\])+([\w.-]+)|0x[0-9a-f]+|\d+", re.IGNORECASE)


def error_lines(text: str) -> frozenset[str]:
    """The errors that ``text`` names, comparable: numbers, addresses and directories left out."""
    return frozenset(
        " ".join(_PLACE.sub(lambda found: found[1] or "0", found).casefold().split())
        for found in _LINE.findall(text[:_READ])
    )
