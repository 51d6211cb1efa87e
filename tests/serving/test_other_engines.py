"""The same tools on other engines: an external Postgres, another embedder and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.background import in_background
from tests.support.embedding_server import EmbeddingServer
from tests.support.qdrant_server import QdrantServer
from tests.support.stdio import ToolError, command, session


def embedders(home: Path) -> set[str]:
    done = command(home, "collections", "--json")
    assert done.returncode == 0, done.stderr
    return {one["embedder"] for one in json.loads(done.stdout)["collections"]}


def test_an_external_postgres_holds_the_record(home: Path, dsn: str) -> None:
    with session(home, DATABASE_URL=dsn) as opened:
        tracked = opened.tool(
            "track_interaction", query="q", response="r", agent_type="remote", model_used="m"
        )
        assert opened.tool("update_outcome", **tracked, outcome="success")["value_score"] > 0
    assert not (home / "postgres").exists()


def test_an_external_postgres_that_is_down_is_named_and_the_session_goes_on(home: Path) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:9/none"
    with session(home, DATABASE_URL=nowhere) as opened:
        with pytest.raises(ToolError, match="DATABASE_URL"):
            opened.tool("search_knowledge", query="q")
        assert opened.request("tools/list")["tools"]
    # The coordinator keeps the environment that it was started with.
    assert command(home, "stop").returncode == 0


def test_reindex_moves_to_another_embedder_and_a_mismatch_is_an_error_until_then(
    home: Path, tmp_path: Path
) -> None:
    project = tmp_path / "shop"
    project.mkdir()
    (project / "invoice.py").write_text("def invoice_total(lines):\n    return sum(lines)\n")
    with session(home, cwd=project) as opened:
        opened.tool("index_codebase", path=".")
        opened.tool(
            "store_knowledge", collection="best-practices", title="Round late", content="Always."
        )
        assert opened.tool("search_knowledge", query="invoice_total")["items"]
    first = embedders(home)
    assert command(home, "stop").returncode == 0

    with in_background(EmbeddingServer()) as running:
        server = running.server
        (home / "hybrid.yaml").write_text(
            f"embedding: {{provider: openai, base_url: '{server.url}', model: {server.model}}}\n"
        )
        with (
            session(home, cwd=project) as opened,
            pytest.raises(ToolError, match="hybrid-coordinator reindex"),
        ):
            opened.tool("search_knowledge", query="invoice_total")
        moved = command(home, "reindex")
        assert moved.returncode == 0, moved.stderr
        assert embedders(home) == {server.model}
        assert embedders(home) != first
        with session(home, cwd=project) as opened:
            found = opened.tool("search_knowledge", query="invoice_total")["items"]
            assert {item["collection"] for item in found} == {"codebase-context", "best-practices"}
        assert command(home, "stop").returncode == 0


def test_a_cluster_holds_the_index_as_the_settings_lay_it_out(home: Path) -> None:
    with in_background(QdrantServer()) as running:
        cluster = running.server
        home.mkdir()
        (home / "hybrid.yaml").write_text(
            f"storage:\n  qdrant_url: {cluster.url}\n"
            "  qdrant_shards: {codebase-context: 6}\n  qdrant_replicas: 2\n"
        )
        with session(home) as opened:
            opened.tool(
                "store_knowledge", collection="best-practices", title="Round", content="Late."
            )
            assert opened.tool("search_knowledge", query="round")["items"]
        assert len(cluster.layouts) == 5
        assert cluster.layouts.pop("codebase-context") == (6, 2)
        assert set(cluster.layouts.values()) == {(None, 2)}

        edited = (
            (home / "hybrid.yaml")
            .read_text()
            .replace("codebase", "best")
            .replace("context", "practices")
        )
        (home / "hybrid.yaml").write_text(edited)
        assert command(home, "stop").returncode == 0
        moved = command(home, "reindex")
        assert moved.returncode == 0, moved.stderr
        assert cluster.layouts["best-practices--g2"] == (6, 2)
        assert cluster.layouts["codebase-context--g2"] == (None, 2)
        assert command(home, "stop").returncode == 0
