"""The bridge: an MCP stdio server that is a pipe to the coordinator's socket.

Newline-delimited JSON-RPC goes both ways unchanged. What the bridge adds is that a session
outlives the coordinator: if the coordinator dies, requests in flight are answered with an
error that says so, and the next request starts it again behind a replayed handshake. Nothing
but protocol is ever written to stdout. Standard library only.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import time

from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.launch import (
    MAX_LINE_BYTES,
    CoordinatorStartError,
    connect_or_start,
)

_CHUNK_BYTES = 1 << 16
_OUTPUT_BYTES = 1 << 23
"""Answers the client has not read yet; the coordinator waits while there are more."""
_DRAIN_SECONDS = 10.0
"""How long answers are waited for once the client has closed its end."""

_SERVER_ERROR = -32000  # JSON-RPC 2.0, section 5.1: reserved for implementation-defined errors
_LOST = (
    "the coordinator stopped while this request was in flight; it restarts with the next "
    "request. Whether this one took effect is not known: look before you repeat a write"
)
_UNREACHABLE = "the coordinator closes its connections at once; run `hybrid-coordinator doctor`"


def main() -> int:
    """Serve stdin and stdout until stdin closes. Returns the exit status."""
    try:
        return Bridge(Home.from_environment(), sys.stdin.fileno(), sys.stdout.fileno()).run()
    except (KeyboardInterrupt, _ClientGoneError):
        return 0


class _ClientGoneError(Exception):
    """Nobody reads our answers any more."""


class Bridge:
    """One agent session: two file descriptors on one side, a connection on the other.

    One thread, so that what is in flight, which connection owes it, and who has been told what
    cannot be seen half changed.
    """

    def __init__(self, home: Home, stdin: int, stdout: int) -> None:
        self._home = home
        self._stdin = stdin
        self._stdout = stdout
        self._stdin_closed_at: float | None = None
        self._from_client = _Lines()
        self._from_coordinator = _Lines()
        self._output = bytearray()
        self._connection: socket.socket | None = None
        self._in_flight: dict[str, str | int] = {}
        self._initialize: bytes | None = None
        self._initialized = b""
        self._swallow: str | None = None
        self._reopened = False

    def run(self) -> int:
        """Pump until the client closes stdin; then wait (bounded) for answers still due."""
        for descriptor in (self._stdin, self._stdout):
            os.set_blocking(descriptor, True)  # whoever shares them may have made them otherwise
        try:
            while (patience := self._patience()) is None or patience > 0:
                self._turn(patience)
        finally:
            if self._connection is not None:
                self._connection.close()
        return 0

    def _patience(self) -> float | None:
        """Seconds to go on for: None is without end, 0 is done."""
        if self._stdin_closed_at is None:
            return None
        if not self._output and not self._in_flight:
            return 0.0
        return max(0.0, self._stdin_closed_at + _DRAIN_SECONDS - time.monotonic())

    def _turn(self, patience: float | None) -> None:
        """Wait until something can be moved, and move it."""
        readers: list[int | socket.socket] = []
        if self._stdin_closed_at is None:
            readers.append(self._stdin)
        if self._connection is not None and len(self._output) < _OUTPUT_BYTES:
            readers.append(self._connection)
        writers = [self._stdout] if self._output else []
        readable, writable, _ = select.select(readers, writers, [], patience)
        if writable:
            self._flush()
        if self._connection in readable:
            self._receive()
        if self._stdin in readable:
            self._read_client()

    def _flush(self) -> None:
        try:
            # A pipe that select calls writable takes this much without blocking (POSIX, PIPE_BUF).
            written = os.write(self._stdout, self._output[: select.PIPE_BUF])
        except BrokenPipeError as error:
            raise _ClientGoneError from error
        del self._output[:written]

    # -- client to coordinator

    def _read_client(self) -> None:
        chunk = os.read(self._stdin, _CHUNK_BYTES)
        if not chunk:
            self._stdin_closed_at = time.monotonic()
        for line in self._from_client.add(chunk):
            if line.strip():
                self._forward(line)

    def _forward(self, line: bytes) -> None:
        message = _parse(line)
        method = message.get("method")
        key = _key(message) if method is not None else None
        if key is not None:
            self._in_flight[key] = json.loads(key)
            if len(line) > MAX_LINE_BYTES:
                self._fail(f"a message may have {MAX_LINE_BYTES} bytes; this one is larger", key)
                return
        if method == "initialize":
            self._initialize = line
        elif method == "notifications/initialized":
            self._initialized = line
        elif method == "notifications/cancelled":
            self._forget_cancelled(message)
        self._send(line, key)

    def _forget_cancelled(self, message: dict[str, object]) -> None:
        """A cancelled request need not be answered, so nobody waits for it at the end."""
        params = message.get("params")
        key = _key({"id": params.get("requestId")}) if isinstance(params, dict) else None
        if key is not None:
            self._in_flight.pop(key, None)

    def _send(self, line: bytes, key: str | None) -> None:
        """Deliver one line, over a new connection if the one there was is dead."""
        for _ in range(2):
            try:
                connection = self._connection or self._connect(opening=line == self._initialize)
                connection.sendall(line)
            except CoordinatorStartError as error:
                self._fail_all(str(error))
                return
            except OSError:
                # The closing newline was not taken, so this request was not either, and may be
                # sent again; those before it were.
                self._lose(but=key)
            else:
                return
        self._fail_all(_UNREACHABLE)

    def _connect(self, *, opening: bool) -> socket.socket:
        connection = self._connection = connect_or_start(self._home)
        self._from_coordinator = _Lines()
        if self._initialize is not None and not opening:
            # A new coordinator knows nothing of this session: the handshake is replayed, and
            # its answer kept from a client that has had one.
            key = _key(_parse(self._initialize))
            self._swallow = None if key in self._in_flight else key
            connection.sendall(self._initialize + self._initialized)
        return connection

    # -- coordinator to client

    def _receive(self) -> None:
        """Take what the coordinator has sent; at the end of it, part with the connection."""
        assert self._connection is not None
        try:
            chunk = self._connection.recv(_CHUNK_BYTES)
        except OSError:
            chunk = b""
        for line in self._from_coordinator.add(chunk):
            self._deliver(line)
        if not chunk:
            self._lose()
            self._reopen_handshake()

    def _deliver(self, line: bytes) -> None:
        message = _parse(line)
        key = _key(message) if "method" not in message else None
        if key is not None and key == self._swallow:
            self._swallow = None
            return
        self._output += line
        if key is not None:
            self._in_flight.pop(key, None)

    def _lose(self, but: str | None = None) -> None:
        """The connection is dead: pass on what it still holds, and fail what it owes, except the
        request ``but`` and an unanswered `initialize`, which are sent again."""
        connection, self._connection = self._connection, None
        self._swallow = None
        if connection is None:
            return
        try:
            while chunk := connection.recv(_CHUNK_BYTES):
                for line in self._from_coordinator.add(chunk):
                    self._deliver(line)
        except OSError:
            pass  # reset: nothing more comes
        connection.close()
        handshake = None if self._initialize is None else _key(_parse(self._initialize))
        spared = {but} if self._reopened else {but, handshake}
        for key in [key for key in self._in_flight if key not in spared]:
            self._fail(_LOST, key)

    def _reopen_handshake(self) -> None:
        """Send an unanswered `initialize` once more: it changes nothing, and a client that gets
        an error for it gives the server up. Happens when a coordinator was just leaving."""
        if self._initialize is None:
            return
        key = _key(_parse(self._initialize))
        if key in self._in_flight:
            self._reopened = True
            self._send(self._initialize, key)

    def _fail_all(self, reason: str) -> None:
        """There is no connection, so nothing in flight will be answered by one."""
        for key in list(self._in_flight):
            self._fail(reason, key)

    def _fail(self, reason: str, key: str | None) -> None:
        """Answer a request with an error; a notification has nobody to tell."""
        if key is None or key not in self._in_flight:
            return
        error = {"code": _SERVER_ERROR, "message": reason}
        reply = {"jsonrpc": "2.0", "id": self._in_flight.pop(key), "error": error}
        self._output += json.dumps(reply).encode() + b"\n"


class _Lines:
    """Chunks to whole lines, newline included."""

    def __init__(self) -> None:
        self._pending: list[bytes] = []

    def add(self, chunk: bytes) -> list[bytes]:
        """The lines that ``chunk`` completes."""
        *complete, rest = chunk.split(b"\n")
        lines = []
        for part in complete:
            lines.append(b"".join([*self._pending, part, b"\n"]))
            self._pending.clear()
        if rest:
            self._pending.append(rest)
        return lines


def _parse(line: bytes) -> dict[str, object]:
    """The message, or an empty one where the line is not a JSON object: the coordinator answers
    malformed lines, the bridge only needs ids and methods."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):  # json recurses into nested values
        return {}
    return message if isinstance(message, dict) else {}


def _key(message: dict[str, object]) -> str | None:
    """An id as a dictionary key; 1 and "1" differ. None for what JSON-RPC takes for no id."""
    identifier = message.get("id")
    known = isinstance(identifier, (str, int)) and not isinstance(identifier, bool)
    return json.dumps(identifier) if known else None
