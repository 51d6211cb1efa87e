"""The egress policy: the one place that says which servers a request may go to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from hybrid_coordinator.errors import SettingsError

_DEFAULT_PORTS = {"http": 80, "https": 443}


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of a URL (RFC 6454), the host in lower case."""
    parts = urlsplit(url)
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    return parts.scheme, (parts.hostname or "").lower(), port


class EgressPolicy:
    """Lets requests through to the origins of the configured URLs, and to nothing else.

    Every request of the model clients passes ``admit``; redirects are not followed and proxy
    settings of the environment are not read, so an admitted request goes where its URL says.
    """

    def __init__(self, configured: Iterable[str]) -> None:
        self._allowed = frozenset(origin(url) for url in configured)
        self._contacted: Counter[str] = Counter()

    @property
    def contacted(self) -> Mapping[str, int]:
        """How many requests were let through, by host."""
        return dict(self._contacted)

    def admit(self, url: str) -> None:
        """Count the request and return, or raise.

        Raises:
            SettingsError: the URL's origin is not one of the configured ones.
        """
        wanted = origin(url)
        if wanted not in self._allowed:
            scheme, host, port = wanted
            raise SettingsError(
                f"inference: nothing is sent to {scheme}://{host}:{port}, which is not a "
                "configured model server; add it to `inference` in hybrid.yaml to allow it"
            )
        self._contacted[wanted[1]] += 1
