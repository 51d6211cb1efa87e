"""What is proposed, from how much, how often, and what a crash or a second coordinator changes."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys

import asyncpg
import pytest

from hybrid_coordinator.domain.interactions import OutcomeKind
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import NewKnowledge, Origin
from hybrid_coordinator.domain.skills import Member, ProposalKind, ProposalState
from hybrid_coordinator.learning.skills.kinds import held_out
from hybrid_coordinator.storage.postgres.forgetting import Forgetting
from tests.learning.skills.conftest import RELEASE, Shop

FAILURE = OutcomeKind.FAILURE


async def test_a_task_done_three_times_in_two_sessions_is_proposed_and_not_yet_known(
    shop: Shop,
) -> None:
    members = await shop.releases()
    failed = await shop.release(FAILURE)
    await shop.did("Explain how the connection pool decides which connection to close")
    (found,) = await shop.discovery.discover()
    proposal = await shop.skills.get(found)
    assert proposal is not None
    assert (proposal.kind, proposal.state) == (ProposalKind.NEW, ProposalState.PROPOSED)
    assert proposal.title == "Bump the version of package … to … and update the changelog"
    assert "Wrote the changelog entry" in proposal.content
    assert (proposal.members, proposal.sessions, proposal.successes, proposal.failures) == (
        4,
        2,
        3,
        1,
    )
    quoting = Member(held_out=False, quoted=True)
    assert await shop.skills.members(found) == dict.fromkeys([*members, failed], quoting)
    assert await shop.entries() == []


@pytest.mark.parametrize(
    "work",
    [
        [("monday", 1.0), ("tuesday", 1.0)],
        [("monday", 1.0), ("monday", 1.0), ("monday", 1.0)],
        [("monday", 1.0), (None, 1.0), (None, 1.0)],
        [("monday", 1.0), ("tuesday", 0.4), ("tuesday", 0.4)],
    ],
    ids=["two members", "one session", "sessions unknown", "one success for sure"],
)
async def test_less_evidence_proposes_nothing(
    shop: Shop, work: list[tuple[str | None, float]]
) -> None:
    for at, (session, confidence) in enumerate(work):
        await shop.did(RELEASE.format("parser", at), session=session, confidence=confidence)
    assert await shop.discovery.discover() == []


async def test_a_project_that_cannot_be_searched_holds_up_no_other(shop: Shop) -> None:
    await shop.releases()
    await shop.database.execute("UPDATE interactions SET project = 'a damaged one'")
    await shop.releases()
    await shop.database.execute(
        "ALTER TABLE skill_proposals ADD CONSTRAINT whole CHECK (project <> 'a damaged one')"
    )
    (found,) = await shop.discovery.discover()
    proposal = await shop.skills.get(found)
    assert proposal is not None
    assert proposal.project != "a damaged one"
    await shop.database.execute("ALTER TABLE skill_proposals DROP CONSTRAINT whole")
    assert len(await shop.discovery.discover()) == 1


async def test_failures_alone_propose_nothing(shop: Shop) -> None:
    for session in ("monday", "tuesday", "wednesday"):
        await shop.release(FAILURE, session)
    await shop.release(session="friday")
    assert await shop.discovery.discover() == []


async def test_what_says_nothing_is_no_skill(shop: Shop) -> None:
    for session in ("monday", "tuesday", "wednesday"):
        await shop.did("run the tests again", session=session)
    assert await shop.discovery.discover() == []


async def test_a_pass_proposes_one_skill_and_none_twice(shop: Shop) -> None:
    await shop.releases()
    for name, session in (("parse_date", "monday"), ("parse_time", "tuesday"), ("fold", "friday")):
        await shop.did(f"Write unit tests that cover every branch of `{name}`", session=session)
    titles = []
    for _ in range(4):
        for found in await shop.discovery.discover():
            proposal = await shop.skills.get(found)
            assert proposal is not None
            titles.append(proposal.title)
        await shop.release()  # news
    assert sorted(titles) == [
        "Bump the version of package … to … and update the changelog",
        "Write unit tests that cover every branch of",
    ]


async def test_without_news_nothing_is_searched(shop: Shop) -> None:
    await shop.did("Bump everything")
    assert await shop.discovery.discover() == []
    assert await shop.skills.due(5) == []
    await shop.did("Bump everything else")
    assert len(await shop.skills.due(5)) == 1
    assert await shop.skills.due(0) == []  # as many wait for a person already


async def test_of_two_coordinators_one_proposes(shop: Shop) -> None:
    await shop.releases()
    found = await asyncio.gather(*(shop.another().discover() for _ in range(4)))
    assert sum(map(len, found)) == 1
    assert len(await shop.skills.page(None)) == 1


_KILLED = """
import asyncio, sys
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.forgetting import Forgetting
from tests.learning.skills.conftest import Shop

