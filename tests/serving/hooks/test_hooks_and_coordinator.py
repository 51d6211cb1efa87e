"""Hooks and a real coordinator: what is acknowledged is durable, what was seen is credited."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from hybrid_coordinator.domain.injected import CLOSING, OPENING
from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.hooks.hook import GREETING, STORED
from tests.support.hooks import Telling, run_hook
from tests.support.record import rows
from tests.support.stdio import StdioSession, command, owner_of, session, wait_until

QUESTION = "How are invoice totals to be rounded?"
ADVICE = "Use ROUND_HALF_EVEN when an invoice total is rounded; half-up drifts over many invoices."
TURNS = "SELECT query, response FROM interactions WHERE session_id = $1"
SHOWN = """
SELECT item_id FROM exposures
JOIN interactions ON interactions.id = interaction_id
WHERE session_id = $1
"""


@contextmanager
def remembering(home: Path) -> Iterator[StdioSession]:
    """A session of a coordinator whose engines are up, with something in its memory."""
    with session(home, HYBRID_LEARNING_WITHHOLD_SHARE="0") as opened:
        opened.tool(
            "store_knowledge",
            collection="best-practices",
            title="Round invoice totals with banker's rounding",
            content=ADVICE,
        )
        findable(opened, QUESTION)
        yield opened


@pytest.fixture(scope="module")
def opened(shared_home: Path) -> Iterator[StdioSession]:
    with remembering(shared_home) as opened:
        yield opened


def findable(opened: StdioSession, question: str, count: int = 1) -> None:
    """Wait until so many entries can be found; the index follows the record."""

    def found() -> bool:
        return len(opened.tool("search_knowledge", query=question, limit=20)["items"]) >= count

    wait_until(found, timeout=60, what="for the index")


def telling(home: Path, session_id: str) -> Telling:
    return Telling(session_id=session_id, cwd=str(home.parent))


def tell(home: Path, told: Telling, name: str, **more: object) -> bytes:
    """Run the hook; what it printed. Nothing is left in the inbox."""
    word = {"UserPromptSubmit": "ask", "SessionStart": "wake"}.get(name, "note")
    prompt = {} if word == "wake" else {"prompt_id": "p1"}
    done = run_hook(home, word, told.payload(name, **prompt, **more))
    assert (done.returncode, done.stderr) == (0, b"")
    assert not list((home / "inbox").glob("*"))
    return done.stdout


def by_socket(home: Path, line: bytes, lines: int) -> list[bytes]:
    """Tell an event as the hook does, take so many lines of answer, and hang up."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(60)
        client.connect(str(Home(home).socket_path))
        client.sendall(GREETING + line)
        with client.makefile("rb") as answers:
            return [answers.readline() for _ in range(lines)]


def wait_for_turn(home: Path, session_id: str) -> None:
    wait_until(lambda: bool(rows(home, TURNS, session_id)), timeout=60, what="for the turn")


def test_a_prompt_gets_its_context_and_the_turn_is_credited_with_it(
    shared_home: Path, opened: StdioSession
) -> None:
    told = telling(shared_home, "s1")
    assert tell(shared_home, told, "SessionStart", source="startup") == b""
    printed = json.loads(tell(shared_home, told, "UserPromptSubmit", prompt=QUESTION))
    output = printed["hookSpecificOutput"]
    assert output["hookEventName"] == "UserPromptSubmit"
    context = output["additionalContext"]
    assert context.startswith(OPENING)
    assert context.strip().endswith(CLOSING)
    assert ADVICE in context
    assert QUESTION not in context
    assert tell(shared_home, told, "Stop", last_assistant_message="To even.") == b""
    wait_for_turn(shared_home, "s1")
    assert rows(shared_home, TURNS, "s1") == [{"query": QUESTION, "response": "To even."}]
    assert len(rows(shared_home, SHOWN, "s1")) == 1


