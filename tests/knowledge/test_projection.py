"""Rows reach the index, whatever happens on the way."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from hybrid_coordinator.domain.interactions import Outcome, OutcomeKind
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import NewKnowledge
from hybrid_coordinator.errors import EmbedderUnavailableError
from hybrid_coordinator.knowledge.collections import load_collections
from hybrid_coordinator.knowledge.embedding.cooling import CoolingEmbedder
from hybrid_coordinator.knowledge.embedding.ollama import OllamaEmbedder
from hybrid_coordinator.knowledge.embedding.static import StaticEmbedder
from hybrid_coordinator.knowledge.projection import Projector
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.forgotten import Tombstones
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from hybrid_coordinator.storage.vectors.protocol import ScoredHit
from tests.support.embedding_server import Answer, EmbeddingServer
from tests.support.memory import PATIENCE, PROJECT, Memory, memory, projecting

HISTORY = CollectionName.INTERACTION_HISTORY
SKILLS = CollectionName.SKILLS_PATTERNS
QUESTION = "Why does the checkout page lose the session cookie after a redirect?"
DEAD = "http://127.0.0.1:9"
"""Port 9 (discard) is privileged, and nothing listens there."""
REFUSED = Answer(503, b'{"error": "loading model"}')


async def payload(parts: Memory, item_id: str, collection: str = HISTORY) -> dict[str, object]:
    await parts.projector.drain(PATIENCE)
    (point,) = await parts.index.get(collection, [item_id])
    return dict(point.payload)


async def unprojected(parts: Memory) -> int:
    return await parts.interactions.count_unprojected() + await parts.knowledge.count_unprojected()


async def nearest(parts: Memory) -> list[ScoredHit]:
    """Interactions that search by meaning can find, under the test server's model."""
    vector = [1.0] + [0.0] * (EmbeddingServer.dimension - 1)
    return await parts.index.nearest(HISTORY, vector, where={}, limit=100)


async def test_what_was_tracked_is_found_by_the_next_question(
    database: Database, tmp_path: Path
) -> None:
    async with projecting(database, tmp_path) as parts:
        tracked = await parts.track(QUESTION, "SameSite was Strict; Lax fixes it.")

        found = await parts.find("session cookie lost after redirect on the checkout page")

        assert [item.id for item in found.items] == [tracked]
        assert found.items[0].text == "SameSite was Strict; Lax fixes it."
        assert found.items[0].title == QUESTION
        assert await unprojected(parts) == 0


async def test_the_payload_of_an_interaction(database: Database, tmp_path: Path) -> None:
    async with projecting(database, tmp_path) as parts:
        tracked = await parts.track(QUESTION, "Use Lax.")
        stored = await payload(parts, tracked)

    row = await parts.interactions.get(tracked)
    assert stored == {
        "project": PROJECT,
        "user": "local",
        "title": QUESTION,
        "text": "Use Lax.",
        "source": f"claude-opus, {row.created_at:%Y-%m-%d}",
        "query": QUESTION,
        "response": "Use Lax.",
        "agent_type": "remote",
        "model_used": "claude-opus",
        "context_provided": 0,
        "outcome": "unknown",
        "user_feedback": 0,
        "tokens_used": 0,
        "latency_ms": 0,
        "timestamp": row.created_at.isoformat(),
        "value_score": None,
    }


async def test_a_changed_outcome_changes_the_payload(database: Database, tmp_path: Path) -> None:
    async with projecting(database, tmp_path) as parts:
        tracked = await parts.track(QUESTION)
        for kind, feedback, value in (
            (OutcomeKind.SUCCESS, 1, 0.78),
            (OutcomeKind.FAILURE, -1, 0.1),
        ):
            await parts.interactions.set_outcome(tracked, Outcome(kind, feedback), value, {})
            parts.projector.wake()

            stored = await payload(parts, tracked)

            assert stored["outcome"] == kind
            assert stored["user_feedback"] == feedback
            assert stored["value_score"] == value


