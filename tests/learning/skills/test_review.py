"""Accepting, editing, rejecting and retiring; nothing is found before it is accepted."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from hybrid_coordinator.domain.interactions import OutcomeKind
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import Delta, KnowledgeItem, NewKnowledge, Origin
from hybrid_coordinator.domain.skills import Proposal, ProposalState
from hybrid_coordinator.errors import InvalidArgumentError, NotFoundError
from tests.learning.skills.conftest import Shop


async def proposed(shop: Shop) -> str:
    await shop.releases()
    await shop.release(OutcomeKind.FAILURE)
    (found,) = await shop.discovery.discover()
    return found


async def test_an_accepted_proposal_becomes_an_entry_that_names_its_evidence(shop: Shop) -> None:
    found = await proposed(shop)
    item = await shop.review.accept(found)
    assert await shop.entries() == [item.title]
    assert (item.version, item.delta, item.origin) == (1, Delta.ADD, Origin.SKILL)
    assert item.fields["value_score"] == 0.8
    supports = [speaks_for for _, speaks_for in await shop.knowledge.evidence(item.id)]
    assert sorted(supports) == [False, True, True, True]
    assert shop.woken == 1
    proposal = await shop.skills.get(found)
    assert proposal is not None
    assert (proposal.state, proposal.item_id) == (ProposalState.ACCEPTED, item.id)
    with pytest.raises(NotFoundError, match=f"is accepted already; its entry is {item.id}"):
        await shop.review.accept(found)


async def test_accepting_again_after_a_crash_in_between_finishes_it(shop: Shop) -> None:
    found = await proposed(shop)
    proposal = await shop.skills.get(found)
    assert proposal is not None
    # As far as the entry, and no further.
    await shop.knowledge.store(
        NewKnowledge(
            *(CollectionName.SKILLS_PATTERNS, "app", proposal.title, proposal.content),
            proposal.fields,
        ),
        origin=Origin.SKILL,
    )
    item = await shop.review.accept(found)
    assert item.version == 1
    assert len(await shop.knowledge.evidence(item.id)) == 4


async def test_two_who_accept_at_once_make_one_entry(shop: Shop) -> None:
    found = await proposed(shop)
    done = await asyncio.gather(
        *(shop.review.accept(found) for _ in range(4)), return_exceptions=True
    )
    items = [each for each in done if isinstance(each, KnowledgeItem)]
    assert items
    assert {(item.id, item.version) for item in items} == {(items[0].id, 1)}
    assert all(isinstance(each, KnowledgeItem | NotFoundError) for each in done)


async def test_a_title_that_was_taken_since_is_not_overwritten(shop: Shop) -> None:
    found = await proposed(shop)
    proposal = await shop.skills.get(found)
    assert proposal is not None
    stated = NewKnowledge(CollectionName.SKILLS_PATTERNS, "app", proposal.title, "By hand.")
    key, _ = await shop.knowledge.store(stated)
    with pytest.raises(InvalidArgumentError, match="stored or retired since"):
        await shop.review.accept(found)
    (item,) = await shop.knowledge.get_many([key])
    assert (item.content, item.origin) == ("By hand.", Origin.STATED)


async def test_an_edit_before_acceptance_is_what_is_accepted(shop: Shop) -> None:
    found = await proposed(shop)
    edited = await shop.review.edit(found, "Run make release.")
    assert isinstance(edited, Proposal)
    item = await shop.review.accept(found)
    assert item.content == "Run make release."
    again = await shop.review.edit(item.id, "Run make release, then push.")
    assert isinstance(again, KnowledgeItem)
    assert (again.version, again.delta, again.content) == (
        2,
        Delta.UPDATE,
        "Run make release, then push.",
    )
    with pytest.raises(NotFoundError, match="is accepted already"):
        await shop.review.edit(found, "too late")


async def test_a_retired_skill_is_a_tombstone_with_its_reason(shop: Shop) -> None:
    found = await proposed(shop)
    item = await shop.review.accept(found)
    retired = await shop.review.retire(found, "we release by a bot now")
    assert (retired.id, retired.delta, retired.reason) == (
        item.id,
        Delta.DEPRECATE,
        "we release by a bot now",
    )
    assert await shop.entries() == []
    proposal = await shop.skills.get(found)
    assert proposal is not None
    assert proposal.state is ProposalState.RETIRED
    for key in (found, item.id):
        with pytest.raises(NotFoundError):
            await shop.review.retire(key, "again")


async def test_evidence_is_shown_for_a_proposal_and_for_its_entry(shop: Shop) -> None:
    found = await proposed(shop)
    before = await shop.review.show(found)
    assert before.proposal is not None
    assert before.item is None
    assert sorted(one.supports for one in before.evidence) == [False, True, True, True]
    item = await shop.review.accept(found)
    after = await shop.review.show(item.id)
    assert after.item == item
    assert [one.id for one in after.history] == [found]
    assert {one.interaction.id for one in after.evidence} == {
        one.interaction.id for one in before.evidence
    }
    everything = await shop.review.all("app")
    assert (len(everything.proposals), len(everything.items)) == (1, 1)
    assert await shop.review.all("other") == type(everything)((), ())


async def test_a_revision_of_what_has_changed_since_is_refused(shop: Shop) -> None:
    found = await proposed(shop)
    item = await shop.review.accept(found)
    await shop.database.execute(
        "INSERT INTO skill_proposals (id, project, kind, item_id, base_version, title, content,"
        " fields, members, sessions, successes, failures, state)"
        " SELECT gen_random_uuid(), project, 'revision', item_id, 1, title, 'better', fields,"
        " members, sessions, successes, failures, 'proposed' FROM skill_proposals"
    )
    (revision,) = [one for one in await shop.skills.page(None) if one.content == "better"]
    await shop.review.edit(item.id, "By hand.")
    with pytest.raises(InvalidArgumentError, match="at version 2 now"):
        await shop.review.accept(revision.id)
    await shop.review.retire(item.id, "gone")
    with pytest.raises(InvalidArgumentError, match="taken out of use"):
        await shop.review.accept(revision.id)


async def test_unknown_ids_and_blank_words_are_refused(shop: Shop) -> None:
    nowhere = str(uuid.uuid4())
    for call in (
        *(shop.review.show(nowhere), shop.review.accept(nowhere), shop.review.reject(nowhere)),
        *(shop.review.edit(nowhere, "x"), shop.review.retire(nowhere, "x")),
    ):
        with pytest.raises(NotFoundError, match=nowhere):
            await call
    with pytest.raises(InvalidArgumentError, match="is no id"):
        await shop.review.show("first")
    with pytest.raises(InvalidArgumentError, match="content: is blank"):
        await shop.review.edit(nowhere, " ")
    with pytest.raises(InvalidArgumentError, match="reason: is blank"):
        await shop.review.retire(nowhere, "")
    stated, _ = await shop.knowledge.store(
        NewKnowledge(CollectionName.SKILLS_PATTERNS, "app", "Stated", "by hand")
    )
    with pytest.raises(NotFoundError, match="no skill has the id"):
        await shop.review.retire(stated, "not ours")
