"""One number, wherever it is shown: dashboard, `stats`, resources, `/metrics` on the same rows."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from hybrid_coordinator.domain.metrics import METRICS, Metric, MetricKind, Source
from hybrid_coordinator.storage.postgres.database import Database
from tests.support import bulk
from tests.support.stdio import Json, command, session

PROJECT = "project-3"
ROWS = 600
PATIENCE = 120.0


def stats(home: Path, *options: str) -> Json:
    done = command(home, "stats", "--json", *options)
    assert done.returncode == 0, done.stderr
    found: Json = json.loads(done.stdout)
    return found


def _settled(home: Path) -> None:
    """Wait until the coordinator has brought the rows into its index, which are figures, too."""
    assert command(home, "collections").returncode == 0  # only now does it see that it has none
    deadline = time.monotonic() + PATIENCE
    while stats(home)["unprojected"]:
        assert time.monotonic() < deadline, "the index does not come to have all rows"


def resources(home: Path) -> Mapping[str, Json]:
    with session(home) as client:
        client.initialize()
        uris = {
            page: f"hybrid://stats/{page}?project={PROJECT}"
            for page in ("overview", "routing", "learning")
        }
        return {
            page: json.loads(client.request("resources/read", {"uri": uri})["contents"][0]["text"])
            for page, uri in uris.items()
        }


def scraped(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """Values by name, and by the values of the labels in the order of their names."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = tuple(value for _, value in sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


@dataclass(frozen=True)
class Looked:
    """What each face says."""

    of_project: Json
    of_all: Json
    read: Mapping[str, Json]
    shown: Mapping[str, Json]
    overview: Json
    routing: Json
    index: Json
    collections: Json
    scrape: str


def looked(home: Path) -> Looked:
    """All of them on one day: figures of days turn at midnight. And of one moment to Postgres,
    which may tidy its files up between two looks."""
    _settled(home)
    day = datetime.now(UTC).date()
    of_project, of_all = stats(home, "--project", PROJECT), stats(home)
    read = resources(home)
    url = json.loads(command(home, "dashboard", "--json").stdout)["url"]
    with httpx.Client(base_url=url, timeout=PATIENCE) as client:

        def get(path: str) -> Json:
            answer = client.get(path)
            assert answer.status_code == 200, answer.text
            found: Json = answer.json()
            return found

        shown = {page: get(f"api/{page}?project={PROJECT}") for page in read}
        overview, routing, index = (get(f"api/{page}") for page in ("overview", "routing", "index"))
        scrape = client.get("metrics")
        while "hybrid_interactions{" not in scrape.text:  # it does not wait for ever
            scrape = client.get("metrics")
    assert scrape.headers["content-type"].startswith("text/plain")
    collections = json.loads(command(home, "collections", "--json").stdout)
    if datetime.now(UTC).date() != day or _database(stats(home)) != _database(of_all):
        assert command(home, "stop").returncode == 0  # the next one scrapes anew
        return looked(home)
    return Looked(
        of_project, of_all, read, shown, overview, routing, index, collections, scrape.text
    )


def _database(of_all: Json) -> int:
    return int(of_all["disk"]["database_elsewhere_bytes"])


async def test_every_face_shows_the_same_numbers(home: Path, dsn: str, database: Database) -> None:
    await bulk.fill(database, ROWS)
    for directory in ("datasets", "backups"):
        (home / directory).mkdir(parents=True)
        (home / directory / "kept").write_bytes(b"x" * 100_000)
    settings = {
        "storage": {"database_url": dsn},
        "inference": {"enabled": False},
        "serving": {"dashboard_port": 0},
    }
    (home / "hybrid.yaml").write_text(json.dumps(settings))
    found = await asyncio.to_thread(looked, home)
    overview = found.overview

    # The pages and the resources are the same, whole.
    assert found.read == found.shown
    # `stats` has the totals beside the usage.
    assert found.of_project["usage"] == found.shown["routing"]
    assert found.of_all["usage"] == found.routing
    for totals, of in ((found.of_project, found.shown["overview"]), (found.of_all, overview)):
        assert {name: totals[name] for name in of["totals"]} == of["totals"]
        assert totals["jobs"] == of["jobs"]
        assert totals["skills"] == of["skills"]
        assert of["calls"] == totals["usage"]["total"]
        assert of["saving"]["saved_usd"] == totals["usage"]["money"]["saved_usd"]
    assert found.of_project["learning"]["uplift"] == found.shown["learning"]["uplift"]
    assert found.collections["collections"] == found.index["collections"]
    assert sum(each["points"] for each in found.index["collections"]) > 0
    assert overview["totals"]["unprojected"] == found.index["unprojected"] == 0
    _check_metrics(scraped(found.scrape), found)
    # And they are those of the rows.
    assert overview["totals"]["interactions"] == ROWS
    assert overview["totals"]["outcomes"]["success"] == await database.fetch_value(
        "SELECT count(*) FROM current_interactions WHERE outcome = 'success'"
    )
    assert overview["totals"]["high_value"] == await database.fetch_value(
        "SELECT count(*) FROM current_interactions WHERE value_score >= 0.7"
    )
    assert overview["period"]["interactions"] == await database.fetch_value(
        "SELECT count(*) FROM interactions WHERE created_at >= date_trunc('day', now(), 'UTC')"
        " - interval '29 days'"
    )


