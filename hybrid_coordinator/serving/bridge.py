"""The bridge: an MCP stdio server that is a pipe to the coordinator's socket.

Newline-delimited JSON-RPC goes both ways unchanged. What the bridge adds is that a session
outlives the coordinator: if the coordinator dies, requests in flight are answered with an
error that says so, and the next request starts it again behind a replayed handshake. Nothing
but protocol is ever written to stdout. Standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator

from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.launch import CoordinatorStartError, connect_or_start

_CHUNK_BYTES = 1 << 16
_DRAIN_SECONDS = 10.0
"""How long answers are waited for once the client has closed its end."""

_SERVER_ERROR = -32000  # JSON-RPC 2.0, section 5.1: reserved for implementation-defined errors
_LOST = (
    "the coordinator stopped while this request was in flight; it restarts with the next "
    "request. Whether this one took effect is not known: look before you repeat a write"
)


def main() -> int:
    """Serve stdin and stdout until stdin closes. Returns the exit status."""
    try:
        return Bridge(Home.from_environment(), sys.stdin.fileno(), sys.stdout.fileno()).run()
    except (KeyboardInterrupt, BrokenPipeError):
        return 0


class Bridge:
    """One agent session: two file descriptors on one side, the socket on the other."""

    def __init__(self, home: Home, stdin: int, stdout: int) -> None:
        self._home = home
        self._stdin = stdin
        self._stdout = stdout
        self._output = threading.Lock()
        self._state = threading.Condition()
        self._socket: socket.socket | None = None
        self._in_flight: dict[str, tuple[object, socket.socket | None]] = {}
        self._initialize: bytes | None = None
        self._initialized: bytes | None = None
        self._swallow: str | None = None
        self._reopened = False

    def run(self) -> int:
        """Pump until the client closes stdin; then wait (bounded) for answers still due."""
        for line in _lines(self._read_stdin()):
            if line.strip():
                self._forward(line)
        with self._state:
            self._state.wait_for(lambda: not self._in_flight, timeout=_DRAIN_SECONDS)
        return 0

    def _read_stdin(self) -> Iterator[bytes]:
        while chunk := os.read(self._stdin, _CHUNK_BYTES):
            yield chunk

    # -- client to coordinator

    def _forward(self, line: bytes) -> None:
        message = _parse(line)
        method = message.get("method")
        key = _key(message) if method is not None else None
        if method == "initialize":
            self._initialize = line
        elif method == "notifications/initialized":
            self._initialized = line
        elif method == "notifications/cancelled":
            self._forget_cancelled(message)
        if key is not None:
            with self._state:
                self._in_flight[key] = (message["id"], None)
        try:
            self._send(line, key, opening=method == "initialize")
        except CoordinatorStartError as error:
            self._fail(str(error), lambda connection: connection is None)

    def _send(self, line: bytes, key: str | None, *, opening: bool) -> None:
        for _ in range(2):
            connection = self._connection(opening=opening)
            try:
                connection.sendall(line)
            except OSError:
                # The closing newline was not taken, so the request was not either: send it again.
                self._drop(connection)
                continue
            if key is not None:
                self._expect_answer(key, connection)
            return
        self._fail(
            "the coordinator closes its connections at once; run `hybrid-coordinator doctor`",
            lambda connection: connection is None,
        )

    def _expect_answer(self, key: str, connection: socket.socket) -> None:
        """Note which connection owes the answer, unless it has come already."""
        with self._state:
            if key in self._in_flight:
                self._in_flight[key] = (self._in_flight[key][0], connection)
            lost = self._socket is not connection
        if lost:  # after the request was taken, and before it was noted
            self._fail(_LOST, lambda owing: owing is connection)

    def _forget_cancelled(self, message: dict[str, object]) -> None:
        """A cancelled request need not be answered, so nobody waits for it at the end."""
        params = message.get("params")
        if isinstance(params, dict) and "requestId" in params:
            with self._state:
                self._in_flight.pop(json.dumps(params["requestId"]), None)
                self._state.notify_all()

    def _connection(self, *, opening: bool) -> socket.socket:
        with self._state:
            if self._socket is not None:
                return self._socket
        connection = connect_or_start(self._home)
        if self._initialize is not None and not opening:
            # A new coordinator knows nothing of this session: the handshake is replayed, and
            # its answer kept from the client, who has had one.
            self._swallow = _key(_parse(self._initialize))
            connection.sendall(self._initialize + (self._initialized or b""))
        with self._state:
            self._socket = connection
        threading.Thread(target=self._pump_answers, args=(connection,), daemon=True).start()
        return connection

    # -- coordinator to client

    def _pump_answers(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            for line in _lines(_received(connection)):
                self._deliver(line)
        self._drop(connection)
        self._reopen_handshake(connection)
        self._fail(_LOST, lambda lost: lost is connection)

    def _reopen_handshake(self, lost: socket.socket) -> None:
        """Send an unanswered `initialize` once more: it changes nothing, and a client that gets
        an error for it gives the server up. Happens when a coordinator was just leaving."""
        if self._initialize is None or self._reopened:
            return
        key = _key(_parse(self._initialize))
        with self._state:
            unanswered = key in self._in_flight and self._in_flight[key][1] is lost
        if key is not None and unanswered:
            self._reopened = True
            try:
                self._send(self._initialize, key, opening=True)
            except CoordinatorStartError as error:
                self._fail(str(error), lambda connection: connection is lost)

    def _deliver(self, line: bytes) -> None:
        message = _parse(line)
        key = _key(message) if "method" not in message else None
        if key is not None and key == self._swallow:
            self._swallow = None
            return
        self._write(line)
        if key is not None:
            with self._state:
                self._in_flight.pop(key, None)
                self._state.notify_all()

    def _drop(self, connection: socket.socket) -> None:
        with self._state:
            if self._socket is connection:
                self._socket = None
        connection.close()

    def _fail(self, reason: str, concerns: Callable[[socket.socket | None], bool]) -> None:
        """Answer with an error every request in flight on the connections it concerns."""
        with self._state:
            lost = [
                (key, identifier)
                for key, (identifier, connection) in self._in_flight.items()
                if concerns(connection)
            ]
            for key, _ in lost:
                del self._in_flight[key]
        for _, identifier in lost:
            error = {"code": _SERVER_ERROR, "message": reason}
            reply = {"jsonrpc": "2.0", "id": identifier, "error": error}
            self._write(json.dumps(reply).encode() + b"\n")
        with self._state:
            self._state.notify_all()

    def _write(self, line: bytes) -> None:
        with self._output:
            view = memoryview(line)
            while view:
                try:
                    view = view[os.write(self._stdout, view) :]
                except BrokenPipeError:
                    os._exit(0)  # the client is gone; nobody is left to tell


def _received(connection: socket.socket) -> Iterator[bytes]:
    while chunk := connection.recv(_CHUNK_BYTES):
        yield chunk


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Whole lines with their newline. A last line without one is dropped: it is half a message."""
    pending: list[bytes] = []
    for chunk in chunks:
        *complete, rest = chunk.split(b"\n")
        for part in complete:
            yield b"".join([*pending, part, b"\n"])
            pending.clear()
        if rest:
            pending.append(rest)


def _parse(line: bytes) -> dict[str, object]:
    """The message, or an empty one where the line is not a JSON object: the coordinator answers
    malformed lines, the bridge only needs ids and methods."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):  # json recurses into nested values
        return {}
    return message if isinstance(message, dict) else {}


def _key(message: dict[str, object]) -> str | None:
    """An id as a dictionary key; 1 and "1" differ."""
    identifier = message.get("id")
    return None if identifier is None else json.dumps(identifier)
