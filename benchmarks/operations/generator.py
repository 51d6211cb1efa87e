"""A load generator that takes little of the processor: requests that were encoded beforehand, one
after the other on each of many connections.

``python -m benchmarks.operations.generator SECONDS DIRECTORY CONNECTIONS HOME...`` asks the
coordinators of these homes, and prints what came of it as JSON.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.main_job import QUESTIONS
from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.launch import connect_or_start

_PIECE = 1 << 20


@dataclass
class Came:
    """Answers within ``seconds``, and those of them that were errors."""

    answers: int = 0
    errors: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0


def _line(number: int, method: str, params: dict[str, object]) -> bytes:
    return (
        json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode()
        + b"\n"
    )


_REQUESTS = [
    _line(
        number,
        "tools/call",
        {"name": "augment_query", "arguments": {"query": question}},
    )
    for number, question in enumerate(QUESTIONS, 2)
]


def _opened(home: Home, directory: Path, *, first: bool) -> socket.socket:
    """A session. ``first`` of its coordinator: it asks everything once, so that nothing is new
    afterwards."""
    connection = connect_or_start(home, directory)
    client = {"name": "generator", "version": "1"}
    given = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
    connection.sendall(_line(1, "initialize", given))
    connection.sendall(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
    with connection.makefile("rb") as lines:
        lines.readline()
        for request in _REQUESTS if first else ():
            connection.sendall(request)
            lines.readline()
    return connection


def _generate(seconds: float, connections: list[socket.socket]) -> Came:
    came, turns = Came(), dict.fromkeys(connections, 0)
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection, selectors.EVENT_READ)
            connection.sendall(_REQUESTS[0])
        began, cpu = time.perf_counter(), time.process_time()
        while time.perf_counter() - began < seconds:
            for key, _ in selector.select():
                connection = key.fileobj
                assert isinstance(connection, socket.socket)
                piece = connection.recv(_PIECE)
                came.errors += b'"isError":true' in piece or b'"error":{' in piece
                if piece.endswith(b"\n"):
                    came.answers += 1
                    turns[connection] += 1
                    connection.sendall(_REQUESTS[turns[connection] % len(_REQUESTS)])
                elif not piece:
                    raise SystemExit("the coordinator has gone")
        came.seconds = time.perf_counter() - began
        came.cpu_seconds = time.process_time() - cpu
    return came


def main(seconds: float, directory: Path, connections: int, homes: list[Home]) -> None:
    """Ask over so many connections, the homes by turns, and print what came of it."""
    opened = [
        _opened(homes[each % len(homes)], directory, first=each < len(homes))
        for each in range(connections)
    ]
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(asdict(_generate(seconds, opened))), flush=True)


if __name__ == "__main__":
    main(
        float(sys.argv[1]),
        Path(sys.argv[2]),
        int(sys.argv[3]),
        [Home(Path(each)) for each in sys.argv[4:]],
    )