def _check_metrics(found: Mapping[str, Mapping[tuple[str, ...], float]], faces: Looked) -> None:
    """Every family of the record is one that another face shows, and has the very same values."""
    expected = _single(faces.overview, faces.of_all) | _several(faces)
    recorded = {metric.name for metric in METRICS if metric.source is Source.RECORD}
    moving = {"hybrid_disk_bytes", "hybrid_disk_free_bytes"}
    assert expected.keys() | moving == recorded
    assert {name: found[name] for name in expected} == expected
    # The home is written to all the while, but for what is kept in it.
    disk, of_disk = found["hybrid_disk_bytes"], faces.of_all["disk"]
    blocks = {block["name"]: block["bytes"] for block in of_disk["blocks"]}
    assert {name for (name,) in disk} == blocks.keys()
    for name in ("database", "datasets", "backups", "set aside"):
        assert disk[name,] == blocks[name]
    assert min(blocks["datasets"], blocks["backups"]) >= 100_000
    assert found["hybrid_disk_free_bytes"].keys() == {()}
    known = {name for metric in METRICS for name in _samples(metric)}
    assert {name for name in found if name.startswith("hybrid_")} <= known


def _single(overview: Json, of_all: Json) -> dict[str, dict[tuple[str, ...], float]]:
    """What families without a label must say."""
    saving, calls = overview["saving"], of_all["usage"]["total"]
    assert min(calls["passed"], calls["cached"], calls["escalated"], of_all["files"]) > 0
    figures = {
        "interactions_high_value": of_all["high_value"],
        "success_ratio": of_all["success_rate"],
        "indexed_files": of_all["files"],
        "indexed_chunks": of_all["chunks"],
        "unprojected_rows": of_all["unprojected"],
        "calls_passed_30d": calls["passed"],
        "calls_escalated_30d": calls["escalated"],
        "calls_cached_30d": calls["cached"],
        "tokens_saved_30d": saving["tokens"],
        "money_saved_usd_30d": saving["saved_usd"],
        "money_spent_usd_30d": saving["spent_usd"],
        "money_spent_today_usd": saving["today_usd"],
        "money_daily_budget_usd": saving["daily_budget_usd"],
        "database_bytes": _database(of_all),
    }
    return {f"hybrid_{name}": {(): value} for name, value in figures.items()}


def _several(faces: Looked) -> dict[str, dict[tuple[str, ...], float]]:
    """What families with labels must say, whose values are in the order of the labels' names."""
    of_all, calls = faces.of_all, faces.overview["calls"]
    outcomes = dict(faces.overview["totals"]["outcomes"])
    outcomes["none"] = of_all["interactions"] - sum(outcomes.values())
    figures = {
        "interactions": outcomes,
        "interaction_tokens": {side: of_all[f"tokens_{side}"] for side in ("local", "remote")},
        "knowledge_entries": of_all["knowledge"],
        "index_points": {each["name"]: each["points"] for each in faces.index["collections"]},
        "jobs": {state: of_all["jobs"][state] for state in ("waiting", "running", "parked")},
        "calls_30d": {
            "local": calls["local"],
            "remote": calls["remote"],
            "none": calls["failed"],
        },
    }
    latencies = {
        (model["endpoint"], model["model"], percentile): model[f"latency_p{percentile}_ms"] / 1000
        for model in of_all["usage"]["models"]
        for percentile in ("50", "95", "99")
    }
    return {
        f"hybrid_{name}": {(label,): value for label, value in values.items()}
        for name, values in figures.items()
    } | {"hybrid_model_latency_seconds_30d": latencies}


def _samples(metric: Metric) -> tuple[str, ...]:
    if metric.kind is MetricKind.HISTOGRAM:
        return tuple(f"{metric.name}_{part}" for part in ("bucket", "count", "sum", "created"))
    return (metric.name,)
