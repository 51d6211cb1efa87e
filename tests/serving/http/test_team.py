"""A team's coordinator: tokens, what each may do, and what each finds."""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hybrid_coordinator.domain.access import Scope
from hybrid_coordinator.domain.interactions import AgentType, NewInteraction
from hybrid_coordinator.storage.postgres.database import Database
from tests.support.stdio import ToolError
from tests.support.team import Team, called, team

SECRET_TASK = "How do I mend the purple parser of the night train?"
WORK = {"agent_type": "remote", "model_used": "m"}


@pytest.fixture
async def served(dsn: str, tmp_path: Path) -> AsyncIterator[Team]:
    async with team(dsn, tmp_path / "home") as opened:
        yield opened


async def tracked(served: Team, secret: str, project: str, query: str = SECRET_TASK) -> str:
    async with served.agent(secret, project) as agent:
        done = await called(agent, "track_interaction", query=query, response="By hand.", **WORK)
        return str(done["interaction_id"])


async def found(served: Team, secret: str, project: str, query: str = SECRET_TASK) -> list[str]:
    async with served.agent(secret, project) as agent:
        items = (await called(agent, "search_knowledge", query=query))["items"]
        told = await called(agent, "augment_query", query=query)
    history = {one["id"] for one in told["interaction_history"]}
    return sorted({*history, *(one["id"] for one in items)})


async def test_without_a_token_nothing_is_told(served: Team) -> None:
    _, secret = await served.token("alice")
    async with served.client() as stranger:
        for path in ("/", "/api/overview", "/api/session", "/api/events", "/metrics", "/mcp"):
            answer = await stranger.get(path)
            assert answer.status_code == 401, path
            assert answer.headers["www-authenticate"] == "Bearer"
        for path in ("/healthz", "/readyz", "/favicon.ico"):
            assert (await stranger.get(path)).status_code == 200
        assert (await stranger.post("/mcp", json={})).status_code == 401
        for wrong in (
            f"Bearer {secret}x",
            f"Bearer {secret[:-1]}",
            f"Basic {secret}",
            secret,
            "Bearer",
            "Bearer hc_",
            "Bearer ' OR true --",
        ):
            answer = await stranger.get("/api/session", headers={"Authorization": wrong})
            assert answer.status_code == 401, wrong
        good = {"Authorization": f"bearer {secret}"}
        assert (await stranger.get("/api/session", headers=good)).json()["user"] == "alice"


async def test_a_token_is_on_record_by_its_digest_alone(
    served: Team, dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    token_id, secret = await served.token("alice")
    assert secret.startswith("hc_")
    async with served.client(secret) as alice:
        assert (await alice.get("/api/session")).status_code == 200
        # What an agent says of it is not kept either.
    await tracked(served, secret, "shop", f"Why does curl -H 'Bearer {secret}' fail?")
    async with served.client(f"{secret}wrong") as wrong:
        await wrong.get(f"/api/{secret}")
        await wrong.post("/login", data={"token": secret})
    database = await Database.connect(dsn, timeout=10)
    try:
        tables = await database.fetch(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        )
        for row in tables:
            name = row["table_name"]
            held = await database.fetch_value(
                f"SELECT count(*) FROM {name} AS one WHERE position($1 IN one::text) > 0",
                secret.removeprefix("hc_"),
            )
            assert held == 0, name
    finally:
        await database.close()
    ours = [each for each in caplog.records if not each.name.startswith("httpx")]  # the client's
    assert not any(secret in each.getMessage() for each in ours)
    assert token_id in str(await served.deeds())


async def test_what_is_revoked_or_over_holds_no_longer(served: Team, dsn: str) -> None:
    tokens = served.coordinator.access.tokens
    token_id, secret = await served.token("alice")
    made, short = await tokens.create("short", user="bob", scope=Scope.READ, days=1)
    async with served.client(secret) as alice, served.client(short) as bob:
        assert (await alice.get("/api/session")).status_code == 200
        assert (await bob.get("/api/session")).status_code == 200
        await tokens.revoke(token_id)
        assert (await alice.get("/api/session")).status_code == 401
        database = await Database.connect(dsn, timeout=10)
        await database.execute(
            "UPDATE access_tokens SET expires_at = now() WHERE id = $1::text::uuid", made.id
        )
        await database.close()
        assert (await bob.get("/api/session")).status_code == 401
    states = {each.id: each for each in await tokens.all()}
    assert states[token_id].revoked_at is not None
    assert states[token_id].used_at is not None


async def test_each_scope_has_its_tools_and_routes(served: Team, tmp_path: Path) -> None:
    reads = {"augment_query", "search_knowledge"}
    writes = reads | {"ask_local_llm", "track_interaction", "update_outcome", "store_knowledge"}
    admins = writes | {"generate_training_data", "index_codebase"}
    entry = {"collection": "best-practices", "title": "t", "content": "c", "project": "shop"}
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "a.py").write_text("def night_train(): pass\n")
    code = {"path": str(tmp_path / "code"), "project": "shop"}
    for scope, tools in ((Scope.READ, reads), (Scope.WRITE, writes), (Scope.ADMIN, admins)):
        _, secret = await served.token("alice", scope)
        async with served.agent(secret, "shop") as agent:
            assert {each.name for each in (await agent.list_tools()).tools} == tools
            for name, needs, arguments in (
                ("store_knowledge", Scope.WRITE, entry),
                ("index_codebase", Scope.ADMIN, code),
            ):
                if scope.includes(needs):
                    await called(agent, name, **arguments)
                else:
                    with pytest.raises(ToolError, match=f"{name} needs a token of scope {needs}"):
                        await called(agent, name, **arguments)
        async with served.client(secret) as client:
            answer = await client.post("/api/jobs/retry", json={})
            assert answer.status_code == (200 if scope.includes(Scope.WRITE) else 403)
            answer = await client.post("/api/index/update", json={"project": "shop", "root": "/x"})
            assert answer.status_code == (404 if scope is Scope.ADMIN else 403)
            may = [each for each in Scope if scope.includes(each)]
            assert (await client.get("/api/session")).json()["may"] == [*may, "all"]


