"""The ways of calling a model that are measured beside each other, all against the same server."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.routing.loopback_server import MODEL
from hybrid_coordinator.domain.ask import AskRequest
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.inference.breaker import Breakers
from hybrid_coordinator.inference.calling import Caller
from hybrid_coordinator.inference.chat import ChatMessage, ChatRequest, Piece
from hybrid_coordinator.inference.clients import client_for
from hybrid_coordinator.inference.egress import EgressPolicy
from hybrid_coordinator.inference.endpoints import Endpoint, EndpointKind, LocalModel
from hybrid_coordinator.inference.http import HttpClient
from hybrid_coordinator.inference.lanes import Lanes
from hybrid_coordinator.routing.course import Began
from hybrid_coordinator.routing.delegate import Delegate
from hybrid_coordinator.routing.planning import Planner
from hybrid_coordinator.settings import InferenceSettings, RoutingSettings, Settings
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.embedded import EmbeddedPostgres
from hybrid_coordinator.storage.postgres.migrate import migrate

_OFF: dict[str, tuple[str, ...]] = {
    "llama_cpp": (),
    "ollama": (),
    "lmstudio": (),
    "docker_model_runner": (),
}


@dataclass(frozen=True, slots=True)
class Timed:
    """One call, in seconds from its start: until the server had the request, until the first piece
    was here, and until the answer was; and its own CPU time."""

    text: str
    sent: float
    first: float
    total: float
    cpu: float = 0.0


def _timed(text: str, began: int, first: int) -> Timed:
    total = time.monotonic_ns() - began
    stamp, _, rest = text.partition(" ")
    sent = int(stamp.removeprefix("t")) - began
    return Timed(rest.strip(), sent / 1e9, (first - began) / 1e9, total / 1e9)


class Plain:
    """httpx alone, reading the stream line by line."""

    name = "plain httpx"

    def __init__(self, url: str, http: httpx.AsyncClient) -> None:
        self._url = f"{url}/v1/chat/completions"
        self._http = http

    @classmethod
    @asynccontextmanager
    async def at(cls, url: str) -> AsyncIterator[Plain]:
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            yield cls(url, http)

    async def ask(self, prompt: str) -> Timed:
        body = {
            "model": MODEL,
            "messages": [{"role": "user", "content": prompt}],
            "max_tokens": 500,
            "temperature": 0.2,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        first = 0
        parts = []
        began = time.monotonic_ns()
        async with self._http.stream("POST", self._url, json=body) as response:
            async for line in response.aiter_lines():
                if not line.startswith("data: {"):
                    continue
                for choice in json.loads(line[6:])["choices"]:
                    first = first or time.monotonic_ns()
                    parts.append(choice["delta"].get("content", ""))
        return _timed("".join(parts), began, first)


class Calls:
    """One call through breaker, lane and retry."""

    name = "ours: one call (breaker, lane, retry)"

    def __init__(self, endpoint: Endpoint, caller: Caller) -> None:
        self._endpoint = endpoint
        self._caller = caller

    @classmethod
    @asynccontextmanager
    async def at(cls, url: str) -> AsyncIterator[Calls]:
        http = HttpClient(EgressPolicy([url]))
        caller = Caller(
            lambda endpoint, model: client_for(http, endpoint, model),
            breakers=Breakers(),
            lanes=Lanes(),
            reply_seconds=30,
            queue_seconds=30,
        )
        try:
            yield cls(Endpoint(EndpointKind.VLLM, url), caller)
        finally:
            await http.close()

    async def ask(self, prompt: str) -> Timed:
        first: list[int] = []

        def hear(_: Piece) -> None:
            if not first:
                first.append(time.monotonic_ns())

        chat = ChatRequest((ChatMessage("user", prompt),), max_tokens=500, temperature=0.2)
        began = time.monotonic_ns()
        generation = await self._caller.call(
            self._endpoint,
            LocalModel(MODEL, 32768, loaded=True),
            100,
            chat,
            caller="benchmark",
            on_piece=hear,
        )
        return _timed(generation.text, began, first[0])


class Router:
    """The whole way: secrets, classification, choice, call, check."""

    name = "**ours: the whole router**"

    def __init__(self, models: Delegate) -> None:
        self.models = models

    @classmethod
    @asynccontextmanager
    async def at(cls, *urls: str, record: Database | None = None) -> AsyncIterator[Router]:
        settings = Settings(
            inference=InferenceSettings(**_OFF, vllm=urls),
            routing=RoutingSettings(preset="strong", seed=1),
        )
        planner = Planner(lambda: settings.routing, None, None)
        models = Delegate(settings, planner, Scrubber(), record)
        try:
            yield cls(models)
        finally:
            await models.close()

    async def ask(self, prompt: str) -> Timed:
        first: list[int] = []

        def hear(said: Began | Piece) -> None:
            if not first and isinstance(said, Piece):
                first.append(time.monotonic_ns())

        began = time.monotonic_ns()
        reply, _ = await self.models.ask(
            AskRequest(prompt, max_tokens=500),
            project="benchmark",
            session="benchmark",
            listen=hear,
        )
        return _timed(reply.response, began, first[0])


class Recorded(Router):
    """The whole way, with the answers that are kept: each is looked for, not found, and kept."""

    name = "**ours: the router with a record**"

    @classmethod
    @asynccontextmanager
    async def at(cls, *urls: str) -> AsyncIterator[Router]:
        with tempfile.TemporaryDirectory() as directory:
            postgres = await EmbeddedPostgres.start(Path(directory) / "postgres")
            database = await Database.connect(postgres.dsn, timeout=30)
            try:
                await migrate(database)
                async with super().at(*urls, record=database) as router:
                    yield cls(router.models)
            finally:
                await database.close()
                await postgres.stop()
