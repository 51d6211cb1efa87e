"""Local models of two sizes and two providers, all on loopback, for the tests of the cascade."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from hybrid_coordinator.domain.ask import AskRequest
from hybrid_coordinator.domain.reply import AttemptLog, Reply
from hybrid_coordinator.routing.delegate import Delegate
from hybrid_coordinator.settings import RemoteSettings
from tests.support.model_server import ModelServer, Scripted
from tests.support.model_wire import anthropic_answer, openai_answer, vllm_answers

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
SMALL, LARGE = "m-3b", "m-14b"
"""Names that put a model in LOCAL_FAST and in LOCAL_QUALITY."""
CLAUDE, GPT = "claude-test", "gpt-test"
PRICES = {f"anthropic/{CLAUDE}": (3.0, 15.0), f"openai/{GPT}": (2.0, 8.0)}
CLAUDE_COST = (25 * 3.0 + 15 * 15.0) / 1e6
"""USD for ``anthropic_answer``, which always reports the same usage."""
REFUSAL = "I'm sorry, but I can't help with that."
BAD = "ab, cd; " * 60
"""Noise: worse than a refusal."""


def small(answer: str | Scripted | list[Scripted]) -> ModelServer:
    """A vLLM with a model of 3 billion parameters."""
    return _vllm(answer, SMALL)


def large(answer: str | Scripted | list[Scripted]) -> ModelServer:
    """A vLLM with a model of 14 billion parameters."""
    return _vllm(answer, LARGE)


def _vllm(answer: str | Scripted | list[Scripted], model: str) -> ModelServer:
    chat = openai_answer(answer) if isinstance(answer, str) else answer
    return ModelServer(vllm_answers(chat, model=model))


def claude(answer: str | Scripted | list[Scripted]) -> ModelServer:
    """Anthropic's interface."""
    chat = anthropic_answer(answer) if isinstance(answer, str) else answer
    return ModelServer({f"POST {MESSAGES}": chat})


def gpt(answer: str | Scripted | list[Scripted]) -> ModelServer:
    """OpenAI's interface."""
    chat = openai_answer(answer) if isinstance(answer, str) else answer
    return ModelServer({f"POST {CHAT}": chat})


def remote(
    anthropic: ModelServer | None = None, openai: ModelServer | None = None, **more: Any
) -> RemoteSettings:
    """Settings that allow those providers, best first."""
    values: dict[str, Any] = {"prices": PRICES, "models": ()}
    if anthropic is not None:
        values["models"] += (f"anthropic/{CLAUDE}",)
        values["anthropic_api_key"] = SecretStr("key-a")
        values["anthropic_base_url"] = anthropic.url
    if openai is not None:
        values["models"] += (f"openai/{GPT}",)
        values["openai_api_key"] = SecretStr("key-o")
        values["openai_base_url"] = openai.url
    return RemoteSettings(**{**values, **more})


def asked(server: ModelServer) -> int:
    """How many answers were asked of a server."""
    return sum(request.path in (CHAT, MESSAGES, "/api/chat") for request in server.requests)


async def ask(models: Delegate, prompt: str = "Is it done?", **more: Any) -> Reply:
    """The reply alone."""
    return (await ask_logged(models, prompt, **more))[0]


async def ask_logged(
    models: Delegate, prompt: str = "Is it done?", *, session: str = "s", **more: Any
) -> tuple[Reply, AttemptLog]:
    """The reply and the attempts; ``listen`` goes to the call, all else to the request."""
    listen = more.pop("listen", None)
    return await models.ask(AskRequest(prompt, **more), project="p", session=session, listen=listen)


def outcomes(reply: Reply) -> list[tuple[str, str]]:
    """Whom was asked, and what came of it."""
    return [(attempt.model, attempt.outcome) for attempt in reply.attempts]
