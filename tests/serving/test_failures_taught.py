"""An error that was met and solved once is solved at once when it comes up again: hooks see a
session, nobody calls a tool, and the next question about the error gets the solution first."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from tests.learning.failures.sessions import IMPORT_ERROR, IMPORT_TITLE, PASSED
from tests.support.stdio import Json, StdioSession, session, wait_until

SAID = "The old name parse_date was missing in app/dates.py since its renaming, so I added it."
ELSEWHERE = """Traceback (most recent call last):
  File "/home/eve/billing/run.py", line 12, in <module>
    from app.dates import parse_date
ImportError: cannot import name 'parse_date' from 'app.dates' (/home/eve/billing/app/dates.py)
"""
SECOND = 1_000_000_000
START = 1_790_000_000 * SECOND
WAIT = 60.0


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    root.mkdir()
    return root


class Hooks:
    """A session of Claude Code, as its hooks leave it in the inbox."""

    def __init__(self, home: Path, cwd: Path, name: str, *, hours: int = 0) -> None:
        self.inbox = home / "inbox"
        self.cwd = cwd
        self.name = name
        self.seconds = itertools.count(1 + 3600 * hours)

    def tell(self, event: str, **more: object) -> None:
        """One event, one second after the one before."""
        second = next(self.seconds)
        at = START + second * SECOND
        carried = {
            "key": f"{self.name}-{second}",
            "at": at,
            "tick": second * SECOND,
            "event": {
                "session_id": self.name,
                "transcript_path": "/nowhere.jsonl",
                "cwd": str(self.cwd),
                "hook_event_name": event,
                "prompt_id": "p1",
                **more,
            },
        }
        self.inbox.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = self.inbox / f"{self.name}-{second}.part"
        unfinished.write_text(json.dumps(carried) + "\n")
        unfinished.rename(self.inbox / f"{at:020}-{self.name}.json")

    def fixed(self, path: str = "app/dates.py") -> None:
        """A turn in which tests fail, a file is edited, and the tests pass."""
        bash = {"tool_name": "Bash", "tool_input": {"command": "pytest -q"}}
        self.tell("UserPromptSubmit", prompt="Make the tests of the orders pass, please.")
        self.tell("PostToolUseFailure", error=f"Exit code 2\n{IMPORT_ERROR}", **bash)
        edit = {"file_path": str(self.cwd / path), "old_string": "", "new_string": "parse_date = x"}
        self.tell("PostToolUse", tool_name="Edit", tool_input=edit, tool_response={})
        self.tell("PostToolUse", tool_response={"stdout": PASSED, "stderr": ""}, **bash)
        self.tell("Stop", last_assistant_message=SAID)


def known(opened: StdioSession) -> list[Json]:
    """Everything that is known of errors and came from failures."""
    rows = opened.request("hybrid/export", {"kind": "knowledge"})["rows"]
    return [row for row in rows if row["origin"] == "failure"]


def solutions(opened: StdioSession, question: str) -> list[Json]:
    return opened.tool("search_knowledge", query=question, collection="error-solutions")["items"]


def counts(row: Json) -> tuple[int, int]:
    return row["fields"]["success_count"], row["fields"]["failure_count"]


def test_what_was_fixed_once_is_found_by_the_error_wherever_it_comes_up(
    home: Path, project: Path
) -> None:
    with session(home, cwd=project) as opened:
        Hooks(home, project, "first").fixed()
        wait_until(lambda: bool(solutions(opened, IMPORT_ERROR)), timeout=WAIT, what="for a lesson")

        (row,) = known(opened)
        assert row["title"] == IMPORT_TITLE
        assert row["fields"]["solution_verified"] is True
        assert row["fields"]["error_type"] == "ImportError"
        assert row["fields"]["confidence_score"] == 0.6667
        assert counts(row) == (1, 0)

        first, *_ = solutions(opened, IMPORT_ERROR)
        assert first["id"] == row["id"]
        assert SAID in first["text"]
        assert "`pytest -q` exit 0 after the change" in first["text"]

        # The same error in another file of another clone, before anything else that is known.
        opened.tool(
            "store_knowledge",
            collection="error-solutions",
            title="ImportError in run.py of billing, from the import of app.dates",
            content="File run.py, line 12: from app.dates import parse_date. Most recent call.",
        )
        augmented = opened.tool("augment_query", query=ELSEWHERE)
        assert augmented["context_ids"][0] == row["id"]
        assert augmented["error_solutions"][0]["id"] == row["id"]
        assert augmented["error_solutions"][0]["why"].startswith("the same error, met before")

        # It comes up once more, and is solved once more: the same entry, twice as sure.
        Hooks(home, project, "second", hours=1).fixed("lib/dates.py")
        wait_until(lambda: counts(known(opened)[0]) == (2, 0), timeout=WAIT, what="for a count")
        assert [each["id"] for each in known(opened)] == [row["id"]]
        wait_until(lambda: "(2 of 2 times)" in solutions(opened, ELSEWHERE)[0]["why"], timeout=WAIT)

    with session(home, cwd=project) as again:
        assert solutions(again, ELSEWHERE)[0]["id"] == row["id"]
        assert counts(known(again)[0]) == (2, 0)


def test_outcomes_that_an_agent_reports_teach_as_well(home: Path, project: Path) -> None:
    evidence = "cargo build exit 101: error[E0382]: borrow of moved value: `names`"
    with session(home, cwd=project) as opened:
        done = opened.tool(
            "track_interaction",
            query="Make the crate build again",
            response="Cloned the list before it is moved into the thread, which fixed the borrow.",
            agent_type="remote",
            model_used="m",
        )["interaction_id"]
        opened.tool("update_outcome", interaction_id=done, outcome="failure", evidence=evidence)
        opened.tool(
            "update_outcome", interaction_id=done, outcome="success", evidence="cargo build exit 0"
        )

        def found() -> list[Json]:
            return solutions(opened, "error[E0382]: borrow of moved value: `other`")

        wait_until(
            lambda: any("Cloned the list" in item["text"] for item in found()),
            timeout=WAIT,
            what="for a lesson",
        )
        assert "the same error, met before" in found()[0]["why"]
