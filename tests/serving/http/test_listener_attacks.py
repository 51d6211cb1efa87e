"""What a hostile page, process or peer can do at a listener of this machine: nothing."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from hybrid_coordinator.serving.http.bodies import MAX_BODY_BYTES
from hybrid_coordinator.serving.http.peers import user_of
from hybrid_coordinator.serving.http.site import Patience
from tests.support.team import SECONDS, Listening, listening, status


@pytest.fixture
async def listener(tmp_path: Path) -> AsyncIterator[Listening]:
    async with listening(tmp_path) as opened:
        yield opened


def message(answer: bytes) -> str:
    return str(json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["message"])


REBOUND = [
    "evil.example",
    "evil.example:{port}",
    "127.0.0.1.evil.example:{port}",
    "localhost.evil.example:{port}",
    "127.0.0.1",
    "127.0.0.1:{other}",
    "0.0.0.0:{port}",
    "192.168.1.4:{port}",
    "[::ffff:10.0.0.1]:{port}",
    "localhost:{port}@evil.example",
    ":{port}",
    "{port}",
]


async def test_a_name_that_was_rebound_to_this_machine_is_refused(listener: Listening) -> None:
    port = int(listener.host.rsplit(":", 1)[1])
    for host in REBOUND:
        given = host.format(port=port, other=port - 1)
        answer = await listener.get("/healthz", host=given)
        assert status(answer) == 403, given
        assert "is not this machine's" in message(answer)


async def test_names_of_this_machine_are_taken(listener: Listening) -> None:
    port = listener.host.rsplit(":", 1)[1]
    for host in ("127.0.0.1", "localhost", "LocalHost", "127.0.0.2", "[::1]"):
        assert status(await listener.get("/healthz", host=f"{host}:{port}")) == 200, host


READS: list[tuple[list[str], int]] = [
    ([], 404),
    (["Sec-Fetch-Site: same-origin"], 404),
    (["Sec-Fetch-Site: none"], 404),
    (["Origin: http://{host}"], 404),
    (["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"], 404),  # a link
    (["Sec-Fetch-Site: cross-site"], 403),
    (["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"], 403),
    (["Sec-Fetch-Site: same-site"], 403),
    (["Origin: http://evil.example"], 403),
    (["Origin: null"], 403),
    (["Origin: http://{host}.evil.example"], 403),
    (["Origin: http://localhost:1"], 403),
]


async def test_another_sites_page_reads_nothing(listener: Listening) -> None:
    for headers, expected in READS:
        given = [each.format(host=listener.host) for each in headers]
        assert status(await listener.get("/api/no-such-thing", *given)) == expected, headers


WRITES: list[tuple[list[str], int]] = [
    (["Content-Type: application/json"], 400),  # it gets as far as its body
    (["Content-Type: application/json; charset=utf-8"], 400),
    (["Content-Type: text/plain"], 415),  # what a page may send without asking
    (["Content-Type: application/x-www-form-urlencoded"], 415),
    ([], 415),
    (["Content-Type: application/json", "Sec-Fetch-Site: cross-site"], 403),
    (["Content-Type: application/json", "Origin: http://evil.example"], 403),
    (
        [
            "Content-Type: application/json",
            "Sec-Fetch-Site: cross-site",
            "Sec-Fetch-Mode: navigate",
        ],
        403,
    ),
]


async def test_another_sites_page_changes_nothing(listener: Listening) -> None:
    asks = ["POST /api/jobs/drop HTTP/1.1", f"Host: {listener.host}", "Connection: close"]
    for headers, expected in WRITES:
        lines = [*asks, "Content-Length: 4", *headers, "", "nope"]
        assert status(await listener.sent("\r\n".join(lines))) == expected, headers


async def test_no_other_origin_is_ever_allowed_in(listener: Listening) -> None:
    asked = await listener.sent(
        f"OPTIONS /api/jobs/drop HTTP/1.1\r\nHost: {listener.host}\r\nConnection: close\r\n"
        "Origin: http://evil.example\r\nAccess-Control-Request-Method: POST\r\n\r\n"
    )
    assert status(asked) == 403
    assert b"access-control" not in asked.lower()


async def test_every_answer_tells_browsers_to_be_strict(listener: Listening) -> None:
    for path in ("/healthz", "/nothing", "/login"):
        answer = (await listener.get(path)).lower()
        assert b"content-security-policy: default-src 'self'" in answer
        assert b"x-content-type-options: nosniff" in answer
        assert b"referrer-policy: same-origin" in answer
        assert b"frame-ancestors 'none'" in answer


PATHS = [
    "/../../../../etc/passwd",
    "/assets/../../../../../../etc/passwd",
    "/assets/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/assets/..%2f..%2f..%2f..%2fetc%2fpasswd",
    "/assets/%252e%252e/etc/passwd",
    "/assets/..\\..\\etc\\passwd",
    "/assets//etc/passwd",
    "/assets/\x00etc/passwd",
    "/%2fetc/passwd",
    "//etc/passwd",
]


async def test_no_path_leads_to_a_file_of_the_machine(listener: Listening) -> None:
    for path in PATHS:
        answer = await listener.get(path)
        assert b"root:" not in answer
        assert status(answer) in (200, 400, 404), path  # 200: the page, for a path of its own


async def test_a_token_in_an_address_is_refused(
    listener: Listening, caplog: pytest.LogCaptureFixture
) -> None:
    secret = f"hc_{'aB3-_' * 8}xyz"
    for path in (f"/healthz?token={secret}", f"/mcp?x={secret}", f"/{secret}"):
        answer = await listener.get(path)
        assert status(answer) == 400
        assert "revoke" in message(answer)
    assert secret not in caplog.text
    # What merely begins like one is looked for as anything else.
    assert status(await listener.get("/healthz?text=hc_sr04_distance")) == 200


async def test_a_body_that_is_too_large_is_not_read(listener: Listening) -> None:
    head = f"POST /api/jobs/drop HTTP/1.1\r\nHost: {listener.host}\r\n"
    declared = f"{head}Content-Length: {MAX_BODY_BYTES + 1}\r\n\r\n"
    answer = await listener.sent(declared)
    assert status(answer) == 413
    assert b"connection: close" in answer.lower()

    piece = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"  # a MiB, as a chunk
    endless = f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + piece * 9
    assert status(await listener.sent(endless)) in (0, 413)  # 0: it was cut while it still sent


async def test_of_a_stranger_no_more_is_read_than_a_form(listener: Listening) -> None:
    for path in ("/login", "/healthz"):
        head = f"POST {path} HTTP/1.1\r\nHost: {listener.host}\r\n"
        assert status(await listener.sent(f"{head}Content-Length: 4097\r\n\r\n")) == 413, path
        chunked = f"{head}Transfer-Encoding: chunked\r\n\r\n1001\r\n{'a=1&' * 1024}a\r\n"
        assert status(await listener.sent(chunked)) in (0, 413), path  # 0: cut while it sent


async def test_a_head_that_is_too_large_is_refused(listener: Listening) -> None:
    answer = await listener.get("/healthz", f"X-Long: {'x' * 70_000}")
    assert status(answer) == 431


AMBIGUOUS = (
    "GET /healthz HTTP/1.1\r\n\r\n",  # no Host
    "GET /healthz HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\n\r\n",
    """POST /api/jobs/drop HTTP/1.1\r\nHost: {host}\r\nConnection: close\r
Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n""",
    "NONSENSE\r\n\r\n",
)


async def test_requests_that_may_be_read_in_two_ways_are_refused(listener: Listening) -> None:
    for request in AMBIGUOUS:
        answer = await listener.sent(request.format(host=listener.host))
        assert status(answer) in (0, 400, 415), answer


async def test_slow_clients_are_let_go(tmp_path: Path) -> None:
    async with listening(tmp_path, Patience(head=1.0, body=1.0)) as listener:
        # A head that never ends, on a new connection and after a first request.
        assert await listener.sent("GET /healthz HTTP/1.1\r\nHost:") == b""
        reader, writer = await listener.connect()
        writer.write(f"GET /healthz HTTP/1.1\r\nHost: {listener.host}\r\n\r\n".encode())
        assert (await reader.readuntil(b"alive\n")).startswith(b"HTTP/1.1 200")
        writer.write(b"GET /heal")
        async with asyncio.timeout(SECONDS):
            with suppress(ConnectionError):
                assert await reader.read() == b""
        writer.close()
        # Nothing at all.
        assert await listener.sent(b"") == b""
        # A body that never comes.
        slow = (
            f"POST /api/jobs/drop HTTP/1.1\r\nHost: {listener.host}\r\nContent-Length: 10\r\n\r\nx"
        )
        assert status(await listener.sent(slow)) == 408


async def test_a_slow_client_holds_up_nobody(tmp_path: Path) -> None:
    async with listening(tmp_path, Patience(head=120.0)) as listener:
        slow = [await listener.connect() for _ in range(50)]
        for _, writer in slow:
            writer.write(b"GET /healthz HTTP/1.1\r\n")
        assert status(await listener.get("/healthz")) == 200
        assert listener.listeners.connections >= 50
        for _, writer in slow:
            writer.close()


async def test_who_does_not_read_is_cut(tmp_path: Path) -> None:
    async with listening(tmp_path, Patience(answer=0.2)) as listener:
        reader, writer = await listener.connect()
        asks = f"GET /login HTTP/1.1\r\nHost: {listener.host}\r\n\r\n".encode()
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(SECONDS):
                while True:  # until both sides' buffers are full, and longer
                    writer.write(asks * 1000)
                    await writer.drain()
        writer.close()
        assert reader is not None


ASK = """
import os, socket, sys
host, port = sys.argv[1].split(":")
socket.getaddrinfo(host, port)  # it imports what that other user may not read
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
peer = socket.create_connection((host, int(port)), timeout=30)
try:
    peer.sendall(f"GET /healthz HTTP/1.1\\r\\nHost: {sys.argv[1]}\\r\\n\\r\\n".encode())
    print(peer.recv(100)[:12])
except ConnectionError:
    print(b"")
"""


async def test_only_our_own_user_gets_an_answer(listener: Listening) -> None:
    """As root, the other user is "nobody"; else there is none to be, and it is ourselves."""
    asked = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-I", "-c", ASK, listener.host],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    answered = "b'HTTP/1.1 200'" if os.geteuid() else "b''"
    assert asked.stdout.strip() == answered, asked.stderr


async def test_the_user_of_a_connection_is_told(listener: Listening) -> None:
    _, writer = await listener.connect()
    ours, theirs = writer.get_extra_info("sockname"), writer.get_extra_info("peername")
    assert user_of(ours, theirs) == os.geteuid()
    assert user_of((ours[0], 1), theirs) is None
    writer.close()
