"""UUIDs on their way into and out of the record."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hybrid_coordinator.errors import InvalidArgumentError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562, section 5.7): ids made later sort later, to about 250 ns.

    The 12 bits after the millisecond hold its fraction, as section 6.2, method 3 has it.
    """
    return _id_of(time.time_ns())


def id_at(moment: datetime) -> UUID:
    """The UUIDv7 of a moment, which has a time zone: for what happened then and is told now."""
    return _id_of(max(0, round((moment - _EPOCH) / timedelta(microseconds=1)) * 1000))


def _id_of(nanoseconds: int) -> UUID:
    milliseconds, rest = divmod(nanoseconds, 1_000_000)
    fraction = rest * 4096 // 1_000_000
    return UUID(int=milliseconds << 80 | 7 << 76 | fraction << 64 | 2 << 62 | secrets.randbits(62))


def parse_id(field: str, text: str) -> UUID:
    """The UUID that ``text`` writes.

    Raises:
        InvalidArgumentError: it writes none; the message names ``field``.
    """
    try:
        return UUID(text)
    except ValueError:
        raise InvalidArgumentError(
            field, f"{text!r} is no id; ids look like 0198c5a2-7b1e-7c3d-8f00-0123456789ab"
        ) from None


def parse_ids(field: str, texts: Iterable[str]) -> list[UUID]:
    """One UUID a text, each once, in the order of their first occurrence."""
    return list(dict.fromkeys(parse_id(field, text) for text in texts))
