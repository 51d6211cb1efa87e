"""A backup beside writers, and what the restored home's index has at once."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hybrid_coordinator.keeping.engines import embedded
from hybrid_coordinator.storage.vectors.edge import EdgeIndex
from tests.support.stdio import StdioSession, command, session, wait_until

HISTORY = "interaction-history"
QUERY = "mend the currency of refunds"
LATE = "undo the deployment of invoices"


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Path]:
    """A second home, stopped at the end."""
    path = tmp_path / "other"
    yield path
    assert command(path, "stop").returncode == 0


def ran(home: Path, *arguments: str) -> Any:
    done = command(home, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def track(opened: StdioSession, query: str) -> str:
    done = opened.tool(
        "track_interaction", query=query, response=f"{query}!", agent_type="remote", model_used="m"
    )
    return done["interaction_id"]


def titles(opened: StdioSession, query: str) -> list[str]:
    return [item["title"] for item in opened.tool("search_knowledge", query=query)["items"]]


async def ids_in(directory: Path) -> set[str]:
    index = await EdgeIndex.open(directory)
    (history,) = [name for name in await index.collections() if name.startswith(HISTORY)]
    page, following = await index.scroll(history, where={}, limit=100_000)
    await index.close()
    assert following is None
    return {point.id for point in page}


async def record_of(home: Path) -> dict[str, tuple[int, bool]]:
    """Each interaction: its revision, and whether the index is said to have that."""
    async with embedded(home / "postgres") as database:
        rows = await database.fetch(
            "SELECT id::text, revision, projected = revision AS has FROM interactions"
        )
    return {row["id"]: (row["revision"], row["has"]) for row in rows}


def test_a_backup_beside_writers_has_the_index_of_its_moment(
    home: Path, other: Path, tmp_path: Path
) -> None:
    file = tmp_path / "kept.zip"
    done = threading.Event()
    with session(home) as opened, session(home) as writer:
        for number in range(40):
            track(opened, f"before {number}")
        track(opened, QUERY)
        wait_until(lambda: QUERY in titles(opened, QUERY), timeout=60)

        def write() -> None:
            number = 0
            while not done.is_set():
                track(writer, f"beside {(number := number + 1)}")

        writing = threading.Thread(target=write)
        writing.start()
        made = ran(home, "backup", str(file))
        done.set()
        writing.join(timeout=60)
        track(opened, LATE)
    assert made["no_index"] is None
    assert made["points"] >= 40

    back = ran(other, "restore", str(file))
    assert (back["points"], back["index_anew"]) == (made["points"], None)
    before = asyncio.run(record_of(other))
    points = asyncio.run(ids_in(other / "qdrant"))
    said = {one for one, (_, has) in before.items() if has}
    assert len(said) >= 40
    assert said <= points  # it has what it is said to have,
    assert points <= before.keys()  # and nothing else

    with session(other) as opened:
        assert QUERY in titles(opened, QUERY)
        assert LATE not in titles(opened, LATE)
        wait_until(lambda: ran(other, "stats")["unprojected"] == 0, timeout=60)
    assert command(other, "stop").returncode == 0
    after = asyncio.run(record_of(other))
    assert asyncio.run(ids_in(other / "qdrant")) == after.keys() == before.keys()
    # What is to be projected again gets a new revision.
    assert after == {one: (revision, True) for one, (revision, _) in before.items()}
