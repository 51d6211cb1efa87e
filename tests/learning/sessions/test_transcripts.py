"""Session files of Claude Code: every turn comes out, every line is accounted for."""

from __future__ import annotations

import io
import json
import re
import tracemalloc
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hybrid_coordinator.domain.injected import CLOSING, OPENING
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.domain.turns import Action, ActionKind, turn_key
from hybrid_coordinator.learning.sessions.tool_calls import is_noted
from hybrid_coordinator.learning.sessions.transcripts import (
    BOOKKEEPING,
    MAX_LINE,
    Account,
    ReadTurn,
    TranscriptReader,
)
from hybrid_coordinator.learning.sessions.trivial import GO_ON, reason_to_skip
from hybrid_coordinator.serving import hooks
from tests.learning.sessions.session_files import START, SessionFile


def read(path: Path, seen: set[str] | None = None) -> tuple[list[ReadTurn], Account]:
    reader = TranscriptReader(path, set() if seen is None else seen, Scrubber().scrub)
    turns = list(reader.turns())
    assert reader.account.lines == len(list(io.BytesIO(path.read_bytes())))
    return turns, reader.account


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "session.jsonl"


def test_a_session_comes_out_turn_by_turn(file: Path) -> None:
    session = SessionFile()
    session.prompt("Fix the bug in a.py")
    session.answer("I look.")
    session.bash("pytest -q", 1, "1 failed")
    session.edit()
    session.bash("pytest -q", 0, "4 passed")
    session.call("Read", "x = 2", told={"file": {}}, file_path="/nowhere/shop/a.py")
    session.answer("Fixed", "it.", message_id="msg_last")
    session.turn("thanks, works", "You're welcome.")
    turns, account = read(session.write(file))

    first, second = (each.turn for each in turns)
    assert first.key == turn_key(session.session_id, "Fix the bug in a.py", 1)
    assert (first.prompt, first.response) == ("Fix the bug in a.py", "Fixed\n\nit.")
    assert (first.session_id, first.model) == (session.session_id, "claude-opus-5-5")
    assert first.started_at == START + timedelta(seconds=1)
    assert first.latency_ms == 11_000
    assert first.tokens_used == 6 * 130  # what was read from the cache was counted before
    assert [
        (each.kind, each.subject, each.ok, each.exit_code, each.detail) for each in first.actions
    ] == [
        (ActionKind.COMMAND, "pytest -q", False, 1, "1 failed"),
        (ActionKind.EDIT, "/nowhere/shop/a.py", True, None, "-x = 1\n+x = 2"),
        (ActionKind.COMMAND, "pytest -q", True, 0, "4 passed"),
    ]
    assert (first.agent, first.interrupted, turns[0].cwd) == (None, False, "/nowhere/shop")
    assert second.prompt == "thanks, works"
    assert account.left_out == Counter()


def test_a_model_that_is_none_and_tokens_that_are_none_do_not_count(file: Path) -> None:
    session = SessionFile()
    session.turn("Fix it")
    session.answer("No response requested.")
    session.lines[-1]["message"] |= {"model": "<synthetic>", "usage": {"output_tokens": -50}}
    ((turn,), _) = read(session.write(file))
    assert (turn.turn.model, turn.turn.tokens_used) == ("claude-opus-5-5", 130)


def test_a_long_paste_is_known_by_all_of_it_as_hooks_know_it(file: Path) -> None:
    session = SessionFile()
    log = "log line\n" * 30_000
    pastes = [f"Why?\n{log}{end}" for end in ("one", "two")]
    for paste in pastes:
        session.turn(paste)
    turns, _ = read(session.write(file))
    assert [each.turn.key for each in turns] == [
        turn_key(session.session_id, paste, 1) for paste in pastes
    ]
    assert all(len(each.turn.prompt) < len(paste) for each in turns for paste in pastes)


def test_prompts_given_again_are_numbered(file: Path) -> None:
    session = SessionFile()
    for _ in range(2):
        session.turn("run the tests")
    turns, _ = read(session.write(file))
    assert [each.turn.key for each in turns] == [
        turn_key(session.session_id, "run the tests", number) for number in (1, 2)
    ]


