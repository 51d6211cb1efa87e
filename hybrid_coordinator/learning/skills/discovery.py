"""The search for skills: off the request path, at most one proposal a pass, nothing shown yet."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace

from hybrid_coordinator.domain.ids import knowledge_id
from hybrid_coordinator.domain.interactions import Interaction
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import KnowledgeItem, NewKnowledge
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.domain.skills import (
    Member,
    NewProposal,
    ProposalKind,
    ProposalState,
    Task,
)
from hybrid_coordinator.errors import HybridError, NotFoundError, UnavailableError
from hybrid_coordinator.knowledge.collections import CollectionDefinition
from hybrid_coordinator.knowledge.embedding.protocol import Embedder
from hybrid_coordinator.knowledge.payloads import searched_knowledge
from hybrid_coordinator.learning.skills.kinds import Found, Kind, candidates, held_out, kinds
from hybrid_coordinator.learning.skills.replaying import replay
from hybrid_coordinator.learning.skills.wording import Wording, word
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords
from hybrid_coordinator.storage.postgres.skills import Due, SkillRecords
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from hybrid_coordinator.waiting import came_within

_WAITING = 5
"""Undecided proposals of a project at which no more are made: a person should get to read them."""

_QUIET_SECONDS = 20.0
"""Without news, after which nobody's work is disturbed."""

_LATEST_SECONDS = 600.0
"""After which a search begins even in the midst of work."""

_TASKS = 2_000
"""The latest tasks of a project that are compared: 0.5 s on one core, and 80 MB meanwhile."""

_CHARACTERS = 4_000
"""Of a task: what its start says of what it is about."""

_OTHERS = 500
"""Entries, and tasks of other kinds, that versions are told apart from on replay."""

_HELD_OUT_SUCCESSES = 2
"""Fewer cannot tell which of two versions is better."""

_log = logging.getLogger(__name__)


