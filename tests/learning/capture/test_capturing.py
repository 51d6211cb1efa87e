"""From events to recorded turns, on a real Postgres and a real inbox."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.domain.turns import Turn, turn_key
from hybrid_coordinator.errors import InvalidArgumentError, StorageError
from hybrid_coordinator.learning.capture.capturing import Capture
from hybrid_coordinator.learning.capture.inbox import Inbox
from hybrid_coordinator.storage.postgres.captured import CapturedEvents
from hybrid_coordinator.storage.postgres.database import Database
from tests.support.hooks import Telling


@dataclass
class Recorded:
    """Where turns go: those that came, and how many it refuses first."""

    turns: list[Turn] = field(default_factory=list)
    refusals: int = 0

    async def record(self, turn: Turn) -> str | None:
        if self.refusals:
            self.refusals -= 1
            raise StorageError("the disk is full")
        self.turns.append(turn)
        return None


@dataclass
class World:
    capture: Capture
    recorded: Recorded
    records: CapturedEvents
    inbox: Path

    async def take(self, lines: Sequence[bytes]) -> None:
        for line in lines:
            await self.capture.take(line)

    def drop(self, name: str, *lines: bytes) -> Path:
        """Leave a file in the inbox."""
        self.inbox.mkdir(exist_ok=True)
        file = self.inbox / f"{name}.json"
        file.write_bytes(b"".join(lines))
        return file

    def keys(self) -> list[str]:
        return [turn.key for turn in self.recorded.turns]


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    recorded, records = Recorded(), CapturedEvents(database)
    inbox = tmp_path / "inbox"
    scrub = Scrubber(["hunter2-hunter2"]).scrub
    return World(Capture(records, recorded, Inbox(inbox), scrub), recorded, records, inbox)


def whole_turn(session: Telling, prompt: str = "fix it", prompt_id: str = "p1") -> list[bytes]:
    return [
        session.prompt(prompt, prompt_id),
        session.command("make", 2, "no rule", prompt_id),
        session.command("make", prompt_id=prompt_id),
        session.stop("fixed", prompt_id),
    ]


async def test_a_turn_holds_what_happened(world: World) -> None:
    session = Telling(session_id="s")
    await world.take(whole_turn(session))
    await world.capture.catch_up()
    (turn,) = world.recorded.turns
    assert turn.key == turn_key("s", "fix it", 1)
    assert (turn.prompt, turn.response, turn.model) == ("fix it", "fixed", "unknown")
    assert [(each.subject, each.exit_code) for each in turn.actions] == [("make", 2), ("make", 0)]
    assert turn.latency_ms == 3000
    assert not turn.interrupted
    state = await world.capture.state()
    assert (state.waiting, state.in_inbox, state.unreadable) == (0, 0, 0)
    assert state.last_event is not None


async def test_what_events_told_is_dropped_once_their_turn_is_over(
    world: World, database: Database
) -> None:
    session = Telling()
    await world.take(whole_turn(session))
    await world.capture.catch_up()
    assert (await world.capture.state()).waiting == 0
    await world.take([session.end()])
    await world.capture.catch_up()
    assert len(world.recorded.turns) == 1
    left = await database.fetch("SELECT done, content FROM captured_events")
    assert [(row["done"], row["content"]) for row in left] == [(True, {})] * 5


async def test_a_turn_that_goes_on_after_its_answer_is_told_again_with_all_of_it(
    world: World,
) -> None:
    session = Telling()
    await world.take(whole_turn(session))
    await world.capture.catch_up()
    more = [session.command("make lint"), session.stop("and linted", stop_hook_active=True)]
    await world.take(more)
    await world.capture.catch_up()
    await world.take([session.prompt("now the next", prompt_id="p2")])
    await world.capture.catch_up()
    first, again = world.recorded.turns
    assert again.key == first.key
    assert [each.subject for each in again.actions] == ["make", "make", "make lint"]
    assert (first.response, again.response) == ("fixed", "and linted")


async def test_told_twice_is_told_once(world: World) -> None:
    lines = whole_turn(Telling())
    await world.take(lines)
    await world.capture.catch_up()
    world.drop("1", *lines)
    await world.capture.catch_up()
    await world.take(lines)
    await world.capture.sweep()
    assert len(world.recorded.turns) == 1
    assert (await world.capture.state()).waiting == 0
    assert list(world.inbox.iterdir()) == []


async def test_the_same_prompt_again_is_another_turn(world: World) -> None:
    session = Telling(session_id="s")
    for number in (1, 2, 3):
        await world.take(whole_turn(session, "go on", f"p{number}"))
        await world.capture.catch_up()
    assert world.keys() == [turn_key("s", "go on", number) for number in (1, 2, 3)]


async def test_the_count_of_a_prompt_outlives_its_events(world: World, database: Database) -> None:
    session = Telling(session_id="s")
    await world.take(whole_turn(session, "go on"))
    await world.capture.catch_up()
    await database.execute("UPDATE captured_events SET received_at = now() - interval '90 days'")
    await world.capture.sweep()
    assert len(await database.fetch("SELECT FROM captured_events")) == 1
    await world.take(whole_turn(session, "go on", "p2"))
    await world.capture.catch_up()
    assert world.keys()[-1] == turn_key("s", "go on", 2)


async def test_sessions_side_by_side_keep_apart(world: World) -> None:
    sessions = [whole_turn(Telling(session_id=name)) for name in "abc"]
    for lines in zip(*sessions, strict=True):
        await world.take(lines)
    await world.capture.catch_up()
    assert sorted(world.keys()) == [turn_key(name, "fix it", 1) for name in "abc"]
    assert {len(turn.actions) for turn in world.recorded.turns} == {2}


async def test_the_inbox_fills_in_what_the_coordinator_missed(world: World) -> None:
    session = Telling()
    prompt, failed, fixed, stop = whole_turn(session)
    await world.take([stop])
    for number, line in enumerate((prompt, failed, fixed)):
        world.drop(str(number), line)
    await world.capture.catch_up()
    (turn,) = world.recorded.turns
    assert [each.exit_code for each in turn.actions] == [2, 0]
    assert list(world.inbox.iterdir()) == []


async def test_a_torn_file_is_set_aside_and_holds_up_nothing(world: World) -> None:
    first, second = whole_turn(Telling(session_id="a")), whole_turn(Telling(session_id="b"))
    world.drop("1", *first)
    world.drop("2", second[0][:40])
    world.drop("3", b"")
    world.drop("4", *second, b"\xff not JSON\n")
    await world.capture.catch_up()
    assert sorted(world.keys()) == [turn_key(name, "fix it", 1) for name in "ab"]
    assert (await world.capture.state()).unreadable == 2
    assert sorted(each.name for each in (world.inbox / "unreadable").iterdir()) == [
        "2.json",
        "4.json",
    ]


async def test_a_file_that_is_being_written_is_left_alone(world: World) -> None:
    world.drop("1", b"")
    (world.inbox / ".2").write_bytes(whole_turn(Telling())[0][:30])
    await world.capture.catch_up()
    assert [each.name for each in world.inbox.iterdir()] == [".2"]


async def test_what_is_no_event_is_refused(world: World) -> None:
    with pytest.raises(InvalidArgumentError):
        await world.capture.take(b"{}")


async def test_a_turn_that_was_refused_comes_again_and_once(world: World) -> None:
    world.recorded.refusals = 1  # the first session's
    await world.take([*whole_turn(Telling()), *whole_turn(Telling(session_id="other"))])
    await world.capture.catch_up()
    assert world.keys() == [turn_key("other", "fix it", 1)]
    await world.capture.sweep()
    await world.capture.sweep()
    assert len(world.recorded.turns) == 2


async def test_after_a_crash_what_was_left_is_handed_on(world: World) -> None:
    await world.take(whole_turn(Telling()))
    again = Capture(world.records, world.recorded, Inbox(world.inbox), str)
    await again.sweep()
    assert len(world.recorded.turns) == 1


async def test_a_turn_that_was_recorded_just_before_a_crash_keeps_its_key(
    world: World, database: Database
) -> None:
    await world.take(whole_turn(Telling()))
    await world.capture.catch_up()
    # As if it had been killed between the two.
    await database.execute("UPDATE captured_events SET recorded = false")
    await world.capture.sweep()
    assert len(world.keys()) == 2
    assert len(set(world.keys())) == 1


async def test_a_killed_session_is_given_up_after_a_day(world: World, database: Database) -> None:
    session = Telling()
    await world.take([session.prompt("fix it"), session.command("make", 2)])
    await world.capture.sweep()
    assert world.recorded.turns == []
    await database.execute("UPDATE captured_events SET received_at = now() - interval '25 hours'")
    await world.capture.sweep()
    (turn,) = world.recorded.turns
    assert turn.interrupted
    assert turn.response == ""


async def test_the_session_file_tells_the_model_the_tokens_and_an_answer_that_no_hook_told(
    world: World, tmp_path: Path
) -> None:
    transcript = tmp_path / "session.jsonl"
    session = Telling(session_id="s", transcript=str(transcript))
    lines = [session.prompt("fix it"), session.command("make", 2), session.end()]
    message = {
        "id": "m1",
        "model": "claude-x",
        "usage": {"input_tokens": 7, "output_tokens": 3},
        "content": [{"type": "text", "text": "It says hunter2-hunter2."}],
    }
    at = "2026-09-21T14:13:22Z"
    transcript.write_text(json.dumps({"type": "assistant", "timestamp": at, "message": message}))
    await world.take(lines)
    await world.capture.catch_up()
    (turn,) = world.recorded.turns
    assert (turn.model, turn.tokens_used) == ("claude-x", 10)
    assert turn.response == "It says <SECRET:known-value>."
    assert turn.interrupted


async def test_a_subagents_turn_is_named_after_it_and_keyed_by_it(world: World) -> None:
    session = Telling(session_id="s")
    start = session.line(
        "PostToolUse",
        prompt_id="p1",
        tool_name="Agent",
        tool_input={"prompt": "look"},
        tool_response={"agentId": "a1"},
    )
    await world.take(
        [
            session.prompt("fix it"),
            start,
            session.command("find", agent_id="a1", agent_type="Explore"),
            session.line(
                "SubagentStop", agent_id="a1", agent_type="Explore", last_assistant_message="there"
            ),
            session.stop("fixed"),
        ]
    )
    await world.capture.catch_up()
    main, sub = world.recorded.turns
    assert (main.agent, sub.agent) == (None, "Explore")
    assert sub.key == turn_key("s/a1", "look", 1)
    assert (sub.prompt, sub.response) == ("look", "there")


async def test_the_showing_of_what_was_injected_is_a_part_of_the_turn(world: World) -> None:
    prompt, *rest = whole_turn(Telling())
    event = await world.capture.take(prompt)
    assert event is not None
    showing = "0198c5a2-7b1e-7c3d-8f00-0123456789ab"
    await world.capture.shown(event, showing)
    await world.take(rest)
    await world.capture.catch_up()
    (turn,) = world.recorded.turns
    assert turn.showing_id == showing


async def test_what_a_killed_hook_left_half_written_is_swept_away(world: World) -> None:
    whole = world.drop("one", Telling().line("SessionStart", source="startup"))
    half, being_written = world.inbox / ".half", world.inbox / ".now"
    for part in (half, being_written):
        part.write_bytes(b'{"key": "')
    os.utime(half, (0, 0))
    await world.capture.sweep()
    assert [file.exists() for file in (whole, half, being_written)] == [False, False, True]