@pytest.mark.parametrize(
    ("name", "given_", "result", "told", "error", "action"),
    [
        (
            "Bash",
            {"command": "make"},
            "Exit code 2\nno rule",
            "Error: ...",
            True,
            (ActionKind.COMMAND, "make", False, 2, "no rule"),
        ),
        (
            "Bash",
            {"command": "make"},
            "rejected by the user",
            None,
            True,
            (ActionKind.COMMAND, "make", False, None, "rejected by the user"),
        ),
        (
            "Bash",
            {"command": "grep x"},
            "",
            {"stdout": "", "stderr": "", "returnCodeInterpretation": "No matches found"},
            False,
            (ActionKind.COMMAND, "grep x", True, None, ""),
        ),
        (
            "Bash",
            {"command": "serve &"},
            "started",
            {"stdout": "", "stderr": "", "backgroundTaskId": "b1"},
            False,
            (ActionKind.COMMAND, "serve &", True, None, "started"),
        ),
        (
            "Bash",
            {"command": "ls"},
            "a\nb",
            {"stdout": "a\nb", "stderr": "warn", "interrupted": False},
            False,
            (ActionKind.COMMAND, "ls", True, 0, "a\nb\nwarn"),
        ),
        (
            "Bash",
            {"command": 7},
            [{"type": "text", "text": "a"}],
            None,
            False,
            (ActionKind.COMMAND, "7", True, 0, "a"),
        ),
        (
            "Write",
            {"file_path": "b.py", "content": "y = 1\n"},
            "created",
            {"structuredPatch": []},
            False,
            (ActionKind.EDIT, "b.py", True, None, "y = 1\n"),
        ),
        (
            "Edit",
            {"file_path": "b.py"},
            "String to replace not found",
            None,
            True,
            (ActionKind.EDIT, "b.py", False, None, "String to replace not found"),
        ),
        (
            "NotebookEdit",
            {"notebook_path": "n.ipynb", "new_source": "1"},
            "",
            None,
            False,
            (ActionKind.EDIT, "n.ipynb", True, None, "1"),
        ),
        (
            "Read",
            {"file_path": "b"},
            "File does not exist.",
            None,
            True,
            (ActionKind.TOOL, 'Read {"file_path": "b"}', False, None, "File does not exist."),
        ),
        (
            "mcp__x__y",
            {},
            f"{OPENING}\nshown\n{CLOSING}",
            {},
            False,
            (ActionKind.TOOL, "mcp__x__y", True, None, ""),
        ),
    ],
)
def test_calls_become_actions(
    file: Path,
    name: str,
    given_: dict[str, Any],
    result: Any,
    told: Any,
    error: bool,
    action: tuple[Any, ...],
) -> None:
    session = SessionFile()
    session.prompt("go")
    session.call(name, result, error=error, told=told, **given_)
    session.answer("Done.")
    ((turn,), _) = read(session.write(file))
    assert turn.turn.actions == (Action(*action, START + timedelta(seconds=3)),)


def test_what_was_broken_off_has_no_result(file: Path) -> None:
    session = SessionFile()
    session.prompt("go")
    session.answer(
        {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "sleep 9"}}
    )
    session.prompt("[Request interrupted by user for tool use]")
    session.turn("something else")
    turns, account = read(session.write(file))
    first = turns[0].turn
    assert first.interrupted
    assert [(each.subject, each.ok, each.exit_code) for each in first.actions] == [
        ("sleep 9", False, None)
    ]
    assert not turns[1].turn.interrupted
    assert account.left_out == Counter()


