"""What is kept of failures: entries of error-solutions with their evidence, and nothing twice."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hybrid_coordinator.domain.error_signatures import root_error
from hybrid_coordinator.domain.interactions import OutcomeKind, OutcomeSource
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import KnowledgeItem, NewKnowledge, Origin
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.errors import InvalidArgumentError, StorageError
from hybrid_coordinator.learning.failures.lessons import FailureLessons, confidence
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.failures import FailureRecords
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.jobs import JobRecords
from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords
from tests.learning.failures.sessions import (
    IMPORT_ERROR,
    IMPORT_TITLE,
    TYPE_ERROR,
    TYPE_TITLE,
    UNMET,
    Sessions,
    edited,
    failed,
    passed,
    ran,
)

ERRORS = CollectionName.ERROR_SOLUTIONS
FIXED = (
    "The import failed because parse_date had been renamed; I added the old name to app/dates.py."
)
OTHER_FIX = "Deleted the stale compiled extension that shadowed the package, then reinstalled it."


class Desk(Sessions):
    """Sessions, and what is learned from them."""

    def __init__(self, database: Database) -> None:
        super().__init__(InteractionRecords(database))
        self.database = database
        self.knowledge = KnowledgeRecords(database)
        self.failures = FailureRecords(database)
        self.told = 0
        self.learned = asyncio.Event()
        self.lessons = self.learner()

    def learner(self) -> FailureLessons:
        """Another coordinator, as it were."""
        turns = JobRecords(self.database)
        return FailureLessons(self.failures, self.knowledge, turns, Scrubber(), self._tell)

    def _tell(self) -> None:
        self.told += 1
        self.learned.set()

    async def entries(self, project: str = "shop") -> list[KnowledgeItem]:
        """What is known of errors and in use, oldest first."""
        found = await self.knowledge.page(None, 100)
        return sorted(
            (item for item in found if item.project == project and item.collection is ERRORS),
            key=lambda item: item.created_at,
        )

    async def only(self) -> KnowledgeItem:
        (item,) = await self.entries()
        return item

    async def versions(self) -> int:
        count: int = await self.database.fetch_value("SELECT count(*) FROM knowledge_items")
        return count

    async def unexamined(self) -> int:
        return len(await self.failures.unexamined(100))


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


async def test_a_failed_then_fixed_turn_makes_an_entry_that_says_how_and_by_what_it_is_known(
    desk: Desk,
) -> None:
    turn = await desk.turn(failed(), edited(), passed(), response=FIXED)

    (entry,) = await desk.lessons.learn(turn)

    item = await desk.only()
    assert item.id == entry
    assert item.title == IMPORT_TITLE
    assert item.origin is Origin.FAILURE
    assert item.content == "\n".join(
        [FIXED, "Changed: app/dates.py", "Verified: `pytest -q` exit 0 after the change."]
    )
    error = root_error(IMPORT_ERROR)
    assert error is not None
    assert item.fields == {
        "error_signature": error.key,
        "error_message": IMPORT_TITLE,
        "error_type": "ImportError",
        "context": "pytest; Python",
        "solution_verified": True,
        "success_count": 1,
        "failure_count": 0,
        "confidence_score": 0.6667,
        "first_seen": "2026-11-02T09:01:00+00:00",
        "last_used": "2026-11-02T09:01:00+00:00",
    }
    assert await desk.knowledge.evidence(item.id) == [(turn, True)]
    assert item.version == 1
    assert desk.told == 1


async def test_looking_again_changes_nothing(desk: Desk) -> None:
    first = await desk.turn(failed(), edited(), failed())
    await desk.turn(edited("/w/b.py"), passed(), response=FIXED)
    await desk.turn(failed(TYPE_ERROR), edited("/w/c.py"), failed(TYPE_ERROR))
    await desk.lessons.catch_up()
    before, versions = await desk.entries(), await desk.versions()
    assert len(before) == 2

    await desk.lessons.learn(first)
    await desk.database.execute("UPDATE interactions SET examined = 0")
    await desk.lessons.catch_up()

    assert await desk.entries() == before
    assert await desk.versions() == versions


async def test_a_test_that_fails_until_its_code_is_written_is_no_lesson(desk: Desk) -> None:
    await desk.turn(edited("/w/test_basket.py"), failed(UNMET), edited(), passed(), response=FIXED)
    await desk.turn(failed(UNMET), edited(), failed(UNMET), edited(), passed(), response=FIXED)
    await desk.turn(failed(UNMET), edited(), failed(UNMET))
    await desk.turn(failed(UNMET), edited(), passed(), session="s2", project="other")
    await desk.lessons.catch_up()
    assert await desk.entries() == await desk.entries("other") == []


async def test_a_test_that_fails_in_two_sessions_teaches_what_each_of_them_did(desk: Desk) -> None:
    first = await desk.turn(failed(UNMET), edited(), passed(), response=FIXED)
    await desk.lessons.catch_up()
    second = await desk.turn(
        failed(UNMET), edited("/w/b.py"), passed(), response=OTHER_FIX, session="s2"
    )

    await desk.lessons.catch_up()

    known = [await desk.knowledge.evidence(item.id) for item in await desk.entries()]
    assert sorted(known) == [[(first, True)], [(second, True)]]
    assert await desk.unexamined() == 0
    before, versions = await desk.entries(), await desk.versions()
    await desk.database.execute("UPDATE interactions SET examined = 0")
    await desk.lessons.catch_up()
    assert await desk.entries() == before
    assert await desk.versions() == versions


async def test_a_turn_that_ended_with_a_failing_test_and_failed_is_a_lesson(desk: Desk) -> None:
    broken = await desk.turn(edited(), failed(UNMET))
    fixed = await desk.turn(edited(), passed(), response=FIXED)
    await desk.lessons.catch_up()
    assert await desk.entries() == []
    await desk.outcome(broken, OutcomeKind.FAILURE, source=OutcomeSource.INFERRED)

    await desk.lessons.catch_up()

    item = await desk.only()
    assert item.fields["error_type"] == "AssertionError"
    assert await desk.knowledge.evidence(item.id) == [(fixed, True)]


async def test_a_session_that_is_forgotten_has_met_nothing(desk: Desk) -> None:
    first = await desk.turn(failed(UNMET), edited(), passed(), response=FIXED)
    await desk.lessons.catch_up()
    await desk.database.execute("DELETE FROM interactions WHERE id = $1", uuid.UUID(first))
    await desk.turn(failed(UNMET), edited(), passed(), response=FIXED, session="s2")
    await desk.lessons.catch_up()
    assert await desk.entries() == []


async def test_what_is_known_of_an_interaction_is_looked_at_once_and_again_when_more_is(
    desk: Desk,
) -> None:
    turn = await desk.turn(failed(), edited(), passed())
    assert await desk.unexamined() == 1
    await desk.lessons.catch_up()
    assert await desk.unexamined() == 0
    await desk.records.mark_all_unprojected()
    assert await desk.unexamined() == 0
    await desk.outcome(turn, OutcomeKind.SUCCESS)
    assert await desk.unexamined() == 1
    await desk.records.mark_all_unprojected()
    assert await desk.unexamined() == 1


async def test_a_failure_that_a_later_turn_fixed_is_found_when_that_is_recorded(desk: Desk) -> None:
    await desk.lessons.learn(await desk.turn(failed()))
    assert await desk.entries() == []
    fixed = await desk.turn(edited(), passed(), response=FIXED)
    await desk.lessons.learn(fixed)
    item = await desk.only()
    assert await desk.knowledge.evidence(item.id) == [(fixed, True)]
    assert item.fields["first_seen"] == "2026-11-02T09:01:00+00:00"
    assert item.fields["last_used"] == "2026-11-02T09:02:00+00:00"


async def test_the_same_error_in_another_file_counts_for_the_same_entry(desk: Desk) -> None:
    elsewhere = IMPORT_ERROR.replace("test_orders", "test_billing").replace("/w/shop", "/x/y")
    await desk.turn(failed(), edited(), passed(), response=FIXED)
    again = failed(elsewhere, "pytest tests/test_billing.py")
    await desk.turn(
        *(again, edited("/w/billing/dates.py"), passed("pytest tests/test_billing.py")),
        response="Again the import failed because parse_date had been renamed; added the old name.",
        session="s2",
    )

    await desk.lessons.catch_up()

    item = await desk.only()
    assert (item.fields["success_count"], item.fields["failure_count"]) == (2, 0)
    assert item.fields["confidence_score"] == 0.75
    assert item.content.startswith(FIXED), "the words of the first stay"


async def test_another_solution_of_the_same_error_is_kept_beside_the_first(desk: Desk) -> None:
    await desk.turn(failed(), edited(), passed(), response=FIXED)
    reinstall = ran("pip install --force-reinstall shop-ext")
    await desk.turn(failed(), reinstall, passed(), response=OTHER_FIX, session="s2")

    await desk.lessons.catch_up()

    first, second = await desk.entries()
    assert first.title == IMPORT_TITLE
    assert second.title == f"{IMPORT_TITLE} (solution 2)"
    assert first.fields["error_signature"] == second.fields["error_signature"]
    assert first.fields["error_message"] == second.fields["error_message"]
    assert "Ran: `pip install --force-reinstall shop-ext`" in second.content
    assert (first.fields["success_count"], second.fields["success_count"]) == (1, 1)


async def test_sessions_and_projects_do_not_mix(desk: Desk) -> None:
    """What one session broke, no other one mended, however they lie in time."""
    await desk.turn(failed(), session="s1")
    await desk.turn(edited(), passed(), session="s2")
    await desk.turn(edited(), passed(), session="s1", project="blog")
    await desk.turn(failed(TYPE_ERROR), edited("/w/t.py"), passed(), session="s3", project="blog")
    await desk.lessons.catch_up()
    assert await desk.entries() == []
    assert [item.title for item in await desk.entries("blog")] == [TYPE_TITLE]


async def test_a_subagents_fix_counts_for_the_session(desk: Desk) -> None:
    await desk.turn(failed())
    await desk.turn(edited(), response=FIXED, agent="fixer")
    last = await desk.turn(passed(), response="All tests pass now.")
    await desk.lessons.catch_up()
    item = await desk.only()
    assert await desk.knowledge.evidence(item.id) == [(last, True)]


async def test_a_failure_that_nothing_solved_gives_a_caution_once_it_came_twice(desk: Desk) -> None:
    await desk.turn(failed(), edited())
    await desk.lessons.catch_up()
    assert await desk.entries() == []

    await desk.turn(failed(), edited("/w/other.py"))
    await desk.lessons.catch_up()

    item = await desk.only()
    assert item.title == f"{IMPORT_TITLE} (not solved yet)"
    assert item.content == "Not solved yet.\nDid not help: a change of app/dates.py"
    assert item.fields["solution_verified"] is False
    assert (item.fields["success_count"], item.fields["failure_count"]) == (0, 2)
    assert item.fields["confidence_score"] == 0.25


async def test_a_caution_goes_when_a_fix_comes_and_does_not_come_back(desk: Desk) -> None:
    await desk.turn(failed(), edited("/w/a.py"), failed())
    await desk.lessons.catch_up()
    assert (await desk.only()).fields["solution_verified"] is False

    await desk.turn(edited(), passed(), response=FIXED)
    await desk.lessons.catch_up()
    item = await desk.only()
    assert item.fields["solution_verified"] is True
    assert "Did not help: a change of w/a.py" in item.content
    assert (item.fields["success_count"], item.fields["failure_count"]) == (1, 0)

    await desk.turn(failed(), edited("/w/z.py"), failed(), session="s2")
    await desk.lessons.catch_up()
    assert [each.id for each in await desk.entries()] == [item.id]


async def test_a_failure_that_was_only_told_is_a_caution_while_it_is_how_it_ended(
    desk: Desk,
) -> None:
    turn = await desk.turn(response="Moved the import to the top.")
    await desk.outcome(turn, OutcomeKind.FAILURE, "ImportError: cannot import name 'x'")
    await desk.outcome(turn, OutcomeKind.PARTIAL)
    await desk.lessons.catch_up()
    assert await desk.entries() == []
    await desk.outcome(turn, OutcomeKind.FAILURE)
    await desk.lessons.catch_up()
    item = await desk.only()
    assert item.content == "Not solved yet.\nDid not help: Moved the import to the top."
    assert item.fields["solution_verified"] is False


async def test_a_turn_that_was_broken_off_gives_no_caution(desk: Desk) -> None:
    await desk.turn(failed(), edited("/w/a.py"), failed(), interrupted=True)
    await desk.lessons.catch_up()
    assert await desk.entries() == []


async def test_a_solution_that_was_shown_gains_where_the_error_went_and_loses_where_not(
    desk: Desk,
) -> None:
    await desk.turn(failed(), edited(), passed(), response=FIXED)
    await desk.lessons.catch_up()
    item = await desk.only()

    helped = await desk.turn(
        failed(), edited(), passed(), response=FIXED, shown=(item.id,), session="s2"
    )
    lost = await desk.turn(failed(), edited("/w/q.py"), failed(), shown=(item.id,), session="s3")
    silent = await desk.turn(ran("ls"), shown=(item.id,), session="s4")
    await desk.turn(failed(), session="s5")
    later = await desk.turn(ran("ls"), shown=(item.id,), session="s5")
    held = await desk.turn(failed(), failed(), shown=(item.id,), session="s6")
    await desk.database.execute(
        "UPDATE exposures SET withheld = true, use_number = NULL WHERE interaction_id = $1", held
    )
    await desk.lessons.catch_up()

    item = await desk.only()
    evidence = dict(await desk.knowledge.evidence(item.id))
    assert later not in evidence, "nobody tried since"
    assert held not in evidence, "it was held back"
    assert evidence[helped] is True
    assert evidence[lost] is False
    assert silent not in evidence
    assert (item.fields["success_count"], item.fields["failure_count"]) == (2, 1)
    assert item.fields["confidence_score"] == confidence(2, 1) == 0.6

    # It was solved after all, in the next turn.
    await desk.turn(edited(), passed(), response=FIXED, session="s3")
    await desk.lessons.catch_up()
    assert dict(await desk.knowledge.evidence(item.id))[lost] is True


async def test_a_fix_that_somebody_says_failed_does_not_count(desk: Desk) -> None:
    turn = await desk.turn(failed(), edited(), passed(), response=FIXED)
    await desk.lessons.catch_up()
    learned = await desk.only()
    await desk.outcome(turn, OutcomeKind.FAILURE, "it broke the other page")
    await desk.lessons.catch_up()
    assert await desk.entries() == []
    assert await desk.knowledge.evidence(learned.id) == [(turn, False)]
    await desk.outcome(turn, OutcomeKind.SUCCESS, "no, that was something else")
    await desk.lessons.catch_up()
    assert (await desk.only()).fields == learned.fields

    other = await desk.turn(failed(TYPE_ERROR), edited(), passed(), session="s2")
    await desk.outcome(other, OutcomeKind.FAILURE)
    await desk.lessons.catch_up()
    assert [each.title for each in await desk.entries()] == [IMPORT_TITLE]

    # What was inferred is a guess; the command was seen to pass.
    third = await desk.turn(failed(TYPE_ERROR), edited(), passed(), session="s3")
    await desk.outcome(third, OutcomeKind.FAILURE, source=OutcomeSource.INFERRED)
    await desk.lessons.catch_up()
    assert [each.title for each in await desk.entries()] == [IMPORT_TITLE, TYPE_TITLE]


async def test_outcomes_alone_teach_without_any_hook(desk: Desk) -> None:
    task = "Fix the failing import of x in the orders module"
    first = await desk.turn(query=task, response="Tried to move the import to the top.")
    await desk.outcome(first, OutcomeKind.FAILURE, "pytest exit 1: ImportError: cannot import 'x'")
    second = await desk.turn(query=f"{task}, please", response="Added the missing x to __all__.")
    await desk.outcome(second, OutcomeKind.SUCCESS, "pytest exit 0, 12 passed")

    await desk.lessons.catch_up()

    item = await desk.only()
    assert item.title == "ImportError: cannot import 'x'"
    assert item.content == ("Added the missing x to __all__.\nVerified: pytest exit 0, 12 passed.")
    assert item.fields["solution_verified"] is True
    assert await desk.knowledge.evidence(item.id) == [(second, True)]


async def test_a_success_that_was_taken_back_teaches_no_more(desk: Desk) -> None:
    turn = await desk.turn(query="Fix it", response="Added the missing x to __all__.")
    await desk.outcome(turn, OutcomeKind.FAILURE, "ImportError: cannot import name 'x'")
    await desk.outcome(turn, OutcomeKind.SUCCESS, "pytest exit 0")
    await desk.lessons.catch_up()
    assert (await desk.only()).fields["success_count"] == 1
    await desk.outcome(turn, OutcomeKind.FAILURE, "ImportError: cannot import name 'x'")
    await desk.lessons.catch_up()
    item = await desk.only()
    assert item.fields["solution_verified"] is False
    assert item.content == "Not solved yet.\nDid not help: Added the missing x to __all__."


async def test_a_success_without_evidence_is_not_verified(desk: Desk) -> None:
    turn = await desk.turn(query="Fix it", response="Added the missing x to __all__.")
    await desk.outcome(turn, OutcomeKind.FAILURE, "ImportError: cannot import name 'x'")
    await desk.outcome(turn, OutcomeKind.SUCCESS, "looks good to me")
    await desk.lessons.catch_up()
    item = await desk.only()
    assert item.fields["solution_verified"] is False
    assert "Verified" not in item.content


async def test_secrets_do_not_get_into_an_entry(desk: Desk) -> None:
    token = "ghp_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"
    error = f"ValueError: token={token} is not valid"
    await desk.turn(
        *(failed(error), edited("/w/a.py", f"TOKEN = '{token}'"), passed(f"T={token} pytest -q")),
        response=f"Fixed: the token {token} was missing.",
    )
    await desk.lessons.catch_up()
    item = await desk.only()
    assert token not in f"{item.title}{item.content}{item.fields}"
    assert "<SECRET:" in item.content


async def test_what_was_stated_stays_as_it_was_stated(desk: Desk) -> None:
    stated = NewKnowledge(ERRORS, "shop", IMPORT_TITLE, f"By hand: {FIXED}", {})
    entry, _ = await desk.knowledge.store(stated)
    turn = await desk.turn(failed(), edited(), passed(), response=FIXED)
    await desk.lessons.catch_up()
    item = await desk.only()
    assert item.content == stated.content
    assert await desk.knowledge.evidence(entry) == [(turn, True)]


async def test_what_was_retired_does_not_come_back(desk: Desk) -> None:
    await desk.turn(failed(), edited(), passed(), response=FIXED)
    await desk.lessons.catch_up()
    await desk.knowledge.deprecate((await desk.only()).id, "it is wrong")
    await desk.turn(failed(), edited(), passed(), response=FIXED, session="s2")
    await desk.lessons.catch_up()
    assert await desk.entries() == []


@asynccontextmanager
async def running(desk: Desk) -> AsyncIterator[None]:
    """The pass over what nobody has looked at, in the background."""
    task = asyncio.create_task(desk.lessons.run())
    try:
        yield
    finally:
        task.cancel()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(ended, asyncio.CancelledError), ended


async def test_what_was_recorded_before_a_start_and_after_it_is_looked_at(desk: Desk) -> None:
    await desk.turn(failed(), edited(), passed(), response=FIXED)
    async with running(desk), asyncio.timeout(60):
        await desk.learned.wait()
        assert (await desk.only()).title == IMPORT_TITLE
        desk.learned.clear()
        await desk.turn(failed(TYPE_ERROR), edited(), passed(), session="s2")
        desk.lessons.wake()
        await desk.learned.wait()
        assert [item.title for item in await desk.entries()] == [IMPORT_TITLE, TYPE_TITLE]


async def test_the_background_pass_outlives_a_record_that_refuses(
    desk: Desk,
) -> None:
    refused = asyncio.Event()

    class Telling(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            refused.set()

    logger = logging.getLogger("hybrid_coordinator.learning.failures.lessons")
    handler = Telling()
    logger.addHandler(handler)
    await desk.turn(failed(), edited(), passed(), response=FIXED)
    await desk.database.execute("ALTER TABLE knowledge_items RENAME TO away")
    try:
        async with running(desk), asyncio.timeout(60):
            await refused.wait()
            assert not desk.learned.is_set()
            await desk.database.execute("ALTER TABLE away RENAME TO knowledge_items")
            desk.lessons.wake()
            await desk.learned.wait()
    finally:
        logger.removeHandler(handler)
    assert (await desk.only()).title == IMPORT_TITLE


async def test_a_turn_that_cannot_be_learned_from_holds_up_no_other(desk: Desk) -> None:
    await desk.turn(failed(), edited(), passed(), response=FIXED, project="damaged")
    await desk.turn(failed(), edited(), passed(), response=FIXED)
    await desk.database.execute(
        "ALTER TABLE knowledge_items ADD CONSTRAINT whole CHECK (project <> 'damaged')"
    )
    with pytest.raises(InvalidArgumentError, match="whole"):
        await desk.lessons.catch_up()
    assert [item.project for item in await desk.knowledge.page(None, 10)] == [desk.project]
    await desk.database.execute("ALTER TABLE knowledge_items DROP CONSTRAINT whole")
    await desk.lessons.catch_up()
    assert len(await desk.knowledge.page(None, 10)) == 2


async def test_a_pattern_that_was_followed_gets_the_pitfall(desk: Desk) -> None:
    patterns, ids = CollectionName.SKILLS_PATTERNS, {}
    for name, origin in (("followed", Origin.PATTERN), ("shown", Origin.PATTERN)):
        new = NewKnowledge(patterns, "shop", f"Rename: {name}", "Rename it everywhere.", {"a": "b"})
        ids[name], _ = await desk.knowledge.store(new, origin=origin)
    stated = NewKnowledge(patterns, "shop", "Rename: stated", "Rename it everywhere.", {})
    ids["stated"], _ = await desk.knowledge.store(stated)
    shown = tuple(ids.values())
    turn = await desk.turn(failed(), edited(), passed(), response=FIXED, shown=shown)
    await desk.database.execute(
        "UPDATE exposures SET cited = true WHERE item_id = ANY ($1)",
        [ids["followed"], ids["stated"]],
    )

    await desk.lessons.learn(turn)
    before = await desk.versions()
    await desk.lessons.learn(turn)

    assert await desk.versions() == before
    items = {item.id: item for item in await desk.knowledge.get_many(shown)}
    (said,) = items[ids["followed"]].fields["pitfalls"]
    assert said.startswith(f"{IMPORT_TITLE}: The import failed because")
    assert items[ids["followed"]].fields["a"] == "b"
    assert "pitfalls" not in items[ids["shown"]].fields
    assert "pitfalls" not in items[ids["stated"]].fields


async def test_two_coordinators_that_look_at_once_keep_one_entry(desk: Desk) -> None:
    turns = [
        await desk.turn(failed(), edited(), passed(), response=FIXED, session=f"s{number}")
        for number in range(6)
    ]
    learners = [desk.learner(), desk.learner()]
    await asyncio.gather(*(learner.learn(turn) for turn in turns for learner in learners))
    item = await desk.only()
    assert item.fields["success_count"] == len(turns)
    assert item.fields["confidence_score"] == confidence(len(turns), 0)
    assert await desk.unexamined() == 0


async def test_two_coordinators_that_learn_two_solutions_at_once_keep_both(desk: Desk) -> None:
    reinstall = ran("pip install --force-reinstall shop-ext")
    one = await desk.turn(failed(), edited(), passed(), response=FIXED, session="s1")
    other = await desk.turn(failed(), reinstall, passed(), response=OTHER_FIX, session="s2")
    await asyncio.gather(desk.learner().learn(one), desk.learner().learn(other))
    first, second = await desk.entries()
    assert (first.title, second.title) == (IMPORT_TITLE, f"{IMPORT_TITLE} (solution 2)")
    assert {first.content.split(".")[0], second.content.split(".")[0]} == {
        text.split(".")[0] for text in (FIXED, OTHER_FIX)
    }


async def test_what_was_interrupted_anywhere_is_finished_later(desk: Desk) -> None:
    """Every write is cut off once: what is kept in the end is what is kept without that."""
    turn = await desk.turn(failed(), edited("/w/a.py"), failed())
    await desk.lessons.catch_up()
    await desk.turn(edited(), passed(), response=FIXED)
    writes = (
        "knowledge_items",
        "knowledge_evidence",
        "interactions",
    )
    for table in writes:
        await desk.database.execute(
            f"CREATE FUNCTION refuse_{table}() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the power is gone'; END $$;"
            f"CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON {table} "
            f"EXECUTE FUNCTION refuse_{table}()"
        )
        with pytest.raises(StorageError):
            await desk.lessons.catch_up()
        await desk.database.execute(f"DROP TRIGGER refuse ON {table}")
    await desk.lessons.catch_up()
    item = await desk.only()
    assert item.fields["solution_verified"] is True
    assert item.fields["success_count"] == 1
    assert turn not in dict(await desk.knowledge.evidence(item.id))
