"""What is deleted stays deleted, whatever else happens at the time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from hybrid_coordinator.domain.forgetting import Selection
from hybrid_coordinator.domain.interactions import AgentType, NewInteraction
from hybrid_coordinator.domain.knowledge import NewKnowledge, Origin, StoreAction
from hybrid_coordinator.errors import (
    HybridError,
    RecordUnavailableError,
)
from hybrid_coordinator.knowledge.collections import load_collections
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.forgetting import Forgetting
from hybrid_coordinator.storage.postgres.forgotten import Tombstones
from hybrid_coordinator.storage.postgres.generations import Generations
from hybrid_coordinator.storage.vectors.client import ClientIndex
from hybrid_coordinator.storage.vectors.generation import GenerationIndex
from hybrid_coordinator.storage.vectors.protocol import CollectionSpec, IndexPoint, SparseText
from tests.support import traces
from tests.support.memory import PATIENCE, PROJECT, memory
from tests.support.owned import (
    HISTORY,
    MARK,
    SKILLS,
    STATIC,
    all_traces,
    ignore,
    learned,
    owning,
    until_waiting,
    untold,
    worked,
)
from tests.support.qdrant_server import QdrantServer
from tests.support.wire import Wire


async def test_who_learns_from_an_interaction_that_is_being_deleted_learns_nothing(
    database: Database, tmp_path: Path
) -> None:
    async with owning(database, tmp_path) as (parts, mine):
        done = await worked(parts, "one")
        async with database.transaction() as session:
            # As one who stores an entry does, and has not committed yet.
            await session.execute(
                "WITH entry AS (INSERT INTO knowledge_items (id, version, delta, collection, "
                "project, title, content, fields, origin, created_at, updated_at) VALUES "
                "(gen_random_uuid(), 1, 'ADD', 'skills-patterns', 'p', $1, $1, '{}', 'pattern', "
                "now(), now()) RETURNING id) INSERT INTO knowledge_evidence "
                "(item_id, interaction_id, supports) SELECT entry.id, interactions.id, true "
                "FROM entry, interactions",
                MARK,
            )
            deleting = asyncio.create_task(mine.delete([done]))
            await until_waiting(database, deleting)
        await deleting
        with pytest.raises(HybridError):
            await learned(parts, "Too late", MARK, done)
        assert await all_traces(database, parts, MARK) == []
        assert await traces.in_record(database, done) == ["forgotten: 1"]


async def test_what_is_stored_anew_after_a_deletion_is_new(
    database: Database, tmp_path: Path
) -> None:
    async with owning(database, tmp_path) as (parts, mine):
        entry = await learned(parts, "Rotate cookies", "after login", origin=Origin.STATED)
        await parts.projector.drain(PATIENCE)
        (before,) = await parts.knowledge.get_many([entry])
        await mine.delete([entry])
        # As if the first had been a minute ago: the point is taken out a second time.
        await database.execute("UPDATE forgotten SET forgotten_at = now() - interval '1 hour'")
        new = NewKnowledge(SKILLS, PROJECT, "Rotate cookies", "every day", {})

        assert await parts.knowledge.store(new) == (entry, StoreAction.CREATED)
        parts.projector.wake()

        assert await parts.found("rotate cookies") == [entry]
        (item,) = await parts.knowledge.get_many([entry])
        assert item.version > before.version, "no mark of the old entry holds for the new one"
        parts.projector.wake()
        assert await parts.found("rotate cookies") == [entry]
        assert (await mine.delete([entry])).counts == {SKILLS: 1}
        assert await parts.found("rotate cookies") == []


async def test_a_deleted_turn_that_is_reported_again_is_not_recorded_again(
    database: Database, tmp_path: Path
) -> None:
    turn = NewInteraction(PROJECT, MARK, MARK, AgentType.REMOTE, "m", turn_key="session/1")
    async with owning(database, tmp_path) as (parts, mine):
        done = await parts.interactions.add(turn)
        await mine.delete([done])

        assert await parts.interactions.add_if_new(turn) is None
        assert await parts.interactions.known_turns(["session/1", "session/2"]) == {
            "session/1": done
        }
        assert not await parts.interactions.complete(replace(turn, response=f"{MARK} and more"))
        assert await parts.interactions.add(turn) == done
        assert await all_traces(database, parts, MARK) == []


async def test_a_point_that_was_stored_anew_while_the_old_one_was_taken_out_is_stored_again(
    database: Database, tmp_path: Path
) -> None:
    async with owning(database, tmp_path) as (parts, mine):
        entry = await learned(parts, "Rotate cookies", "after login", origin=Origin.STATED)
        await mine.delete([entry])
        await learned(parts, "Rotate cookies", "every day", origin=Origin.STATED)
        assert await parts.found("rotate cookies") == [entry]
        # What another coordinator does, which read the tombstone before the entry was there.
        await parts.index.delete(SKILLS, [entry])
        await Tombstones(database).removed([entry], 1)
        parts.projector.wake()
        assert await parts.found("rotate cookies") == [entry]


async def test_what_was_deleted_leaves_the_index_after_a_crash(
    database: Database, tmp_path: Path
) -> None:
    async with owning(database, tmp_path) as (parts, _):
        done, entry = await worked(parts, MARK), await learned(parts, MARK, MARK)
        await parts.projector.drain(PATIENCE)
        assert len(await traces.in_index(parts.index, MARK)) == 2
    # The process dies right after the deletion's transaction, before the index has heard of it.
    await Forgetting(database).delete([done, entry])
    async with memory(database, tmp_path, embedding=STATIC) as parts:
        await parts.setup.ensure()
        assert len(await traces.in_index(parts.index, MARK)) == 2
        assert await Tombstones(database).count_pending() == 2

    async with owning(database, tmp_path) as (parts, _):
        assert await all_traces(database, parts, MARK) == []
        assert await Tombstones(database).count_pending() == 0


async def test_an_engine_that_is_down_loses_the_point_when_it_is_back(
    database: Database, tmp_path: Path
) -> None:
    async with QdrantServer() as server:
        servers = {server.url: ClientIndex.connect(server.url, timeout=5)}
        async with owning(database, tmp_path, server.url, servers) as (parts, mine):
            done = await worked(parts, MARK)
            await parts.projector.drain(PATIENCE)
            assert len(await parts.index.get(HISTORY, [done])) == 1
            server.down = True

            assert (await mine.delete([done])).counts == {HISTORY: 1}

            assert await traces.in_record(database, MARK) == []
            assert await Tombstones(database).count_pending() == 1
            assert parts.projector.problem is not None
            server.down = False
            async with asyncio.timeout(PATIENCE):
                while await Tombstones(database).count_pending():
                    parts.projector.wake()
                    await parts.projector.drain(PATIENCE)
            assert await parts.index.get(HISTORY, [done]) == []
        await servers[server.url].close()


async def test_another_coordinator_that_stores_the_point_late_is_followed(
    database: Database, tmp_path: Path
) -> None:
    shared = ClientIndex.in_memory()
    url = "http://qdrant.example:6333"
    async with (
        owning(database, tmp_path / "one", url, {url: shared}) as (one, mine),
        memory(
            database, tmp_path / "two", embedding=STATIC, engine=url, servers={url: shared}
        ) as two,
    ):
        done = await worked(one, MARK)
        await one.projector.drain(PATIENCE)
        await two.setup.ensure()
        (point,) = await two.index.get(HISTORY, [done])
        await mine.delete([done])
        await one.projector.drain(PATIENCE)
        assert await traces.in_index(one.index, MARK) == []
        # The other one had read the row before, and is at its last step now.
        late = IndexPoint(done, None, SparseText((1,), (1.0,)), point.payload)
        await two.index.upsert(HISTORY, [late])
        assert await traces.in_index(one.index, MARK) == [f"{HISTORY}: {done}"]
        await database.execute("UPDATE forgotten SET forgotten_at = now() - interval '2 minutes'")
        one.projector.wake()
        assert await all_traces(database, one, MARK) == []
    await shared.close()


async def test_a_generation_under_construction_loses_what_is_deleted_meanwhile(
    database: Database, tmp_path: Path
) -> None:
    url, shared, generations = (
        "http://qdrant.example:6333",
        ClientIndex.in_memory(),
        Generations(database),
    )
    async with owning(database, tmp_path, url, {url: shared}) as (parts, mine):
        kept, doomed = await worked(parts, "something else"), await worked(parts, MARK)
        entry = await learned(parts, "Title", MARK)
        await parts.projector.drain(PATIENCE)
        serving = await generations.serving()
        assert serving.embedder is not None
        # Half of the new generation is built when its coordinator is killed.
        number = await generations.begin(url, STATIC, serving.embedder)
        building = GenerationIndex(shared, number)
        for name, definition in load_collections().items():
            await building.create(
                CollectionSpec(name, serving.embedder.dimension, definition.indexes)
            )
        for collection, identifier in ((HISTORY, doomed), (SKILLS, entry)):
            (point,) = await parts.index.get(collection, [identifier])
            copy = IndexPoint(identifier, None, SparseText((1,), (1.0,)), point.payload)
            await building.upsert(collection, [copy])
        await parts.interactions.mark_built([(kept, 2), (doomed, 2)])
        await parts.knowledge.mark_built([(entry, 1)])
        await mine.delete([doomed, entry])
        assert len(await traces.in_index(building, MARK)) == 2

        await parts.rebuilder.rebuild(ignore)

        assert (await generations.serving()).number == number
        assert await traces.in_index(building, MARK) == []
        assert await all_traces(database, parts, MARK) == []
    await shared.close()


async def test_a_deletion_that_is_cut_off_is_whole_or_not_at_all(
    database: Database, dsn: str, tmp_path: Path
) -> None:
    (directory,) = parse_qs(urlsplit(dsn).query)["host"]
    async with owning(database, tmp_path) as (parts, mine):
        done = [await worked(parts, f"{MARK} {number}") for number in range(3)]
        lesson = await learned(parts, MARK, MARK, *done)
        async with Wire.to(f"{directory}/.s.PGSQL.5432") as wire:
            url = f"postgresql://postgres:x@127.0.0.1:{wire.port}{urlsplit(dsn).path}"
            remote = await Database.connect(f"{url}?sslmode=disable", timeout=5)
            async with database.transaction() as session:
                # Its last step has to wait, and there the wire is cut.
                await session.execute("LOCK TABLE cached_answers")
                deleting = asyncio.create_task(Forgetting(remote).delete(done))
                await until_waiting(database, deleting)
                await wire.cut()
                with pytest.raises(RecordUnavailableError):
                    await deleting
            await remote.close()
        assert len(await parts.interactions.get_many(done)) == 3
        assert len(await parts.knowledge.get_many([lesson])) == 1
        assert await traces.in_record(database, done[0]) != []

        assert (await mine.delete(done)).counts == {HISTORY: 3, SKILLS: 1}
        assert await all_traces(database, parts, MARK) == []


async def test_code_of_a_project_that_is_deleted_during_a_rebuild_does_not_come_back(
    database: Database, tmp_path: Path
) -> None:
    tree = tmp_path / "doomed"
    tree.mkdir()
    (tree / "invoice.py").write_text("def invoice_total(rows):\n    return sum(rows)\n")
    async with owning(database, tmp_path / "index") as (parts, mine):
        await parts.indexer.index(tree, "doomed")
        # What the generation under construction has of it by now.
        serving = await Generations(database).serving()
        assert serving.embedder is not None
        number = await Generations(database).begin("embedded", STATIC, serving.embedder)
        await database.execute(
            "INSERT INTO source_files (project, root, path, content_hash, chunk_ids, generation) "
            "SELECT project, root, path, content_hash, chunk_ids, $1 FROM source_files",
            number,
        )
        await mine.delete_chosen(Selection(project="doomed"), untold)

        await parts.rebuilder.rebuild(ignore)

        assert (await Generations(database).serving()).number == number
        assert await all_traces(database, parts, "doomed") == []
