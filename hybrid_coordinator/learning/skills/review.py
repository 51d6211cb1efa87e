"""What a person does with skills: look at them and their evidence, accept, edit, reject, retire."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass

from hybrid_coordinator.domain.interactions import Interaction, OutcomeKind
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import KnowledgeItem, NewKnowledge, Origin
from hybrid_coordinator.domain.skills import Proposal, ProposalKind, ProposalState
from hybrid_coordinator.errors import InvalidArgumentError, NotFoundError
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords
from hybrid_coordinator.storage.postgres.skills import SkillRecords


@dataclass(frozen=True, slots=True)
class Skills:
    """The proposals and the entries that came from them, latest first."""

    proposals: tuple[Proposal, ...]
    items: tuple[KnowledgeItem, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """An interaction that a skill rests on; ``supports`` is whether it speaks for the skill."""

    interaction: Interaction
    supports: bool
    held_out: bool


@dataclass(frozen=True, slots=True)
class SkillDetails:
    """A proposal or an entry, whichever was asked for, with what it rests on. ``diff`` (unified,
    by line) is from the entry in use to a revision."""

    proposal: Proposal | None
    item: KnowledgeItem | None
    evidence: tuple[Evidence, ...]
    history: tuple[Proposal, ...]
    diff: str = ""


class SkillReview:
    """Decides proposals. What is accepted becomes knowledge, and only then can be found."""

    def __init__(
        self,
        skills: SkillRecords,
        interactions: InteractionRecords,
        knowledge: KnowledgeRecords,
        wake: Callable[[], None],
    ) -> None:
        """``wake`` tells the projection into the index that there is something new."""
        self._skills = skills
        self._interactions = interactions
        self._knowledge = knowledge
        self._wake = wake

    async def all(self, project: str | None) -> Skills:
        """What is proposed, was rejected, and was accepted, in a project or in all."""
        proposals = await self._skills.page(project)
        return Skills(tuple(proposals), tuple(await self._skills.items(project)))

    async def counts(self, project: str | None) -> dict[str, int]:
        """How many proposals are in each state."""
        return await self._skills.counts(project)

    async def show(self, id: str) -> SkillDetails:  # noqa: A002 - what it is
        """A proposal or an entry with its evidence.

        Raises:
            NotFoundError: no skill has this id.
        """
        proposal = await self._skills.get(id)
        if proposal is None:
            return await self._show_item(await self._entry(id))
        members = await self._skills.members(id)
        rows = await self._interactions.get_many(list(members))
        item = None
        if proposal.item_id is not None:
            item = next(iter(await self._knowledge.get_many([proposal.item_id])), None)
        evidence = tuple(
            Evidence(row, _ended(row) is OutcomeKind.SUCCESS, members[row.id].held_out)
            for row in rows
        )
        revises = proposal.kind is ProposalKind.REVISION and item is not None
        diff = _diff(item.content, proposal.content) if revises and item is not None else ""
        return SkillDetails(proposal, item, evidence, (), diff)

    async def _show_item(self, item: KnowledgeItem) -> SkillDetails:
        supports = dict(await self._knowledge.evidence(item.id))
        rows = await self._interactions.get_many(list(supports))
        evidence = tuple(Evidence(row, supports[row.id], held_out=False) for row in rows)
        return SkillDetails(None, item, evidence, tuple(await self._skills.of_item(item.id)))

    async def accept(self, id: str) -> KnowledgeItem:  # noqa: A002 - what it is
        """Make a proposal an entry, or a revision the next version of its entry. Again after a
        crash in between, it finishes what was begun.

        Raises:
            NotFoundError: there is no undecided proposal of this id.
            InvalidArgumentError: its entry has changed since, or was taken out of use.
        """
        proposal = await self._undecided(id)
        item = await (
            self._accept_new(proposal)
            if proposal.kind is ProposalKind.NEW
            else self._accept_revision(proposal)
        )
        members = await self._interactions.get_many(list(await self._skills.members(id)))
        for kind, supports in ((OutcomeKind.SUCCESS, True), (OutcomeKind.FAILURE, False)):
            ids = [row.id for row in members if _ended(row) is kind]
            await self._knowledge.support(item.id, ids, supports=supports)
        await self._skills.decide(id, ProposalState.ACCEPTED, item=item.id)
        self._wake()
        return item

    async def _accept_new(self, proposal: Proposal) -> KnowledgeItem:
        entry, _ = await self._knowledge.store(
            NewKnowledge(
                CollectionName.SKILLS_PATTERNS,
                proposal.project,
                proposal.title,
                proposal.content,
                proposal.fields,
            ),
            origin=Origin.SKILL,
        )
        (item,) = await self._knowledge.get_many([entry])
        if item.deprecated or item.content != proposal.content:
            raise InvalidArgumentError(
                "id",
                f"an entry named {proposal.title!r} was stored or retired since; reject this "
                "proposal, the next one has another name",
            )
        return item

    async def _accept_revision(self, proposal: Proposal) -> KnowledgeItem:
        assert proposal.item_id is not None  # the record holds no revision without
        (item,) = await self._knowledge.get_many([proposal.item_id]) or (None,)
        if item is None or item.deprecated:
            raise InvalidArgumentError("id", "its skill was taken out of use; reject this revision")
        reason = f"revision {proposal.id}"
        if item.reason == reason:
            return item
        if item.version != proposal.base_version:
            raise InvalidArgumentError(
                "id",
                f"its skill is at version {item.version} now, and the replay compared version "
                f"{proposal.base_version}; reject this revision",
            )
        return await self._knowledge.change(
            item.id, content=proposal.content, fields=proposal.fields, reason=reason
        )

    async def edit(self, id: str, content: str) -> Proposal | KnowledgeItem:  # noqa: A002
        """Give an undecided proposal, or an entry in use, another text.

        Raises:
            NotFoundError: there is none of this id.
            InvalidArgumentError: the text is blank.
        """
        if not content.strip():
            raise InvalidArgumentError("content", "is blank; give it some text")
        proposal = await self._skills.edit(id, content)
        if proposal is not None:
            return proposal
        if (decided := await self._skills.get(id)) is not None:
            raise NotFoundError(_decided(decided))
        item = await self._entry(id)
        changed = await self._knowledge.change(item.id, content=content, reason="edited")
        self._wake()
        return changed

    async def reject(self, id: str) -> Proposal:  # noqa: A002 - what it is
        """Turn a proposal down; its tasks are not proposed again.

        Raises:
            NotFoundError: there is no undecided proposal of this id.
        """
        await self._undecided(id)
        rejected = await self._skills.decide(id, ProposalState.REJECTED, reason="by hand")
        return rejected or await self._undecided(id)  # which raises: somebody was quicker

    async def retire(self, id: str, reason: str) -> KnowledgeItem:  # noqa: A002 - what it is
        """Take an accepted skill out of use, by its own id or that of its proposal.

        Raises:
            NotFoundError: no skill in use has this id.
            InvalidArgumentError: the reason is blank.
        """
        if not reason.strip():
            raise InvalidArgumentError("reason", "is blank; say why, it is kept with the skill")
        proposal = await self._skills.get(id)
        if proposal is not None and proposal.state is not ProposalState.ACCEPTED:
            raise NotFoundError(f"proposal {id} is {proposal.state}, not accepted; see `skills`")
        item = await self._entry((proposal and proposal.item_id) or id)
        await self._knowledge.deprecate(item.id, reason)
        await self._skills.retire(item.id, reason)
        self._wake()
        (retired,) = await self._knowledge.get_many([item.id])
        return retired

    async def _entry(self, id: str) -> KnowledgeItem:  # noqa: A002 - what it is
        for item in await self._knowledge.get_many([id]):
            if item.origin is Origin.SKILL:
                return item
        raise NotFoundError(f"no skill has the id {id}; `hybrid-coordinator skills` lists them")

    async def _undecided(self, id: str) -> Proposal:  # noqa: A002 - what it is
        proposal = await self._skills.get(id)
        if proposal is None:
            raise NotFoundError(
                f"no proposal has the id {id}; `hybrid-coordinator skills` lists them"
            )
        if proposal.state is not ProposalState.PROPOSED:
            raise NotFoundError(_decided(proposal))
        return proposal


def _decided(proposal: Proposal) -> str:
    entry = f"; its entry is {proposal.item_id}" if proposal.item_id else ""
    return f"proposal {proposal.id} is {proposal.state} already{entry}"


def _ended(row: Interaction) -> OutcomeKind:
    return OutcomeKind.UNKNOWN if row.outcome is None else row.outcome.kind


def _diff(old: str, new: str) -> str:
    lines = (old.splitlines(), new.splitlines())
    return "\n".join(difflib.unified_diff(*lines, "in use", "proposed", lineterm=""))