async def main():
    database = await Database.connect(sys.argv[1], timeout=120)
    await Shop(database).discovery.discover()

asyncio.run(main())
"""


async def _until_waiting(watching: asyncpg.Connection) -> None:
    waiting = (
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'skill_members'::regclass"
    )
    while not await watching.fetchval(waiting):
        await asyncio.sleep(0.01)


async def test_killed_in_the_midst_of_a_pass_nothing_is_half_and_the_next_one_proposes(
    shop: Shop, dsn: str
) -> None:
    await shop.releases()
    holding = await asyncpg.connect(dsn)
    watching = await asyncpg.connect(dsn)
    process = subprocess.Popen([sys.executable, "-c", _KILLED, dsn])
    try:
        # The pass comes as far as the members; mark and proposal are written, and not committed.
        async with asyncio.timeout(60), holding.transaction():
            await holding.execute("LOCK TABLE skill_members IN EXCLUSIVE MODE")
            await _until_waiting(watching)
            process.send_signal(signal.SIGKILL)
            await asyncio.to_thread(process.wait)
    finally:
        process.kill()
        process.wait()
        await holding.close()
        await watching.close()
    assert await shop.skills.page(None) == []
    assert len(await shop.discovery.discover()) == 1


async def test_a_search_runs_when_it_is_woken(shop: Shop) -> None:
    discovery = shop.another()
    running = asyncio.create_task(discovery.run())
    try:
        await shop.releases()
        discovery.wake()
        async with asyncio.timeout(60):
            while not await shop.skills.page(None):
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_rejected_and_retired_skills_are_not_proposed_again(shop: Shop) -> None:
    await shop.releases()
    (rejected,) = await shop.discovery.discover()
    await shop.review.reject(rejected)
    await shop.release()
    assert await shop.discovery.discover() == []

    for name in ("orders", "users", "items"):
        await shop.did(f"Add an index to the {name} table for the slow report query", session=name)
    (other,) = await shop.discovery.discover()
    item = await shop.review.accept(other)
    await shop.review.retire(item.id, "the reports are gone")
    for name in ("shops", "parts", "bills", "plans"):
        await shop.did(f"Add an index to the {name} table for the slow report query", session=name)
    assert await shop.discovery.discover() == []


async def test_a_deleted_interaction_takes_what_quotes_it_along(shop: Shop) -> None:
    await shop.releases(8)
    (found,) = await shop.discovery.discover()
    members = await shop.skills.members(found)
    spare = [key for key, member in members.items() if not member.quoted]
    assert len(spare) >= 3
    for key in spare:
        await shop.database.execute("DELETE FROM interactions WHERE id = $1", key)
    assert len(await shop.skills.page(None)) == 1
    quoted = next(key for key, member in members.items() if member.quoted)
    await shop.database.execute("DELETE FROM interactions WHERE id = $1", quoted)
    assert await shop.skills.page(None) == []
    await shop.release()
    assert len(await shop.discovery.discover()) == 1


async def test_a_proposal_goes_when_it_would_rest_on_too_little(shop: Shop) -> None:
    await shop.releases(4)
    await shop.discovery.discover()
    await shop.database.execute("UPDATE skill_members SET quoted = false")
    for left, proposals in ((3, 1), (2, 0)):
        await shop.database.execute(
            "DELETE FROM interactions WHERE id = (SELECT interaction_id FROM skill_members LIMIT 1)"
        )
        assert len(await shop.interactions.page(None, 9)) == left
        assert len(await shop.skills.page(None)) == proposals


async def test_forgetting_on_purpose_takes_a_skill_that_quotes_it(shop: Shop) -> None:
    await shop.releases(8)
    (found,) = await shop.discovery.discover()
    item = await shop.review.accept(found)
    members = await shop.skills.members(found)
    forgetting = Forgetting(shop.database)
    await forgetting.delete([next(key for key, one in members.items() if not one.quoted)])
    assert await shop.entries() == [item.title]
    await forgetting.delete([next(key for key, one in members.items() if one.quoted)])
    assert await shop.entries() == []
    assert await shop.skills.page(None) == []


async def test_a_forgotten_skill_leaves_no_proposal_behind(shop: Shop) -> None:
    await shop.releases()
    (found,) = await shop.discovery.discover()
    item = await shop.review.accept(found)
    await Forgetting(shop.database).delete([item.id])
    assert await shop.skills.page(None) == []


async def test_a_skill_that_a_person_edited_is_not_revised(shop: Shop) -> None:
    item = await _poor_skill(shop)
    await shop.knowledge.change(
        item, content="Ask Tom.", origin=Origin.STATED, reason="edited by hand"
    )
    await shop.database.execute(
        "INSERT INTO skill_proposals (id, project, kind, item_id, title, content, fields, members,"
        " sessions, successes, failures, state) VALUES (gen_random_uuid(), 'app', 'new', $1, 'x',"
        " 'x', '{}', 3, 2, 2, 0, 'accepted')",
        item,
    )
    await _held_out_releases(shop, 2)
    assert await shop.discovery.discover() == []


async def test_a_skill_whose_evidence_was_deleted_is_not_proposed_beside_itself(shop: Shop) -> None:
    await shop.releases()
    (found,) = await shop.discovery.discover()
    item = await shop.review.accept(found)
    await shop.database.execute("DELETE FROM interactions")
    assert await shop.knowledge.evidence(item.id) == []
    await shop.releases(2)
    await shop.release(OutcomeKind.PARTIAL)
    assert await shop.discovery.discover() == []


async def _releases_to_learn_from(shop: Shop, count: int) -> None:
    """So many releases in several sessions, none of which is held out."""
    while count:
        key = await shop.release(session=f"day {count}")
        if held_out(key):
            await shop.database.execute("DELETE FROM interactions WHERE id = $1", key)
        else:
            count -= 1


async def test_a_kind_that_cannot_be_judged_yet_does_not_hold_up_the_next(shop: Shop) -> None:
    await _releases_to_learn_from(shop, 3)
    (first,) = await shop.discovery.discover()
    await shop.review.accept(first)
    await _releases_to_learn_from(shop, 5)  # news, and nothing to judge another version by
    for name in ("orders", "users", "items"):
        await shop.did(f"Add an index to the {name} table for the slow report query", session=name)
    (found,) = await shop.discovery.discover()
    proposal = await shop.skills.get(found)
    assert proposal is not None
    assert proposal.title == "Add an index to the … table for the slow report query"


async def test_secrets_and_titles_that_are_taken_are_kept_out(shop: Shop) -> None:
    secret = "ghp_" + "Zx9Qw8Er7Ty6Ui5Op4As3Df2Gh1Jk0LzXcVb"
    for at, session in enumerate(("monday", "tuesday", "friday")):
        await shop.did(RELEASE.format("parser", at), session=session, response=f"Used {secret}")
    title = "Bump the version of package parser to … and update the changelog"
    await shop.knowledge.store(
        NewKnowledge(CollectionName.SKILLS_PATTERNS, "app", title, "By hand.")
    )
    (found,) = await shop.discovery.discover()
    proposal = await shop.skills.get(found)
    assert proposal is not None
    assert proposal.title == f"{title} (2)"
    assert secret not in proposal.content
    await shop.review.accept(found)
    assert sorted(await shop.entries()) == [title, f"{title} (2)"]


async def test_commands_that_went_well_each_time_are_named(shop: Shop) -> None:
    for at, session in enumerate(("monday", "tuesday", "friday")):
        ran = ["make check", "make release", f"echo {at}"]
        await shop.did(RELEASE.format("parser", at), session=session, commands=ran)
    (found,) = await shop.discovery.discover()
    proposal = await shop.skills.get(found)
    assert proposal is not None
    assert "Commands that went well:\n- make check\n- make release\n" in proposal.content
    assert "echo" not in proposal.content


async def _held_out_releases(shop: Shop, count: int) -> None:
    """Releases until so many of them are held out, and three are not."""
    held = kept = 0
    while held < count or kept < 3:
        if held_out(await shop.release(session=f"day {held + kept}")):
            held += 1
        else:
            kept += 1


async def _poor_skill(shop: Shop) -> str:
    """An accepted skill of the releases whose text nobody would find it by."""
    await shop.releases()
    (found,) = await shop.discovery.discover()
    members = await shop.skills.members(found)
    await shop.review.reject(found)
    await shop.database.execute("DELETE FROM skill_proposals")
    item, _ = await shop.knowledge.store(
        NewKnowledge(CollectionName.SKILLS_PATTERNS, "app", "Ritual", "Ask Tom about it."),
        origin=Origin.SKILL,
        evidence=list(members),
    )
    return item


async def test_a_better_version_of_a_skill_is_proposed_and_becomes_the_next_one(shop: Shop) -> None:
    item = await _poor_skill(shop)
    for place in ("page", "chapter", "list", "note"):
        await shop.did(f"Translate the {place} about versions of the changelog to French")
    await _held_out_releases(shop, 2)
    (found,) = await shop.discovery.discover()
    proposal = await shop.skills.get(found)
    assert proposal is not None
    assert proposal.state is ProposalState.PROPOSED
    assert (proposal.kind, proposal.item_id, proposal.base_version) == (
        ProposalKind.REVISION,
        item,
        1,
    )
    assert proposal.replay is not None
    assert proposal.replay.new > proposal.replay.old
    assert proposal.replay.successes >= 2
    members = await shop.skills.members(found)
    judging = {key for key, member in members.items() if member.held_out}
    assert judging == set(filter(held_out, members))
    assert not any(members[key].quoted for key in judging)

    shown = await shop.review.show(found)
    assert "-Ask Tom about it." in shown.diff
    changed = await shop.review.accept(found)
    assert (changed.id, changed.version, changed.content) == (item, 2, proposal.content)
    assert changed.title == "Ritual"
    assert {key for key, _ in await shop.knowledge.evidence(item)} >= set(members)


async def test_a_version_that_is_found_no_better_is_rejected_with_its_figures(shop: Shop) -> None:
    await shop.releases()
    (first,) = await shop.discovery.discover()
    item = await shop.review.accept(first)
    await _held_out_releases(shop, 2)
    (found,) = await shop.discovery.discover()
    proposal = await shop.skills.get(found)
    assert proposal is not None
    assert proposal.state is ProposalState.REJECTED
    assert "does not win on held-out replay" in proposal.reason
    assert proposal.replay is not None
    assert proposal.replay.new <= proposal.replay.old
    (now,) = await shop.knowledge.get_many([item.id])
    assert now.version == 1
    # It was tried with these; two more successes are no reason to try again.
    await shop.releases(2)
    assert await shop.discovery.discover() == []