async def test_a_merged_entry_replaces_the_older_version(
    database: Database, tmp_path: Path
) -> None:
    async with projecting(database, tmp_path) as parts:
        first = await parts.learn("Bisect a flaky test", "Run it alone.", prerequisites="pytest")
        await payload(parts, first, SKILLS)
        again = await parts.learn("Bisect a flaky test", "Run halves.", usage_pattern="CI fails")
        stored = await payload(parts, again, SKILLS)

        assert first == again
        assert stored["text"] == "Run halves.\nUsage pattern: CI fails\nPrerequisites: pytest"
        assert stored["skill_name"] == stored["title"] == "Bisect a flaky test"
        assert stored["description"] == "Run halves."
        assert await parts.index.count(SKILLS, {}) == 1


async def test_a_retired_entry_is_found_no_more(database: Database, tmp_path: Path) -> None:
    async with projecting(database, tmp_path) as parts:
        first = await parts.learn("Bisect a flaky test", "Run it alone.")
        kept = await parts.learn("Pin versions", "So that builds repeat.")
        await payload(parts, first, SKILLS)
        await parts.knowledge.deprecate(first, "it did harm")
        parts.projector.wake()
        await parts.projector.drain(PATIENCE)
        found = await parts.index.get(SKILLS, [first, kept])
        assert [point.id for point in found] == [kept]
        assert await parts.knowledge.count_unprojected() == 0


async def test_given_fields_win_over_title_and_content_and_all_of_it_is_found(
    database: Database, tmp_path: Path
) -> None:
    errors = CollectionName.ERROR_SOLUTIONS
    given = {
        "error_message": "psycopg.OperationalError: terminating connection",
        "solution": "Raise idle_session_timeout on the server.",
    }
    async with projecting(database, tmp_path) as parts:
        learned = await parts.learn(
            "Flaky nightly report", "Postgres hung up on a sleeping worker.", errors, **given
        )
        stored = await payload(parts, learned, errors)
        found = await parts.found("psycopg OperationalError terminating connection")
        assert found == [learned]
        encoder = Bm25Encoder()
        for words in ("flaky nightly", "sleeping worker", "psycopg", "idle_session_timeout"):
            hits = await parts.index.matching(errors, encoder.query(words), where={}, limit=5)
            assert [hit.id for hit in hits] == [learned], words

    assert {name: stored[name] for name in given} == given
    assert stored["title"] == "Flaky nightly report"
    assert stored["text"] == (
        "Postgres hung up on a sleeping worker.\n"
        "Error message: psycopg.OperationalError: terminating connection\n"
        "Solution: Raise idle_session_timeout on the server."
    )


async def test_rows_written_while_nothing_ran_are_projected_at_the_start(
    database: Database, tmp_path: Path
) -> None:
    async with memory(database, tmp_path) as parts:
        tracked = [await parts.track(f"{QUESTION} (report {number})") for number in range(150)]
        learned = await parts.learn("Rotate session cookies", "After every login.")

    async with projecting(database, tmp_path) as parts:
        await parts.projector.drain(PATIENCE)

        assert len(await parts.index.get(HISTORY, tracked)) == 150
        assert len(await parts.index.get(SKILLS, [learned])) == 1
        assert await unprojected(parts) == 0


async def test_a_crash_between_storing_and_marking_is_repaired(
    database: Database, tmp_path: Path
) -> None:
    async with projecting(database, tmp_path) as parts:
        tracked = await parts.track(QUESTION)
        await parts.projector.drain(PATIENCE)
    # What a kill at that moment leaves behind: the point is there, the mark is not.
    await database.execute("UPDATE interactions SET projected = 0")

    async with projecting(database, tmp_path) as parts:
        assert await parts.found(QUESTION) == [tracked]
        assert await parts.index.count(HISTORY, {}) == 1
        assert await unprojected(parts) == 0


