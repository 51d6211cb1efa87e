"""A small HTTP server on loopback that speaks as much of Qdrant's REST API as is used here; the
client library's own engine, in memory, answers behind it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Self

from pydantic import BaseModel, TypeAdapter
from qdrant_client import AsyncQdrantClient, models

Json = Any
_DONE = {"operation_id": 1, "status": "completed"}


class QdrantServer:
    """Use as an async context manager. While ``down``, every request is refused with 503."""

    def __init__(self) -> None:
        self.url = ""
        self.down = False
        self.upserts_until_down: int | None = None
        self.engine = AsyncQdrantClient(location=":memory:")
        self.layouts: dict[str, tuple[int | None, int | None]] = {}
        """Shards and replicas that each collection was asked for with."""
        self._answering: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._answering:
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)
        await self._server.wait_closed()
        await self.engine.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._answering.add(task)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            method, target, _ = head[0].split(" ")
            headers = {
                name.lower(): value
                for name, _, value in (line.partition(": ") for line in head[1:])
            }
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            path = target.partition("?")[0].strip("/").split("/")
            status, result = await self._answer(method, path, json.loads(body) if body else {})
            answer = {"result": result, "status": "ok" if status == 200 else result, "time": 0.001}
            content = json.dumps(answer).encode()
            writer.write(
                f"HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\n"
                f"connection: close\r\ncontent-length: {len(content)}\r\n\r\n".encode()
                + content
            )
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the other side has gone
        finally:
            self._answering.discard(task)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, method: str, path: list[str], body: Json) -> tuple[int, Json]:
        if self.down:
            return 503, {"error": "down"}
        if path == ["collections"]:
            return 200, _plain(await self.engine.get_collections())
        name, rest = path[1], "/".join(path[2:])
        exists = await self.engine.collection_exists(name)
        if (method, rest) == ("GET", "exists"):
            return 200, {"exists": exists}
        if (method, rest) == ("PUT", ""):
            return 200, await self._create(name, body)
        if (method, rest) == ("DELETE", ""):
            return 200, await self.engine.delete_collection(name)
        if not exists:
            return 404, {"error": f"Not found: Collection `{name}` doesn't exist!"}
        return 200, await _CALLS[method, rest](self, name, body)

    async def _create(self, name: str, body: Json) -> Json:
        config = models.CreateCollection.model_validate(body)
        self.layouts[name] = config.shard_number, config.replication_factor
        return await self.engine.create_collection(
            name, config.vectors, sparse_vectors_config=config.sparse_vectors
        )

    async def info(self, name: str, _: Json) -> Json:
        return _plain(await self.engine.get_collection(name))

    async def index(self, _: str, __: Json) -> Json:
        return _DONE  # it finds without

    async def upsert(self, name: str, body: Json) -> Json:
        if self.upserts_until_down is not None:
            self.upserts_until_down -= 1
            self.down = self.upserts_until_down <= 0
        points = TypeAdapter(list[models.PointStruct]).validate_python(body["points"])
        await self.engine.upsert(name, points)
        return _DONE

    async def query(self, name: str, body: Json) -> Json:
        asked = models.QueryRequest.model_validate(body)
        return _plain(
            await self.engine.query_points(
                name,
                query=asked.query,
                using=asked.using,
                prefetch=asked.prefetch,
                query_filter=asked.filter,
                limit=asked.limit or 10,
            )
        )

    async def retrieve(self, name: str, body: Json) -> Json:
        return [_plain(each) for each in await self.engine.retrieve(name, body["ids"])]

    async def scroll(self, name: str, body: Json) -> Json:
        asked = models.ScrollRequest.model_validate(body)
        points, after = await self.engine.scroll(
            name, asked.filter, asked.limit or 10, offset=asked.offset
        )
        return {"points": [_plain(each) for each in points], "next_page_offset": after}

    async def count(self, name: str, body: Json) -> Json:
        asked = models.CountRequest.model_validate(body)
        return _plain(await self.engine.count(name, asked.filter))

    async def delete(self, name: str, body: Json) -> Json:
        await self.engine.delete(name, models.PointIdsList.model_validate(body))
        return _DONE


_CALLS: Mapping[tuple[str, str], Callable[[QdrantServer, str, Json], Awaitable[Json]]] = {
    ("GET", ""): QdrantServer.info,
    ("PUT", "index"): QdrantServer.index,
    ("PUT", "points"): QdrantServer.upsert,
    ("POST", "points"): QdrantServer.retrieve,
    ("POST", "points/query"): QdrantServer.query,
    ("POST", "points/scroll"): QdrantServer.scroll,
    ("POST", "points/count"): QdrantServer.count,
    ("POST", "points/delete"): QdrantServer.delete,
}


def _plain(answer: BaseModel) -> Json:
    return answer.model_dump(mode="json")
