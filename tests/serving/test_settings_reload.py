"""An edit of hybrid.yaml under a running coordinator: taken up, or refused and said."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.support.stdio import command, session


def edit(home: Path, text: str, turn: int) -> None:
    """Write the file with a time stamp of its own."""
    file = home / "hybrid.yaml"
    file.write_text(text)
    stamp = file.stat().st_mtime_ns + turn * 10_000_000
    os.utime(file, ns=(stamp, stamp))


def test_an_edit_of_the_rules_is_taken_up_and_a_bad_one_is_told(home: Path) -> None:
    with session(home) as opened:

        def route() -> tuple[str, str]:
            done = command(home, "route", "What is a mutex?", "--json")
            return json.loads(done.stdout)["tier"], done.stderr

        assert route() == ("LOCAL_FAST", "")
        (home / "rules.yaml").write_text("- condition: true\n  target: API_FALLBACK\n")
        assert route() == ("API_FALLBACK", "")
        (home / "rules.yaml").write_text("- condition: tokenz > 3\n  target: LOCAL_FAST\n")
        notices = opened.tool("augment_query", query="What is a mutex?")["notices"]
        assert sum("line 1: condition: there is no fact `tokenz`" in each for each in notices) == 1
        assert route() == ("API_FALLBACK", "")


def test_an_edit_is_taken_up_and_a_bad_one_is_told(home: Path) -> None:
    with session(home) as opened:
        tracked = opened.tool(
            "track_interaction",
            query="say hi",
            response="hi",
            agent_type="remote",
            model_used="m",
        )
        assert not opened.tool("update_outcome", **tracked, outcome="partial")["high_value"]
        edit(home, "learning: {high_value_threshold: 0.05}\n", 1)
        assert opened.tool("update_outcome", **tracked, outcome="partial")["high_value"]

        edit(home, "inference: {enabled: false}\n", 2)
        asked = command(home, "ask", "hello")
        assert "no endpoint is configured" in asked.stderr

        edit(home, "inference: {enabled: perhaps}\n", 3)
        notices = opened.tool("search_knowledge", query="hi")["notices"]
        assert any("inference.enabled" in notice for notice in notices)
        checked = command(home, "doctor")
        assert "warn  settings" in checked.stdout

        edit(home, "embedding: {provider: ollama}\n", 4)
        notices = opened.tool("search_knowledge", query="hi")["notices"]
        assert any("hybrid-coordinator stop" in notice for notice in notices)
    (home / "hybrid.yaml").unlink()