async def test_files_of_the_server_are_nobodys_from_elsewhere(served: Team) -> None:
    _, admin = await served.token("root", Scope.ADMIN)
    async with served.agent(admin, "shop") as agent:
        with pytest.raises(ToolError, match="files: this session works on another machine"):
            await called(agent, "ask_local_llm", prompt="Sum up.", files=["/etc/passwd"])
        with pytest.raises(ToolError, match="path: code must be absolute"):
            await called(agent, "index_codebase", path="code")


async def test_what_one_user_did_is_found_by_nobody_else(served: Team) -> None:
    _, alice = await served.token("alice")
    _, bob = await served.token("bob")
    _, second = await served.token("alice", Scope.READ)
    of_alice = await tracked(served, alice, "shop")
    assert await found(served, alice, "shop") == [of_alice]
    assert await found(served, second, "shop") == [of_alice]
    assert await found(served, bob, "shop") == []
    # Nor by its id.
    async with served.agent(bob, "shop") as agent:
        with pytest.raises(ToolError, match=f"there is no interaction {of_alice}"):
            await called(agent, "update_outcome", interaction_id=of_alice, outcome="failure")
    async with served.client(bob) as client:
        listed = (await client.get("/api/interactions")).json()
        assert (listed["total"], listed["rows"]) == (0, [])
        for path in (f"/api/interactions/{of_alice}", f"/api/entries/{of_alice}"):
            assert (await client.get(path)).status_code == 404, path
        gone = await client.post(f"/api/entries/{of_alice}/delete", json={})
        assert gone.status_code == 404
        searched = {"query": SECRET_TASK, "project": "shop"}
        assert of_alice not in (await client.get("/api/knowledge", params=searched)).text
    async with served.client(alice) as client:
        assert (await client.get("/api/interactions")).json()["total"] == 1
        assert (await client.get(f"/api/interactions/{of_alice}")).status_code == 200
        searched = {"query": SECRET_TASK, "project": "shop"}
        assert of_alice in (await client.get("/api/knowledge", params=searched)).text
    async with served.agent(alice, "shop") as agent:
        judged = await called(
            agent, "update_outcome", interaction_id=of_alice, outcome="success", user_feedback=1
        )
        assert judged["interaction_id"] == of_alice


