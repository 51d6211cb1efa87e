"""A memory in the hands of its owner, and things in it with words that can be looked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

from hybrid_coordinator.domain.interactions import (
    AgentType,
    NewInteraction,
    Outcome,
    OutcomeKind,
)
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import NewKnowledge, Origin
from hybrid_coordinator.domain.reply import Attempt, AttemptLog
from hybrid_coordinator.domain.route import Tier
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.knowledge.code.refreshing import Refresher
from hybrid_coordinator.knowledge.code.watching import Watches
from hybrid_coordinator.knowledge.collections import load_collections
from hybrid_coordinator.learning.forgetting.memory import Memory as Owned
from hybrid_coordinator.storage.postgres.answers import Answers, NewAnswer
from hybrid_coordinator.storage.postgres.bookkeeping import Datasets
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.forgetting import Forgetting
from hybrid_coordinator.storage.postgres.histories import Histories
from hybrid_coordinator.storage.postgres.watched import WatchedDirectories
from hybrid_coordinator.storage.vectors.protocol import VectorIndex
from tests.support import traces
from tests.support.memory import PATIENCE, PROJECT, Memory, projecting

MARK = "zyxmark7391"
HISTORY, SKILLS = CollectionName.INTERACTION_HISTORY, CollectionName.SKILLS_PATTERNS
ERRORS, CODE = CollectionName.ERROR_SOLUTIONS, CollectionName.CODEBASE_CONTEXT
LATER = datetime.now(UTC) + timedelta(days=1)
STATIC = {"provider": "static", "model": None, "base_url": None}


def owned(database: Database, parts: Memory, set_aside: tuple[str, ...] = ()) -> Owned:
    watches = Watches(WatchedDirectories(database, "home"), Refresher(parts.indexer))
    return Owned(
        Forgetting(database),
        Histories(database),
        parts.interactions,
        parts.knowledge,
        parts.files,
        parts.indexer,
        watches,
        parts.projector,
        load_collections(),
        Scrubber(),
        lambda: set_aside,
    )


@asynccontextmanager
async def owning(
    database: Database,
    directory: Path,
    engine: str = "embedded",
    servers: Mapping[str, VectorIndex] = MappingProxyType({}),
) -> AsyncIterator[tuple[Memory, Owned]]:
    async with projecting(
        database, directory, embedding=STATIC, engine=engine, servers=servers
    ) as parts:
        yield parts, owned(database, parts)


async def untold(_: int) -> None:
    """Progress."""


async def ignore(_: float, __: float | None, ___: str) -> None:
    """Progress of a rebuild."""


async def worked(
    parts: Memory, words: str, project: str = PROJECT, *, shown: tuple[str, ...] = ()
) -> str:
    """An interaction with the words in every text that belongs to it."""
    new = NewInteraction(
        project, f"fix {words} in query", f"{words} fixed", AgentType.LOCAL, "m", shown
    )
    attempt = Attempt("m", "http://x", Tier.LOCAL_FAST, 5, 0.9, "ok", reason=f"{words} is long")
    done = await parts.interactions.add(new, AttemptLog(None, None, (attempt,)))
    outcome = Outcome(OutcomeKind.SUCCESS, 1, f"pytest {words} exit 0")
    await parts.interactions.set_outcome(done, outcome, 0.9, {"outcome": 1.0})
    parts.projector.wake()
    return done


async def learned(
    parts: Memory,
    title: str,
    content: str,
    *evidence: str,
    origin: Origin = Origin.PATTERN,
    project: str = PROJECT,
) -> str:
    new = NewKnowledge(SKILLS, project, title, content, {"prerequisites": content})
    entry, _ = await parts.knowledge.store(new, origin=origin, evidence=evidence)
    parts.projector.wake()
    return entry


async def beside(database: Database, interaction: str, words: str, project: str = PROJECT) -> None:
    """What the record holds of an interaction in tables of its own."""
    await database.execute(
        "INSERT INTO actions (interaction_id, position, kind, subject, ok, detail) "
        "VALUES ($1::text::uuid, 1, 'command', $2, true, $2)",
        interaction,
        f"grep {words}",
    )
    await database.execute(
        "INSERT INTO showings (id, project) VALUES (gen_random_uuid(), $1)", project
    )
    await database.execute(
        "INSERT INTO shown_items (showing_id, item_id, rank, title, source, score, propensity, "
        "withheld) SELECT id, $1::text::uuid, 1, $2, $2, 1, 1, false FROM showings",
        interaction,
        f"fix {words}",
    )
    await database.execute(
        "INSERT INTO jobs (kind, subject, project, payload, parked, reason) "
        "VALUES ('pattern', $1, $2, '{}', true, $3)",
        interaction,
        project,
        f"no sense in {words}",
    )
    await database.execute(
        "INSERT INTO captured_events (key, session_id, kind, at, tick, project, content) "
        "VALUES (gen_random_uuid()::text, 's', 'prompt', now(), 1, $1, '{}')",
        project,
    )
    proposal = await database.fetch_value(
        "INSERT INTO skill_proposals (id, project, kind, title, content, fields, members, "
        "sessions, successes, failures, state) VALUES (gen_random_uuid(), $1, 'new', $2, $2, "
        "'{}', 3, 2, 2, 0, 'proposed') RETURNING id",
        project,
        f"quotes {words}",
    )
    await database.execute(
        "INSERT INTO skill_members (proposal_id, interaction_id, held_out, quoted) "
        "VALUES ($1, $2::text::uuid, false, true)",
        proposal,
        interaction,
    )
    await database.execute(
        "INSERT INTO skill_passes (project, outcome) VALUES ($1, 1) ON CONFLICT DO NOTHING", project
    )
    await database.execute(
        "INSERT INTO training_groups (interaction_id, split, task_group, signature) "
        "VALUES ($1::text::uuid, 'train', '', '')",
        interaction,
    )
    answer = NewAnswer(words.encode(), b"f", f"fix {words}", None, {"response": words})
    await Answers(database).put(answer, max_bytes=10**6, newer_than=LATER - timedelta(days=9))
    await Datasets(database).add("openai", "/data/sets", 1, {"counts": {}})


async def all_traces(database: Database, parts: Memory, words: str) -> list[str]:
    """Where the words are still to be found, once the index has followed and nothing of a former
    one is left."""
    await parts.projector.drain(PATIENCE)
    async with asyncio.timeout(PATIENCE):
        while await database.fetch_value(
            "SELECT count(*) FROM index_generations WHERE state = 'retired'"
        ):
            pass  # the question takes its time
    return [
        *await traces.in_record(database, words),
        *await traces.in_index(parts.index, words),
    ]


async def until_waiting(database: Database, task: asyncio.Task[object]) -> None:
    """Return once a statement of the database waits for a lock, which ``task`` has asked for."""
    async with asyncio.timeout(PATIENCE):
        while not await database.fetch_value(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE wait_event_type = 'Lock' AND datname = current_database()"
        ):
            assert not task.done()
