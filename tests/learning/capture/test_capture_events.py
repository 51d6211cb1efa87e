"""What is kept of what a hook tells."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_coordinator.domain.captured import EventKind
from hybrid_coordinator.domain.injected import CLOSING, OPENING
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.domain.turns import prompt_digest
from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.knowledge.projects import project_of
from hybrid_coordinator.learning.capture.events import read_event
from tests.support.hooks import START, Telling

scrub = Scrubber(["hunter2-hunter2"]).scrub


def test_a_prompt_is_kept_without_its_secrets_and_known_by_its_own_text(tmp_path: Path) -> None:
    text = "log in with hunter2-hunter2"
    event = read_event(Telling(cwd=str(tmp_path)).prompt(text), scrub)
    assert event is not None
    assert event.kind is EventKind.PROMPT
    assert event.content["prompt"] == "log in with <SECRET:known-value>"
    assert event.digest == prompt_digest(text)
    assert event.project == project_of(tmp_path).name
    assert event.at == datetime.fromtimestamp(START / 1e9, UTC) + timedelta(seconds=1)


def test_injected_context_is_nothing_that_was_said() -> None:
    quoted = f"{OPENING}\nuse a lock\n{CLOSING}\nand then I did"
    event = read_event(Telling().stop(quoted), scrub)
    assert event is not None
    assert event.content["response"] == "and then I did"


def test_a_failed_command_has_its_exit_status_and_what_it_printed() -> None:
    event = read_event(Telling().command("make test", 2, "hunter2-hunter2: no such file"), scrub)
    assert event is not None
    assert event.content == {
        "kind": "command",
        "subject": "make test",
        "ok": False,
        "exit_code": 2,
        "detail": "<SECRET:known-value>: no such file",
    }


def test_the_start_of_a_subagent_says_whom_it_started_and_for_what() -> None:
    event = read_event(
        Telling().line(
            "PostToolUse",
            tool_name="Agent",
            tool_input={"prompt": "look for it", "description": "look"},
            tool_response={"agentId": "a83", "status": "async_launched"},
        ),
        scrub,
    )
    assert event is not None
    assert (event.content["starts"], event.content["task"]) == ("a83", "look for it")
    assert event.digest == prompt_digest("look for it")


@pytest.mark.parametrize(
    "more",
    [
        {"prompt": "<task-notification>\n<task-id>a83</task-id>"},
        {"prompt": "go", "source": "system"},
    ],
)
def test_what_the_agents_program_says_itself_is_no_prompt_of_a_person(more: dict[str, str]) -> None:
    event = read_event(Telling().line("UserPromptSubmit", **more), scrub)
    assert event is not None
    assert event.kind is EventKind.MESSAGE


@pytest.mark.parametrize(
    "line",
    [
        Telling().line("SubagentStop", agent_id="a1", agent_type="", last_assistant_message="sum"),
        Telling().line("Notification", message="waiting"),
    ],
    ids=["a subagent that sums up for compaction", "an event of another kind"],
)
def test_some_events_are_nothing_to_learn_from(line: bytes) -> None:
    assert read_event(line, scrub) is None


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (b"{", "event"),
        (b"[1]", "event"),
        (b'{"key": "k", "at": 1, "tick": 1, "event": 7}', "event"),
        (b"[" * 100_000, "event"),
        (b"\xff\xfe", "event"),
        (b'{"key": "k", "at": 1, "tick": 1, "event": {}}', "hook_event_name"),
        (Telling(session_id="").stop("x"), "session_id"),
        (Telling(session_id="x" * 201).stop("x", key="k"), "session_id"),
        (Telling().stop("x").replace(b'"tick": ', b'"tick": -'), "tick"),
        (Telling().stop("x", at=10**18), "at"),
    ],
)
def test_a_line_that_is_no_event_is_refused_by_name(line: bytes, field: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        read_event(line, scrub)
    assert caught.value.field == field


ODD = st.sampled_from(
    [
        *(None, True, 7, 1.5, "", "a\0b", "half \ud83d", [], [None], {}, {"prompt": 1}),
        *({"file_path": []}, {"structuredPatch": [1, {"lines": [2]}]}, [{"status": "running"}]),
        *({"agentId": 3, "prompt": "a"}, {"command": {"x": "\0"}}, {"stdout": ["\udfff"]}),
    ]
)
TOOLS = st.sampled_from(["Bash", "Edit", "Write", "Agent", "mcp__x__y"])
NAMES = ("UserPromptSubmit", "PostToolUse", "PostToolUseFailure", "Stop", "SubagentStop")
FIELDS = (
    *("prompt", "tool_input", "tool_response", "error", "last_assistant_message"),
    *("background_tasks", "cwd", "transcript_path", "agent_id", "agent_type", "prompt_id"),
)


@settings(deadline=None)
@given(st.sampled_from(NAMES), TOOLS, st.fixed_dictionaries(dict.fromkeys(FIELDS, ODD)))
def test_fields_of_any_sort_are_taken_for_what_they_are(
    name: str, tool: str, fields: dict[str, object]
) -> None:
    event = read_event(Telling().line(name, **fields | {"tool_name": tool}), scrub)
    if event is not None:
        # As Postgres takes it.
        strings = [value for value in event.content.values() if isinstance(value, str)]
        assert "\0" not in "".join(strings)
        json.dumps(event.content, ensure_ascii=False).encode()
