"""Grafana's dashboards: every query of every panel, run as Grafana's role on a real record."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from hybrid_coordinator.coordinator import Coordinator
from hybrid_coordinator.domain.interactions import AgentType, NewInteraction, Outcome, OutcomeKind
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import NewKnowledge
from tests.support.compose import COMPOSE, Json
from tests.support.coordinators import engines_on
from tests.support.grafana import Panel, as_reader, dashboards, expanded, panels

PROJECTS = ("shop", "o'brien")
VALUES = {"project": PROJECTS, "high_value": "0.7"}
OUTCOMES = (
    (OutcomeKind.SUCCESS, 1),
    (OutcomeKind.PARTIAL, 0),
    (OutcomeKind.FAILURE, -1),
    (OutcomeKind.UNKNOWN, 0),
)
BESIDE = """
INSERT INTO route_attempts (
    interaction_id, position, model, endpoint, tier, latency_ms, confidence, outcome, tokens_in,
    tokens_out, cost_usd, project, task_type, complexity, remote, first_token_ms, tokens_per_second,
    created_at
)
SELECT
    id, position, model, 'http://127.0.0.1:8080', tier, 900, confidence, attempt, 300, 40, cost,
    project, 'explain', 'simple', remote, 120, 40, now() - interval '1 day'
FROM interactions, (
    VALUES
        (1, 'small', 'local-small', 0.4, 'low_confidence', 0.0, false),
        (2, 'opus', 'remote', 0.9, 'ok', 0.02, true)
) AS attempts (position, model, tier, confidence, attempt, cost, remote)
WHERE project = 'shop';
INSERT INTO route_attempts (
    position, model, endpoint, tier, latency_ms, outcome, tokens_in, tokens_out, project
) VALUES (1, 'small', 'http://127.0.0.1:8080', 'local-small', 30000, 'timeout', 300, 0, 'shop');
INSERT INTO route_attempts (
    interaction_id, position, model, endpoint, tier, latency_ms, confidence, outcome, tokens_in,
    tokens_out, project, first_token_ms
)
SELECT id, 1, 'small', 'http://127.0.0.1:8080', 'local-small', 700, 0.8, 'ok', 100, 11, project, 90
FROM interactions WHERE project <> 'shop';
INSERT INTO spend (day, model, amount_usd, settled)
VALUES (current_date, 'anthropic/opus', 0.02, true), (current_date, 'anthropic/opus', 0.01, false);
INSERT INTO jobs (kind, subject, project, payload, parked, tries)
VALUES ('pattern', '1', 'shop', '{}', false, 0), ('pattern', '2', 'shop', '{}', true, 5);
INSERT INTO skill_proposals (
    id, project, kind, title, content, fields, members, sessions, successes, failures, state
) VALUES (gen_random_uuid(), 'shop', 'new', 't', 'c', '{}', 3, 2, 2, 0, 'proposed');
UPDATE knowledge_items SET origin = 'pattern';
INSERT INTO exposures (interaction_id, item_id, rank, propensity, withheld)
SELECT id, gen_random_uuid(), 1, 0.9, row_number() OVER (ORDER BY id) % 2 = 0 FROM interactions;
"""
"""What models, jobs and learning leave in the record."""


@pytest.fixture
async def coordinator(dsn: str, tmp_path: Path) -> AsyncIterator[Coordinator]:
    async with engines_on(dsn, tmp_path / "home") as engines:
        yield await engines.get()


@pytest.fixture
async def reader(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    async with as_reader(dsn) as connection:
        yield connection


@pytest.fixture
async def worked(coordinator: Coordinator, dsn: str) -> Coordinator:
    """A coordinator after some work in two projects."""
    words = itertools.count()
    for project in PROJECTS:
        entry = NewKnowledge(CollectionName.SKILLS_PATTERNS, project, "Lock the row", "First.")
        await coordinator.store(entry)
        for outcome, feedback in OUTCOMES:
            query = f"How do I lock row {next(words)} of the orders table, with a test?"
            new = NewInteraction(project, query, "def lock(): ...", AgentType.REMOTE, "opus")
            tracked = await coordinator.track(new)
            await coordinator.update_outcome(tracked, Outcome(outcome, feedback, "pytest"))
    await coordinator.track(NewInteraction("shop", "unjudged", "r", AgentType.LOCAL, "small"))
    connection = await asyncpg.connect(dsn)
    await connection.execute(BESIDE)
    await connection.close()
    return coordinator


def of_a_month(sql: str, days_ago: int = 0, **values: list[str]) -> str:
    """What Grafana sends for the month that ended so many days ago."""
    to = datetime.now(UTC) + timedelta(minutes=1) - timedelta(days=days_ago)
    return expanded(sql, {**VALUES, **values}, to - timedelta(days=29), to)


def statements(panel: Panel) -> list[str]:
    return [of_a_month(target["rawSql"]) for target in panel.targets if "rawSql" in target]


async def test_every_query_of_every_panel_has_something_to_show(
    worked: Coordinator, reader: asyncpg.Connection
) -> None:
    asked = 0
    for panel in panels():
        for target, statement in zip(panel.targets, statements(panel), strict=False):
            rows = await reader.fetch(statement)
            assert rows, panel
            if target["format"] == "time_series":
                _is_a_series(panel, rows)
            asked += 1
    assert asked > 15


def _is_a_series(panel: Panel, rows: list[asyncpg.Record]) -> None:
    """Grafana wants a time, perhaps a name for each line, and numbers; times in order."""
    names = list(rows[0].keys())
    assert names[0] == "time", panel
    assert names[1] == "metric" or len(names) == 2, panel
    times = [row["time"] for row in rows]
    assert times == sorted(times), panel
    assert all(isinstance(row["metric"], str) for row in rows if "metric" in names), panel
    assert all(float(row[names[-1]]) >= 0 for row in rows), panel


async def test_no_query_fails_on_an_empty_record(reader: asyncpg.Connection) -> None:
    for panel in panels():
        for statement in statements(panel):
            await reader.fetch(statement)


async def test_the_figures_are_those_of_the_read_service(
    worked: Coordinator, reader: asyncpg.Connection
) -> None:
    shown = {}
    for panel in panels():
        if panel.dashboard == "value" and panel.content["type"] == "stat":
            (statement,) = statements(panel)
            (row,) = await reader.fetch(statement)
            shown[panel.content["title"]] = row[0]
    overview = await worked.insights.overview(days=30)
    saving, period = overview.saving, overview.period
    assert period.high_value > 0
    assert shown == {
        "Interactions": period.interactions,
        "Of high value": period.high_value,
        "Success rate": pytest.approx(period.success_rate),
        "Tokens not sent away": saving.tokens,
        "Spent": pytest.approx(saving.spent_usd + saving.reserved_usd),
        "Learned and in use": sum(overview.learned.values()),
    }


async def test_a_project_is_chosen_and_quoted(
    worked: Coordinator, reader: asyncpg.Connection
) -> None:
    (counted,) = [one for one in panels() if one.content["title"] == "Interactions"]
    sql = counted.targets[0]["rawSql"]
    for project, count in (("shop", 5), ("o'brien", 4), ("none", 0)):
        assert await reader.fetchval(of_a_month(sql, project=[project])) == count
    assert await reader.fetchval(of_a_month(sql, days_ago=40)) == 0


async def test_variables_list_what_there_is(
    worked: Coordinator, reader: asyncpg.Connection
) -> None:
    listed = 0
    for board in dashboards().values():
        for variable in board["templating"]["list"]:
            if variable["type"] == "query" and variable["datasource"]["uid"] == "record":
                rows = await reader.fetch(variable["query"])
                assert [row[0] for row in rows] == sorted(PROJECTS)
                listed += 1
    assert listed > 0


def sources() -> dict[str, Json]:
    file = COMPOSE / "grafana" / "provisioning" / "datasources" / "datasources.yaml"
    return {each["uid"]: each for each in yaml.safe_load(file.read_text())["datasources"]}


def test_panels_ask_provisioned_sources_and_say_what_they_show() -> None:
    known = sources()
    assert known.keys() == {"record", "prometheus"}
    for panel in panels():
        content = panel.content
        assert content["title"], panel
        if content["type"] == "row":
            continue
        assert content["description"], panel
        assert panel.targets, panel
        for target in (content, *panel.targets):
            source = target["datasource"]
            assert known[source["uid"]]["type"] == source["type"], panel


def test_dashboards_are_made_of_what_grafana_knows() -> None:
    """Read into Grafana's own types and written again: a key that they do not have is lost."""
    register_default_plugins()
    for name, board in dashboards().items():
        written = json.loads(JSONEncoder().encode(Dashboard.from_json(board)))
        assert lost(board, written, name) == []


