"""How often each may ask: a token by what the settings allow, a stranger less."""

from __future__ import annotations

from collections.abc import Callable

from hybrid_coordinator.domain.rates import TokenBucket
from hybrid_coordinator.errors import TooManyRequestsError

_AT_ONCE = 6
"""The part of a minute's requests that may come at once: a page asks for some twenty things."""
_STRANGERS_A_SECOND, _STRANGERS_AT_ONCE = 0.5, 30.0
_MOST_KNOWN = 10_000


class Limits:
    """Buckets by who asks. Those that are full again are forgotten."""

    def __init__(self, requests_per_minute: Callable[[], int]) -> None:
        self._requests_per_minute = requests_per_minute
        self._buckets: dict[tuple[str, int], TokenBucket] = {}

    def of_token(self, token_id: str) -> None:
        """Count a request under a token.

        Raises:
            TooManyRequestsError: there were too many of late.
        """
        most = self._requests_per_minute()
        self._take((token_id, most), most / 60, max(most / _AT_ONCE, 1))

    def of_stranger(self, address: str) -> None:
        """Count a request of somebody who could not say who they are.

        Raises:
            TooManyRequestsError: there were too many of late from there.
        """
        self._take((address, 0), _STRANGERS_A_SECOND, _STRANGERS_AT_ONCE)

    def _take(self, key: tuple[str, int], rate: float, burst: float) -> None:
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= _MOST_KNOWN:
                self._forget()
            bucket = self._buckets[key] = TokenBucket(rate, burst)
        wait = bucket.take()
        if wait:
            raise TooManyRequestsError(
                f"too many requests; try again in {wait:.1f} s", retry_after=wait
            )

    def _forget(self) -> None:
        self._buckets = {key: each for key, each in self._buckets.items() if not each.full}
        if len(self._buckets) >= _MOST_KNOWN:
            self._buckets.clear()  # strangers from everywhere: none of them is worth the memory
