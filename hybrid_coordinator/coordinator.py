"""The façade: one method a capability, over the rooms behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hybrid_coordinator.domain.access import LOCAL, OWNER, Identity
from hybrid_coordinator.domain.ask import AskRequest, FileText, Mode, NamedModel
from hybrid_coordinator.domain.captured import CapturedEvent, EventKind
from hybrid_coordinator.domain.context import Augmentation, Preview, previewed
from hybrid_coordinator.domain.injected import own_words, prompt
from hybrid_coordinator.domain.interactions import (
    AgentType,
    Interaction,
    NewInteraction,
    Outcome,
)
from hybrid_coordinator.domain.items import CollectionName, shown_ids
from hybrid_coordinator.domain.knowledge import (
    KnowledgeItem,
    NewKnowledge,
    StoreAction,
)
from hybrid_coordinator.domain.route import TaskType, Tier
from hybrid_coordinator.errors import InvalidArgumentError, NotFoundError
from hybrid_coordinator.session import Session

# The rooms are built by the composition root while the handshake is already being answered:
# importing them here would hold it up.
if TYPE_CHECKING:
    from hybrid_coordinator.access.wiring import Access
    from hybrid_coordinator.domain.credit import Uplift
    from hybrid_coordinator.domain.indexing import IndexReport, RebuildState
    from hybrid_coordinator.domain.reply import AnswerPiece, Reply
    from hybrid_coordinator.domain.route import Route
    from hybrid_coordinator.domain.saving import AssumedUsage, Simulation
    from hybrid_coordinator.domain.secrets import Scrubber
    from hybrid_coordinator.domain.sharing import ImportReport as SharedReport
    from hybrid_coordinator.domain.sharing import Scope
    from hybrid_coordinator.domain.skills import Proposal
    from hybrid_coordinator.domain.usage import LoggedAttempt, LogPlace
    from hybrid_coordinator.insights.service import Insights
    from hybrid_coordinator.knowledge.code.indexer import CodeIndexer
    from hybrid_coordinator.knowledge.code.watching import Watches
    from hybrid_coordinator.knowledge.collections import CollectionDefinition
    from hybrid_coordinator.knowledge.projection import Projector
    from hybrid_coordinator.knowledge.retrieval import Retrieved, Retriever
    from hybrid_coordinator.learning.forgetting.memory import Memory
    from hybrid_coordinator.learning.outcomes import OutcomeResult
    from hybrid_coordinator.learning.sessions.importing import ImportReport
    from hybrid_coordinator.learning.skills.review import SkillDetails, Skills
    from hybrid_coordinator.learning.training.generating import DatasetReport
    from hybrid_coordinator.learning.wiring import Learning
    from hybrid_coordinator.routing.delegate import Delegate
    from hybrid_coordinator.routing.reporting import Reports
    from hybrid_coordinator.settings import SettingsStore
    from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
    from hybrid_coordinator.storage.postgres.knowledge import KnowledgeRecords
    from hybrid_coordinator.traffic import Traffic

Progress = Callable[[float, float | None, str], Awaitable[None]]
"""Told (done, total or None, a few words) while something long goes on."""

_FRESH_SECONDS = 2.0
"""How long a question waits for what was recorded just before it to become findable."""

_PER_COLLECTION = 6
"""Candidates of one collection; three learned items are about what helps an agent, and code
needs a few more since one answer often spans several chunks."""

_ASK_CONTEXT_TOKENS = 1000

_MOST_INJECTED_TOKENS = 2800
"""9,800 bytes: of what a hook gives, Claude Code shows its model 10,000 characters, and of more
than that only the beginning."""

_PAGE = 500
_PAGE_CHARACTERS = 4_000_000
"""A page of long rows ends here: all of it is one line on the wire."""


@dataclass(frozen=True, slots=True)
class AskOptions:
    """What `ask_local_llm` was asked; ``files`` are paths inside the session's project."""

    prompt: str
    task_type: str = "auto"
    mode: str = "single"
    files: tuple[str, ...] = ()
    system: str | None = None
    json_schema: Mapping[str, Any] | None = None
    max_tokens: int = 1024
    temperature: float = 0.2
    use_context: bool = True
    quality_critical: bool = False
    prefer_local: bool = True
    only: NamedModel | None = None