async def test_a_lost_collection_fills_again(database: Database, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "cookies.py").write_text("def set_cookie(name, value):\n    return name, value\n")
    async with projecting(database, tmp_path / "index") as parts:
        tracked = await parts.track(QUESTION)
        learned = await parts.learn("Rotate session cookies", "After every login.")
        await parts.projector.drain(PATIENCE)
        await parts.indexer.index(tree, PROJECT)
        for collection in CollectionName:
            await parts.index.drop(collection)

    async with projecting(database, tmp_path / "index") as parts:
        assert tracked in await parts.found(QUESTION)
        assert learned in await parts.found("rotate session cookies")
        assert await parts.files.unfinished_roots() == [(PROJECT, str(tree))]


async def test_a_collection_lost_while_running_fills_again(
    database: Database, tmp_path: Path
) -> None:
    async with projecting(database, tmp_path) as parts:
        earlier = await parts.track(QUESTION)
        await parts.projector.drain(PATIENCE)
        await parts.index.drop(HISTORY)
        later = await parts.track(QUESTION)
        await parts.projector.drain(PATIENCE)
        assert "interaction-history" in str(parts.projector.problem)

        parts.projector.wake()

        assert set(await parts.found(QUESTION)) == {earlier, later}
        assert parts.projector.problem is None


async def test_an_index_that_is_being_filled_is_told_of(database: Database, tmp_path: Path) -> None:
    async with projecting(database, tmp_path) as parts:
        await parts.projector.drain(PATIENCE)
        assert parts.projector.filling is None
        await database.execute(
            "INSERT INTO interactions (id, project, query, response, agent_type, model_used, "
            "tokens_used, latency_ms) SELECT gen_random_uuid(), 'p', 'q', 'r', 'local', 'm', 1, 1 "
            "FROM generate_series(1, 800)"
        )
        parts.projector.wake()
        async with asyncio.timeout(PATIENCE):
            while (told := parts.projector.filling) is None:
                await asyncio.sleep(0)
        assert told.startswith("The index is being filled from the record, ")
        await parts.projector.drain(PATIENCE)
        assert parts.projector.filling is None
        assert await unprojected(parts) == 0


async def test_draining_costs_nothing_while_nothing_is_pending(
    database: Database, tmp_path: Path
) -> None:
    async with projecting(database, tmp_path) as parts:
        await parts.track(QUESTION)
        await parts.projector.drain(PATIENCE)
        await database.close()

        began = time.monotonic()
        for _ in range(1000):
            await parts.projector.drain(PATIENCE)

        assert time.monotonic() - began < 1.0
        assert parts.projector.problem is None


async def test_draining_ends_when_the_time_is_over(database: Database, tmp_path: Path) -> None:
    async with memory(database, tmp_path) as parts:
        began = time.monotonic()

        await parts.projector.drain(0.05)

        assert 0.04 < time.monotonic() - began < 5.0


async def test_an_unreachable_record_is_a_problem_that_is_told(
    database: Database, tmp_path: Path
) -> None:
    async with projecting(database, tmp_path) as parts:
        await parts.projector.drain(PATIENCE)
        assert parts.projector.problem is None
        await database.close()
        parts.projector.wake()

        await parts.projector.drain(PATIENCE)

        assert parts.projector.problem is not None


async def test_without_an_embedder_points_wait_for_their_vectors(
    database: Database, tmp_path: Path
) -> None:
    async with EmbeddingServer() as server:
        embedder = OllamaEmbedder(server.url, server.model, timeout=5)
        async with projecting(database, tmp_path, embedder) as parts:
            await parts.projector.drain(PATIENCE)

    dead = CoolingEmbedder(OllamaEmbedder(DEAD, server.model, timeout=5))
    async with projecting(database, tmp_path, dead) as parts:
        tracked = [await parts.track(f"{QUESTION} (report {number})") for number in range(70)]

        found = await parts.find(f"{QUESTION} (report 69)")

        assert tracked[69] in {item.id for item in found.items}
        assert "words only" in found.notices[0]
        assert DEAD in found.notices[0]
        assert await unprojected(parts) == 70
        assert DEAD in str(parts.projector.problem)

    async with EmbeddingServer() as server:
        embedder = OllamaEmbedder(server.url, server.model, timeout=5)
        async with projecting(database, tmp_path, embedder) as parts:
            found = await parts.find(f"{QUESTION} (report 69)")

            assert found.notices == ("This project has no index yet: call index_codebase.",)
            assert await unprojected(parts) == 0
            assert {hit.id for hit in await nearest(parts)} == set(tracked)


