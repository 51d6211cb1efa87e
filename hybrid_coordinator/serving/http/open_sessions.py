"""How many MCP sessions each token has open: none opens so many that none are left for others."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from hybrid_coordinator.errors import TooManyRequestsError


@dataclass(slots=True, eq=False)
class _Session:
    """``id`` is None while its first request is under way; ``quiet_since`` is when the last one
    ended."""

    id: str | None
    requests: int
    quiet_since: float


class OpenSessions:
    """What the SDK's manager has open, by the tokens that opened it, which the manager does not
    tell. As there, a session ends when its client says so, or ``idle`` seconds after its last
    request, of which an open stream is one."""

    def __init__(self, most: int, idle: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._idle = idle
        self._clock = clock
        self._of: dict[str, list[_Session]] = {}

    def begin(self, owner: str, session_id: str | None) -> Use:
        """A request of a session, or one that opens a session.

        Raises:
            TooManyRequestsError: its owner has as many open as may be.
        """
        now = self._clock()
        known = self._of.setdefault(owner, [])
        known[:] = [each for each in known if each.requests or now - each.quiet_since < self._idle]
        # One that is not known is not the manager's either, which says so.
        session = _Session(session_id, 0, now)
        if session_id is None:
            if len(known) >= self._most:
                raise self._too_many(known, now)
            known.append(session)
        else:
            session = next((each for each in known if each.id == session_id), session)
        session.requests += 1
        return Use(session, known, self._clock)

    def _too_many(self, known: list[_Session], now: float) -> TooManyRequestsError:
        waits = [self._idle - (now - each.quiet_since) for each in known if not each.requests]
        return TooManyRequestsError(
            f"this token has {self._most} MCP sessions open at this coordinator, as many as it "
            f"may; end some with DELETE, or leave them unused for {self._idle / 60:g} minutes",
            retry_after=min(waits, default=self._idle),
        )


class Use:
    """One request of a session, until it is `over`."""

    def __init__(
        self, session: _Session, known: list[_Session], clock: Callable[[], float]
    ) -> None:
        self._session = session
        self._known = known
        self._clock = clock

    def opened(self, session_id: str) -> None:
        """The session that this request opens has an id."""
        self._session.id = session_id

    def ended(self) -> None:
        """There is no such session any more."""
        if self._session in self._known:
            self._known.remove(self._session)

    def over(self) -> None:
        """The request is answered. If it was to open a session, and did not, there is none."""
        self._session.requests -= 1
        self._session.quiet_since = self._clock()
        if self._session.id is None:
            self.ended()
