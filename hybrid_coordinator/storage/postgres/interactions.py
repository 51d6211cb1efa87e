"""The ledger of interactions: what was done, what was shown, and how it went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from hybrid_coordinator.domain.citations import Citable
from hybrid_coordinator.domain.interactions import (
    AgentType,
    Exposure,
    Interaction,
    ItemStats,
    NewInteraction,
    Outcome,
    OutcomeKind,
    OutcomeSource,
)
from hybrid_coordinator.domain.jobs import JobChanges
from hybrid_coordinator.domain.reply import AttemptLog
from hybrid_coordinator.domain.turns import Action
from hybrid_coordinator.errors import DuplicateError, NotFoundError
from hybrid_coordinator.storage.postgres.attempts import attempt_rows
from hybrid_coordinator.storage.postgres.database import WHOLE_TABLE_SECONDS, Database, Row, Session
from hybrid_coordinator.storage.postgres.generations import require_serving
from hybrid_coordinator.storage.postgres.ids import id_at, new_id, parse_id, parse_ids
from hybrid_coordinator.storage.postgres.jobs import change_rows
from hybrid_coordinator.storage.postgres.queries import load_queries
from hybrid_coordinator.storage.postgres.turns import (
    RecordedTurn,
    action,
    action_rows,
    recorded_turn,
)

_COPY_SECONDS = timedelta(seconds=10)
"""A copied turn has the time of the first line of it; a live one that of its hook."""

_SESSION_TURNS = 1000


@dataclass(frozen=True, slots=True)
class Standing:
    """What an outcome of an interaction is judged by.

    ``components`` made up the value of its latest outcome, None where it has none; ``recent`` are
    queries by id of the interactions of the same project before it, latest first.
    """

    interaction: Interaction
    components: Mapping[str, float] | None
    recent: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Queries:
    add: str
    complete: str
    adopt: str
    lock_item_stats: str
    expose: str
    uncited: str
    citable: str
    take_back_credit: str
    cite: str
    give_credit: str
    known_turns: str
    same_elsewhere: str
    actions: str
    session_turns: str
    turns_after: str
    get_many: str
    exposures: str
    standing: str
    set_outcome: str
    set_outcome_and_jobs: str
    unprojected: str
    count_unprojected: str
    mark_projected: str
    mark_all_unprojected: str
    unbuilt: str
    mark_built: str
    item_stats: str
    past_uses: str
    page: str


class InteractionRecords:
    """Interactions, their exposures, attempts and outcomes. Ids are UUID strings."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queries = load_queries("interactions", _Queries)

    async def add(
        self,
        new: NewInteraction,
        tried: AttemptLog | None = None,
        exposures: Sequence[Exposure] | None = None,
    ) -> str:
        """Store an interaction with what it was shown and the models tried; returns its id.

        Durable when it returns. ``exposures`` are what is known of its showing; without them its
        context ids are all. An item named twice counts once, at its better rank. A turn that is
        stored already stays as it is; the id is that of its first report.
        """
        while True:
            added = await self.add_if_new(new, tried, exposures)
            if added is not None:
                return added
            assert new.turn_key is not None  # nothing else can stand in its way
            known = await self.known_turns([new.turn_key])
            if new.turn_key in known:
                return known[new.turn_key]
            # It was deleted in between.

    async def add_if_new(
        self,
        new: NewInteraction,
        tried: AttemptLog | None = None,
        exposures: Sequence[Exposure] | None = None,
    ) -> str | None:
        """Store an interaction as `add` does; None if it is a turn that is stored already."""
        if exposures is None:
            named = parse_ids("context_ids", new.context_ids)
            exposures = [Exposure(str(uuid), rank) for rank, uuid in enumerate(named, 1)]
        added = await self._database.fetch_value(
            self._queries.add,
            new_id() if new.created_at is None else id_at(new.created_at),
            new.project,
            new.session_id,
            new.query,
            new.response,
            new.agent_type,
            new.model_used,
            new.tokens_used,
            new.latency_ms,
            *_columns(exposures),
            _showing_id(new),
            tried.task_type if tried else None,
            tried.complexity if tried else None,
            attempt_rows(tried),
            new.turn_key,
            new.created_at,
            new.agent,
            new.interrupted,
            action_rows(new.actions),
            new.user,
        )
        return None if added is None else str(added)

    async def complete(self, new: NewInteraction, cited: Sequence[str] = ()) -> bool:
        """Add to a stored turn what this report of it has more: steps, the rest of the answer,
        that it was not broken off, items of those it was shown that are ``cited`` now. False if it
        has nothing more, or if it is not stored."""
        if not cited:  # in one round trip
            return await self._complete(self._database, new) is not None
        async with self._database.transaction() as session:
            await session.execute(self._queries.lock_item_stats)
            completed = await self._complete(session, new)
            if completed is not None:
                await self._cite(session, completed, parse_ids("cited", cited))
        return completed is not None

    async def _complete(self, session: Database | Session, new: NewInteraction) -> UUID | None:
        completed: UUID | None = await session.fetch_value(
            self._queries.complete,
            new.turn_key,
            new.response,
            new.model_used,
            new.tokens_used,
            new.latency_ms,
            new.interrupted,
            action_rows(new.actions),
        )
        return completed

    async def _cite(self, session: Session, interaction: UUID, cited: Sequence[UUID]) -> None:
        """Put an outcome that is there already down to what is cited, too."""
        rows = await session.fetch(self._queries.uncited, interaction, cited)
        if rows:
            await session.execute(self._queries.take_back_credit, interaction)
            await session.execute(self._queries.cite, interaction, [row["item_id"] for row in rows])
            await session.execute(self._queries.give_credit, interaction)

    async def adopt(
        self, interaction_id: str, new: NewInteraction, exposures: Sequence[Exposure] = ()
    ) -> bool:
        """Make the turn ``new`` an interaction that its agent has tracked, and count what of its
        ``exposures`` the agent did not name. False if there is no interaction of this id of its
        user in its project, or if either is known as another one already."""
        wanted = parse_id("interaction_id", interaction_id)
        try:
            async with self._database.transaction() as session:
                return await self._adopt(session, wanted, new, exposures)
        except DuplicateError:
            return False  # the turn was stored while this waited for it

    async def _adopt(
        self, session: Session, wanted: UUID, new: NewInteraction, exposures: Sequence[Exposure]
    ) -> bool:
        await session.execute(self._queries.lock_item_stats)
        adopted: object = await session.fetch_value(
            self._queries.adopt,
            wanted,
            new.turn_key,
            new.session_id,
            new.agent,
            new.interrupted,
            new.project,
            action_rows(new.actions),
            new.user,
        )
        if adopted is not None and exposures:
            await session.execute(
                self._queries.expose, wanted, *_columns(exposures), _showing_id(new)
            )
        return adopted is not None

    async def known_turns(self, keys: Sequence[str]) -> dict[str, str]:
        """The ids of the stored turns among these, by their keys; of deleted ones those that they
        had."""
        rows = await self._database.fetch(self._queries.known_turns, list(keys))
        return {row["turn_key"]: str(row["id"]) for row in rows}

    async def same_elsewhere(self, new: NewInteraction, tracked: str | None = None) -> bool:
        """Whether another session of its project holds this very turn: the same words within
        seconds, or the interaction that its agent ``tracked`` it as. A client that goes on with a
        session in a new one copies its history."""
        found: bool = await self._database.fetch_value(
            self._queries.same_elsewhere,
            new.project,
            new.session_id,
            new.created_at,
            new.query,
            new.response,
            _COPY_SECONDS,
            None if tracked is None else parse_id("interaction_id", tracked),
        )
        return found

    async def actions(self, interaction_id: str) -> list[Action]:
        """What was done in an interaction, in order; nothing if it is unknown."""
        wanted = parse_id("interaction_id", interaction_id)
        return [action(row) for row in await self._database.fetch(self._queries.actions, wanted)]

    async def session_turns(
        self, project: str, session_id: str, limit: int = _SESSION_TURNS
    ) -> list[RecordedTurn]:
        """The latest ``limit`` turns of a session, its subagents' among them, oldest first."""
        rows = await self._database.fetch(self._queries.session_turns, project, session_id, limit)
        return [recorded_turn(row, _interaction(row).outcome) for row in rows]

    async def turns_after(
        self, project: str, session_id: str, after: RecordedTurn | None, limit: int
    ) -> list[RecordedTurn]:
        """Turns of a session in the order of their time: the first ones, or those after one."""
        rows = await self._database.fetch(
            self._queries.turns_after,
            project,
            session_id,
            None if after is None else after.turn.started_at,
            None if after is None else parse_id("after", after.id),
            limit,
        )
        return [recorded_turn(row, _interaction(row).outcome) for row in rows]

    async def get(self, interaction_id: str) -> Interaction:
        """The interaction with its latest outcome.

        Raises:
            NotFoundError: there is none of this id.
        """
        found = await self.get_many([interaction_id])
        if not found:
            raise _unknown(interaction_id)
        return found[0]

    async def get_many(self, ids: Sequence[str]) -> list[Interaction]:
        """The interactions of these ids that exist, in the order of ``ids``."""
        wanted = parse_ids("interaction_id", ids)
        rows = await self._database.fetch(self._queries.get_many, wanted)
        found = {row["id"]: row for row in rows}
        return [_interaction(found[uuid]) for uuid in wanted if uuid in found]

    async def exposures(self, interaction_id: str) -> list[Exposure]:
        """The items that were shown in an interaction or held back from it, best first; none if it
        is unknown."""
        wanted = parse_id("interaction_id", interaction_id)
        rows = await self._database.fetch(self._queries.exposures, wanted)
        return [
            Exposure(
                str(row["item_id"]),
                row["rank"],
                row["score"],
                row["propensity"],
                row["withheld"],
                row["cited"],
                row["used"],
            )
            for row in rows
        ]

    async def citable(self, interaction_id: str) -> list[Citable]:
        """What an interaction was shown and is not known to have made use of, best first."""
        wanted = parse_id("interaction_id", interaction_id)
        rows = await self._database.fetch(self._queries.citable, wanted)
        return [Citable(str(row["item_id"]), row["title"], row["source"]) for row in rows]

    async def standing(self, interaction_id: str, recent: int) -> Standing:
        """The interaction, with its value and at most ``recent`` queries from before it.

        Raises:
            NotFoundError: there is none of this id.
        """
        wanted = parse_id("interaction_id", interaction_id)
        rows = await self._database.fetch(self._queries.standing, wanted, recent)
        if not rows:
            raise _unknown(interaction_id)
        (row,) = rows
        ids, queries = row["recent_ids"] or (), row["recent_queries"] or ()
        earlier = {str(key): query for key, query in zip(ids, queries, strict=True)}
        return Standing(_interaction(row), row["components"], earlier)

    async def set_outcome(
        self,
        interaction_id: str,
        outcome: Outcome,
        value_score: float,
        components: Mapping[str, float],
        jobs: JobChanges = JobChanges(),  # noqa: B008 - it is frozen
    ) -> bool:
        """Append an outcome; False if the latest one has the same kind, feedback, source and
        confidence, and the same evidence where some is given, or if it was stated and the new one
        is inferred.

        Durable when it returns. A value score that differs alone appends nothing. ``jobs`` are
        changed with it: both or neither.

        Raises:
            NotFoundError: there is no interaction of this id.
        """
        given = (
            parse_id("interaction_id", interaction_id),
            outcome.kind,
            outcome.feedback,
            outcome.evidence,
            value_score,
            dict(components),
            outcome.source,
            outcome.confidence,
        )
        # In one round trip each.
        appended: bool | None = await (
            self._database.fetch_value(
                self._queries.set_outcome_and_jobs, *given, *change_rows(jobs)
            )
            if jobs
            else self._database.fetch_value(self._queries.set_outcome, *given)
        )
        if appended is None:
            raise _unknown(interaction_id)
        return appended

    async def unprojected(self, limit: int) -> list[tuple[Interaction, int]]:
        """Interactions that changed since they were projected, oldest first, each with the
        revision to mark when its projection is done."""
        rows = await self._database.fetch(self._queries.unprojected, limit)
        return [(_interaction(row), row["revision"]) for row in rows]

    async def count_unprojected(self) -> int:
        """How many interactions wait to be projected."""
        count: int = await self._database.fetch_value(self._queries.count_unprojected)
        return count

    async def mark_projected(self, pairs: Sequence[tuple[str, int]], generation: int) -> None:
        """Say that this generation of the index has these (id, revision). A newer revision stays
        unprojected.

        Raises:
            NotFoundError: that generation does not serve; nothing is marked.
        """
        serves = await self._database.fetch_value(
            self._queries.mark_projected,
            [parse_id("interaction_id", uuid) for uuid, _ in pairs],
            [revision for _, revision in pairs],
            generation,
        )
        require_serving(serves, generation)

    async def mark_all_unprojected(self) -> None:
        """Make everything wait to be projected anew, also what is being projected now."""
        statement = self._queries.mark_all_unprojected
        await self._database.execute(statement, timeout=WHOLE_TABLE_SECONDS)

    async def unbuilt(self, after: str | None, limit: int) -> list[tuple[Interaction, int]]:
        """Interactions that the generation under construction lacks, as ``unprojected`` for the
        serving one, but in id order behind the id ``after``."""
        start = None if after is None else parse_id("after", after)
        rows = await self._database.fetch(self._queries.unbuilt, start, limit)
        return [(_interaction(row), row["revision"]) for row in rows]

    async def mark_built(self, pairs: Sequence[tuple[str, int]]) -> None:
        """Say that the generation under construction has these (id, revision)."""
        await self._database.execute(
            self._queries.mark_built,
            [parse_id("interaction_id", uuid) for uuid, _ in pairs],
            [revision for _, revision in pairs],
        )

    async def item_stats(self, item_ids: Sequence[str]) -> dict[str, ItemStats]:
        """How often each item was used, and how that went; items never used, here or elsewhere, are
        left out."""
        rows = await self._database.fetch(self._queries.item_stats, parse_ids("item_ids", item_ids))
        return {
            str(row["item_id"]): ItemStats(
                row["uses"],
                row["success_rate"],
                row["gained"],
                row["lost"],
                row["gained_elsewhere"],
                row["lost_elsewhere"],
            )
            for row in rows
        }

    async def past_uses(
        self, interaction_ids: Sequence[str], item_ids: Sequence[str]
    ) -> list[tuple[str, str, float]]:
        """Interaction, item and credit (-1 to 1) wherever one of these items was shown in one of
        these interactions and the outcome is known: for what it did beyond what was shown with
        it, where that is known."""
        rows = await self._database.fetch(
            self._queries.past_uses,
            parse_ids("interaction_ids", interaction_ids),
            parse_ids("item_ids", item_ids),
        )
        return [(str(row["interaction_id"]), str(row["item_id"]), row["credit"]) for row in rows]

    async def page(self, after: str | None, limit: int) -> list[Interaction]:
        """Interactions in id order, the first ones or those behind the id ``after``."""
        start = None if after is None else parse_id("after", after)
        rows = await self._database.fetch(self._queries.page, start, limit)
        return [_interaction(row) for row in rows]


