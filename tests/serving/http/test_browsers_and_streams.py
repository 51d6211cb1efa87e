"""Signing in with a browser, streams that outlive a token, and several coordinators of a team."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from mcp.shared.exceptions import MCPError

from hybrid_coordinator.serving.http import guard
from tests.support.team import SECONDS, Team, called, team

PAGE = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture
async def served(dsn: str, tmp_path: Path) -> AsyncIterator[Team]:
    async with team(dsn, tmp_path / "home") as opened:
        yield opened


async def test_a_browser_signs_in_and_out(served: Team) -> None:
    token_id, secret = await served.token("alice")
    async with served.client(**PAGE) as browser:
        first = await browser.get("/interactions")
        assert (first.status_code, first.headers["location"]) == (303, "/login")
        form = await browser.get("/login")
        assert form.status_code == 200
        assert '<form method="post" action="/login">' in form.text
        assert (await browser.get("/login.css")).headers["content-type"].startswith("text/css")
        wrong = await browser.post("/login", data={"token": "hc_<script>"})
        assert wrong.status_code == 401
        assert "<script>" not in wrong.text
        assert "set-cookie" not in wrong.headers

        right = await browser.post("/login", data={"token": f" {secret} "})
        assert (right.status_code, right.headers["location"]) == (303, "/")
        cookie = right.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert "secure" not in cookie  # it came over plain HTTP
        assert secret.lower() not in cookie
        assert (await browser.get("/")).status_code == 200
        session = (await browser.get("/api/session")).json()
        assert session == {
            "user": "alice",
            "scope": "write",
            "projects": None,
            "may": ["read", "write", "all"],
            "signed_in": True,
        }

        stolen = dict(browser.cookies)
        assert (await browser.post("/logout")).headers["location"] == "/login"
        assert (await browser.get("/")).status_code == 303
        async with httpx.AsyncClient(base_url=served.url, cookies=stolen) as thief:
            assert (await thief.get("/api/session")).status_code == 401
    actions = [(each.action, each.token_id, each.allowed) for each in await served.deeds()]
    assert ("sign in", token_id, True) in actions
    assert actions.count(("sign out", token_id, True)) == 1
    assert ("POST /login", None, False) in actions


async def test_a_cookie_goes_with_its_token_and_over_tls_only_by_tls(served: Team) -> None:
    token_id, secret = await served.token("alice")
    host = served.url.removeprefix("http://").rstrip("/")
    async with served.client() as browser:
        signed = await browser.post(
            "/login", data={"token": secret}, headers={"Origin": f"https://{host}"}
        )
        assert "secure" in signed.headers["set-cookie"].lower()  # a proxy speaks TLS for us
    async with served.client() as browser:
        await browser.post("/login", data={"token": secret})
        assert (await browser.get("/api/session")).status_code == 200
        await served.coordinator.access.tokens.revoke(token_id)
        assert (await browser.get("/api/session")).status_code == 401


async def test_only_a_trusted_proxy_says_where_a_request_comes_from(
    dsn: str, tmp_path: Path
) -> None:
    forwarded = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}
    for proxies, place, secure in (
        ([], "127.0.0.1", False),
        (["127.0.0.0/8"], "203.0.113.7", True),
    ):
        async with team(dsn, tmp_path / place, trusted_proxies=proxies) as served:
            _, secret = await served.token("alice")
            async with served.client(**forwarded) as browser:
                signed = await browser.post("/login", data={"token": secret})
            assert ("secure" in signed.headers["set-cookie"].lower()) is secure
            assert (await served.deeds())[-1].place == place


async def test_another_site_signs_nobody_in_and_uses_no_cookie(served: Team) -> None:
    _, secret = await served.token("alice")
    async with served.client() as browser:
        forged = {"Origin": "http://evil.example"}
        refused = await browser.post("/login", data={"token": secret}, headers=forged)
        assert refused.status_code == 403
        await browser.post("/login", data={"token": secret})
        sent = await browser.post("/api/jobs/retry", json={}, headers=forged)
        assert sent.status_code == 403
        assert (await browser.post("/api/jobs/retry", json={})).status_code == 200


async def test_what_changes_is_told_at_once(served: Team) -> None:
    _, secret = await served.token("alice")
    async with (
        served.client(secret) as client,
        client.stream("GET", "/api/events") as events,
        asyncio.timeout(SECONDS),
    ):
        assert events.headers["content-type"].startswith("text/event-stream")
        lines = events.aiter_lines()
        assert await anext(lines) == ": listening"
        async with served.agent(secret, "shop") as agent:
            work = {"agent_type": "remote", "model_used": "m"}
            await called(agent, "track_interaction", query="q", response="r", **work)
        told = [line async for line in _until(lines, "data: ")]
        assert "interactions" in json.loads(told[-1].removeprefix("data: "))["kinds"]


async def _until(lines: AsyncIterator[str], start: str) -> AsyncIterator[str]:
    async for line in lines:
        yield line
        if line.startswith(start):
            return


async def test_a_stream_ends_when_its_token_does() -> None:
    """Asked again at the next thing that is sent, once a while has gone by."""
    sent: list[dict[str, object]] = []
    answers = iter([True, False])
    clock = iter([0.0, 5.0, 20.0, 20.0, 40.0, 40.0])

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    async def holds() -> bool:
        return next(answers)

    guarded = guard.guarded(send, holds, lambda: next(clock))
    await guarded({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(4):
        await guarded({"type": "http.response.body", "body": b"news", "more_body": True})
    bodies = [(each["body"], each["more_body"]) for each in sent[1:]]
    assert bodies == [(b"news", True), (b"news", True), (b"", False)]


async def test_an_agents_session_is_for_its_own_token(served: Team) -> None:
    _, alice = await served.token("alice")
    _, bob = await served.token("bob")
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "t", "version": "1"},
        },
    }
    accepts = {"Accept": "application/json, text/event-stream"}
    async with served.client(alice, **accepts) as one, served.client(bob, **accepts) as other:
        opened = await one.post("/mcp", json=hello)
        assert opened.status_code == 200
        session = {"Mcp-Session-Id": opened.headers["mcp-session-id"]}
        asks = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
        assert (await other.post("/mcp", json=asks, headers=session)).status_code == 404
        assert (await other.delete("/mcp", headers=session)).status_code == 404
        assert (await one.post("/mcp", json=asks, headers=session)).status_code == 200
        named = {"X-Hybrid-Project": "x" * 201}
        assert (await one.post("/mcp", json=hello, headers=named)).status_code == 400


async def test_coordinators_of_one_record_know_the_same_tokens(dsn: str, tmp_path: Path) -> None:
    async with team(dsn, tmp_path / "a") as a, team(dsn, tmp_path / "b") as b:
        token_id, secret = await a.token("alice")
        async with a.client(secret) as at_a, b.client(secret) as at_b, b.client() as browser:
            assert (await at_a.get("/api/session")).status_code == 200
            assert (await at_b.get("/api/session")).status_code == 200
            # A browser that signs in at one is known at the other.
            await browser.post("/login", data={"token": secret})
            cookies = dict(browser.cookies)
            async with httpx.AsyncClient(base_url=a.url, cookies=cookies) as elsewhere:
                assert (await elsewhere.get("/api/session")).json()["user"] == "alice"
                await b.coordinator.access.tokens.revoke(token_id)
                assert (await elsewhere.get("/api/session")).status_code == 401
            assert (await at_a.get("/api/session")).status_code == 401
            assert (await at_b.get("/api/session")).status_code == 401
        assert [each.place for each in await a.deeds()] == [each.place for each in await b.deeds()]
        assert len(await a.deeds()) >= 4


async def test_a_running_session_ends_with_its_token(served: Team) -> None:
    token_id, secret = await served.token("alice")
    async with served.agent(secret, "shop") as agent:
        assert (await called(agent, "search_knowledge", query="anything"))["items"] == []
        await served.coordinator.access.tokens.revoke(token_id)
        with pytest.raises(MCPError, match="error response"):
            await called(agent, "search_knowledge", query="anything")