def test_lines_that_are_no_turn_are_counted_by_their_reason(file: Path) -> None:
    session = SessionFile()
    session.answer("nobody asked")
    session.prompt("[Request interrupted by user]")
    session.line(
        "user", message={"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]}
    )
    session.turn("go")
    session.line(
        "user", message={"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]}
    )
    session.prompt("a skill's text", isMeta=True)
    session.prompt("This session is being continued from ...", isCompactSummary=True)
    session.prompt("<system-reminder>be nice</system-reminder>")
    session.prompt("<local-command-stdout>ok</local-command-stdout>")
    session.prompt("<task-notification>\n<task-id>a1</task-id></task-notification>")
    session.answer("and this belongs to the turn")
    session.answer("API Error: 500", isApiErrorMessage=True)
    session.line("user", message="hello")
    session.line("user", message={"role": "user"})
    session.lines.append(session.lines[3])
    for kind in sorted(BOOKKEEPING):
        session.line(kind)
    session.line("new-thing")
    session.line("Not A Type!")
    session.write(file)
    with file.open("ab") as written:
        written.write(b'\n{"type": "user"\n[1]\n42\n"text"\n\xff\xfe\n' + b"[" * 100_000 + b"\n")
        written.write(b'{"type": "user", "message": {"ro')
    ((turn,), account) = read(file)
    assert turn.turn.response == "and this belongs to the turn"
    assert account.used == 3
    assert account.left_out == Counter(
        {
            "answer without a prompt": 1,
            "interruption of no turn": 1,
            "result without a prompt": 1,
            "result without its call": 1,
            "meta": 1,
            "compact summary": 1,
            "no prompt": 1,
            "the client's own message": 2,
            "API error": 1,
            "no message": 1,
            "no content": 1,
            "duplicate": 1,
            "unknown type new-thing": 1,
            "unknown type": 1,
            "blank": 1,
            "no object": 3,
            "malformed": 3,
            "torn": 1,
            **dict.fromkeys(BOOKKEEPING, 1),
        }
    )


def test_a_line_that_is_too_long_is_passed_over(file: Path) -> None:
    session = SessionFile()
    session.turn("before")
    session.turn("after")
    lines = [json.dumps(line).encode() for line in session.lines]
    long = json.dumps({"type": "user", "pad": "x" * (MAX_LINE + 10)}).encode()
    file.write_bytes(b"\n".join([*lines[:2], long, *lines[2:], b"x" * (2 * MAX_LINE + 5)]))
    turns, account = read(file)
    assert [each.turn.prompt for each in turns] == ["before", "after"]
    assert account.left_out == Counter({"too long": 2})


def test_what_the_client_adds_to_a_prompt_is_none_of_it(file: Path) -> None:
    session = SessionFile()
    blocks = ["<ide_opened_file>a.py</ide_opened_file>", "Fix the login"]
    session.line(
        "user",
        message={"role": "user", "content": [{"type": "text", "text": each} for each in blocks]},
    )
    session.answer("Done.")
    ((turn,), _) = read(session.write(file))
    assert turn.turn.key == turn_key(session.session_id, "Fix the login", 1)


def test_of_very_many_steps_the_last_ones_are_kept(file: Path) -> None:
    session = SessionFile()
    session.prompt("Fix it")
    for number in range(1005):
        session.bash(f"make {number}")
    session.answer("Done.")
    ((turn,), _) = read(session.write(file))
    assert [each.subject for each in turn.turn.actions] == [f"make {n}" for n in range(5, 1005)]


def test_subagents_have_turns_of_their_own(tmp_path: Path) -> None:
    session = SessionFile(agent="a7")
    session.prompt("do the sub task")
    session.bash("ls")
    session.answer("sub did it")
    path = session.write(tmp_path / "s" / "subagents" / "agent-a7.jsonl")
    reader = TranscriptReader(path, set(), str, "Explore")
    (found,) = reader.turns()
    assert (found.turn.agent, found.turn.session_id) == ("Explore", session.session_id)
    assert found.turn.key == turn_key(f"{session.session_id}/a7", "do the sub task", 1)


def test_subagents_within_the_file_are_told_apart_by_their_chains(file: Path) -> None:
    """Versions before 2 write them there, without an id."""
    session = SessionFile()
    session.prompt("main")
    session.answer("before")
    one = session.prompt("sub one", isSidechain=True, parentUuid=None)
    two = session.prompt("sub two", isSidechain=True, parentUuid=None)
    session.answer("of one", isSidechain=True, parentUuid=one["uuid"])
    session.answer("of two", isSidechain=True, parentUuid=two["uuid"])
    session.answer("after")
    turns, account = read(session.write(file))
    assert {(each.turn.prompt, each.turn.response) for each in turns} == {
        ("main", "after"),
        ("sub one", "of one"),
        ("sub two", "of two"),
    }
    assert {each.turn.agent for each in turns} == {None, one["uuid"], two["uuid"]}
    assert account.left_out == Counter()


def test_the_copied_beginning_of_a_fork_is_told(tmp_path: Path) -> None:
    session = SessionFile()
    session.turn("first")
    session.write(tmp_path / "a.jsonl")
    fork = SessionFile("22222222-aaaa-4bbb-8ccc-000000000002")
    fork.lines = [line | {"sessionId": fork.session_id} for line in session.lines]
    fork.at = session.at
    fork.turn("first")
    seen: set[str] = set()
    assert [each.copied for each in read(tmp_path / "a.jsonl", seen)[0]] == [False]
    turns, _ = read(fork.write(tmp_path / "b.jsonl"), seen)
    assert [each.copied for each in turns] == [True, False]
    # Its hooks have heard of this prompt once only.
    assert turns[1].turn.key == turn_key(fork.session_id, "first", 1)


def test_a_clock_that_goes_back_leaves_the_turns_in_their_order(file: Path) -> None:
    session = SessionFile()
    session.turn("first")
    session.at -= timedelta(hours=5)
    session.turn("second")
    session.at += timedelta(hours=9)
    session.turn("third")
    turns, _ = read(session.write(file))
    starts = [each.turn.started_at for each in turns]
    assert starts == sorted(starts)
    assert len(set(starts)) == 3
    assert all(each.turn.latency_ms >= 0 for each in turns)


@pytest.mark.parametrize(
    "stamp", [None, "", "yesterday", 7, "2026-13-45T00:00:00Z", "0001-01-01T00:00:00+23:00"]
)
def test_times_that_are_none_are_replaced(file: Path, stamp: Any) -> None:
    session = SessionFile()
    session.turn("first")
    for line in session.lines:
        line["timestamp"] = stamp
    ((turn,), _) = read(session.write(file))
    changed = datetime.fromtimestamp(file.stat().st_mtime, START.tzinfo)
    assert turn.turn.started_at == changed


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
BLOCK = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["text", "tool_use", "tool_result", "thinking", "image"]) | JSON,
        "text": st.sampled_from(["go", "[Request interrupted by user]", "<command-name>/x"]) | JSON,
        "id": st.sampled_from(["t1", "t2"]) | JSON,
        "tool_use_id": st.sampled_from(["t1", "t2"]) | JSON,
        "name": st.sampled_from(["Bash", "Edit", "Write", "Read"]) | JSON,
        "input": st.fixed_dictionaries({}, optional={"command": JSON, "file_path": JSON}) | JSON,
        "content": st.lists(JSON, max_size=2) | JSON,
        "is_error": JSON,
    },
)
ENTRY = st.fixed_dictionaries(
    {"type": st.sampled_from(["user", "assistant", "summary", "system"]) | JSON},
    optional={
        "message": st.fixed_dictionaries(
            {},
            optional={
                "content": st.lists(BLOCK | JSON, max_size=3) | JSON,
                "id": JSON,
                "model": JSON,
                "usage": st.dictionaries(
                    st.sampled_from(["input_tokens", "output_tokens"]), JSON, max_size=2
                )
                | JSON,
            },
        )
        | JSON,
        "uuid": st.sampled_from(["u1", "u2", "u3"]) | JSON,
        "parentUuid": st.sampled_from(["u1", "u2"]) | JSON,
        "sessionId": JSON,
        "timestamp": st.sampled_from(["2026-03-01T09:00:00Z", "2020-01-01T00:00:00Z"]) | JSON,
        "isSidechain": JSON,
        "agentId": JSON,
        "isMeta": JSON,
        "isCompactSummary": JSON,
        "cwd": JSON,
        "toolUseResult": st.fixed_dictionaries(
            {}, optional={"stdout": JSON, "structuredPatch": JSON, "interrupted": JSON}
        )
        | JSON,
    },
)
LINE = (
    ENTRY.map(lambda entry: json.dumps(entry).encode())
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.binary(max_size=40)
)


