"""A small MCP client over the coordinator's socket, for the command line.

Standard library only: loading the MCP SDK would cost every command 0.6 s.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from hybrid_coordinator import __version__
from hybrid_coordinator.errors import HybridError, UnavailableError
from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.launch import connect, connect_or_start

Json = dict[str, Any]
"""A JSON object at the protocol's edge."""

OnProgress = Callable[[float, float | None, str], None]
"""Told (done, total or None, a few words)."""

_PROTOCOL = "2025-06-18"


class CallError(HybridError):
    """The coordinator answered with an error; the message is its own."""


class Client:
    """One connection: requests one after the other."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._lines: BinaryIO = connection.makefile("rb")
        self._last_id = 0
        self.request(
            "initialize",
            {
                "protocolVersion": _PROTOCOL,
                "capabilities": {},
                "clientInfo": {"name": "hybrid-coordinator-cli", "version": __version__},
            },
        )
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def tool(self, name: str, arguments: Json, on_progress: OnProgress | None = None) -> Json:
        """Call a tool; its structured result.

        Raises:
            CallError: the tool raised, or the request was refused.
        """
        params = {"name": name, "arguments": arguments}
        result = self.request("tools/call", params, on_progress)
        if result.get("isError"):
            raise CallError("\n".join(part.get("text", "") for part in result["content"]))
        content: Json = result["structuredContent"]
        return content

    def request(
        self,
        method: str,
        params: Json | None = None,
        on_progress: OnProgress | None = None,
        on_piece: Callable[[Json], None] | None = None,
    ) -> Json:
        """Send a request and wait for its result. ``on_piece`` is told what models write for it.
        An interrupt (Ctrl-C) meanwhile cancels the request.

        Raises:
            CallError: it was answered with an error.
            UnavailableError: the coordinator closed the connection.
        """
        self._last_id += 1
        body = dict(params or {})
        if on_progress is not None:
            body["_meta"] = {"progressToken": self._last_id}
        message = {"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": body}
        self._send(message)
        try:
            return self._answer(on_progress, on_piece)
        except KeyboardInterrupt:
            cancelled = {"requestId": self._last_id, "reason": "interrupted"}
            with suppress(UnavailableError):  # then it has nothing to cancel
                self._send(
                    {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancelled}
                )
            raise

    def _answer(
        self, on_progress: OnProgress | None, on_piece: Callable[[Json], None] | None
    ) -> Json:
        """The result of the last request, and until it comes what is told of it."""
        for answer in self._received():
            if answer.get("method") == "notifications/progress" and on_progress is not None:
                told = answer["params"]
                on_progress(told["progress"], told.get("total"), told.get("message", ""))
            elif answer.get("method") == "hybrid/piece" and on_piece is not None:
                on_piece(answer["params"])
            elif answer.get("id") == self._last_id and "method" not in answer:
                if "error" in answer:
                    raise CallError(answer["error"]["message"])
                result: Json = answer["result"]
                return result
        raise UnavailableError(
            "the coordinator closed the connection; see `hybrid-coordinator doctor`"
        )

    def _send(self, message: Json) -> None:
        try:
            self._socket.sendall(json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise UnavailableError(f"the coordinator is gone: {error.strerror}") from error

    def _received(self) -> Iterator[Json]:
        try:
            for line in self._lines:
                if not line.endswith(b"\n"):
                    return  # the coordinator died while it wrote
                yield json.loads(line)
        except OSError as error:
            raise UnavailableError(f"the coordinator is gone: {error.strerror}") from error

    def close(self) -> None:
        """Close the connection."""
        self._lines.close()
        self._socket.close()


@contextmanager
def connected(home: Home, directory: Path | None = None) -> Iterator[Client]:
    """A client of the coordinator of ``home``, started if need be, working in ``directory``
    (the current one by default)."""
    client = Client(connect_or_start(home, directory))
    try:
        yield client
    finally:
        client.close()


@contextmanager
def connected_if_running(home: Home) -> Iterator[Client | None]:
    """A client if a coordinator is running, else None; starts nothing."""
    connection = connect(home)
    client = None if connection is None else Client(connection)
    try:
        yield client
    finally:
        if client is not None:
            client.close()
