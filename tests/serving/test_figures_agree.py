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

from hybrid_coordinator.domain.metrics import METRICS, Metric, MetricKind
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
    scrape: str


def looked(home: Path) -> Looked:
    """All of them on one day: figures of days turn at midnight."""
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
        overview, routing = get("api/overview"), get("api/routing")
        scrape = client.get("metrics")
        while "hybrid_interactions{" not in scrape.text:  # it does not wait for ever
            scrape = client.get("metrics")
    assert scrape.headers["content-type"].startswith("text/plain")
    if datetime.now(UTC).date() != day:
        assert command(home, "stop").returncode == 0
        return looked(home)
    return Looked(of_project, of_all, read, shown, overview, routing, scrape.text)


async def test_every_face_shows_the_same_numbers(home: Path, dsn: str, database: Database) -> None:
    await bulk.fill(database, ROWS)
    home.mkdir()
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
    _check_metrics(scraped(found.scrape), found.of_all, overview)
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


def _check_metrics(
    found: Mapping[str, Mapping[tuple[str, ...], float]], stats_: Json, overview: Json
) -> None:
    def value(name: str, *labels: str) -> float:
        return found[name][labels]

    totals, saving, calls = overview["totals"], overview["saving"], overview["calls"]
    for outcome, count in totals["outcomes"].items():
        assert value("hybrid_interactions", outcome) == count
    assert sum(found["hybrid_interactions"].values()) == stats_["interactions"]
    assert value("hybrid_interactions_high_value") == stats_["high_value"]
    assert value("hybrid_success_ratio") == stats_["success_rate"]
    assert value("hybrid_interaction_tokens", "local") == stats_["tokens_local"]
    for where, count in (("local", calls["local"]), ("remote", calls["remote"])):
        assert value("hybrid_calls_30d", where) == count
    assert value("hybrid_calls_escalated_30d") == stats_["usage"]["total"]["escalated"]
    assert value("hybrid_tokens_saved_30d") == saving["tokens"]
    assert value("hybrid_money_saved_usd_30d") == saving["saved_usd"]
    assert value("hybrid_money_spent_usd_30d") == saving["spent_usd"]
    for state in ("waiting", "running", "parked"):
        assert value("hybrid_jobs", state) == stats_["jobs"][state]
    assert found["hybrid_knowledge_entries"] == {
        (name,): count for name, count in totals["knowledge"].items()
    }
    for model in stats_["usage"]["models"]:
        labels = (model["endpoint"], model["model"], "95")
        assert value("hybrid_model_latency_seconds_30d", *labels) == model["latency_p95_ms"] / 1000
    known = {name for metric in METRICS for name in _samples(metric)}
    assert {name for name in found if name.startswith("hybrid_")} <= known


def _samples(metric: Metric) -> tuple[str, ...]:
    if metric.kind is MetricKind.HISTOGRAM:
        return tuple(f"{metric.name}_{part}" for part in ("bucket", "count", "sum", "created"))
    return (metric.name,)
