"""The index is rebuilt and moved while it serves, and goes on where it was cut off."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.errors import (
    EmbedderUnavailableError,
    EmbeddingMismatchError,
    IndexUnavailableError,
)
from hybrid_coordinator.knowledge.embedding.ollama import OllamaEmbedder
from hybrid_coordinator.knowledge.embedding.protocol import EmbedderIdentity, Vector
from hybrid_coordinator.knowledge.embedding.static import StaticEmbedder
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.generations import EmbedderRecord, Generations
from hybrid_coordinator.storage.vectors.client import ClientIndex
from hybrid_coordinator.storage.vectors.engines import EMBEDDED
from hybrid_coordinator.storage.vectors.protocol import VectorIndex
from tests.support.embedding_server import Answer, EmbeddingServer
from tests.support.memory import PATIENCE, PROJECT, Memory, projecting

QUESTION = "Why does the checkout page lose the session cookie after a redirect?"
CODE = "where is the invoice total computed"
STATIC = {"provider": "static", "model": None, "base_url": None}
URL = "http://qdrant.example:6333"
REFUSED = Answer(503, b'{"error": "loading model"}')


def PROPER(_: object) -> None:  # noqa: N802 - a fault, as the others
    """No fault: the answer goes out as it is."""


ROWS = 300
"""More than a batch of a rebuild."""
NAMES = {name.value for name in CollectionName}


class OlderStatic(StaticEmbedder):
    """The static model that an older version of the program brought."""

    async def identity(self) -> EmbedderIdentity:
        now = await super().identity()
        return EmbedderIdentity(now.name, now.dimension, "older")

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        return [vector[::-1] for vector in await super().embed(texts)]


def ollama(server: EmbeddingServer) -> dict[str, str]:
    return {"provider": "ollama", "model": server.model, "base_url": server.url}


def embedder_of(server: EmbeddingServer) -> OllamaEmbedder:
    return OllamaEmbedder(server.url, server.model, timeout=5)


def embedded(server: EmbeddingServer) -> list[str]:
    return [
        text
        for request in server.requests
        if request.path == "/api/embed"
        for text in request.body["input"]
    ]


async def ignore(_: float, __: float | None, ___: str) -> None:
    """Progress."""


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    root.mkdir()
    (root / "invoice.py").write_text("def invoice_total(lines):\n    return sum(lines)\n")
    return root


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    return tmp_path / "index"


async def fill(parts: Memory, tree: Path, rows: int = ROWS) -> str:
    """Rows and code; returns the interaction that answers QUESTION."""
    for number in range(rows):
        await parts.learn(f"Lesson {number} about {uuid.uuid4().hex}", "Take care.")
    tracked = await parts.track(QUESTION, "SameSite was Strict.")
    await parts.projector.drain(PATIENCE)
    await parts.indexer.index(tree, PROJECT)
    return tracked


async def answers(parts: Memory, tracked: str) -> None:
    """Both kinds of question are answered, with nothing missing."""
    assert tracked in await parts.found(QUESTION)
    found = await parts.find(CODE)
    assert [item.title for item in found.items if "invoice" in item.source] == ["invoice_total"]


async def test_another_model_is_an_error_until_a_rebuild_is_asked_for(
    database: Database, place: Path, tree: Path
) -> None:
    async with projecting(database, place, embedding=STATIC) as parts:
        tracked = await fill(parts, tree)
    async with (
        EmbeddingServer() as server,
        projecting(database, place, embedder_of(server), embedding=ollama(server)) as parts,
    ):
        with pytest.raises(EmbeddingMismatchError, match="hybrid-coordinator reindex"):
            await parts.find(QUESTION)
        with pytest.raises(EmbeddingMismatchError, match="hybrid-coordinator reindex"):
            await parts.indexer.index(tree, PROJECT)
        assert "hybrid-coordinator reindex" in str(parts.projector.problem)
        parts.projector.wake()

        await parts.rebuilder.rebuild(ignore)

        await answers(parts, tracked)
        assert parts.projector.problem is None
        assert parts.rebuilder.state is None
        serving = await Generations(database).serving()
        assert serving.embedder is not None
        assert (serving.embedder.model, serving.embedding) == (server.model, ollama(server))
        assert await parts.index.count(CollectionName.SKILLS_PATTERNS, {}) == ROWS
        assert set(await parts.index.collections()) == NAMES


async def test_the_former_index_answers_with_its_model_while_the_new_one_cannot_be_filled(
    database: Database, place: Path, tree: Path
) -> None:
    async with projecting(database, place, embedding=STATIC) as parts:
        tracked = await fill(parts, tree, 3)
    async with (
        EmbeddingServer() as server,
        projecting(database, place, embedder_of(server), embedding=ollama(server)) as parts,
    ):
        with pytest.raises(EmbeddingMismatchError):
            await parts.find(QUESTION)  # and the embedder's identity is known
        server.faults.extend([REFUSED] * 50)
        with pytest.raises(EmbedderUnavailableError):
            await parts.rebuilder.rebuild(ignore)

        found = await parts.find(CODE)
        assert found.notices == ()
        await answers(parts, tracked)
        state = parts.rebuilder.state
        assert state is not None
        assert (state.embedder, state.total) == (server.model, 5)
        assert server.url in str(state.problem)
        # What is written meanwhile is found now, and after the switch.
        later = await parts.track("Rename the invoice column", "With a migration.")
        (tree / "invoice.py").write_text("def invoice_total(rows):\n    return sum(rows)\n")
        (tree / "tax.py").write_text("def value_added_tax(price):\n    return price * 0.19\n")
        await parts.indexer.index(tree, PROJECT)
        assert later in await parts.found("rename the invoice column")
        before = parts.rebuilder.state
        # A try of its own has just been refused: none is under way that could be, for a pause.
        await until(lambda: (now := parts.rebuilder.state) is not before and now and now.problem)
        server.faults.clear()

        await parts.rebuilder.rebuild(ignore)

        await answers(parts, tracked)
        assert later in await parts.found("rename the invoice column")
        items = (await parts.find("value added tax of a price; invoice total")).items
        assert "def invoice_total(rows):\n    return sum(rows)" in {item.text for item in items}
        assert "value_added_tax" in {item.title for item in items}


async def test_a_rebuild_that_is_cut_off_goes_on_where_it_was(
    database: Database, place: Path, tree: Path
) -> None:
    async with projecting(database, place, embedding=STATIC) as parts:
        tracked = await fill(parts, tree)
    async with EmbeddingServer() as server:
        async with projecting(
            database, place, embedder_of(server), embedding=ollama(server)
        ) as parts:
            with pytest.raises(EmbeddingMismatchError):
                await parts.find(QUESTION)
            server.faults.extend([PROPER] * 18 + [REFUSED] * 500)
            with pytest.raises(EmbedderUnavailableError):
                await parts.rebuilder.rebuild(ignore)
            state = parts.rebuilder.state
            assert state is not None
            assert 0 < state.done < state.total == ROWS + 2
        done = [text for text in embedded(server) if text.startswith("Lesson")]
        server.requests.clear()
        server.faults.clear()
        async with projecting(
            database, place, embedder_of(server), embedding=ollama(server)
        ) as parts:
            await answers(parts, tracked)  # the former one serves at once

            await parts.rebuilder.rebuild(ignore)

            await answers(parts, tracked)
            assert await parts.index.count(CollectionName.SKILLS_PATTERNS, {}) == ROWS
        again = [text for text in embedded(server) if text.startswith("Lesson")]
        assert len(again) == len(set(again)) == ROWS - state.done
        assert len(set(done)) >= state.done


async def test_whoever_asks_while_a_rebuild_is_under_way_waits_for_it(
    database: Database, place: Path, tree: Path
) -> None:
    told: list[tuple[float, float | None]] = []

    async def tell(done: float, total: float | None, _: str) -> None:
        told.append((done, total))

    async with projecting(database, place, embedding=STATIC) as parts:
        tracked = await fill(parts, tree)

        await asyncio.gather(parts.rebuilder.rebuild(tell), parts.rebuilder.rebuild(ignore))

        assert (await Generations(database).serving()).number == 2
        await answers(parts, tracked)
    assert len(told) > 1
    assert told == sorted(told)
    assert {total for _, total in told} == {ROWS + 2}


async def test_questions_are_answered_throughout(
    database: Database, place: Path, tree: Path
) -> None:
    async with projecting(database, place, embedding=STATIC) as parts:
        tracked = await fill(parts, tree)
        rebuilding = asyncio.create_task(parts.rebuilder.rebuild(ignore))
        asked = 0
        while not rebuilding.done():
            await answers(parts, tracked)
            asked += 1
        await rebuilding
        assert asked > 3
        assert (await Generations(database).serving()).number == 2


async def test_the_index_moves_to_another_engine_and_back_by_itself(
    database: Database, place: Path, tree: Path
) -> None:
    server = ClientIndex.in_memory()
    servers: dict[str, VectorIndex] = {URL: server}
    async with projecting(database, place, embedding=STATIC) as parts:
        tracked = await fill(parts, tree, 3)
    for engine, held in ((URL, NAMES), (EMBEDDED, set[str]())):
        async with projecting(
            database, place, embedding=STATIC, engine=engine, servers=servers
        ) as parts:
            await answers(parts, tracked)
            await parts.rebuilder.rebuild(ignore)
            await answers(parts, tracked)
            await until(lambda parts=parts: parts.rebuilder.state is None)
            assert (await Generations(database).serving()).engine == engine
            await parts.rebuilder.idle()
        assert {name.partition("--")[0] for name in await server.collections()} == held
        assert len(await Generations(database).all()) == 1
    await server.close()


async def test_a_new_engine_that_is_down_is_told_and_nothing_is_lost(
    database: Database, place: Path, tree: Path
) -> None:
    servers: dict[str, VectorIndex] = {URL: ClientIndex.connect("http://127.0.0.1:9", timeout=2)}
    async with projecting(database, place, embedding=STATIC) as parts:
        tracked = await fill(parts, tree, 3)
    async with projecting(database, place, embedding=STATIC, engine=URL, servers=servers) as parts:
        await answers(parts, tracked)
        with pytest.raises(IndexUnavailableError, match="127.0.0.1:9"):
            await parts.rebuilder.rebuild(ignore)
        await answers(parts, tracked)
        state = parts.rebuilder.state
        assert state is not None
        assert URL in state.words
        assert "127.0.0.1:9" in state.words
        dead, servers[URL] = servers[URL], ClientIndex.in_memory()

        await parts.rebuilder.rebuild(ignore)

        await answers(parts, tracked)
        assert (await Generations(database).serving()).engine == URL
    await dead.close()
    await servers[URL].close()


async def test_a_former_engine_that_is_gone_does_not_keep_the_index_from_moving(
    database: Database, place: Path, tree: Path
) -> None:
    servers: dict[str, VectorIndex] = {URL: ClientIndex.in_memory()}
    async with projecting(database, place, embedding=STATIC, engine=URL, servers=servers) as parts:
        tracked = await fill(parts, tree, 3)
    await servers[URL].close()
    servers[URL] = ClientIndex.connect("http://127.0.0.1:9", timeout=2)
    async with projecting(database, place, embedding=STATIC, servers=servers) as parts:
        await parts.rebuilder.rebuild(ignore)
        await answers(parts, tracked)
    await servers[URL].close()


async def test_a_new_static_model_is_taken_up_unasked_and_words_do_until_then(
    database: Database, place: Path, tree: Path
) -> None:
    async with projecting(database, place, OlderStatic(), embedding=STATIC) as parts:
        tracked = await fill(parts, tree)
    async with projecting(database, place, embedding=STATIC) as parts:
        found = await parts.find(QUESTION)
        assert tracked in {item.id for item in found.items}
        assert "revision older" in found.notices[0]
        assert "words only" in found.notices[0]

        await parts.rebuilder.rebuild(ignore)

        assert (await parts.find(QUESTION)).notices == ()
        await answers(parts, tracked)


async def test_settings_that_are_put_back_end_the_rebuild(
    database: Database, place: Path, tree: Path
) -> None:
    async with projecting(database, place, embedding=STATIC) as parts:
        tracked = await fill(parts, tree, 3)
    async with EmbeddingServer() as server:
        async with projecting(
            database, place, embedder_of(server), embedding=ollama(server)
        ) as parts:
            with pytest.raises(EmbeddingMismatchError):
                await parts.find(QUESTION)
            server.faults.extend([REFUSED] * 50)
            with pytest.raises(EmbedderUnavailableError):
                await parts.rebuilder.rebuild(ignore)
        async with projecting(database, place, embedding=STATIC) as parts:
            await answers(parts, tracked)
            await parts.rebuilder.idle()
            assert [one.number for one in await Generations(database).all()] == [1]
            assert set(await parts.index.collections()) == NAMES


async def test_a_root_that_is_gone_stays_known(database: Database, place: Path, tree: Path) -> None:
    async with projecting(database, place, embedding=STATIC) as parts:
        await fill(parts, tree, 3)
        away = tree.rename(tree.with_name("away"))

        await parts.rebuilder.rebuild(ignore)

        assert await parts.files.unfinished_roots() == [(PROJECT, str(tree))]
        away.rename(tree)
        await parts.indexer.index(tree, PROJECT)
        assert await parts.files.unfinished_roots() == []
        assert "invoice_total" in {item.title for item in (await parts.find(CODE)).items}


async def test_a_file_that_was_indexed_alone_stays_alone(
    database: Database, place: Path, tree: Path
) -> None:
    (tree / "private.py").write_text("def invoice_of_my_own():\n    return 'total'\n")

    async def names(parts: Memory) -> set[str]:
        return {item.title for item in (await parts.find(CODE)).items}

    async with projecting(database, place, embedding=STATIC) as parts:
        await parts.indexer.index(tree / "invoice.py", PROJECT)
        for _ in range(2):
            await parts.rebuilder.rebuild(ignore)

            assert list(await parts.files.manifest(PROJECT, str(tree))) == ["invoice.py"]
            assert await parts.files.is_partial(PROJECT, str(tree))
            assert await names(parts) == {"invoice_total"}
        away = tree.rename(tree.with_name("away"))
        await parts.rebuilder.rebuild(ignore)
        away.rename(tree)
        assert await parts.files.unfinished_roots() == [(PROJECT, str(tree))]
        await parts.indexer.index_again(str(tree), PROJECT)
        assert await names(parts) == {"invoice_total"}
        await parts.index.drop(CollectionName.CODEBASE_CONTEXT)
    async with projecting(database, place, embedding=STATIC) as parts:
        await parts.projector.drain(PATIENCE)
        for project, root in await parts.files.unfinished_roots():
            await parts.indexer.index_again(root, project)
        assert await names(parts) == {"invoice_total"}

        await parts.indexer.index(tree, PROJECT)

        assert not await parts.files.is_partial(PROJECT, str(tree))
        assert await names(parts) == {"invoice_total", "invoice_of_my_own"}
        await parts.rebuilder.rebuild(ignore)
        assert await names(parts) == {"invoice_total", "invoice_of_my_own"}
        assert not await parts.files.is_partial(PROJECT, str(tree))


async def test_a_whole_that_is_asked_for_during_a_rebuild_is_whole_after_it(
    database: Database, place: Path, tree: Path
) -> None:
    async with projecting(database, place, embedding=STATIC) as parts:
        await parts.indexer.index(tree / "invoice.py", PROJECT)
    async with (
        EmbeddingServer() as server,
        projecting(database, place, embedder_of(server), embedding=ollama(server)) as parts,
    ):
        with pytest.raises(EmbeddingMismatchError):
            await parts.find(QUESTION)
        server.faults.extend([REFUSED] * 50)
        with pytest.raises(EmbedderUnavailableError):
            await parts.rebuilder.rebuild(ignore)
        await parts.indexer.index(tree, PROJECT)  # there is no other file in it
        server.faults.clear()

        await parts.rebuilder.rebuild(ignore)

        assert list(await parts.files.manifest(PROJECT, str(tree))) == ["invoice.py"]
        assert not await parts.files.is_partial(PROJECT, str(tree))


async def test_a_process_killed_after_the_switch_leaves_the_former_one_to_the_next(
    database: Database, place: Path, tree: Path
) -> None:
    async with projecting(database, place, embedding=STATIC) as parts:
        tracked = await fill(parts, tree, 3)
    generations = Generations(database)
    serving = await generations.serving()
    assert serving.embedder is not None
    number = await generations.begin(EMBEDDED, STATIC, serving.embedder)
    await generations.switch(
        number, [(PROJECT, str(tree))], await generations.manifest_mark()
    )  # it has nothing: all is missing

    async with projecting(database, place, embedding=STATIC) as parts:
        await parts.projector.drain(PATIENCE)
        await parts.indexer.index(tree, PROJECT)
        await answers(parts, tracked)
        await parts.rebuilder.idle()
        assert [one.number for one in await generations.all()] == [number]
    assert not (place / "codebase-context").exists()


async def test_a_lost_collection_of_the_new_index_is_filled_again(
    database: Database, place: Path, tree: Path
) -> None:
    async with projecting(database, place, embedding=STATIC) as parts:
        tracked = await fill(parts, tree)
    generations = Generations(database)
    serving = await generations.serving()
    assert serving.embedder == EmbedderRecord(*_identity(serving.embedder))
    number = await generations.begin(EMBEDDED, STATIC, serving.embedder)
    async with projecting(database, place, embedding=STATIC) as parts:
        # As if all had been stored, and the engine had lost it.
        await parts.interactions.mark_built([(tracked, 99)])
        await parts.rebuilder.rebuild(ignore)
        assert (await generations.serving()).number == number
        await answers(parts, tracked)


def _identity(record: EmbedderRecord | None) -> tuple[str, int, str]:
    assert record is not None
    return record.model, record.dimension, record.revision
