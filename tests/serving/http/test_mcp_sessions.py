"""MCP sessions over HTTP: as many as a token may have, until they end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from hybrid_coordinator.errors import TooManyRequestsError
from hybrid_coordinator.serving.http.open_sessions import OpenSessions
from hybrid_coordinator.serving.http.site import Patience
from tests.support.coordinators import engines_on
from tests.support.team import Team, listening_on, team

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
LIST = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
ACCEPT = {"accept": "application/json, text/event-stream"}
MOST = 100


async def opened(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/mcp", json=INITIALIZE, headers=ACCEPT)


def of(answer: httpx.Response) -> dict[str, str]:
    """The headers of a request of the session that was opened."""
    return {**ACCEPT, "mcp-session-id": answer.headers["mcp-session-id"]}


async def test_a_token_has_so_many_sessions_and_leaves_the_others_theirs(
    dsn: str, tmp_path: Path
) -> None:
    async with team(dsn, tmp_path / "home", requests_per_minute=100_000) as served:
        _, eager = await served.token("eager")
        _, other = await served.token("other")
        async with served.client(eager) as client, served.client(other) as bystander:
            # What opens no session takes no place.
            assert (await client.post("/mcp", json=LIST, headers=ACCEPT)).status_code == 400
            answers = await asyncio.gather(*(opened(client) for _ in range(MOST + 1)))
            statuses = sorted(each.status_code for each in answers)
            assert statuses == [*[200] * MOST, 429]
            refused = answers[[each.status_code for each in answers].index(429)]
            assert f"has {MOST} MCP sessions open" in refused.json()["error"]["message"]
            assert (await opened(bystander)).status_code == 200
            # Those that are open go on, and an end makes room for one.
            first, *_ = (each for each in answers if each.status_code == 200)
            assert (await client.post("/mcp", json=LIST, headers=of(first))).status_code == 200
            assert (await opened(client)).status_code == 429
            assert (await client.delete("/mcp", headers=of(first))).status_code == 200
            assert (await opened(client)).status_code == 200
            assert (await opened(client)).status_code == 429
        assert any("MCP sessions open" in each.reason for each in await served.deeds())


async def test_a_session_that_nobody_uses_ends(dsn: str, tmp_path: Path) -> None:
    home, idle = tmp_path / "home", 0.05
    async with (
        engines_on(dsn, home, serving={"require_token": True}) as engines,
        listening_on(engines, home, Patience(session=idle)) as listener,
    ):
        served = Team(listener.url, engines, await engines.get(), listener)
        _, secret = await served.token("alice")
        loop = asyncio.get_running_loop()
        async with served.client(secret) as client, asyncio.timeout(60):
            session = of(await opened(client))
            status = 200
            while status != 404:  # each of these requests is a use of it
                asked = loop.time()
                while loop.time() - asked < 2 * idle:
                    await client.get("/healthz")
                status = (await client.post("/mcp", json=LIST, headers=session)).status_code


def test_places_are_free_again_when_sessions_end() -> None:
    now = 0.0
    sessions = OpenSessions(2, 60.0, lambda: now)

    def open_one(name: str) -> None:
        use = sessions.begin("a", None)
        use.opened(name)
        use.over()

    open_one("1")
    now = 10.0
    streaming = sessions.begin("a", None)
    streaming.opened("2")
    with pytest.raises(TooManyRequestsError, match="unused for 1 minutes") as refused:
        sessions.begin("a", None)
    assert refused.value.retry_after == 50.0
    sessions.begin("b", None).over()
    now = 20.0
    sessions.begin("a", "1").over()
    now = 75.0  # it was used 55 s ago
    with pytest.raises(TooManyRequestsError):
        sessions.begin("a", None)
    now = 80.0
    open_one("3")
    with pytest.raises(TooManyRequestsError):  # the stream of the second is still open
        sessions.begin("a", None)
    streaming.over()
    gone = sessions.begin("a", "2")
    gone.ended()
    gone.over()
    failed = sessions.begin("a", None)
    with pytest.raises(TooManyRequestsError):  # one that is being opened has its place already
        sessions.begin("a", None)
    failed.over()
    sessions.begin("a", "never there").over()
    open_one("4")
    with pytest.raises(TooManyRequestsError):
        sessions.begin("a", None)
