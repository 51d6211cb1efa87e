"""Rebuilding the index of a running coordinator: kills, restarts, two at once, other engines."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from hybrid_coordinator.home import Home
from tests.support.background import in_background
from tests.support.embedding_server import Answer, EmbeddingServer
from tests.support.qdrant_server import QdrantServer
from tests.support.stdio import (
    StdioSession,
    ToolError,
    command,
    owner_of,
    session,
    wait_until,
)

REFUSED = Answer(503, b'{"error": "loading model"}')
LESSONS = 300
"""More than a batch of a rebuild."""
_HELD_SECONDS = 20.0


def proper(_: object) -> None:
    """No fault: the answer goes out as it is."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "invoice.py").write_text("def invoice_total(lines):\n    return sum(lines)\n")
    return folder


@pytest.fixture
def filled(home: Path, project: Path) -> Iterator[Path]:
    """A home whose index was built by the static model, and whose coordinator is stopped."""
    with session(home, cwd=project) as opened:
        opened.tool("index_codebase", path=".")
        for number in range(LESSONS):
            opened.tool(
                "store_knowledge",
                collection="best-practices",
                title=f"Lesson {number}",
                content="Round late, and only once.",
            )
        answered(opened)
    assert command(home, "stop").returncode == 0
    return home


def answered(opened: StdioSession) -> None:
    """A question about each kind of thing is answered in full."""
    found = opened.tool("search_knowledge", query="invoice_total lesson 250", limit=8)["items"]
    assert {"invoice_total", "Lesson 250"} <= {item["title"] for item in found}


def rebuild(opened: StdioSession) -> dict[str, Any] | None:
    return opened.request("hybrid/status")["rebuild"]


def embedders(opened: StdioSession) -> set[str]:
    return {one["embedder"] for one in opened.request("hybrid/collections")["collections"]}


def lessons(server: EmbeddingServer) -> list[str]:
    asked = [each.body["input"] for each in list(server.requests) if each.path == "/api/embed"]
    return [text for texts in asked for text in texts if text.startswith("Lesson")]


def use(home: Path, server: EmbeddingServer) -> None:
    (home / "hybrid.yaml").write_text(
        f"embedding: {{provider: ollama, base_url: '{server.url}', model: {server.model}}}\n"
    )


def test_a_rebuild_whose_coordinator_is_killed_goes_on_and_questions_are_answered(
    filled: Path, project: Path
) -> None:
    with in_background(EmbeddingServer()) as running:
        server = running.server
        use(filled, server)
        with session(filled, cwd=project) as opened:
            with pytest.raises(ToolError, match="hybrid-coordinator reindex"):
                opened.tool("search_knowledge", query="invoice_total")
            server.faults.extend([proper] * 18 + [REFUSED] * 10_000)
            asked = command(filled, "reindex")
            assert asked.returncode != 0
            assert server.url in asked.stderr
            state = rebuild(opened)
            assert state is not None
            assert 0 < state["done"] < state["total"] == LESSONS + 1
            assert state["embedder"] == server.model
            answered(opened)
            owner = psutil.Process(owner_of(filled))
            owner.kill()
            owner.wait(timeout=10)

            answered(opened)

            wait_until(lambda: rebuild(opened) is not None, what="for the rebuild to go on")
            assert rebuild(opened)["done"] == state["done"]  # type: ignore[index]
            assert server.model not in embedders(opened)
            server.requests.clear()
            server.faults.clear()
            wait_until(lambda: rebuild(opened) is None, what="for the end of the rebuild")
            answered(opened)
            assert embedders(opened) == {server.model}
            again = lessons(server)
            assert len(again) == len(set(again)) == LESSONS - state["done"]


def test_who_reindexes_while_another_does_waits_for_the_same_rebuild(
    filled: Path, project: Path
) -> None:
    proceed = threading.Event()

    def held(_: dict[str, Any]) -> None:
        proceed.wait(_HELD_SECONDS)

    with in_background(EmbeddingServer()) as running:
        server = running.server
        use(filled, server)
        with session(filled, cwd=project) as opened:
            server.faults.extend([proper] * 4 + [held])
            first = opened.begin("hybrid/reindex", {})
            wait_until(lambda: rebuild(opened) is not None, what="for the rebuild to begin")
            second = opened.begin("hybrid/reindex", {})
            assert rebuild(opened) is not None, "read after the second, and still under way"
            proceed.set()
            ended = [opened.result(number, 60.0) for number in (first, second)]
            assert [one["was_under_way"] for one in ended] == [False, True]
            for one in ended:
                points = {each["name"]: each["points"] for each in one["collections"]}
                assert points["best-practices"] == LESSONS
            again = lessons(server)
            assert len(again) == len(set(again)) == LESSONS
            answered(opened)


def test_the_index_moves_to_a_server_and_back_whatever_is_killed_or_down(
    filled: Path, project: Path
) -> None:
    with in_background(QdrantServer()) as running:
        server = running.server
        server.upserts_until_down = 2
        with session(filled, cwd=project, QDRANT_URL=server.url) as opened:
            answered(opened)
            wait_until(lambda: server.down, what="for the first points to be stored there")
            wait_until(lambda: (rebuild(opened) or {}).get("problem"), what="for its problem")
            asked = command(filled, "reindex")
            assert asked.returncode != 0
            assert f"{server.url} (QDRANT_URL) does not answer" in asked.stderr
            found = opened.tool("search_knowledge", query="invoice_total")
            assert [notice for notice in found["notices"] if server.url in notice]
            answered(opened)
            owner = psutil.Process(owner_of(filled))
            owner.kill()
            owner.wait(timeout=10)

            answered(opened)  # by the embedded engine

            assert embedded_collections(filled)
            server.upserts_until_down, server.down = None, False
            moved = command(filled, "reindex", QDRANT_URL=server.url)
            assert moved.returncode == 0, moved.stderr
            answered(opened)
            assert rebuild(opened) is None
            wait_until(lambda: not embedded_collections(filled), what="for the former to go")
        assert command(filled, "stop").returncode == 0
        with session(filled, cwd=project, QDRANT_URL=server.url) as opened:
            answered(opened)
            server.down = True
            with pytest.raises(ToolError, match="QDRANT_URL"):
                opened.tool("search_knowledge", query="invoice_total")
        assert command(filled, "stop").returncode == 0
        # Without the setting, and with the server gone, all of it is built here again.
        with session(filled, cwd=project) as opened:
            moved = command(filled, "reindex")
            assert moved.returncode == 0, moved.stderr
            answered(opened)
        assert command(filled, "stop").returncode == 0


def embedded_collections(home: Path) -> list[str]:
    return [each.name for each in Home(home).vectors_dir.iterdir() if each.is_dir()]