@dataclass(frozen=True)
class Coordinator:
    """Everything the faces can ask for. Built by the composition root."""

    retriever: Retriever
    projector: Projector
    indexer: CodeIndexer
    watches: Watches
    learning: Learning
    interactions: InteractionRecords
    knowledge: KnowledgeRecords
    memory: Memory
    definitions: Mapping[CollectionName, CollectionDefinition]
    models: Callable[[], Delegate]
    insights: Insights
    reports: Reports
    scrubber: Scrubber
    settings: SettingsStore
    access: Access
    rebuild_state: Callable[[], RebuildState | None]
    datasets_dir: Path
    traffic: Traffic

    async def augment(
        self,
        query: str,
        *,
        agent_type: AgentType,
        project: str,
        collections: Sequence[CollectionName] | None,
        max_tokens: int,
        session_id: str | None = None,
        user: str = OWNER,
    ) -> Augmentation:
        """The question with the context that bears on it, in at most ``max_tokens`` tokens.
        Context that the question brings along from an earlier call is not a part of it.
        ``session_id`` is whom it is shown to, ``user`` whose interactions may be among it."""
        query = own_words("query", query)
        models = self.models()
        # The first look at the endpoints takes a moment.
        found, _ = await asyncio.gather(
            self._find(query, project, collections, _PER_COLLECTION, user=user), models.glance()
        )
        shown = self.learning.shower.show(found, max_tokens)
        packed = shown.packed
        route, (showing_id, unnoted) = await asyncio.gather(
            models.route(query, agent_type=agent_type, context_tokens=packed.tokens),
            self.learning.shower.note(shown, project, session_id, user),
        )
        notices = (*found.notices, *unnoted)
        if found.items and not shown.noted:
            many = f"{len(found.items)} relevant items do not fit max_tokens={max_tokens}"
            notices = (*notices, f"{many}; allow more, or use search_knowledge")
        return Augmentation(
            augmented_prompt=prompt(packed.text, query) if packed.items else query,
            items=packed.items,
            tokens=packed.tokens,
            abstained=not found.items,
            route=route,
            notices=notices,
            showing_id=showing_id,
        )

    async def inject(self, event: CapturedEvent) -> tuple[str, str | None] | None:
        """The context for a prompt of a live session, marked as ours, and the id of its showing;
        None where there is nothing relevant, or nothing is to be injected."""
        settings = self.settings.current().capture
        query = str(event.content.get("prompt", ""))
        if event.kind is not EventKind.PROMPT or not settings.inject or not query.strip():
            return None
        given = await self.augment(
            query,
            agent_type=AgentType.REMOTE,
            project=event.project,
            collections=None,
            max_tokens=min(settings.max_tokens, _MOST_INJECTED_TOKENS),
            session_id=event.session_id,
        )
        if not given.items:
            return None
        return given.augmented_prompt.removesuffix(prompt("", query)), given.showing_id

    async def search(
        self,
        query: str,
        *,
        collection: CollectionName | None,
        project: str,
        limit: int,
        user: str = OWNER,
    ) -> Retrieved:
        """The best items of one collection, or of all of them, whatever they are worth. Of the
        interactions there are only those of ``user``."""
        chosen = None if collection is None else [collection]
        found = await self._find(query, project, chosen, limit, only_relevant=False, user=user)
        return replace(found, items=found.items[:limit])

    async def preview(
        self,
        query: str,
        *,
        project: str,
        collections: Sequence[CollectionName] | None,
        limit: int,
        max_tokens: int,
        user: str = OWNER,
    ) -> Preview:
        """What `search` lists for a question, and what of it `augment` would show an agent of
        ``user`` that asks it now, in ``max_tokens`` tokens. Nothing is noted: nobody was shown
        anything."""
        listed, found = await asyncio.gather(
            self._retrieve(query, project, collections, limit, only_relevant=False, user=user),
            self._retrieve(query, project, collections, _PER_COLLECTION, user=user),
        )
        shown = self.learning.shower.show(found, max_tokens)
        notices = dict.fromkeys((*listed.notices, *found.notices, *self._problems()))
        return previewed(listed.items, found.items, shown.packed, shown.held, tuple(notices))

    async def _find(
        self,
        query: str,
        project: str,
        collections: Sequence[CollectionName] | None,
        limit: int,
        *,
        only_relevant: bool = True,
        user: str,
    ) -> Retrieved:
        found = await self._retrieve(
            query, project, collections, limit, only_relevant=only_relevant, user=user
        )
        news = self.watches.take_news(project)
        return replace(found, notices=(*found.notices, *self._problems(), *news))

    async def _retrieve(
        self,
        query: str,
        project: str,
        collections: Sequence[CollectionName] | None,
        limit: int,
        *,
        only_relevant: bool = True,
        user: str,
    ) -> Retrieved:
        await self.projector.drain(_FRESH_SECONDS)
        return await self.retriever.find(
            own_words("query", query),
            project,
            collections or list(CollectionName),
            limit,
            only_relevant=only_relevant,
            by_outcomes=self.settings.current().learning.rank_by_outcomes,
            user=user,
        )

    def _problems(self) -> list[str]:
        """What the reader of an answer should know of the coordinator's own state."""
        rebuild = self.rebuild_state()
        problems = (
            self.projector.problem,
            self.projector.filling,
            rebuild.words if rebuild and rebuild.problem else None,
            self.settings.notice(),
            self.models().notice(),
        )
        return [each for each in problems if each]

    async def ask(
        self,
        options: AskOptions,
        *,
        session: Session,
        project: str,
        progress: Progress,
        pieces: Callable[[AnswerPiece], None] | None = None,
    ) -> tuple[Reply, str]:
        """A checked answer, and the id of the interaction that records it. ``pieces`` is told
        what models write, as they write it."""
        from hybrid_coordinator.knowledge.code.given import read_given
        from hybrid_coordinator.learning.sharing.worked_examples import with_worked_examples
        from hybrid_coordinator.routing.course import telling

        user = session.identity.user
        files: tuple[FileText, ...] = ()
        if options.files:
            if session.directory is None:
                raise InvalidArgumentError(
                    "files", "this session works on another machine; put their text in the prompt"
                )
            files = await asyncio.to_thread(
                read_given, options.files, session.directory, session.root
            )
        context = ""
        context_ids: tuple[str, ...] = ()
        showing_id: str | None = None
        if options.use_context:
            found = await self._find(options.prompt, project, None, _PER_COLLECTION, user=user)
            items = await with_worked_examples(found.items, self.interactions)
            found = replace(found, items=items)
            shown = self.learning.shower.show(found, _ASK_CONTEXT_TOKENS)
            context, context_ids = shown.packed.text, shown_ids(shown.packed.items)
            showing_id, _ = await self.learning.shower.note(shown, project, session.id, user)

        async def waiting(elapsed: float, words: str) -> None:
            await progress(elapsed, None, words)

        reply, tried = await self.models().ask(
            AskRequest(
                prompt=options.prompt,
                task_type=None if options.task_type == "auto" else TaskType(options.task_type),
                mode=Mode(options.mode),
                files=files,
                context=context,
                system=options.system,
                json_schema=options.json_schema,
                max_tokens=options.max_tokens,
                temperature=options.temperature,
                quality_critical=options.quality_critical,
                prefer_local=options.prefer_local,
                only=options.only,
                user=user,
            ),
            project=project,
            session=session.id,
            progress=waiting,
            listen=None if pieces is None else telling(pieces),
        )
        interaction_id = await self.learning.tracker.track(
            NewInteraction(
                project=project,
                query=options.prompt,
                response=reply.response,
                agent_type=AgentType.REMOTE if reply.tier is Tier.API_FALLBACK else AgentType.LOCAL,
                model_used=reply.model,
                context_ids=context_ids if tried.context_seen else (),
                tokens_used=reply.tokens_in + reply.tokens_out,
                latency_ms=reply.latency_ms,
                session_id=session.id,
                showing_id=showing_id if tried.context_seen else None,
                user=user,
            ),
            tried,
        )
        problem = self.settings.notice()
        if problem is not None:
            reply = replace(reply, notices=(*reply.notices, problem))
        return reply, interaction_id

    async def track(
        self, new: NewInteraction, connection: str | None = None, identity: Identity = LOCAL
    ) -> str:
        """Record an interaction; returns its id once it is durable. ``connection`` is the session
        that reports it, whichever one it is reported to be of. What it is said to have been shown
        must be what ``identity`` may see: it is told by its title from then on, and credited.

        Raises:
            InvalidArgumentError: one of its context ids is nothing of theirs.
        """
        if identity.token_id is not None and new.context_ids:
            hidden = await self.access.tokens.hidden(new.context_ids, identity)
            if hidden:
                raise InvalidArgumentError(
                    "context_ids",
                    f"{hidden[0]} was not shown to you; use ids that augment_query or "
                    "search_knowledge returned",
                )
        query, response = own_words("query", new.query), own_words("response", new.response)
        new = replace(new, query=query, response=response)
        return await self.learning.tracker.track(new, connection=connection)

    async def check_seen(self, identity: Identity, *ids: str) -> None:
        """Return if ``identity`` may see these interactions and entries; that one exists is not
        said.

        Raises:
            NotFoundError: one is another user's interaction, or of a project that is not theirs.
        """
        if identity.token_id is None:
            return  # the owner, to whom all of it belongs
        hidden = await self.access.tokens.hidden(ids, identity)
        if hidden:
            # In the words for one that is not there: whether it is shall not be told.
            raise NotFoundError(
                f"there is no interaction {hidden[0]}; use an id that track_interaction returned"
            )

    async def update_outcome(
        self, interaction_id: str, outcome: Outcome, identity: Identity = LOCAL
    ) -> OutcomeResult:
        """Record how an interaction went, and what that makes it worth."""
        await self.check_seen(identity, interaction_id)
        return await self.learning.outcomes.update(interaction_id, outcome)

    async def import_sessions(
        self,
        directory: Path,
        *,
        since: datetime | None,
        project: str | None,
        progress: Progress,
    ) -> ImportReport:
        """Bring what Claude Code's session files under ``directory`` hold into the record, each
        turn once: those from ``since`` on, and of ``project`` only, where these are given."""
        target = await asyncio.to_thread(_resolved, "path", directory)
        return await self.learning.importer.run(
            target, since=since, project=project, progress=progress
        )

    async def generate_training_data(
        self,
        format: str,  # noqa: A002 - the contract's name
        *,
        min_value: float,
        output_dir: Path | None,
        max_examples: int | None,
        progress: Progress,
        project: str | None = None,
    ) -> DatasetReport:
        """Write a dataset of successful interactions, of one project or of all."""

        async def told(read: int) -> None:
            await progress(read, None, "interactions read")

        return await self.learning.training_data.generate(
            format,
            min_value=min_value,
            output_dir=output_dir or self.datasets_dir,
            max_examples=max_examples,
            project=project,
            progress=told,
        )

    async def store(self, new: NewKnowledge) -> tuple[str, StoreAction]:
        """Keep a knowledge entry."""
        from hybrid_coordinator.learning.cleaning import cleaned

        accepted = self.definitions[new.collection].accept(cleaned(new, self.scrubber))
        stored = await self.knowledge.store(accepted)
        self.projector.wake()
        return stored

    def _clean(self, text: str) -> str:
        from hybrid_coordinator.learning.cleaning import clean

        return clean(text, self.scrubber)

    async def skills(self, project: str | None) -> Skills:
        """Skills that were found: what is proposed, and what became of earlier proposals."""
        return await self.learning.skills.all(project)

    async def skill(self, skill_id: str) -> SkillDetails:
        """A proposal or an accepted skill, with what it rests on."""
        return await self.learning.skills.show(skill_id)

    async def accept_skill(self, skill_id: str) -> KnowledgeItem:
        """Make a proposal knowledge."""
        return await self.learning.skills.accept(skill_id)

    async def edit_skill(self, skill_id: str, content: str) -> Proposal | KnowledgeItem:
        """Give a proposal or an accepted skill another text."""
        return await self.learning.skills.edit(skill_id, self._clean(own_words("content", content)))

    async def reject_skill(self, skill_id: str) -> Proposal:
        """Turn a proposal down."""
        return await self.learning.skills.reject(skill_id)

    async def retire_skill(self, skill_id: str, reason: str) -> KnowledgeItem:
        """Take an accepted skill out of use."""
        return await self.learning.skills.retire(skill_id, self._clean(own_words("reason", reason)))

    async def index(
        self, path: Path, *, project: str, watch: bool = False, progress: Progress | None = None
    ) -> IndexReport:
        """Bring the code index of ``path`` up to date, and with ``watch`` keep it so: from then
        on changes are indexed as they are made, until ``unwatch``. Without it, what is watched
        stays watched."""
        target = await asyncio.to_thread(_resolved, "path", path)
        home = await asyncio.to_thread(Path.home().resolve)
        if home.is_relative_to(target):  # the home itself, or what holds everybody's
            raise InvalidArgumentError("path", f"{path} is no project; name a project's directory")

        async def counted(done: int, total: int) -> None:
            if progress is not None:
                await progress(done, total, "files")

        report = await self.indexer.index(path, project, counted)
        if watch:
            await self.watches.add(project, target)
        return report

    async def unwatch(self, path: Path, *, project: str) -> bool:
        """Follow the changes of a directory no longer. False if they were not followed."""
        return await self.watches.remove(project, await asyncio.to_thread(_resolved, "path", path))

    async def route(self, prompts: Sequence[str | Sequence[Mapping[str, Any]]]) -> list[Route]:
        """Where each prompt (or message list) should go by what it needs, whatever runs here at
        the moment; asks no model."""
        return [self.models().need(prompt) for prompt in prompts]

    async def route_here(self, prompt: str) -> Route:
        """Where a prompt goes with what is ready here now, and whom `ask` would ask in turn; asks
        no model."""
        return await self.models().route(prompt, agent_type=AgentType.REMOTE)

    async def export(
        self, kind: Literal["interactions", "knowledge"], after: str | None
    ) -> tuple[list[Interaction] | list[KnowledgeItem], str | None]:
        """A page of the record in id order, and the id to go on after; None at the end. It holds
        a row at least, and ends with the row that fills it."""
        records = self.interactions if kind == "interactions" else self.knowledge
        rows = await records.page(after, _PAGE)
        sizes = accumulate(len(repr(row)) for row in rows)
        full = (count for count, size in enumerate(sizes, 1) if size >= _PAGE_CHARACTERS)
        count = next(full, _PAGE)
        return rows[:count], rows[count - 1].id if len(rows) >= count else None

    async def export_knowledge(
        self, scope: Scope, after: str | None
    ) -> tuple[list[Mapping[str, Any]], str | None]:
        """A page of entries as lines for other machines, and the id to go on after; None at the
        end."""
        return await self.learning.sharing.page(scope, after)

    async def import_knowledge(
        self, lines: Sequence[tuple[int, str]], *, project: str | None, here: str, dry_run: bool
    ) -> SharedReport:
        """Take in lines that another machine has exported, each with its number, into ``project``
        or those that they are of; ``here`` is the one that is worked in."""
        take_in = self.learning.sharing.take_in
        return await take_in(lines, project=project, here=here, dry_run=dry_run)

    async def uplift(self, item_id: str) -> Uplift:
        """What it changed to show one learned item."""
        return await self.learning.reviewer.uplift(item_id)

    async def simulate(self, given: AssumedUsage, project: str | None, days: int) -> Simulation:
        """What a month and a year come to, with routing and without."""
        return await self.reports.simulate(given, project, days)

    async def usage_log(
        self, project: str | None, after: LogPlace
    ) -> tuple[list[LoggedAttempt], LogPlace | None]:
        """A page of the log of attempts, and where it goes on; None at the end. It holds no
        secret: an error may quote one."""
        rows, following = await self.reports.log(project, after, _PAGE)
        scrub = self.scrubber.scrub

        def scrubbed() -> list[LoggedAttempt]:
            return [
                replace(row, endpoint=scrub(row.endpoint), reason=scrub(row.reason)) for row in rows
            ]

        return await asyncio.to_thread(scrubbed), following


def _resolved(field: str, path: Path) -> Path:
    """``path`` with its links followed.

    Raises:
        InvalidArgumentError: its links loop, or cannot be followed.
    """
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:  # a loop is a RuntimeError before Python 3.13
        raise InvalidArgumentError(field, f"{path} cannot be followed: {error}") from error
