"""Which user a connection of this machine comes from (proc(5), /proc/net/tcp)."""

from __future__ import annotations

import ipaddress
import sys
from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))

Place = tuple[str, int | None]
"""An address and a port."""


def user_of(client: Place, server: Place) -> int | None:
    """The uid of the process at the other end; None where it is not to be found."""
    for table in _TABLES:
        try:
            lines = table.read_text(encoding="ascii").splitlines()[1:]
        except OSError:  # a system without IPv6
            continue
        # Local and remote address are the client's own and ours: it is its row, not ours.
        wanted = [_place(client, table), _place(server, table)]
        for line in lines:
            fields = line.split()
            if fields[1:3] == wanted:
                return int(fields[7])
    return None


def _place(place: Place, table: Path) -> str:
    """An address as the table has it: words of 32 bits in the machine's order, in hex."""
    address = ipaddress.ip_address(place[0])
    packed = address.packed
    if table.name == "tcp6" and isinstance(address, ipaddress.IPv4Address):
        packed = ipaddress.IPv6Address(f"::ffff:{address}").packed
    words = (packed[start : start + 4] for start in range(0, len(packed), 4))
    text = "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)
    return f"{text}:{place[1]:04X}"
