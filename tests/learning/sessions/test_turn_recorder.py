"""Observed turns in the record: once, scrubbed, bounded; and judged by the turns after them."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import replace
from uuid import uuid4

import pytest

from hybrid_coordinator.domain.injected import CLOSING, OPENING
from hybrid_coordinator.domain.interactions import (
    AgentType,
    NewInteraction,
    Outcome,
    OutcomeKind,
    OutcomeSource,
)
from hybrid_coordinator.domain.showings import ShownItem
from hybrid_coordinator.domain.turns import Action, ActionKind, Turn, tracked_by_agent
from hybrid_coordinator.learning.sessions.recording import MAX_ACTIONS, telling
from hybrid_coordinator.storage.postgres.credit import Credit
from hybrid_coordinator.storage.postgres.showings import Showings
from tests.learning.sessions.conftest import Learning
from tests.learning.sessions.turns_seen import START, edited, ran, turn

TOKEN = "ghp_" + "a1B2" * 9
TRACKED = '{"interaction_id": "0198c5a2-7b1e-7c3d-8f00-0123456789ab"}'


async def test_a_turn_is_an_interaction_with_its_steps_and_time(learning: Learning) -> None:
    seen = turn(
        "Fix the login", ran("pytest", 1, "1 failed"), edited(), tokens_used=7, latency_ms=9
    )
    recorded = await learning.recorder.record(seen)
    assert recorded is not None
    found = await learning.records.get(recorded)
    assert (found.project, found.session_id, found.query) == ("app", "s1", "Fix the login")
    assert (found.response, found.model_used) == ("Done.", "claude")
    assert (found.created_at, found.tokens_used, found.latency_ms) == (seen.started_at, 7, 9)
    assert tuple(await learning.records.actions(recorded)) == seen.actions
    assert learning.woken


async def test_a_second_report_changes_nothing(learning: Learning) -> None:
    seen = turn("Fix the login", ran("pytest"), edited())
    first = await learning.recorder.record(seen)
    assert await learning.recorder.record(replace(seen, tokens_used=99)) == first
    assert await learning.count("interactions") == 1
    assert await learning.count("actions") == 2
    reports = await asyncio.gather(*(learning.recorder.record(seen) for _ in range(5)))
    assert set(reports) == {first}


async def test_a_fuller_report_completes_the_first(learning: Learning) -> None:
    seen = turn("Fix the login", edited(), answer="Half")
    first = await learning.recorder.record(seen)
    fuller = replace(seen, response="Half of it.", actions=(edited(), ran("pytest")))
    assert await learning.recorder.record(fuller) == first
    assert first is not None
    assert (await learning.records.get(first)).response == "Half of it."
    outcome = (await learning.records.get(first)).outcome
    assert outcome is not None
    assert outcome.kind is OutcomeKind.SUCCESS


async def test_secrets_and_injected_context_are_not_written(learning: Learning) -> None:
    context = f"{OPENING}\nwhat we knew\n{CLOSING}\n"
    seen = turn(
        f"{context}why does {TOKEN} fail? <system-reminder>be nice</system-reminder>",
        ran(f"curl -H 'token: {TOKEN}' x", 1, f"refused {TOKEN}"),
        answer=f"{TOKEN} has expired",
    )
    recorded = await learning.recorder.record(seen)
    assert recorded is not None
    found = await learning.records.get(recorded)
    (step,) = await learning.records.actions(recorded)
    written = f"{found.query} {found.response} {step.subject} {step.detail}"
    assert TOKEN not in written
    assert "what we knew" not in written
    assert "be nice" not in written
    assert found.query == "why does <SECRET:github-token> fail?"
    assert step.detail == "refused <SECRET:github-token>"


async def test_a_secret_where_a_text_is_cut_is_not_written(learning: Learning) -> None:
    for place in range(1_460, 1_510, 7):
        printed = "x" * place + f" {TOKEN} " + "y" * 9_000
        seen = turn("Build it", Action(ActionKind.COMMAND, "make", False, 2, printed))
        recorded = await learning.recorder.record(seen)
        assert recorded is not None
        (step,) = await learning.records.actions(recorded)
        assert "ghp_" not in step.detail
        assert len(step.detail) < 4_100


async def test_what_postgres_cannot_hold_is_replaced(learning: Learning) -> None:
    odd = "nul \x00, half \ud83d"
    seen = turn(odd, Action(ActionKind.COMMAND, odd, False, 10**12, odd), answer=odd, model=odd)
    recorded = await learning.recorder.record(replace(seen, tokens_used=2**40, key=f"k {odd}"))
    assert recorded is not None
    assert (await learning.records.get(recorded)).query == "nul \ufffd, half \ufffd"
    (step,) = await learning.records.actions(recorded)
    assert step.exit_code is None


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (turn("Fix it", answer=" \n"), "no answer"),
        (turn("Fix it", answer="", interrupted=True), "broken off without an answer"),
        (turn("Fix it", answer=f"{OPENING}\nx\n{CLOSING}"), "no answer"),
        (turn("/compact"), "slash command"),
        (turn("/plugin:do-it now"), "slash command"),
        (turn("<command-name>/model</command-name>"), "slash command"),
        (turn("continue"), "only told to go on"),
        (turn("Yes, please."), None),
        (turn("OK."), "only told to go on"),
        (turn("weiter"), "only told to go on"),
        (turn("继续"), "only told to go on"),
        (turn("<system-reminder>todo</system-reminder>"), "no words of the user's"),
        (turn(f"{OPENING}\nshown\n{CLOSING}"), "no words of the user's"),
        (turn(""), "no words of the user's"),
        (turn("<local-command-stdout>x</local-command-stdout>"), "the client's own message"),
        (turn("<task-notification>x</task-notification>"), "the client's own message"),
        (turn("[Request interrupted by user]"), "interruption"),
        (turn("/home/me/x is broken"), None),
        (turn("continue with the parser"), None),
        (turn("Fix it", answer="Half", interrupted=True), None),
    ],
)
async def test_trivial_turns_are_skipped_and_counted(
    learning: Learning, seen: Turn, reason: str | None
) -> None:
    recorded = await learning.recorder.record(seen)
    assert (recorded is None) == (reason is not None)
    assert learning.recorder.skipped == Counter([reason] if reason else [])
    assert await learning.count("interactions") == (reason is None)


async def test_a_copy_of_another_sessions_turn_is_skipped(learning: Learning) -> None:
    seen = turn("Fix the login")
    await learning.recorder.record(seen)
    copy = replace(seen, key="another", session_id="s2")
    assert await learning.recorder.record(copy) is None
    assert learning.recorder.skipped == Counter(["copied from another session"])


def test_only_so_many_steps_are_kept_the_telling_ones() -> None:
    looks = [Action(ActionKind.TOOL, f"Read {number}", True) for number in range(MAX_ACTIONS)]
    fails = [ran("pytest", 1), edited(), Action(ActionKind.TOOL, "Read gone", False)]
    kept = telling((*looks[:50], *fails, *looks[50:]))
    assert len(kept) == MAX_ACTIONS
    assert [each for each in kept if each not in looks] == fails
    commands = tuple(ran(f"make {number}") for number in range(MAX_ACTIONS + 5))
    assert telling(commands) == commands[5:]


async def test_what_is_stored_of_a_turn_is_bounded(learning: Learning) -> None:
    seen = turn("x" * 10, Action(ActionKind.COMMAND, "make", False, 2, "y" * 1_000_000))
    await learning.recorder.record(seen)
    (stored,) = await learning.records.session_turns(seen.project, seen.session_id, 1)
    (step,) = stored.turn.actions
    assert len(step.detail) < 10_000


# Outcomes as a session goes on.


async def outcome_of(learning: Learning, interaction_id: str | None) -> Outcome | None:
    assert interaction_id is not None
    return (await learning.records.get(interaction_id)).outcome


async def test_an_outcome_is_inferred_at_once_and_again_when_the_next_turn_comes(
    learning: Learning,
) -> None:
    first = await learning.recorder.record(turn("Fix the login", edited(), ran("pytest")))
    before = await outcome_of(learning, first)
    assert before is not None
    assert (before.kind, before.source) == (OutcomeKind.SUCCESS, OutcomeSource.INFERRED)
    await learning.recorder.record(turn("No, that's wrong: it logs everybody in"))
    after = await outcome_of(learning, first)
    assert after is not None
    assert (after.kind, after.feedback) == (OutcomeKind.FAILURE, -1)
    assert "that's wrong" in (after.evidence or "")
    assert await learning.count("outcomes") == 2


async def test_without_evidence_there_is_no_outcome(learning: Learning) -> None:
    first = await learning.recorder.record(turn("Explain decorators"))
    await learning.recorder.record(turn("Explain generators"))
    assert await outcome_of(learning, first) is None
    assert await learning.count("outcomes") == 0


async def test_what_points_both_ways_takes_an_inferred_outcome_back(learning: Learning) -> None:
    first = await learning.recorder.record(turn("Build it", edited(), ran("cargo build")))
    assert (await outcome_of(learning, first)) is not None
    await learning.recorder.record(turn("wait, use the other crate"))
    after = await outcome_of(learning, first)
    assert after is not None
    assert (after.kind, after.source) == (OutcomeKind.UNKNOWN, OutcomeSource.INFERRED)
    await learning.recorder.record(turn("Explain it"))
    assert await learning.count("outcomes") == 2


@pytest.mark.parametrize("when", ["before the next turn", "after it"])
async def test_what_was_stated_stays(learning: Learning, when: str) -> None:
    stated = Outcome(OutcomeKind.FAILURE, -1, "the agent's word")
    first = await learning.recorder.record(turn("Fix the login", edited(), ran("pytest")))
    assert first is not None
    if when == "before the next turn":
        await learning.outcomes.update(first, stated)
    await learning.recorder.record(turn("perfect, thanks"))
    await learning.outcomes.update(first, stated)
    await learning.recorder.record(turn("Now the docs"))
    assert await outcome_of(learning, first) == stated


async def test_sessions_do_not_judge_each_other(learning: Learning) -> None:
    first = await learning.recorder.record(turn("Fix the login"))
    await learning.recorder.record(turn("No, that's wrong", session_id="s2"))
    await learning.recorder.record(turn("No, that's wrong", project="other"))
    assert await outcome_of(learning, first) is None


async def test_a_report_that_comes_late_is_judged_by_its_time(learning: Learning) -> None:
    first, second = turn("Fix the login"), turn("it still fails")
    await learning.recorder.record(second)
    judged = await outcome_of(learning, await learning.recorder.record(first))
    assert judged is not None
    assert judged.kind is OutcomeKind.FAILURE


# "Continue" is no task.


async def test_what_was_done_when_told_to_go_on_belongs_to_the_turn_before(
    learning: Learning,
) -> None:
    first = await learning.recorder.record(
        turn("Fix the login", edited(), answer="Shall I test it?")
    )
    await learning.recorder.record(turn("Look around", agent="Explore"))
    await learning.recorder.record(turn("What else?", session_id="s2"))
    when = Action(ActionKind.COMMAND, "pytest", True, 0, "passed", START)
    more = turn("yes", when, answer="It is tested.", tokens_used=5)
    for _ in range(3):
        assert await learning.recorder.record(more) == first
    assert first is not None
    found = await learning.records.get(first)
    assert (found.query, found.response) == ("Fix the login", "It is tested.")
    assert found.tokens_used == 5
    assert await learning.records.actions(first) == [edited(), when]
    assert found.outcome is not None
    assert found.outcome.kind is OutcomeKind.SUCCESS
    assert learning.recorder.skipped == Counter()
    assert await learning.count("interactions") == 3


async def test_words_alone_are_added_to_the_answer_before(learning: Learning) -> None:
    first = await learning.recorder.record(turn("Explain decorators", answer="First part."))
    more = turn("continue", answer="Second part.")
    for _ in range(2):
        assert await learning.recorder.record(more) == first
    assert first is not None
    assert (await learning.records.get(first)).response == "First part.\n\nSecond part."


async def test_a_turn_that_was_broken_off_and_gone_on_with_is_whole(learning: Learning) -> None:
    broken = turn("Fix the login", edited(), answer="Half", interrupted=True)
    first = await learning.recorder.record(broken)
    assert (await outcome_of(learning, first)) is not None
    done = Action(ActionKind.COMMAND, "ls", True, 0, "", START)
    await learning.recorder.record(turn("continue", done, answer="Whole"))
    (stored,) = await learning.records.session_turns("app", "s1")
    assert not stored.turn.interrupted
    after = await outcome_of(learning, first)
    assert after is not None
    assert after.kind is OutcomeKind.UNKNOWN


async def test_a_turn_that_its_agent_tracked_is_that_interaction(learning: Learning) -> None:
    tracked = await learning.tracker.track(
        NewInteraction("app", "Mend the login", "Set the clock.", AgentType.REMOTE, "m")
    )
    call = Action(
        ActionKind.TOOL,
        'mcp__plugin_hybrid-coordinator_hybrid__track_interaction {"query": "Mend the login"}',
        True,
        detail=json.dumps({"interaction_id": tracked}),
    )
    seen = turn("Fix the login", edited(), ran("pytest"), call)
    for _ in range(2):
        assert await learning.recorder.record(seen) == tracked
    assert await learning.count("interactions") == 1
    assert await learning.records.actions(tracked) == list(seen.actions)
    found = await learning.records.get(tracked)
    assert (found.query, found.session_id) == ("Mend the login", seen.session_id)
    assert found.outcome is not None
    assert found.outcome.kind is OutcomeKind.SUCCESS
    # Another turn that names it, or one of another project or user, is an interaction of its own.
    for other in (turn("Once more", edited(), call), replace(seen, project="other", key="k")):
        assert await learning.recorder.record(other) != tracked
    adas = NewInteraction("app", "Mend it", "Done.", AgentType.REMOTE, "m", user="ada")
    hers = await learning.tracker.track(adas)
    call = replace(call, detail=json.dumps({"interaction_id": hers}))
    assert await learning.recorder.record(turn("Mend it for her", edited(), call)) != hers
    assert await learning.records.actions(hers) == []


async def test_a_copy_of_a_turn_that_its_agent_tracked_is_known_for_one(
    learning: Learning,
) -> None:
    tracked = await learning.tracker.track(
        NewInteraction("app", "Mend the login", "Set it.", AgentType.REMOTE, "m")
    )
    call = Action(
        ActionKind.TOOL,
        "mcp__x__track_interaction {}",
        True,
        detail=json.dumps({"interaction_id": tracked}),
    )
    seen = turn("Fix the login", edited(), call)
    assert await learning.recorder.record(seen) == tracked
    copied = replace(seen, session_id="s2", key="a copy")
    assert await learning.recorder.record(copied) is None
    assert learning.recorder.skipped == {"copied from another session": 1}
    assert await learning.count("interactions") == 1


async def test_what_a_hook_showed_counts_for_the_turn_that_its_agent_tracked(
    learning: Learning,
) -> None:
    named, shown, held = sorted(str(uuid4()) for _ in range(3))
    items = [
        ShownItem(named, 1, "Clocks drift", "", 0.9, 0.95, withheld=False),
        ShownItem(shown, 2, "Tokens expire", "", 0.8, 0.95, withheld=False),
        ShownItem(held, 3, "Ask for sudo", "", 0.7, 0.95, withheld=True),
    ]
    showings = Showings(learning.database)
    showing = await showings.add("app", "s1", items)
    tracked = await learning.tracker.track(
        NewInteraction("app", "Mend the login", "Set it.", AgentType.REMOTE, "m")
    )
    await learning.outcomes.update(tracked, Outcome(OutcomeKind.SUCCESS))
    call = Action(
        ActionKind.TOOL,
        "mcp__x__track_interaction {}",
        True,
        detail=json.dumps({"interaction_id": tracked}),
    )
    seen = turn("Fix the login", edited(), call, showing_id=showing)
    for _ in range(2):
        assert await learning.recorder.record(seen) == tracked
    known = await learning.records.exposures(tracked)
    assert [(each.item_id, each.used, each.withheld) for each in known] == [
        (named, True, False),
        (shown, True, False),
        (held, False, True),
    ]
    assert [each.propensity for each in known] == [0.95] * 3
    found = await showings.get(showing)
    assert found is not None
    assert found.spent
    stats = "SELECT * FROM item_stats ORDER BY item_id"
    counted = await learning.database.fetch(stats)
    assert [(str(row["item_id"]), row["uses"], row["successes"]) for row in counted] == [
        (named, 1, 1.0),
        (shown, 1, 1.0),
    ]
    await Credit(learning.database).rebuild()
    assert await learning.database.fetch(stats) == counted


@pytest.mark.parametrize(
    "action",
    [
        Action(ActionKind.TOOL, "mcp__x__track_interaction", True, detail="no id"),
        Action(ActionKind.TOOL, "mcp__x__track_interaction", False, detail=TRACKED),
        Action(ActionKind.TOOL, "mcp__x__search_knowledge", True, detail=TRACKED),
        Action(ActionKind.COMMAND, "mcp__x__track_interaction", True, detail=TRACKED),
    ],
)
def test_what_does_not_track_names_no_interaction(action: Action) -> None:
    assert tracked_by_agent([action]) is None
