"""Skills that are proposed, what they rest on, and what was decided of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from hybrid_coordinator.domain.interactions import OutcomeKind
from hybrid_coordinator.domain.jobs import JobChanges, JobOrder
from hybrid_coordinator.domain.knowledge import KnowledgeItem
from hybrid_coordinator.domain.skills import (
    WORDING,
    Covered,
    Member,
    NewProposal,
    Proposal,
    ProposalKind,
    ProposalState,
    Replay,
    Task,
)
from hybrid_coordinator.storage.postgres.database import Database, Row
from hybrid_coordinator.storage.postgres.ids import new_id, parse_id, parse_ids
from hybrid_coordinator.storage.postgres.jobs import JobRecords
from hybrid_coordinator.storage.postgres.knowledge import knowledge_item
from hybrid_coordinator.storage.postgres.queries import load_queries


@dataclass(frozen=True, slots=True)
class Due:
    """A project with news: its outcomes after ``seen`` up to ``newest`` are not looked at yet."""

    project: str
    seen: int
    newest: int


@dataclass(frozen=True, slots=True)
class _Queries:
    due: str
    tasks: str
    commands: str
    covered: str
    neighbours: str
    claim: str
    add: str
    add_members: str
    page: str
    get: str
    of_item: str
    items: str
    members: str
    edit: str
    reword: str
    decide: str
    retire: str
    counts: str


class SkillRecords:
    """Proposals of skills. Ids are UUID strings."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs = JobRecords(database)
        self._queries = load_queries("skills", _Queries)

    async def due(self, waiting: int) -> list[Due]:
        """Projects with outcomes since they were last searched, but for those where ``waiting``
        proposals or more are undecided."""
        rows = await self._database.fetch(self._queries.due, waiting)
        return [Due(row["project"], row["seen"], row["newest"]) for row in rows]

    async def tasks(self, project: str, limit: int, characters: int) -> list[Task]:
        """At most ``limit`` tasks with a known outcome, latest first, cut to ``characters``."""
        rows = await self._database.fetch(self._queries.tasks, project, limit, characters)
        return [
            Task(
                str(row["id"]),
                row["query"],
                row["session_id"],
                OutcomeKind(row["outcome"]),
                row["outcome_confidence"],
            )
            for row in rows
        ]

    async def commands(self, ids: Sequence[str]) -> dict[str, list[str]]:
        """The commands that went well in each interaction, where there are any."""
        rows = await self._database.fetch(self._queries.commands, parse_ids("ids", ids))
        return {str(row["interaction_id"]): list(row["commands"]) for row in rows}

    async def covered(self, project: str) -> list[Covered]:
        """What the skills and proposals of a project rest on and quote."""
        rows = await self._database.fetch(self._queries.covered, project)
        return [
            Covered(
                None if row["item_id"] is None else str(row["item_id"]),
                row["closed"],
                frozenset(map(str, row["interaction_ids"])),
                tuple(map(str, row["examples"] or ())),
            )
            for row in rows
        ]

    async def neighbours(self, project: str, item: str, limit: int) -> list[KnowledgeItem]:
        """Other entries that questions of a project may find, latest first."""
        rows = await self._database.fetch(
            self._queries.neighbours, project, parse_id("item", item), limit
        )
        return [knowledge_item(row) for row in rows]

    async def finish(self, due: Due, found: NewProposal | None) -> str | None:
        """Note that a project was searched, and what was found, both or neither, with the job to
        word it if it is new. Returns the proposal's id; None where nothing was found, or where
        another pass was quicker."""
        async with self._database.transaction() as session:
            claimed = await session.fetch_value(
                self._queries.claim, due.project, due.seen, due.newest
            )
            if not claimed or found is None:
                return None
            proposal = new_id()
            await session.execute(
                self._queries.add,
                proposal,
                found.project,
                found.kind,
                None if found.item_id is None else parse_id("item_id", found.item_id),
                found.base_version,
                found.title,
                found.content,
                dict(found.fields),
                len(found.members),
                found.sessions,
                found.successes,
                found.failures,
                None if found.replay is None else asdict(found.replay),
                found.state,
                found.reason,
            )
            await session.execute(
                self._queries.add_members,
                proposal,
                parse_ids("members", found.members),
                [member.held_out for member in found.members.values()],
                [member.quoted for member in found.members.values()],
            )
            if found.kind is ProposalKind.NEW:
                order = JobOrder(WORDING, str(proposal), found.project)
                await self._jobs.apply(JobChanges((order,)), session)
        return str(proposal)

    async def page(self, project: str | None) -> list[Proposal]:
        """Every proposal of a project, or of all, latest first."""
        rows = await self._database.fetch(self._queries.page, project)
        return [_proposal(row) for row in rows]

    async def counts(self, project: str | None) -> dict[str, int]:
        """How many proposals are in each state; states without any are left out."""
        rows = await self._database.fetch(self._queries.counts, project)
        return {row["state"]: row["times"] for row in rows}

    async def get(self, proposal: str) -> Proposal | None:
        """The proposal of this id."""
        rows = await self._database.fetch(self._queries.get, parse_id("id", proposal))
        return _proposal(rows[0]) if rows else None

    async def of_item(self, item: str) -> list[Proposal]:
        """The proposals that an entry came from, oldest first."""
        rows = await self._database.fetch(self._queries.of_item, parse_id("id", item))
        return [_proposal(row) for row in rows]

    async def items(self, project: str | None) -> list[KnowledgeItem]:
        """The entries that came from skills, also those out of use, latest first."""
        rows = await self._database.fetch(self._queries.items, project)
        return [knowledge_item(row) for row in rows]

    async def members(self, proposal: str) -> dict[str, Member]:
        """The interactions that a proposal rests on, by id."""
        rows = await self._database.fetch(self._queries.members, parse_id("id", proposal))
        return {str(row["interaction_id"]): Member(row["held_out"], row["quoted"]) for row in rows}

    async def edit(self, proposal: str, content: str) -> Proposal | None:
        """Give an undecided proposal another text. None if there is none of this id."""
        return await self._settle(self._queries.edit, proposal, content)

    async def reword(self, proposal: str, content: str, reason: str) -> bool:
        """Give a proposal the words of a model. False if a person was quicker."""
        done = await self._database.fetch_value(
            self._queries.reword, parse_id("id", proposal), content, reason
        )
        return bool(done)

    async def decide(
        self, proposal: str, state: ProposalState, *, reason: str = "", item: str | None = None
    ) -> Proposal | None:
        """Decide an undecided proposal; ``item`` is the entry it became. None if there is no
        undecided one of this id."""
        entry = None if item is None else parse_id("item", item)
        now = ProposalState.PROPOSED
        return await self._settle(self._queries.decide, proposal, now, state, reason, entry)

    async def _settle(self, sql: str, proposal: str, *args: object) -> Proposal | None:
        """Change a proposal for a person; no model need word it then."""
        async with self._database.transaction() as session:
            rows = await session.fetch(sql, parse_id("id", proposal), *args)
            if rows:
                withdrawn = JobChanges(withdrawn=((WORDING, str(rows[0]["id"])),))
                await self._jobs.apply(withdrawn, session)
        return _proposal(rows[0]) if rows else None

    async def retire(self, item: str, reason: str) -> None:
        """Note that the entry of accepted proposals was taken out of use."""
        await self._database.execute(self._queries.retire, parse_id("item", item), reason)


def _proposal(row: Row) -> Proposal:
    return Proposal(
        id=str(row["id"]),
        project=row["project"],
        kind=ProposalKind(row["kind"]),
        state=ProposalState(row["state"]),
        reason=row["reason"],
        item_id=None if row["item_id"] is None else str(row["item_id"]),
        base_version=row["base_version"],
        title=row["title"],
        content=row["content"],
        fields=row["fields"],
        members=row["members"],
        sessions=row["sessions"],
        successes=row["successes"],
        failures=row["failures"],
        replay=None if row["replay"] is None else Replay(**row["replay"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