async def test_what_was_not_shown_cannot_be_claimed_to_have_been(served: Team) -> None:
    _, alice = await served.token("alice")
    _, bob = await served.token("bob", projects=["shop"])
    of_alice = await tracked(served, alice, "shop")
    entry = {"collection": "best-practices", "title": SECRET_TASK, "content": "c"}
    async with served.agent(alice, "bakery") as agent:
        of_bakery = (await called(agent, "store_knowledge", **entry))["id"]
    async with served.agent(alice, "shop") as agent:
        of_shop = (await called(agent, "store_knowledge", **entry))["id"]
    async with served.agent(bob, "shop") as agent:
        # It would be told by its title, and credited for how it went.
        for hidden in (of_alice, of_bakery):
            given = {"query": "q", "response": "r", "context_ids": [of_shop, hidden], **WORK}
            with pytest.raises(ToolError, match=f"context_ids: {hidden} was not shown to you"):
                await called(agent, "track_interaction", **given)
        given = {"query": "q", "response": "r", "context_ids": [of_shop], **WORK}
        assert await called(agent, "track_interaction", **given)
    async with served.client(bob) as client:
        assert (await client.get("/api/interactions")).json()["total"] == 1


async def test_what_was_shown_to_one_user_is_told_to_no_other(served: Team) -> None:
    _, alice = await served.token("alice")
    _, bob = await served.token("bob")
    of_alice = await tracked(served, alice, "shop")
    entry = {"collection": "best-practices", "title": SECRET_TASK, "content": SECRET_TASK}
    async with served.agent(alice, "shop") as agent:
        shared = (await called(agent, "store_knowledge", **entry))["id"]
    assert await found(served, alice, "shop") == sorted([of_alice, shared])
    async with served.agent(bob, "shop") as agent:
        given = {"query": "q", "response": "r", "context_ids": [shared], **WORK}
        of_bob = (await called(agent, "track_interaction", **given))["interaction_id"]
    async with served.client(bob) as client:
        told = (await client.get(f"/api/interactions/{of_bob}")).json()
    assert [each["item_id"] for each in told["shown"]] == [shared]
    # Nor to the owner, whose agents never got it; in another session of hers it is still known.
    given = {"query": "q", "response": "r", "context_ids": (shared,)}
    for user, known in (("local", {shared}), ("alice", {shared, of_alice})):
        new = NewInteraction(
            "shop", agent_type=AgentType.REMOTE, model_used="m", user=user, **given
        )
        seen = await served.coordinator.insights.interaction(await served.coordinator.track(new))
        assert {each.item_id for each in seen.shown} == known


async def test_what_was_learned_is_the_projects(served: Team) -> None:
    _, alice = await served.token("alice")
    _, bob = await served.token("bob")
    async with served.agent(alice, "shop") as agent:
        stored = await called(
            agent,
            "store_knowledge",
            collection="best-practices",
            title="Mend the purple parser by hand",
            content="The purple parser of the night train is mended by hand.",
        )
    assert await found(served, bob, "shop") == [stored["id"]]
    assert await found(served, bob, "bakery") == []


async def test_a_token_for_projects_is_for_no_other(served: Team) -> None:
    _, everywhere = await served.token("alice")
    _, shop = await served.token("alice", projects=["shop"])
    _, two = await served.token("alice", projects=["shop", "inn"])
    of_bakery = await tracked(served, everywhere, "bakery")
    async with served.agent(shop) as agent:  # it names none, and the token is for one
        done = await called(agent, "track_interaction", query="q", response="r", **WORK)
        with pytest.raises(ToolError, match="not for project bakery; it allows: shop"):
            await called(agent, "search_knowledge", query=SECRET_TASK, project="bakery")
        with pytest.raises(ToolError, match="not for project global"):
            await called(
                agent,
                "store_knowledge",
                collection="best-practices",
                title="t",
                content="c",
                project="global",
            )
        with pytest.raises(ToolError, match=f"there is no interaction {of_bakery}"):
            await called(agent, "update_outcome", interaction_id=of_bakery, outcome="failure")
    async with served.agent(two) as agent:
        with pytest.raises(ToolError, match="project: is required; this token allows: inn, shop"):
            await called(agent, "search_knowledge", query=SECRET_TASK)
        assert (await called(agent, "search_knowledge", query="q", project="inn"))["items"] == []
    async with served.agent(shop, "bakery") as agent:  # the header is no way around it
        with pytest.raises(ToolError, match="not for project bakery"):
            await called(agent, "search_knowledge", query=SECRET_TASK)
    async with served.client(shop) as client:
        assert (await client.get("/api/session")).json()["may"] == ["read", "write"]
        listed = (await client.get("/api/interactions")).json()
        assert [each["id"] for each in listed["rows"]] == [done["interaction_id"]]
        refused = await client.get("/api/interactions", params={"project": "bakery"})
        assert refused.status_code == 403
        assert (await client.get(f"/api/interactions/{of_bakery}")).status_code == 404
        assert (await client.get("/api/datasets")).status_code == 403
        assert (await client.get("/metrics")).status_code == 403
        parts = (await client.get("/api/health")).json()["parts"]
        assert "postgres" in {each["name"] for each in parts}
        assert "watching" not in {each["name"] for each in parts}
    async with served.client(everywhere) as client:
        parts = (await client.get("/api/health")).json()["parts"]
        assert "watching" in {each["name"] for each in parts}
    _, admin = await served.token("root", Scope.ADMIN, projects=["shop"])
    async with served.agent(admin) as agent:  # a dataset holds every project's work
        with pytest.raises(ToolError, match="concerns every project, and this token is for some"):
            await called(agent, "generate_training_data")
    refused_last = (await served.deeds())[-1]
    assert (refused_last.action, refused_last.allowed) == ("tool generate_training_data", False)


