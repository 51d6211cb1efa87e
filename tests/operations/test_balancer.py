"""The balancer in front of coordinators, by the real HAProxy: sessions stay where they began."""

from __future__ import annotations

import http.client
import itertools
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.operations.test_container_commands import PATIENCE, free_port, until_healthy
from tests.support.compose import COMPOSE, health_command

SESSION = "mcp-session-id"
SERVERS = {"coordinator:8770": "one", "coordinator-2:8770": "two"}


class FakeCoordinator(ThreadingHTTPServer):
    """Opens a session where the request has none, and knows its own only."""

    daemon_threads = True

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.name = name
        self.sessions: set[str] = set()
        self.numbers = itertools.count()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeCoordinator

    def do_GET(self) -> None:
        self._answer(200)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        session = self.headers.get(SESSION)
        if session is None:
            session = f"{self.server.name}-{next(self.server.numbers)}"
            self.server.sessions.add(session)
        self._answer(200 if session in self.server.sessions else 404, session)

    def _answer(self, status: int, session: str | None = None) -> None:
        self.send_response(status)
        self.send_header("content-length", "0")
        if session is not None:
            self.send_header(SESSION, session)
        self.end_headers()

    def log_request(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def coordinator(name: str) -> Iterator[FakeCoordinator]:
    with FakeCoordinator(name) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def balancer(directory: Path, servers: dict[str, FakeCoordinator]) -> Iterator[str]:
    """HAProxy with the configuration of the container, at other addresses; its port."""
    places = os.pathsep.join([os.environ["PATH"], "/usr/sbin"])
    program = shutil.which("haproxy", path=places)
    if program is None:
        pytest.skip("haproxy is not installed")
    port = free_port()
    text = (COMPOSE / "haproxy" / "haproxy.cfg").read_text()
    for address, server in servers.items():
        assert text.count(f" {address}\n") == 1
        text = text.replace(f" {address}\n", f" 127.0.0.1:{server.server_address[1]}\n")
    assert "bind :8770" in text
    file = directory / "haproxy.cfg"
    file.write_text(text.replace("bind :8770", f"bind 127.0.0.1:{port}"))
    with subprocess.Popen(
        [program, "-db", "-f", str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            until_healthy(health_command("balancer", {"8770": port}), process)
            yield port
        finally:
            process.terminate()


def post(port: str, session: str | None = None) -> tuple[int, str | None]:
    """The status, and the session that the answer names."""
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=PATIENCE)
    try:
        connection.request("POST", "/mcp", b"{}", {SESSION: session} if session else {})
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers.get(SESSION)
    finally:
        connection.close()


def test_a_session_stays_with_its_coordinator_and_outlives_none(tmp_path: Path) -> None:
    with coordinator("one") as one, coordinator("two") as two:
        servers = dict(zip(SERVERS, (one, two), strict=True))
        with balancer(tmp_path, servers) as port:
            opened = [post(port)[1] for _ in range(8)]
            assert {session.partition("-")[0] for session in opened if session} == {"one", "two"}
            for session in opened:  # each in a row, as taking turns would not have it
                assert [post(port, session) for _ in range(3)] == [(200, session)] * 3

            two.shutdown()
            two.server_close()
            lost = next(session for session in opened if session in two.sessions)
            kept = next(session for session in opened if session in one.sessions)
            deadline = time.monotonic() + PATIENCE
            # Once the balancer has seen it, the other one says that it knows no such session.
            while post(port, lost)[0] != 404:
                assert time.monotonic() < deadline
            assert post(port, kept) == (200, kept)
            assert {post(port)[0] for _ in range(4)} == {200}
