"""A request, read: what is sent to a model, and what its answer is checked against."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from hybrid_coordinator.domain.ask import AskRequest
from hybrid_coordinator.inference.chat import ChatRequest
from hybrid_coordinator.routing.checking.checks import Schema
from hybrid_coordinator.routing.checking.schemas import compile_schema
from hybrid_coordinator.routing.classification.classify import Classification, classify
from hybrid_coordinator.routing.prompts import build_messages


@dataclass(frozen=True, slots=True)
class Job:
    """``seen`` has the caller's task type where one is given; ``tokens`` is an estimate of the
    prompt with its files and context."""

    request: AskRequest
    chat: ChatRequest
    seen: Classification
    tokens: int
    schema: Schema | None


async def read_job(request: AskRequest) -> Job:
    """Classify the request and make a chat of it.

    Raises:
        InvalidArgumentError: ``json_schema`` is no JSON schema.
    """
    schema = None
    if request.json_schema is not None:
        matches = await asyncio.to_thread(compile_schema, request.json_schema)
        schema = Schema.of(request.json_schema, matches)
    seen = classify(request.prompt)
    if request.task_type is not None:
        seen = replace(seen, task_type=request.task_type)
    chat = ChatRequest(
        messages=build_messages(request),
        max_tokens=request.max_tokens,
        temperature=request.temperature,
        json_schema=request.json_schema,
    )
    return Job(request, chat, seen, chat.estimated_tokens, schema)