def lost(before: object, after: object, place: str) -> list[str]:
    """Where ``after`` lacks what ``before`` has, or has something else."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [
            found
            for key, value in before.items()
            for found in lost(value, after.get(key), f"{place}.{key}")
        ]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [found for i, (one, two) in pairs for found in lost(one, two, f"{place}[{i}]")]
    return [] if before == after else [f"{place}: {before!r} became {after!r}"]


def test_panels_lie_beside_each_other() -> None:
    for name, board in dashboards().items():
        taken: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            place = panel["gridPos"]
            assert place["x"] + place["w"] <= 24, (name, panel["title"])
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not cells & taken, (name, panel["title"])
            taken |= cells
        ids = [panel["id"] for panel in board["panels"]]
        assert len(set(ids)) == len(ids)
        assert board["uid"], name
    uids = [board["uid"] for board in dashboards().values()]
    assert len(set(uids)) == len(uids)


def test_what_is_provisioned_is_where_the_container_looks() -> None:
    file = COMPOSE / "grafana" / "provisioning" / "dashboards" / "dashboards.yaml"
    (provider,) = yaml.safe_load(file.read_text())["providers"]
    compose = (COMPOSE / "compose.yaml").read_text()
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in compose
    (home,) = re.findall(r"GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH: (\S+)", compose)
    assert (COMPOSE / "grafana" / "dashboards" / Path(home).name).exists()
    record = sources()["record"]
    assert record["secureJsonData"]["password"] == "$__file{/run/secrets/grafana_reader_password}"
    assert (record["user"], record["url"]) == ("grafana", "postgres:5432")