async def test_a_job_is_found_however_many_wait_before_it(served: Team, dsn: str) -> None:
    _, secret = await served.token("alice", projects=["shop"])
    database = await Database.connect(dsn, timeout=10)
    try:
        ids = await database.fetch(
            "INSERT INTO jobs (kind, subject, project, payload) "
            "SELECT 'nobodys', n::text, CASE WHEN n < 1001 THEN 'inn' ELSE 'shop' END, '{}' "
            "FROM generate_series(0, 1001) AS n RETURNING id"
        )
    finally:
        await database.close()
    of_inn, of_shop = min(each["id"] for each in ids), max(each["id"] for each in ids)
    async with served.client(secret) as client:
        for action in ("retry", "drop"):
            refused = await client.post(f"/api/jobs/{action}", json={"id": of_inn})
            assert refused.status_code == 403
            done = await client.post(f"/api/jobs/{action}", json={"id": of_shop})
            assert done.status_code == 200
        gone = await client.post("/api/jobs/drop", json={"id": of_shop})
        assert gone.status_code == 404


async def test_the_audit_says_who_did_what_and_what_was_refused(served: Team) -> None:
    token_id, secret = await served.token("alice", projects=["shop"])
    interaction = await tracked(served, secret, "shop")
    async with served.agent(secret, "shop") as agent:
        await called(agent, "update_outcome", interaction_id=interaction, outcome="success")
        with pytest.raises(ToolError):
            await called(agent, "search_knowledge", query=SECRET_TASK, project="bakery")
        with pytest.raises(ToolError):
            await called(agent, "index_codebase", path="/srv/code")
    async with served.client(secret) as client:
        await client.post("/api/jobs/drop", json={"id": 1})
        await client.get("/api/overview", params={"project": "bakery"})
    async with served.client("hc_wrong") as client:
        await client.get("/api/overview")
    deeds = [(each.action, each.target, each.allowed) for each in await served.deeds()]
    assert deeds == [
        ("tool track_interaction", "shop", True),
        ("tool update_outcome", f"shop {interaction}", True),
        ("tool search_knowledge", "bakery", False),
        ("tool index_codebase", "shop /srv/code", False),
        ("POST /api/jobs/drop", "1", True),
        ("GET /api/overview", "bakery", False),
        ("GET /api/overview", "", False),
    ]
    *known, stranger = await served.deeds()
    assert {(each.user, each.token_id) for each in known} == {("alice", token_id)}
    assert {each.place for each in known} == {"127.0.0.1"}
    assert (stranger.user, stranger.token_id) == (None, None)
    assert "it allows: shop" in known[2].reason
    assert SECRET_TASK not in str(deeds)


async def test_no_character_of_an_address_keeps_it_out_of_the_audit(served: Team) -> None:
    _, secret = await served.token("alice", Scope.READ, ["shop"])
    async with served.client("hc_wrong") as stranger:
        assert (await stranger.get("/api/overview%00")).status_code == 401
        # Nor does it make another address of it, which is open to all.
        assert (await stranger.get("/log%0Ain")).status_code == 401
    async with served.client(secret) as client:
        assert (await client.get("/api/jobs?project=%00")).status_code == 403
    async with served.agent(secret, "shop") as agent:
        with pytest.raises(ToolError, match="needs a token of scope admin"):
            await called(agent, "index_codebase", path="x" * 1000)
    deeds = [(each.action, each.target) for each in await served.deeds()]
    assert deeds == [
        ("GET /api/overview%00", ""),
        ("GET /log%0Ain", ""),
        ("GET /api/jobs", "\N{REPLACEMENT CHARACTER}"),
        ("tool index_codebase", "shop"),
    ]