def test_a_prompt_that_nothing_bears_on_gets_nothing(
    shared_home: Path, opened: StdioSession
) -> None:
    told = telling(shared_home, "s2")
    assert tell(shared_home, told, "UserPromptSubmit", prompt="Tell me a joke about otters.") == b""


def test_context_that_came_too_late_is_not_credited(
    shared_home: Path, opened: StdioSession
) -> None:
    told = telling(shared_home, "s3")
    prompt = told.prompt(QUESTION)
    answers = by_socket(shared_home, prompt, 3)
    assert answers[1] == STORED
    assert b"additionalContext" in answers[2]
    by_socket(shared_home, told.stop("To even."), 2)
    wait_for_turn(shared_home, "s3")
    assert rows(shared_home, SHOWN, "s3") == []


def test_long_context_stays_below_what_claude_code_cuts(
    shared_home: Path, opened: StdioSession
) -> None:
    (shared_home / "hybrid.yaml").write_text("capture: {max_tokens: 8000}\n")
    for number in range(6):
        opened.tool(
            "store_knowledge",
            collection="best-practices",
            title=f"Invoice totals, rounding rule {number}",
            content=f"Rule {number}: invoice totals are to be rounded to even. " * 60,
        )
    findable(opened, QUESTION, 7)
    told = telling(shared_home, "s4")
    printed = json.loads(tell(shared_home, told, "UserPromptSubmit", prompt=QUESTION))
    context = printed["hookSpecificOutput"]["additionalContext"]
    (shared_home / "hybrid.yaml").unlink()
    assert 3_000 < len(context.encode()) < 10_000


def test_injection_can_be_turned_off(shared_home: Path, opened: StdioSession) -> None:
    (shared_home / "hybrid.yaml").write_text("capture: {inject: false}\n")
    printed = tell(shared_home, telling(shared_home, "s5"), "UserPromptSubmit", prompt=QUESTION)
    (shared_home / "hybrid.yaml").unlink()
    assert printed == b""


def test_what_was_acknowledged_survives_a_killed_coordinator(home: Path) -> None:
    told = telling(home, "s")
    with session(home) as opened:
        opened.request("hybrid/stats")  # the engines are up
        tell(home, told, "UserPromptSubmit", prompt="Fix it.")
        tell(home, told, "PostToolUse", tool_name="Bash", tool_input={"command": "make"})
        owner = psutil.Process(owner_of(home))
        owner.kill()
        owner.wait(60)
    with session(home) as opened:
        opened.request("hybrid/stats")
        (event,) = rows(home, "SELECT content FROM captured_events WHERE kind = 'action'")
    assert '"make"' in event["content"]


def test_garbage_on_the_socket_is_answered_with_nothing(
    shared_home: Path, opened: StdioSession
) -> None:
    for line in (b"garbage\n", b"{}\n", b'{"key": "k", "at": 1, "tick": 1, "event": {}}\n'):
        assert by_socket(shared_home, line, 2)[1] == b""
    assert opened.request("ping") == {}


def test_status_and_doctor_say_when_the_last_event_came(home: Path) -> None:
    with session(home) as opened:
        opened.request("hybrid/stats")
        assert "no event yet" in command(home, "status").stdout
        tell(home, telling(home, "s"), "UserPromptSubmit", prompt="Fix it.")
        state = json.loads(command(home, "status", "--json").stdout)
        assert state["capture"]["last_event"] is not None
        assert state["capture"]["waiting"] == 1
        assert state["plugin"] == "not installed in Claude Code"
        (home / "inbox").mkdir()
        (home / "inbox" / "1.json").write_bytes(b'{"half')
        aside = home / "inbox" / "unreadable" / "1.json"
        wait_until(aside.exists, timeout=60, what="for the file to be set aside")
        parts = json.loads(command(home, "doctor", "--json").stdout)["parts"]
    (part,) = [part for part in parts if part["name"] == "capture"]
    assert not part["ok"]
    assert "1 files of the inbox" in part["detail"]
