"""Every filter that is a text, given texts that are made to break out of a statement: each is
refused by the field's name, or is a value that nothing has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from hybrid_coordinator.domain.interactions import AgentType, NewInteraction
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import NewKnowledge
from hybrid_coordinator.storage.postgres.database import Database
from tests.support.listening import listening_on
from tests.support.record import rows
from tests.support.stdio import RpcError, StdioSession, command, session

UNKNOWN = "nobody-has-this"
HOSTILE = (
    "'",
    '"',
    "''; DROP TABLE interactions; --",
    "' OR '1'='1",
    "x' UNION SELECT secret_hash FROM access_tokens --",
    "$$; DELETE FROM knowledge; $$",
    "/* */ -- ;",
    "%",
    "_",
    "%' ESCAPE '",
    "\\",
    "\\'; TRUNCATE interactions; --",
    "$1",
    "{}",
    "NULL",
    "\N{MODIFIER LETTER APOSTROPHE}\N{FULLWIDTH APOSTROPHE}",
    "a\0b",
    "'" * 5000,
)
ASKED = {
    "overview": ("project",),
    "uplift": ("project",),
    "routing": ("project",),
    "learning": ("project",),
    "models": ("project",),
    "facets": ("project",),
    "index": ("project",),
    "jobs": ("project",),
    "items": ("project", "text", "collection", "origin", "state", "sort"),
    "knowledge": ("project", "query", "collection"),
    "interactions": (
        *("project", "text", "model", "task_type", "session_id", "agent_type", "outcome"),
        *("sort", "since", "until"),
    ),
}
REQUIRED = {"knowledge": {"query": "lock", "project": UNKNOWN}}
POSTED = {"datasets/build": ("project", "format")}
RESOURCES = ("overview", "routing", "learning")
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
COUNTS = (
    "SELECT (SELECT count(*) FROM interactions) AS done, count(*) AS learned FROM knowledge_items"
)


def without(content: Any, value: str) -> Any:
    """``content`` where nothing says which value was asked for, nor when, nor how to ask better,
    nor where a result of its own lies."""
    if isinstance(content, dict):
        return {
            name: without(each, value)
            for name, each in content.items()
            if each != value and not name.endswith(("_at", "_ms", "notices", "directory"))
        }
    return [without(each, value) for each in content] if isinstance(content, list) else content


def judged(answer: httpx.Response, field: str, value: str, expected: httpx.Response) -> None:
    """It is refused by the name of the field, or answered as for what nobody has."""
    what = (str(answer.url)[:200], answer.text[:500])
    if answer.status_code == 400:
        assert answer.json()["error"]["field"] == field, what
        return
    assert "\0" not in value, what
    assert answer.status_code == expected.status_code, what
    assert without(answer.json(), value) == without(expected.json(), UNKNOWN), what


async def test_no_filter_of_the_api_is_run_as_sql(
    dsn: str, database: Database, tmp_path: Path
) -> None:
    async with listening_on(dsn, tmp_path / "home") as dashboard:
        coordinator, browser = dashboard.coordinator, dashboard.browser
        for project in ("shop", "site"):
            await coordinator.track(
                NewInteraction(project, "Lock the row", "Done.", AgentType.REMOTE, "claude")
            )
            await coordinator.store(
                NewKnowledge(CollectionName.BEST_PRACTICES, project, "Lock", "Before the sum.", {})
            )
        await coordinator.projector.drain(60)
        before = [await database.fetch(TABLES), await database.fetch(COUNTS)]
        for page, fields in ASKED.items():
            for field in fields:
                given = REQUIRED.get(page, {})
                path = f"api/{page}"
                nothing = await browser.get(path, params={**given, field: UNKNOWN})
                for value in HOSTILE:
                    answer = await browser.get(path, params={**given, field: value})
                    judged(answer, field, value, nothing)
        for page, fields in POSTED.items():
            for field in fields:
                nothing = await browser.post(f"api/{page}", json={field: UNKNOWN})
                for value in HOSTILE:
                    answer = await browser.post(f"api/{page}", json={field: value})
                    judged(answer, field, value, nothing)
        assert [await database.fetch(TABLES), await database.fetch(COUNTS)] == before


def outcome(client: StdioSession, method: str, params: dict[str, Any]) -> Any:
    """What a request gives, or the message that it is refused with."""
    try:
        return client.request(method, params)
    except RpcError as error:
        return str(error)


@pytest.mark.parametrize("page", RESOURCES)
def test_no_project_of_a_resource_is_run_as_sql(shared_home: Path, page: str) -> None:
    def asked(project: str) -> Any:
        uri = f"hybrid://stats/{page}?project={quote(project, safe='')}"
        found = outcome(client, "resources/read", {"uri": uri})
        return found if isinstance(found, str) else json.loads(found["contents"][0]["text"])

    with session(shared_home) as client:
        client.initialize()
        client.tool(
            "track_interaction", query="Lock", response="Done.", agent_type="remote", model_used="m"
        )
        before = rows(shared_home, TABLES), rows(shared_home, COUNTS)
        nothing = without(asked(UNKNOWN), UNKNOWN)
        for value in HOSTILE:
            found = asked(value)
            if isinstance(found, str):
                assert found.startswith("project: "), (value, found)
            else:
                assert "\0" not in value
                assert without(found, value) == nothing, value
        assert (rows(shared_home, TABLES), rows(shared_home, COUNTS)) == before


def test_no_user_of_the_audit_is_run_as_sql(shared_home: Path) -> None:
    made = command(shared_home, "tokens", "create", "laptop", "--user", "alice")
    assert made.returncode == 0, made.stderr
    before = rows(shared_home, TABLES), rows(shared_home, "SELECT count(*) FROM audit_log")
    assert len(json.loads(command(shared_home, "audit", "--json").stdout)) == 1
    for value in ("' OR '1'='1", "x'; DROP TABLE audit_log; --", "%"):
        done = command(shared_home, "audit", f"--user={value}", "--json")
        assert (done.returncode, json.loads(done.stdout)) == (0, []), (value, done.stderr)
    with session(shared_home) as client:
        client.initialize()
        for value in HOSTILE:
            found = outcome(client, "hybrid/audit", {"user": value})
            if "\0" in value:  # which no argument of a command can hold
                assert "NUL" in found, found
            else:
                assert found == {"entries": []}, value
    assert (
        rows(shared_home, TABLES),
        rows(shared_home, "SELECT count(*) FROM audit_log"),
    ) == before
