"""`skills`: from work reported by an agent to a skill that its next question is shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hybrid_coordinator.storage.postgres.database import Database
from tests.learning.skills.conftest import Shop
from tests.support.stdio import StdioSession, command, session, wait_until

TASK = "Bump the version of package {} to {}.0 and update the changelog"


def shown(home: Path, *arguments: str) -> str:
    done = command(home, "skills", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def listed(home: Path) -> Any:
    return json.loads(shown(home, "--json"))


def work(opened: StdioSession, name: str, day: str) -> None:
    done = opened.tool(
        "track_interaction",
        query=TASK.format(name, len(name)),
        response="Ran `make release` after the changelog entry was written.",
        agent_type="remote",
        model_used="model",
        project="app",
        session_id=day,
    )
    opened.tool("update_outcome", interaction_id=done["interaction_id"], outcome="success")


def test_the_coordinator_proposes_by_itself_and_what_is_accepted_is_shown(home: Path) -> None:
    with session(home) as opened:
        for name, day in (("parser", "monday"), ("linker", "tuesday"), ("lexer", "tuesday")):
            work(opened, name, day)
        assert "no skills yet" in shown(home, "--project", "elsewhere")
        assert "no skills yet" in shown(home, "list", "--project", "elsewhere")
        wait_until(lambda: listed(home)["proposals"], timeout=120, what="a proposal")
        (proposal,) = listed(home)["proposals"]
        assert (proposal["state"], proposal["project"]) == ("proposed", "app")

        assert json.loads(shown(home, "--project", "app", "list", "--json")) == listed(home)

        asked = {"query": TASK.format("printer", 7), "project": "app"}
        assert opened.tool("augment_query", **asked)["skills_patterns"] == []
        accepted = json.loads(shown(home, "accept", proposal["id"], "--json"))["accepted"]
        (item,) = opened.tool("augment_query", **asked)["skills_patterns"]
        assert item["id"] == accepted["id"]

        shown(home, "retire", accepted["id"], "--reason", "a bot does it now")
        assert opened.tool("augment_query", **asked)["skills_patterns"] == []


async def _proposed(dsn: str) -> str:
    database = await Database.connect(dsn, timeout=30)
    try:
        shop = Shop(database)
        await shop.releases()
        (found,) = await shop.discovery.discover()
        return found
    finally:
        await database.close()


async def test_a_person_reads_edits_accepts_and_retires(
    home: Path, dsn: str, tmp_path: Path
) -> None:
    found = await _proposed(dsn)
    with session(home, DATABASE_URL=dsn):
        text = shown(home)
        assert "3 tasks, 2 sessions, 3 successes, 0 failures" in text
        assert found in text

        stats = command(home, "stats")
        assert "proposed 1" in stats.stdout

        text = shown(home, "show", found)
        assert "Bump the version of package … to … and update the changelog" in text
        assert "  proposed, project app: 3 tasks" in text
        assert text.count("success, session ") == 3
        details = json.loads(shown(home, "--json", "show", found))
        assert len(details["evidence"]) == 3

        file = tmp_path / "skill.md"
        file.write_text("Run make release.\n")
        assert shown(home, "edit", found, "--file", str(file)).startswith(f"edited: {found}")
        item = json.loads(shown(home, "accept", found, "--json"))["accepted"]
        assert item["content"] == "Run make release.\n"
        assert f"from proposal {found}: accepted new" in shown(home, "show", item["id"])

        shown(home, "edit", item["id"], "--content", "Run make release, then push.")
        assert "version 2" in shown(home)
        assert "retired: " in shown(home, "retire", found, "--reason", "a bot does it")
        assert "  a bot does it" in shown(home, "show", item["id"])
        assert "retired" in shown(home)


async def test_what_is_wrong_with_a_decision_is_said(home: Path, dsn: str, tmp_path: Path) -> None:
    found = await _proposed(dsn)
    with session(home, DATABASE_URL=dsn):
        assert shown(home, "reject", found).startswith("rejected: ")
        for arguments, words in (
            (("accept", found), "is rejected already"),
            (("show", "first"), "'first' is no id"),
            (("retire", found, "--reason", "x"), "is rejected, not accepted"),
            (("edit", found, "--content", " "), "content: is blank"),
            (("edit", found, "--file", str(tmp_path / "none")), "cannot be read"),
        ):
            done = command(home, "skills", *arguments)
            assert (done.returncode, words in done.stderr) == (1, True), done.stderr