async def test_an_embedder_that_comes_back_is_noticed_in_the_same_process(
    database: Database, tmp_path: Path
) -> None:
    async with EmbeddingServer() as server:
        embedder = OllamaEmbedder(server.url, server.model, timeout=5)
        async with projecting(database, tmp_path, embedder) as parts:
            await parts.projector.drain(PATIENCE)
            server.faults.append(REFUSED)
            tracked = await parts.track(QUESTION)
            await parts.projector.drain(PATIENCE)
            assert await nearest(parts) == []
            assert await unprojected(parts) == 1

            parts.projector.wake()
            await parts.projector.drain(PATIENCE)

            assert [hit.id for hit in await nearest(parts)] == [tracked]
            assert await unprojected(parts) == 0
            assert parts.projector.problem is None


async def test_an_entry_that_a_pass_could_not_finish_is_taken_up_by_the_next_of_any_kind(
    database: Database, tmp_path: Path
) -> None:
    async with EmbeddingServer() as server:
        embedder = OllamaEmbedder(server.url, server.model, timeout=5)
        async with projecting(database, tmp_path, embedder) as parts:
            await parts.projector.drain(PATIENCE)
            server.faults.append(REFUSED)
            await parts.learn("Rotate keys", "Rotate them monthly.")
            await parts.projector.drain(PATIENCE)
            assert await parts.knowledge.count_unprojected() == 1

            parts.projector.wake_for_interactions()
            await parts.projector.drain(PATIENCE)

            assert await parts.knowledge.count_unprojected() == 0


async def test_what_another_process_wrote_is_found_however_busy_this_one_is(
    database: Database, tmp_path: Path
) -> None:
    async with memory(database, tmp_path) as parts:
        projector = Projector(
            parts.index,
            StaticEmbedder(),
            Bm25Encoder(),
            parts.interactions,
            parts.knowledge,
            Tombstones(database),
            parts.setup,
            load_collections(),
            look_seconds=1.0,
        )
        running = asyncio.create_task(projector.run())
        await projector.drain(PATIENCE)
        new = NewKnowledge(SKILLS, PROJECT, "Rotate keys", "Monthly.", {})
        await parts.knowledge.store(new)  # and nobody is told
        async with asyncio.timeout(60):
            while await parts.knowledge.count_unprojected():
                projector.wake_for_interactions()
                await projector.drain(PATIENCE)
        running.cancel()
        await asyncio.wait([running])


async def test_a_gone_embedder_is_not_asked_again_and_again(
    database: Database, tmp_path: Path
) -> None:
    async with EmbeddingServer() as server:
        embedder = CoolingEmbedder(OllamaEmbedder(server.url, server.model, timeout=5))
        async with projecting(database, tmp_path, embedder) as parts:
            await parts.projector.drain(PATIENCE)
            server.faults.extend([REFUSED] * 100)
            for number in range(20):
                await parts.track(f"{QUESTION} (report {number})")
                await parts.find(QUESTION)

            assert len(server.faults) == 99
            assert await parts.index.count(HISTORY, {}) == 20


async def test_a_first_start_needs_the_embedder(database: Database, tmp_path: Path) -> None:
    dead = OllamaEmbedder(DEAD, "nomic-embed-text", timeout=5)
    async with projecting(database, tmp_path, dead) as parts:
        with pytest.raises(EmbedderUnavailableError, match="ollama serve"):
            await parts.find(QUESTION)
        assert DEAD in str(parts.projector.problem)
