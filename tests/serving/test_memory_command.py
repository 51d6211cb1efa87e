"""`hybrid-coordinator memory`: what its owner sees, changes and deletes, through real processes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psutil

from tests.support import traces
from tests.support.background import in_background
from tests.support.qdrant_server import QdrantServer
from tests.support.stdio import StdioSession, command, owner_of, session, wait_until
from tests.support.terminal import at_terminal

MARK = "zyxmark7391"


def ran(home: Path, *arguments: str) -> Any:
    done = command(home, "memory", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refused(home: Path, *arguments: str) -> str:
    done = command(home, "memory", *arguments)
    assert done.returncode == 1, done.stdout
    return str(done.stderr)


def counts(home: Path, *arguments: str) -> dict[str, int]:
    found: dict[str, int] = ran(home, "list", *arguments)["counts"]
    return found


def fill(home: Path, project: Path) -> tuple[str, str]:
    """An interaction and an entry with the mark in them, and code."""
    project.mkdir()
    (project / "invoice.py").write_text(f"def {MARK}(rows):\n    return sum(rows)\n")
    with session(home, cwd=project) as opened:
        opened.tool("index_codebase", path=".", watch=True)
        entry = opened.tool(
            "store_knowledge",
            collection="error-solutions",
            title=f"{MARK} fails",
            content=f"{MARK} wants a list",
            fields={"error_type": "TypeError", "solution": f"{MARK}(list(rows))"},
        )["id"]
        tracked = opened.tool(
            "track_interaction",
            query=f"why does {MARK} fail",
            response=f"{MARK} wants a list",
            agent_type="remote",
            model_used="m",
            context_ids=[entry],
        )["interaction_id"]
        opened.tool(
            "update_outcome", interaction_id=tracked, outcome="success", evidence=f"{MARK} passes"
        )
        assert opened.tool("augment_query", query=f"why does {MARK} fail")["context_ids"]
    return tracked, entry


def test_things_are_listed_shown_edited_retired_and_deleted(home: Path, tmp_path: Path) -> None:
    tracked, entry = fill(home, tmp_path / "shop")
    listing = ran(home, "list", "--query", MARK)
    assert {row["id"] for row in listing["rows"]} == {tracked, entry}
    assert listing["counts"] == {"error-solutions": 1, "interaction-history": 1}
    table = command(home, "memory", "list", "--limit", "1").stdout
    assert "1 of 2" in table
    assert ran(home, "list", "--older-than", "1h")["rows"] == []

    shown = ran(home, "show", entry)
    assert shown["item"]["fields"]["error_type"] == "TypeError"
    assert (shown["stats"]["uses"], shown["stats"]["success_rate"]) == (1, 1.0)
    assert f"content:\n{MARK} wants a list" in command(home, "memory", "show", entry).stdout
    assert ran(home, "show", tracked)["outcomes"][0]["evidence"] == f"{MARK} passes"

    text = tmp_path / "text.md"
    text.write_text("It wants a list.")
    edited = ran(
        home, "edit", entry, "--file", str(text), "--field", "error_type=ValueError",
        "--field", "solution=", "--field", "solution_verified=true",
    )  # fmt: skip
    assert edited["item"]["content"] == "It wants a list."
    assert edited["item"]["fields"] == {"error_type": "ValueError", "solution_verified": True}
    with session(home, cwd=tmp_path / "shop") as opened:
        found = opened.tool("search_knowledge", query=f"{MARK} fails")["items"]
        assert "It wants a list." in {item["text"].splitlines()[0] for item in found}

    done = command(home, "memory", "retire", entry, "--reason", "wrong")
    assert done.returncode == 0
    assert ran(home, "show", entry)["item"]["reason"] == "wrong"
    unread = home / "inbox" / "unreadable"
    unread.mkdir(parents=True)
    (unread / "1.json").write_text(f'{{"prompt": "{MARK} fa')
    deleted = ran(home, "delete", tracked, entry, "--yes")
    assert deleted["counts"] == listing["counts"]
    assert deleted["copies"] == [str(unread)]
    assert counts(home) == {}
    assert "memory list" in refused(home, "show", entry)


def test_a_pipe_is_asked_for_yes_and_a_terminal_for_its_answer(home: Path) -> None:
    with session(home) as opened:
        for number in range(3):
            opened.tool(
                "track_interaction", query=f"task {number}", response="done", agent_type="local",
                model_used="m", project="shop",
            )  # fmt: skip
    everything = {"interaction-history": 3}
    assert "3 of interaction-history" in refused(home, "delete", "--project", "shop")
    assert "--yes" in refused(home, "delete", "--older-than", "0d")
    for wrong, problem in (
        (("delete",), "give ids"),
        (("delete", "--project", "x", "0198c5a2-7b1e-7c3d-8f00-0123456789ab"), "give ids"),
        (("delete", "--older-than", "soon"), "12h, 90d, 2w"),
        (("delete", "nonsense", "--yes"), "is no id"),
        (("edit", "0198c5a2-7b1e-7c3d-8f00-0123456789ab"), "nothing to change"),
        (("edit", "0198c5a2-7b1e-7c3d-8f00-0123456789ab", "--field", "x"), "NAME=VALUE"),
    ):
        assert problem in refused(home, *wrong)
    assert counts(home) == everything
    with at_terminal(home, "memory", "delete", "--project", "shop") as terminal:
        terminal.until("Delete 3 of interaction-history for good? [y/N]")
        terminal.type("n\n")
        terminal.until("nothing was deleted")
        assert terminal.end() == 1
    assert counts(home) == everything
    with at_terminal(home, "memory", "delete", "--older-than", "0d") as terminal:
        terminal.until("[y/N]")
        terminal.type("y\n")
        terminal.until("deleted: 3 of interaction-history")
        assert terminal.end() == 0
    assert counts(home) == {}


def test_a_deleted_project_is_in_no_file_once_the_index_is_rebuilt(
    home: Path, tmp_path: Path
) -> None:
    project = tmp_path / "shop"
    fill(home, project)
    name = ran(home, "list")["rows"][0]["project"]
    everything = {"codebase-context": 1, "error-solutions": 1, "interaction-history": 1}
    assert counts(home, "--project", name) == everything
    assert str(project) in command(home, "doctor").stdout
    assert any("qdrant" in file for file in traces.in_files(home, MARK))

    deleted = ran(home, "delete", "--project", name, "--yes")

    assert deleted["files"] == 1
    assert command(home, "export").stdout == ""
    assert str(project) not in command(home, "doctor").stdout
    with session(home, cwd=project) as opened:
        assert opened.tool("search_knowledge", query=MARK)["items"] == []
    assert command(home, "reindex").returncode == 0
    folder = home / "qdrant"
    wait_until(lambda: all("--g2" in each.name for each in folder.iterdir()), what="the old index")
    assert command(home, "stop").returncode == 0
    assert traces.in_files(home, MARK, "postgres") == [], "the log is among them"


def test_a_kill_between_the_record_and_the_index_loses_no_deletion(
    home: Path, tmp_path: Path
) -> None:
    with in_background(QdrantServer()) as running:
        server = running.server
        engine = {"QDRANT_URL": server.url}

        def points(opened: StdioSession) -> int:
            collections = opened.request("hybrid/collections")["collections"]
            return sum(one["points"] for one in collections)

        with session(home, **engine) as opened:
            tracked = opened.tool(
                "track_interaction", query=f"why {MARK}", response=MARK, agent_type="remote",
                model_used="m", project="shop",
            )["interaction_id"]  # fmt: skip
            wait_until(lambda: points(opened) == 1, what="for the point")
        server.down = True
        assert ran(home, "delete", tracked, "--yes")["counts"] == {"interaction-history": 1}
        owner = psutil.Process(owner_of(home))
        owner.kill()
        owner.wait(timeout=30)
        server.down = False
        with session(home, **engine) as opened:
            wait_until(lambda: points(opened) == 0, what="for the point to go")
        assert counts(home) == {}
        # The next command would start a coordinator with another engine.
        assert command(home, "stop").returncode == 0
