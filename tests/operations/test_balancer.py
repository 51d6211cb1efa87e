"""The balancer in front of coordinators, by the real HAProxy: sessions stay where they began."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.operations.test_container_commands import PATIENCE, free_port, until_healthy
from tests.support.compose import COMPOSE, Json, health_command
from tests.support.served import made_token, served
from tests.support.stdio import command, wait_until

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
def balancer(directory: Path, servers: dict[str, str], frontend: str = "") -> Iterator[str]:
    """HAProxy with the configuration of the container, at other addresses (``servers`` by those
    of the container), and with more lines of its ``frontend``; its port."""
    places = os.pathsep.join([os.environ["PATH"], "/usr/sbin"])
    program = shutil.which("haproxy", path=places)
    if program is None:
        pytest.skip("haproxy is not installed")
    port = free_port()
    text = (COMPOSE / "haproxy" / "haproxy.cfg").read_text()
    for address, here in servers.items():
        assert text.count(f" {address}\n") == 1
        text = text.replace(f" {address}\n", f" {here}\n")
    assert "bind :8770" in text
    assert " fall 5 " in text
    text = text.replace(" fall 5 ", " fall 1000 ")  # however slow a machine under load is
    file = directory / "haproxy.cfg"
    file.write_text(text.replace("bind :8770", f"bind 127.0.0.1:{port}\n{frontend}"))
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
        here = [f"127.0.0.1:{each.server_address[1]}" for each in (one, two)]
        servers = dict(zip(SERVERS, here, strict=True))
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


def asked_as(port: str, token: str) -> tuple[int, str | None]:
    """The status for a token, and when to come back."""
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=PATIENCE)
    try:
        connection.request("GET", "/api/session", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers.get("retry-after")
    finally:
        connection.close()


def test_the_balancer_can_count_what_a_token_asks_of_all_coordinators(tmp_path: Path) -> None:
    scaling = (COMPOSE.parent / "docs" / "scaling.md").read_text()
    lines = scaling.partition("```haproxy\n")[2].partition("```")[0]
    assert " gt 1200 " in lines
    with coordinator("one") as one, coordinator("two") as two:
        here = [f"127.0.0.1:{each.server_address[1]}" for each in (one, two)]
        servers = dict(zip(SERVERS, here, strict=True))
        with balancer(tmp_path, servers, lines.replace(" gt 1200 ", " gt 4 ")) as port:
            answers = [asked_as(port, "hc_eager") for _ in range(6)]
            assert answers == [(200, None)] * 4 + [(429, "10")] * 2
            assert asked_as(port, "hc_other") == (200, None)
            assert {post(port)[0] for _ in range(6)} == {200}  # whoever brings no token


def call(
    port: str, token: str, method: str, params: Json, session: str | None = None
) -> tuple[int, str | None, str]:
    """A request at /mcp: the status, the session that the answer names, and the answer."""
    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json",
        "X-Hybrid-Project": "shop",
    }
    if session is not None:
        headers[SESSION] = session
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=PATIENCE)
    try:
        connection.request("POST", "/mcp", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers.get(SESSION), str(answer.read(), "utf-8")
    finally:
        connection.close()


def opened(port: str, token: str) -> str:
    """A new session."""
    client = {"name": "agent", "version": "1"}
    asked = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
    status, session, answer = call(port, token, "initialize", asked)
    assert status == 200, answer
    assert session is not None
    return session


def tracked(port: str, token: str, session: str, query: str) -> int:
    """The status of an interaction that is recorded."""
    arguments = {"query": query, "response": "r", "agent_type": "remote", "model_used": "m"}
    asked = {"name": "track_interaction", "arguments": arguments}
    status, _, answer = call(port, token, "tools/call", asked, session)
    assert status != 200 or "interaction_id" in answer
    return status


def ready(address: str) -> bool:
    """What the balancer asks."""
    try:
        urllib.request.urlopen(f"http://{address}/readyz", timeout=PATIENCE).close()
    except urllib.error.HTTPError:
        return False
    return True


async def test_agents_go_on_at_the_other_coordinator(tmp_path: Path, dsn: str) -> None:
    homes = [tmp_path / "one", tmp_path / "two"]
    settings = {"DATABASE_URL": dsn, "HYBRID_INFERENCE_ENABLED": "false"}
    with (
        served(homes[0], "0.0.0.0:0", **settings) as first,
        served(homes[1], "0.0.0.0:0", **settings) as second,
    ):
        here = [f"127.0.0.1:{urlsplit(url).port}" for url in (first, second)]
        token = made_token(homes[0], "ada")
        for address in here:  # one that is not ready is taken for one that has gone
            wait_until(lambda at=address: ready(at), timeout=PATIENCE, what="for engines")
        with balancer(tmp_path, dict(zip(SERVERS, here, strict=True))) as port:
            sessions = [opened(port, token) for _ in range(6)]
            kept = []
            for session in sessions:
                for number in range(3):
                    query = f"{session}: {number}"
                    assert tracked(port, token, session, query) == 200
                    kept.append(query)
            assert command(homes[1], "stop").returncode == 0
            for session in sessions:
                query = f"{session}: after"
                # Until the balancer has seen that one is gone, it says 503.
                deadline = time.monotonic() + PATIENCE
                while (status := tracked(port, token, session, query)) == 503:
                    assert time.monotonic() < deadline
                if status == 404:
                    assert tracked(port, token, opened(port, token), query) == 200
                kept.append(query)
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("SELECT query FROM interactions")
    await connection.close()
    assert sorted(row["query"] for row in rows) == sorted(kept)