@settings(
    deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lines=st.lists(LINE, max_size=12), torn=st.integers(0, 30))
def test_no_file_is_too_strange(file: Path, lines: list[bytes], torn: int) -> None:
    written = b"\n".join(lines)
    file.write_bytes(written[: len(written) - torn])
    turns, account = read(file)
    assert account.used <= account.lines
    assert all(each.turn.tokens_used >= 0 and each.turn.started_at.tzinfo for each in turns)


def test_a_long_file_does_not_take_its_size_in_memory(file: Path) -> None:
    session = SessionFile()
    session.prompt("Fix it")
    session.call("Read", "y" * 100_000, file_path="a.py")
    session.answer("Done.")
    one = "".join(json.dumps(line) + "\n" for line in session.lines)
    with file.open("w", encoding="utf-8") as written:
        for number in range(400):
            written.write(one.replace(session.lines[0]["uuid"], f"u{number}"))
    assert file.stat().st_size > 40_000_000
    tracemalloc.start()
    try:
        reader = TranscriptReader(file, set(), str)
        count = sum(1 for _ in reader.turns())
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 400
    assert most < 4_000_000


HOOKS = Path(hooks.__file__).parent / "plugin" / "hooks.json"


@pytest.mark.parametrize(
    "name",
    [
        "Bash",
        "PowerShell",
        "Edit",
        "MultiEdit",
        "Write",
        "NotebookEdit",
        "Agent",
        "Task",
        "mcp__a__b",
        "Read",
        "Grep",
        "Glob",
        "TodoWrite",
        "WebFetch",
    ],
)
def test_session_files_and_hooks_tell_of_the_same_steps(name: str) -> None:
    (noted,) = json.loads(HOOKS.read_text())["hooks"]["PostToolUse"]
    told = re.fullmatch(noted["matcher"], name) is not None
    assert is_noted(name, Action(ActionKind.TOOL, name, True)) is told
    assert is_noted(name, Action(ActionKind.TOOL, name, False))


