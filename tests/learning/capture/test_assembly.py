"""Events add up to turns: each step in the turn it belongs to, and in no other."""

from __future__ import annotations

from collections.abc import Sequence

from hybrid_coordinator.domain.captured import CapturedEvent
from hybrid_coordinator.learning.capture.assembly import Thread, finished_threads
from hybrid_coordinator.learning.capture.events import read_event
from tests.support.hooks import Telling


def read(lines: Sequence[bytes]) -> list[CapturedEvent]:
    events = [read_event(line, str) for line in lines]
    return sorted((each for each in events if each is not None), key=lambda each: each.at)


def threads(*lines: bytes, abandoned: bool = False) -> list[Thread]:
    return finished_threads(read(lines), abandoned=abandoned)[0]


def asked(thread: Thread) -> str:
    assert thread.opening is not None
    return str(thread.opening.content.get("prompt") or thread.opening.content.get("task"))


def did(thread: Thread) -> list[object]:
    return [action.content["subject"] for action in thread.actions]


def test_a_turn_is_what_lies_between_a_prompt_and_its_answer() -> None:
    session = Telling()
    (turn,) = threads(
        session.line("SessionStart", source="startup"),
        session.prompt("fix it"),
        session.command("make", 2),
        session.command("make"),
        session.stop("fixed"),
    )
    assert asked(turn) == "fix it"
    assert did(turn) == ["make", "make"]
    assert turn.response == "fixed"
    assert not turn.interrupted


def test_a_turn_that_goes_on_is_none_yet() -> None:
    session = Telling()
    assert threads(session.prompt("fix it"), session.command("make")) == []


def test_a_turn_without_an_answer_was_broken_off_once_there_is_another_prompt() -> None:
    session = Telling()
    (turn,) = threads(
        session.prompt("one"), session.command("make"), session.prompt("two", prompt_id="p2")
    )
    assert asked(turn) == "one"
    assert turn.interrupted


def test_the_end_of_the_session_ends_its_turns() -> None:
    session = Telling()
    (turn,) = threads(session.prompt("one"), session.end())
    assert turn.interrupted


def test_a_session_that_was_killed_ends_with_its_next_start_but_not_with_compaction() -> None:
    session = Telling()
    begun = [session.prompt("one"), session.command("make")]
    compacted = session.line("SessionStart", source="compact")
    assert threads(*begun, compacted) == []
    assert len(threads(*begun, compacted, session.line("SessionStart", source="resume"))) == 1
    assert len(threads(*begun, compacted, abandoned=True)) == 1


def test_a_start_that_names_a_prompt_is_not_a_part_of_its_turn() -> None:
    session = Telling()
    (turn,) = threads(
        session.line("SessionStart", source="clear", prompt_id="p1"),
        session.prompt("one"),
        session.stop("done"),
    )
    assert (asked(turn), turn.response) == ("one", "done")


def test_a_turn_with_work_in_the_background_waits_for_it() -> None:
    session = Telling()
    running = [{"id": "a1", "type": "subagent", "status": "running"}]
    begun = [
        session.prompt("one"),
        session.stop("started", background_tasks=running),
    ]
    assert threads(*begun) == []
    told = session.prompt("<task-notification>done</task-notification>", prompt_id="p2")
    (turn,) = threads(
        *begun,
        told,
        session.command("make", prompt_id="p2"),
        session.stop("all done", prompt_id="p2"),
    )
    assert (did(turn), turn.response) == (["make"], "all done")


def test_what_a_subagent_did_is_its_own() -> None:
    session = Telling()
    main, sub = threads(
        session.prompt("one"),
        session.command("ls"),
        session.command("find", agent_id="a1", agent_type="Explore"),
        session.line(
            "SubagentStop", agent_id="a1", agent_type="Explore", last_assistant_message="found"
        ),
        session.line(
            "PostToolUse",
            prompt_id="p1",
            tool_name="Agent",
            tool_input={"prompt": "look"},
            tool_response={"agentId": "a1"},
        ),
        session.stop("done"),
    )
    assert (asked(sub), did(sub), sub.response) == ("look", ["find"], "found")
    assert did(main) == ["ls", 'Agent {"prompt": "look"}']


def test_what_belongs_to_no_prompt_is_told_to_be_dropped() -> None:
    session = Telling()
    late = session.command("make", prompt_id="of a turn before")
    found, stray = finished_threads(read([late]), abandoned=False)
    assert (found, len(stray)) == ([], 1)


def test_a_clock_that_goes_back_moves_no_step_into_another_turn() -> None:
    session = Telling()
    found = threads(
        session.prompt("one", at=100),
        session.command("first", at=101),
        session.stop("1", at=102),
        session.prompt("two", prompt_id="p2", at=103),
        session.command("second", prompt_id="p2", at=51),
        session.stop("2", prompt_id="p2", at=52),
    )
    assert {asked(turn): (did(turn), turn.response) for turn in found} == {
        "one": (["first"], "1"),
        "two": (["second"], "2"),
    }