class SkillDiscovery:
    """Proposes skills from what was done in each project.

    A pass writes in one transaction, and only if no other pass of its project has written since
    it began. So one that is killed leaves nothing, and of two coordinators one proposes.
    """

    def __init__(
        self,
        skills: SkillRecords,
        interactions: InteractionRecords,
        knowledge: KnowledgeRecords,
        definitions: Mapping[CollectionName, CollectionDefinition],
        embedder: Embedder,
        bm25: Bm25Encoder,
        scrubber: Scrubber,
        proposed: Callable[[], None],
        *,
        quiet_seconds: float = _QUIET_SECONDS,
    ) -> None:
        """``proposed`` is told that there is a new proposal, and so a job; ``quiet_seconds``
        without news pass before a search."""
        self._skills = skills
        self._interactions = interactions
        self._knowledge = knowledge
        self._definitions = definitions
        self._embedder = embedder
        self._bm25 = bm25
        self._scrubber = scrubber
        self._proposed = proposed
        self._quiet_seconds = quiet_seconds
        self._woken = asyncio.Event()
        self._woken.set()  # whatever waits since the last run of the process

    def wake(self) -> None:
        """Say that there may be new outcomes. Costs nothing."""
        self._woken.set()

    async def run(self) -> None:
        """Search whenever there was news and then a quiet moment, until cancelled."""
        while True:
            await self._woken.wait()
            await self._quiet()
            try:
                await self.discover()
            except HybridError:
                _log.warning("the search for skills is left to the next time", exc_info=True)

    async def _quiet(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LATEST_SECONDS):
                while self._woken.is_set():
                    self._woken.clear()
                    await came_within(self._quiet_seconds, self._woken)

    async def discover(self) -> list[str]:
        """Search every project with news; returns the ids of what was proposed. A project that
        cannot be searched holds up no other."""
        found = []
        for due in await self._skills.due(_WAITING):
            try:
                found.append(await self._search(due))
            except UnavailableError:
                raise
            except HybridError:
                _log.warning("%s is searched for skills the next time", due.project, exc_info=True)
        return [each for each in found if each is not None]

    async def _search(self, due: Due) -> str | None:
        tasks = await self._skills.tasks(due.project, _TASKS, _CHARACTERS)
        covered = await self._skills.covered(due.project)
        found = await asyncio.to_thread(lambda: list(candidates(kinds(tasks), covered)))
        proposal = None
        for each in found:
            proposal = await self._proposal(due.project, each, tasks)
            if proposal is not None:
                break
        made = await self._skills.finish(due, proposal)
        if made is not None:
            self._proposed()
        return made

    async def _proposal(self, project: str, found: Found, tasks: list[Task]) -> NewProposal | None:
        if found.item_id is not None:
            return await self._revision(project, found.kind, found.item_id, tasks)
        wording = await self._word(found.kind)
        new = await self._accepted(project, wording)
        return _offered(ProposalKind.NEW, new, found.kind, wording.quoted)

    async def _accepted(self, project: str, wording: Wording) -> NewKnowledge:
        """The entry that a proposal would become, under a title that is not taken."""
        title, number = wording.title, 1
        while await self._knowledge.get_many([_id(project, title)]):
            number += 1
            title = f"{wording.title} ({number})"
        return self._definitions[CollectionName.SKILLS_PATTERNS].accept(
            NewKnowledge(
                CollectionName.SKILLS_PATTERNS, project, title, wording.content, wording.fields
            )
        )

    async def _word(self, kind: Kind) -> Wording:
        succeeded = [task.id for task in kind.successes]
        rows = await self._interactions.get_many(succeeded)
        if len(rows) < len(succeeded):
            raise NotFoundError("an interaction was deleted while a skill was made of it")
        commands = await self._skills.commands(succeeded)
        return await asyncio.to_thread(self._worded, kind, rows, commands)

    def _worded(
        self, kind: Kind, rows: list[Interaction], commands: Mapping[str, list[str]]
    ) -> Wording:
        """In a thread: what was stored is clean, but a secret may have become known since."""
        scrub = self._scrubber.scrub
        return word(
            replace(
                kind,
                tasks=tuple(replace(task, query=scrub(task.query)) for task in kind.tasks),
                central=replace(kind.central, query=scrub(kind.central.query)),
            ),
            {row.id: scrub(row.response) for row in rows},
            {key: [scrub(each) for each in given] for key, given in commands.items()},
            {row.id: row.value_score or 0.0 for row in rows},
        )

    async def _revision(
        self, project: str, kind: Kind, item_id: str, tasks: list[Task]
    ) -> NewProposal | None:
        """Another version of a skill, written without the tasks held out; rejected at once where
        those do not find it better than the one in use. None while they are too few to tell, or
        where somebody has just deleted it."""
        kept = kind.kept()
        held = [task for task in kind.tasks if held_out(task.id)]
        successes = [task.query for task in held if task.succeeded]
        entries = await self._knowledge.get_many([item_id])
        if kept is None or len(successes) < _HELD_OUT_SUCCESSES or not entries:
            return None
        item = entries[0]
        wording = await self._word(kept)
        fields = {**item.fields, **wording.fields}
        new = replace(item, content=wording.content, fields=fields)
        beside = await self._skills.neighbours(project, item_id, _OTHERS)
        others = [task.query for task in tasks if task.id not in kind.ids][:_OTHERS]
        result = await replay(
            self._searched(item),
            self._searched(new),
            others=[*map(self._searched, beside), *others],
            successes=successes,
            failures=[task.query for task in held if task.failed],
            embedder=self._embedder,
            bm25=self._bm25,
        )
        offered = _offered(
            ProposalKind.REVISION,
            self._definitions[CollectionName.SKILLS_PATTERNS].accept(
                NewKnowledge(item.collection, project, item.title, new.content, fields)
            ),
            kind,
            wording.quoted,
        )
        lost = f"does not win on held-out replay: {result.new} against {result.old}"
        return replace(
            offered,
            item_id=item_id,
            base_version=item.version,
            replay=result,
            state=ProposalState.PROPOSED if result.won else ProposalState.REJECTED,
            reason="" if result.won else lost,
        )

    def _searched(self, item: KnowledgeItem) -> str:
        return searched_knowledge(item, self._definitions[item.collection])


def _id(project: str, title: str) -> str:
    return knowledge_id(CollectionName.SKILLS_PATTERNS, project, title)


def _offered(
    kind: ProposalKind, new: NewKnowledge, of: Kind, quoted: frozenset[str]
) -> NewProposal:
    revises = kind is ProposalKind.REVISION
    return NewProposal(
        project=new.project,
        kind=kind,
        title=new.title,
        content=new.content,
        fields=new.fields,
        members={
            task.id: Member(revises and held_out(task.id), task.id in quoted) for task in of.tasks
        },
        sessions=of.sessions,
        successes=len(of.successes),
        failures=len(of.failures),
    )