def test_a_turn_that_is_told_to_go_on_is_one_turn(file: Path) -> None:
    session = SessionFile()
    session.prompt("Fix the bug")
    session.edit()
    session.prompt("[Request interrupted by user]")
    session.prompt("continue")
    session.bash("pytest", 0, "1 passed")
    session.answer("Shall I commit?")
    session.prompt("Yes.")
    session.bash("git commit -am fix")
    session.answer("Committed.")
    session.turn("Next one", "Done.")
    turns, account = read(session.write(file))
    assert [each.turn.prompt for each in turns] == ["Fix the bug", "Next one"]
    first = turns[0].turn
    assert (first.response, first.interrupted, len(first.actions)) == ("Committed.", False, 3)
    assert account.left_out == Counter()


def test_a_go_on_with_nothing_before_it_is_a_turn_to_be_skipped(file: Path) -> None:
    session = SessionFile()
    session.turn("continue")
    ((turn,), _) = read(session.write(file))
    assert reason_to_skip(turn.turn) == GO_ON


@pytest.mark.parametrize("shift", [1, 20, 39])
def test_no_cut_leaves_half_a_secret(file: Path, shift: int) -> None:
    token = "ghp_" + "a1B2c3D4" * 5

    def cut_at(characters: int) -> str:
        return "x" * (characters - shift - 1) + f" {token} " + "y" * 300_000

    lines = SessionFile()
    lines.prompt(cut_at(200_000))
    lines.bash("cat log", printed=cut_at(10_000))
    lines.answer(cut_at(100_000))
    lines.write(file)
    turns, _ = read(file)
    assert "a1B2c3D4" not in repr(turns)
