"""HTTP to model servers: bounded, through the egress policy, errors mapped once.

This is the only module that imports httpx, which takes 0.1 s: import it when a request is due.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx

from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.errors import (
    ConnectionCutError,
    HybridError,
    ModelReplyError,
    ModelUnavailableError,
)
from hybrid_coordinator.inference.credentials import Credentials
from hybrid_coordinator.inference.egress import EgressPolicy
from hybrid_coordinator.inference.endpoints import REFUSED

_CONNECT_SECONDS = 5.0
_MAX_BODY_BYTES = 8 * 1024 * 1024
"""Model lists take kilobytes; what is longer is something else on that port."""
_MAX_LINE_BYTES = 4 * 1024 * 1024
_MAX_STREAM_BYTES = 64 * 1024 * 1024
"""Of one answer, with all that is around each token: more than 100,000 tokens."""
_JSON = {"content-type": "application/json"}
_DRAIN_SECONDS = 0.2
_LONGEST_RETRY_AFTER = 86_400.0


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A whole response."""

    status: int
    body: bytes


class HttpStream:
    """A response that is read line by line."""

    def __init__(self, url: str, response: httpx.Response, credentials: Credentials) -> None:
        self._url = url
        self._response = response
        self._credentials = credentials
        self._chunks = response.aiter_bytes()
        self.status = response.status_code

    @property
    def retry_after(self) -> float | None:
        """In how many seconds the server wants to be asked again, None where it does not say."""
        return retry_after(self._response.headers, time.time())

    async def body(self) -> bytes:
        """The whole body, for an error status, without the server's key."""
        return self._masked(await _read(self._url, self._chunks))

    async def lines(self) -> AsyncIterator[bytes]:
        """The body's lines without their ends and without the server's key, as they arrive; empty
        ones are left out.

        Split at line feeds only: JSON text may hold U+2028 and the like, which
        ``str.splitlines`` would cut at.
        """
        pending, arrived = bytearray(), 0
        async for chunk in self._chunks:
            pending += chunk
            arrived += len(chunk)
            if arrived > _MAX_STREAM_BYTES:
                raise ModelReplyError(
                    f"{self._url}: its answer has no end; {_MAX_STREAM_BYTES} bytes were read"
                )
            while (end := pending.find(b"\n")) >= 0:
                line = bytes(pending[:end]).rstrip(b"\r")
                del pending[: end + 1]
                if line:
                    yield self._masked(line)
            if len(pending) > _MAX_LINE_BYTES:
                raise ModelReplyError(
                    f"{self._url}: it sends a line without an end, as no model does"
                )
        if pending:
            yield self._masked(bytes(pending))

    def _masked(self, content: bytes) -> bytes:
        return self._credentials.masked(self._url, content)

    async def drain(self) -> None:
        """Read on after the answer, so that its connection can be used again. Not for long, since
        some servers leave it open; and nothing that goes wrong there matters any more."""
        with suppress(TimeoutError, httpx.HTTPError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                async for _ in self._chunks:
                    pass


class HttpClient:
    """One connection pool for all endpoints. A key goes to the origin that it is for, and to no
    other."""

    def __init__(self, policy: EgressPolicy, credentials: Credentials | None = None) -> None:
        self._policy = policy
        self._credentials = credentials or Credentials()
        self._client = httpx.AsyncClient(
            # A proxy of the environment must not see, or divert, what is meant for this machine.
            trust_env=False,
            follow_redirects=False,
            # Packing would only hold tokens back.
            headers={"accept-encoding": "identity"},
            # Lanes bound what is sent to each endpoint; a bound of all of them together would have
            # probes wait for answers that are being written, and find their endpoints down.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=100),
            # Callers bound the whole call; a model may think for minutes between two bytes.
            timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS),
        )

    async def close(self) -> None:
        """Close the pool; no call may follow."""
        await self._client.aclose()

    async def get(self, url: str, *, timeout: float) -> HttpAnswer:
        """GET a small document.

        Raises:
            ModelUnavailableError: nobody answers within ``timeout`` seconds.
            ModelReplyError: what answers does not speak HTTP, or sends too much.
        """
        return await self._fetch("GET", url, None, timeout)

    async def post(self, url: str, body: Mapping[str, JsonValue], *, timeout: float) -> HttpAnswer:
        """POST JSON and read a small document; raises as ``get`` does."""
        return await self._fetch("POST", url, body, timeout)

    async def _fetch(
        self, method: str, url: str, body: Mapping[str, JsonValue] | None, timeout: float
    ) -> HttpAnswer:
        try:
            async with (
                asyncio.timeout(timeout),
                self._open(method, url, body) as response,
            ):
                return HttpAnswer(response.status_code, await _read(url, response.aiter_bytes()))
        except TimeoutError as error:
            raise ModelUnavailableError(f"{url}: no answer within {timeout:g} s") from error

    @asynccontextmanager
    async def stream(
        self, url: str, body: Mapping[str, JsonValue], headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[HttpStream]:
        """POST JSON and read the response as it arrives. Unbounded in time: bound the caller.

        Raises:
            ModelUnavailableError: nobody answers.
            ConnectionCutError: the connection is cut while the response arrives.
        """
        async with self._open("POST", url, body, headers) as response:
            yield HttpStream(url, response, self._credentials)

    @asynccontextmanager
    async def _open(
        self,
        method: str,
        url: str,
        body: Mapping[str, JsonValue] | None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[httpx.Response]:
        self._policy.admit(url)
        content = None if body is None else _encode(body)
        added = self._credentials.headers(url) | dict(headers or {})
        if body is not None:
            added |= _JSON
        try:
            async with self._client.stream(method, url, content=content, headers=added) as response:
                if "," in response.headers.get("content-encoding", ""):
                    # Packed twice, a few hundred bytes become gigabytes in one step.
                    raise ModelReplyError(f"{url}: what it sends is packed more than once")
                yield response
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _mapped(error, url) from error


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """The seconds to wait that a response's headers ask for, at most a day: ``Retry-After`` as
    seconds or as a date (RFC 9110, 10.2.3), or OpenAI's ``retry-after-ms``. ``now`` is the time
    of day in seconds."""
    milliseconds = _number(headers.get("retry-after-ms", ""))
    said = headers.get("retry-after", "").strip()
    seconds = milliseconds / 1000 if milliseconds is not None else _number(said)
    if seconds is None:
        try:
            seconds = parsedate_to_datetime(said).timestamp() - now
        except (ValueError, OverflowError):
            return None
    return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _encode(body: Mapping[str, JsonValue]) -> bytes:
    # A lone surrogate has no UTF-8 form and servers refuse its escape: it becomes "?".
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


async def _read(url: str, chunks: AsyncIterator[bytes]) -> bytes:
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > _MAX_BODY_BYTES:
            raise ModelReplyError(f"{url}: it sends more than {_MAX_BODY_BYTES} bytes")
    return bytes(body)


def _mapped(error: httpx.HTTPError | httpx.InvalidURL, url: str) -> HybridError:
    if isinstance(error, httpx.ConnectTimeout):
        return ModelUnavailableError(f"{url}: no connection within {_CONNECT_SECONDS:g} s")
    if isinstance(error, httpx.ConnectError):
        return ModelUnavailableError(f"{url}: {_system_reason(error) or error}")
    return ConnectionCutError(f"{url}: the connection was cut ({error or type(error).__name__})")


def _system_reason(error: BaseException) -> str | None:
    """The system's own words ("Connection refused"), which the libraries above it bury."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ConnectionRefusedError):
            return REFUSED
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return None
