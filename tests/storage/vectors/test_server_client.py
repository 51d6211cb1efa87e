"""The client's side of the wire to a Qdrant server: requests, refusals, silence."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from hybrid_coordinator.errors import (
    HybridError,
    IndexUnavailableError,
    InvalidArgumentError,
    NotFoundError,
    StorageError,
)
from hybrid_coordinator.storage.vectors.client import ClientIndex
from hybrid_coordinator.storage.vectors.protocol import (
    TIES,
    CollectionSpec,
    IndexKind,
    IndexPoint,
    SparseText,
)

NAME = "codebase-context"
POINT = IndexPoint(
    str(uuid.UUID(int=1 << 16)), [1.0, 0.0], SparseText((7,), (1.5,)), {"project": "one"}
)
Answer = tuple[int, object]
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """A TCP server on loopback, by its URL."""
    answering: set[asyncio.Task[None] | None] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.add(asyncio.current_task())
        try:
            await handler(reader, writer)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in filter(None, answering):
            task.cancel()
        await asyncio.gather(*filter(None, answering), return_exceptions=True)
        await server.wait_closed()


class Recorder:
    """Speaks enough HTTP to answer each request with what ``answers`` has for its path, and
    keeps the requests."""

    def __init__(self, answers: dict[str, Answer] | None = None, default: Answer = (200, None)):
        self.answers = answers or {}
        self.default = default
        self.requests: list[tuple[str, str, Any]] = []
        self.headers: list[dict[str, str]] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])
        }
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.requests.append((method, target, json.loads(body) if body else None))
        self.headers.append(headers)
        path = target.partition("?")[0]
        status, result = self.answers.get(f"{method} {path}", self.default)
        answer = {"result": result, "status": "ok", "time": 0.001}
        content = (result if isinstance(result, str) else json.dumps(answer)).encode()
        writer.write(
            f"HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\nconnection: close\r\n"
            f"content-length: {len(content)}\r\n\r\n".encode()
            + content
        )
        await writer.drain()
        writer.close()

    def bodies(self, method: str, path: str) -> list[Any]:
        return [
            body
            for verb, target, body in self.requests
            if verb == method and target.partition("?")[0] == path
        ]


@asynccontextmanager
async def talking_to(recorder: Recorder, api_key: str | None = None) -> AsyncIterator[ClientIndex]:
    async with serving(recorder) as url:
        index = ClientIndex.connect(url, api_key, timeout=5.0)
        yield index
        await index.close()


async def refused(index: ClientIndex) -> None:
    await index.count(NAME, {})


async def test_a_dead_port_is_unavailable_and_names_the_setting() -> None:
    async with serving(Recorder()) as url:
        pass  # closed again: nothing listens there now
    index = ClientIndex.connect(url, timeout=5.0)
    for call in (
        index.ping(),
        index.create(CollectionSpec(NAME, 2)),
        index.upsert(NAME, [POINT]),
        index.hybrid(NAME, dense=[1.0, 0.0], sparse=POINT.sparse, where={}, limit=1),
    ):
        with pytest.raises(IndexUnavailableError, match=rf"{url} \(QDRANT_URL\)"):
            await call
    await index.close()


async def test_a_server_that_never_answers_is_unavailable_within_the_timeout() -> None:
    done = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await done.wait()
        writer.close()

    async with serving(silent) as url:
        index = ClientIndex.connect(url, timeout=0.3)
        started = time.monotonic()
        with pytest.raises(IndexUnavailableError, match=r"within 0\.3 s"):
            await index.ping()
        assert time.monotonic() - started < 2.0
        await index.close()
        done.set()


async def test_a_server_that_trickles_is_cut_off_by_the_same_timeout() -> None:
    done = asyncio.Event()

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while not done.is_set():
            writer.write(b" ")
            try:
                await asyncio.wait_for(done.wait(), 0.05)
            except TimeoutError:
                continue
        writer.close()

    async with serving(trickle) as url:
        index = ClientIndex.connect(url, timeout=0.3)
        with pytest.raises(IndexUnavailableError):
            await index.ping()
        await index.close()
        done.set()


async def test_a_connection_cut_in_mid_answer_is_unavailable() -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"result":')
        await writer.drain()
        writer.close()

    async with serving(cut) as url:
        index = ClientIndex.connect(url, timeout=5.0)
        with pytest.raises(IndexUnavailableError):
            await index.ping()
        await index.close()


@pytest.mark.parametrize(
    ("status", "expected", "says"),
    [
        (400, StorageError, "400"),
        (401, StorageError, "QDRANT_API_KEY"),
        (403, StorageError, "QDRANT_API_KEY"),
        (404, NotFoundError, "404"),
        (422, StorageError, "422"),
        (429, IndexUnavailableError, "QDRANT_URL"),
        (500, StorageError, "500"),
        (502, IndexUnavailableError, "QDRANT_URL"),
        (503, IndexUnavailableError, "QDRANT_URL"),
    ],
)
async def test_every_refusal_becomes_one_of_our_errors(
    status: int, expected: type[HybridError], says: str
) -> None:
    said = json.dumps({"status": {"error": "the reason"}})
    async with talking_to(Recorder(default=(status, said))) as index:
        with pytest.raises(expected, match=says) as caught:
            await refused(index)
    assert "the reason" in str(caught.value)
    assert type(caught.value) is expected


async def test_an_answer_that_is_not_qdrants_is_unavailable() -> None:
    for content in ("<html>a proxy's page</html>", '{"unexpected": true}'):
        async with talking_to(Recorder(default=(200, content))) as index:
            with pytest.raises(IndexUnavailableError):
                await refused(index)


def test_a_url_of_another_scheme_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="QDRANT_URL"):
        ClientIndex.connect("ftp://example.org")


async def test_the_key_travels_as_a_header() -> None:
    recorder = Recorder(default=(200, {"collections": [{"name": NAME}]}))
    with pytest.warns(UserWarning, match="insecure connection"):
        async with talking_to(recorder, api_key="secret") as index:
            assert await index.collections() == [NAME]
    assert recorder.headers[0]["api-key"] == "secret"


async def test_create_asks_for_both_vectors_and_makes_the_project_the_tenant() -> None:
    path = f"/collections/{NAME}"
    info = {
        "status": "green",
        "optimizer_status": "ok",
        "segments_count": 1,
        "config": {
            "params": {},
            "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10000},
            "optimizer_config": {
                "deleted_threshold": 0.2,
                "vacuum_min_vector_number": 1000,
                "default_segment_number": 0,
                "flush_interval_sec": 5,
            },
        },
        "payload_schema": {"language": {"data_type": "keyword", "points": 0}},
    }
    recorder = Recorder(
        {
            f"GET {path}/exists": (200, {"exists": False}),
            f"PUT {path}": (200, True),
            f"GET {path}": (200, info),
            f"PUT {path}/index": (200, {"operation_id": 1, "status": "completed"}),
        }
    )
    indexes = {
        "project": IndexKind.KEYWORD,
        "language": IndexKind.KEYWORD,
        "start_line": IndexKind.INTEGER,
    }
    async with talking_to(recorder) as index:
        await index.create(CollectionSpec(NAME, 256, indexes))
    (made,) = recorder.bodies("PUT", path)
    assert made["vectors"] == {"dense": {"size": 256, "distance": "Cosine"}}
    assert made["sparse_vectors"] == {"bm25": {"modifier": "idf"}}
    assert made.keys() == {"vectors", "sparse_vectors"}  # the rest is as the server has it
    # The index on "language" is there already, as after a create that was cut off.
    assert recorder.bodies("PUT", f"{path}/index") == [
        {"field_name": "project", "field_schema": {"type": "keyword", "is_tenant": True}},
        {"field_name": "start_line", "field_schema": "integer"},
    ]


async def test_a_cluster_is_told_shards_and_replicas() -> None:
    recorder = Recorder({f"GET /collections/{NAME}/exists": (200, {"exists": False})})
    async with talking_to(recorder) as index:
        with pytest.raises(HybridError):  # of the step after it
            await index.create(CollectionSpec(NAME, 2, shards=6, replicas=2))
    (made,) = recorder.bodies("PUT", f"/collections/{NAME}")
    assert (made["shard_number"], made["replication_factor"]) == (6, 2)


async def test_a_create_that_another_session_won_is_no_error() -> None:
    path = f"/collections/{NAME}"
    recorder = Recorder(
        {
            f"GET {path}/exists": (200, {"exists": False}),
            f"PUT {path}": (409, '{"status": {"error": "already exists"}}'),
        },
        default=(503, "{}"),
    )
    async with talking_to(recorder) as index:
        with pytest.raises(IndexUnavailableError, match="503"):  # of the step after it
            await index.create(CollectionSpec(NAME, 2))
    assert recorder.requests[-1][:2] == ("GET", path)


async def test_an_upsert_waits_and_is_split_into_bounded_requests() -> None:
    recorder = Recorder(default=(200, {"operation_id": 1, "status": "completed"}))
    bare = IndexPoint(str(uuid.UUID(int=2)), None, SparseText((), ()), {})
    async with talking_to(recorder) as index:
        await index.upsert(NAME, [POINT, bare] + [POINT] * 300)
    targets = [(method, target) for method, target, _ in recorder.requests]
    assert targets == [("PUT", f"/collections/{NAME}/points?wait=true")] * 2
    first, second = (body["points"] for _, _, body in recorder.requests)
    assert (len(first), len(second)) == (256, 46)
    assert first[:2] == [
        {
            "id": POINT.id,
            "vector": {"dense": [1.0, 0.0], "bm25": {"indices": [7], "values": [1.5]}},
            "payload": {"project": "one"},
        },
        {"id": bare.id, "vector": {}, "payload": {}},
    ]


async def test_a_hybrid_query_is_fused_by_the_server() -> None:
    found = {
        "points": [{"id": POINT.id, "version": 1, "score": 0.5, "payload": {"project": "one"}}]
    }
    recorder = Recorder(default=(200, found))
    async with talking_to(recorder) as index:
        hits = await index.hybrid(
            NAME,
            dense=[1.0, 0.0],
            sparse=POINT.sparse,
            where={"project": ["one", "global"], "language": "python"},
            limit=5,
        )
    assert [(hit.id, hit.score) for hit in hits] == [(POINT.id, 0.5)]
    ((method, target, body),) = recorder.requests
    assert (method, target) == ("POST", f"/collections/{NAME}/points/query")
    condition = {
        "must": [
            {"key": "project", "match": {"any": ["one", "global"]}},
            {"key": "language", "match": {"value": "python"}},
        ]
    }
    assert body["query"] == {"fusion": "dbsf"}
    assert body["limit"] == 5 + TIES
    assert body["prefetch"] == [
        {"query": [1.0, 0.0], "using": "dense", "filter": condition, "limit": 50},
        {
            "query": {"indices": [7], "values": [1.5]},
            "using": "bm25",
            "filter": condition,
            "limit": 50,
        },
    ]