def _columns(exposures: Sequence[Exposure]) -> tuple[list[object], ...]:
    """As the statements unnest them."""
    return (
        [parse_id("context_ids", each.item_id) for each in exposures],
        [each.rank for each in exposures],
        [each.score for each in exposures],
        [each.propensity for each in exposures],
        [each.withheld for each in exposures],
        [each.cited for each in exposures],
        [each.used for each in exposures],
    )


def _showing_id(new: NewInteraction) -> UUID | None:
    return None if new.showing_id is None else parse_id("showing_id", new.showing_id)


def _unknown(interaction_id: str) -> NotFoundError:
    return NotFoundError(
        f"there is no interaction {interaction_id}; use an id that track_interaction returned"
    )


def _interaction(row: Row) -> Interaction:
    outcome = None
    if row["outcome"] is not None:
        outcome = Outcome(
            OutcomeKind(row["outcome"]),
            row["user_feedback"],
            row["evidence"],
            OutcomeSource(row["outcome_source"]),
            row["outcome_confidence"],
        )
    return Interaction(
        id=str(row["id"]),
        project=row["project"],
        query=row["query"],
        response=row["response"],
        agent_type=AgentType(row["agent_type"]),
        model_used=row["model_used"],
        tokens_used=row["tokens_used"],
        latency_ms=row["latency_ms"],
        session_id=row["session_id"],
        created_at=row["created_at"],
        context_provided=row["context_provided"],
        outcome=outcome,
        value_score=row["value_score"],
        user=row["user_name"],
    )
