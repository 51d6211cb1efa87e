"""The models to the modes, over real clients: each call goes to the first server that answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hybrid_coordinator.domain.ask import AskRequest
from hybrid_coordinator.domain.reply import Attempt
from hybrid_coordinator.domain.route import Tier
from hybrid_coordinator.errors import HybridError, ModelUnavailableError
from hybrid_coordinator.inference.chat import ChatRequest
from hybrid_coordinator.inference.clients.openai_chat import OpenAIChat
from hybrid_coordinator.inference.endpoints import Endpoint, EndpointKind, LocalModel
from hybrid_coordinator.inference.generate import generate
from hybrid_coordinator.inference.http import HttpClient
from hybrid_coordinator.routing.checking.checks import Schema, confidence, judge
from hybrid_coordinator.routing.checking.schemas import compile_schema
from hybrid_coordinator.routing.modes.asking import CALL_ERRORS, Answer, ModelChoice, joined
from hybrid_coordinator.routing.prompts import build_messages
from tests.support.model_server import ModelServer as ScriptedServer
from tests.support.model_server import Request, Scripted
from tests.support.model_wire import openai_answer

Reply = Callable[[str, Request], str | Scripted]
"""What a server answers, given the last message and the whole request."""


def _silent(_: str, __: Request) -> str:
    return ""


@dataclass
class AnsweringServer(ScriptedServer):
    """A model server whose answers depend on what it is asked."""

    reply: Reply = _silent

    def _choose(self, request: Request) -> Scripted:
        if "messages" not in request.body:
            return super()._choose(request)
        prompt = request.body["messages"][-1]["content"]
        answer = self.reply(prompt, request)
        if isinstance(answer, str):
            return openai_answer(answer, tokens_in=len(prompt) // 4)
        return answer


def answering(reply: Reply) -> AnsweringServer:
    """A server that answers chats with what ``reply`` returns."""
    return AnsweringServer({}, reply=reply)


@dataclass(frozen=True)
class Server:
    """A model at a server that speaks OpenAI's interface."""

    url: str
    model: str = "m-7b"
    context_length: int | None = 4096
    slots: int = 2
    kind: EndpointKind = EndpointKind.LLAMA_CPP
    tier: Tier = Tier.LOCAL_FAST


@dataclass
class ServerAsk:
    """``Ask`` without a plan: the servers in order, or the one with the model's name."""

    http: HttpClient
    servers: Sequence[Server]
    steps: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    requests: list[AskRequest] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    most_at_once: int = 0
    _at_once: int = 0

    def saying(self, words: str) -> None:
        self.words.append(words)

    async def models(self, request: AskRequest) -> Sequence[ModelChoice]:
        if not self.servers:
            raise ModelUnavailableError("no model is ready")
        return [
            ModelChoice(each.model, each.url, each.tier, each.context_length, each.slots)
            for each in self.servers
        ]

    async def ask(self, request: AskRequest, *, step: str, model: str | None = None) -> Answer:
        self.steps.append(step)
        self.requests.append(request)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return await self._first(request, step, model)
        finally:
            self._at_once -= 1

    async def _first(self, request: AskRequest, step: str, model: str | None) -> Answer:
        errors: list[HybridError] = []
        for server in self.servers:
            if model in (None, server.model):
                try:
                    return await self._ask_one(server, request, step)
                except CALL_ERRORS as error:
                    errors.append(error)
        raise joined(errors, "every model")

    async def _ask_one(self, server: Server, request: AskRequest, step: str) -> Answer:
        started = time.perf_counter()
        model = LocalModel(server.model, server.context_length, loaded=True)
        generation = await generate(
            OpenAIChat(self.http, Endpoint(server.kind, server.url), model),
            ChatRequest(
                build_messages(request),
                request.max_tokens,
                request.temperature,
                request.json_schema,
            ),
            name=f"{server.model} at {server.url}",
            reply_seconds=30.0,
        )
        schema = request.json_schema
        checks = judge(
            generation.text,
            prompt=request.prompt,
            finish_reason=generation.finish_reason,
            schema=None if schema is None else Schema.of(schema, compile_schema(schema)),
        ).checks
        sure = confidence(checks)
        attempt = Attempt(
            model=server.model,
            endpoint=server.url,
            tier=server.tier,
            latency_ms=round((time.perf_counter() - started) * 1000),
            confidence=sure,
            outcome="ok",
            tokens_in=generation.tokens_in,
            tokens_out=generation.tokens_out,
            rule=step,
        )
        self.attempts.append(attempt)
        return Answer(
            text=generation.text,
            model=server.model,
            endpoint=server.url,
            tier=server.tier,
            confidence=sure,
            checks=checks,
            reasons=(),
            tokens_in=generation.tokens_in,
            tokens_out=generation.tokens_out,
            cost_usd=0.0,
            attempts=(attempt,),
            notices=generation.notices,
            first_token_ms=generation.first_token_ms,
            tokens_per_second=generation.tokens_per_second,
            context_length=server.context_length,
        )