async def test_the_audit_names_what_the_body_of_a_request_is_about(served: Team) -> None:
    _, secret = await served.token("root", Scope.ADMIN, ["shop"])
    _, reader = await served.token("alice", Scope.READ)
    entry = str(uuid.uuid4())
    leaked = "ghp_" + "a1B2" * 9
    async with served.client(secret) as client:
        for path, body in (
            (f"/api/entries/{entry}/retire", {"reason": SECRET_TASK}),
            (f"/api/interactions/{entry}/outcome", {"outcome": "success", "evidence": "pytest"}),
            ("/api/index/update", {"project": "shop", "root": "/srv/shop"}),
            ("/api/index/watch", {"project": "bakery", "root": f"/srv/{leaked}", "watch": True}),
            ("/api/index/watch", {"project": "p" * 600, "root": "r" * 510, "watch": True}),
            ("/api/ask", {"project": ["shop"], "prompt": SECRET_TASK}),
            ("/api/jobs/drop", [{"id": 7}]),
            ("/api/jobs/retry", {"id": True}),
        ):
            await client.post(path, json=body)
        broken = await client.post(
            "/api/jobs/drop", content=b"{", headers={"content-type": "application/json"}
        )
        assert broken.status_code == 400
    async with served.client(reader) as client:
        refused = await client.post("/api/jobs/drop", json={"id": 8})
        assert refused.status_code == 403
    deeds = await served.deeds()
    assert [(each.action.rpartition("/")[2], each.target, each.allowed) for each in deeds] == [
        ("retire", entry, True),
        ("outcome", entry, True),
        ("update", "shop /srv/shop", True),
        ("watch", "bakery /srv/<SECRET:github-token>", True),
        ("watch", "bakery /srv/<SECRET:github-token>", False),
        ("watch", "r" * 500, True),
        ("ask", "", True),
        ("drop", "", True),
        ("retry", "", True),
        ("drop", "", True),
        ("drop", "8", False),
    ]


async def test_the_audit_cannot_be_rewritten(served: Team, dsn: str) -> None:
    _, secret = await served.token("alice")
    await tracked(served, secret, "shop")
    database = await Database.connect(dsn, timeout=10)
    try:
        for sql in (
            "UPDATE audit_log SET user_name = 'bob'",
            "DELETE FROM audit_log",
            "TRUNCATE audit_log",
        ):
            with pytest.raises(Exception, match="append-only"):
                await database.execute(sql)
        assert len(await served.deeds()) == 1
        await database.execute(
            "INSERT INTO audit_log (at, action, target, place, allowed) "
            "VALUES (now() - interval '40 days', 'old', '', '', true)"
        )
        assert len(await served.deeds()) == 2
    finally:
        await database.close()


async def test_who_asks_too_often_is_told_when_to_come_back(dsn: str, tmp_path: Path) -> None:
    async with team(dsn, tmp_path / "home", requests_per_minute=1) as served:
        _, eager = await served.token("eager")
        _, other = await served.token("other")
        async with served.client(eager) as client:
            answers = [await client.get("/api/session") for _ in range(2)]
        assert [each.status_code for each in answers] == [200, 429]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
        async with served.client(other) as client:
            assert (await client.get("/api/session")).status_code == 200
        async with served.client() as browser:  # nor is each sign-in another session
            assert (await browser.post("/login", data={"token": eager})).status_code == 429
        assert any("too many requests" in each.reason for each in await served.deeds())


async def test_guessing_is_slowed_down_and_does_not_fill_the_audit(served: Team) -> None:
    _, secret = await served.token("alice")
    async with served.client() as client:
        statuses: list[int] = []
        while 429 not in statuses and len(statuses) < 500:
            guess = {"Authorization": f"Bearer hc_{len(statuses)}"}
            statuses.append((await client.get("/", headers=guess)).status_code)
        assert statuses[:30] == [401] * 30
        assert statuses[-1] == 429
        # Who has a token is not held up by it, from the same address.
        good = await client.get("/api/session", headers={"Authorization": f"Bearer {secret}"})
        assert good.status_code == 200
    assert len(await served.deeds()) == len(statuses) - 1
