"""Asking one endpoint what it is: a probe for each kind of server, by its own wire format."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.errors import HybridError, ModelReplyError, ModelUnavailableError
from hybrid_coordinator.inference.endpoints import (
    Endpoint,
    EndpointKind,
    EndpointReport,
    EndpointState,
    LocalModel,
)
from hybrid_coordinator.inference.thinking import reasons_at_openai, thinks_by_name
from hybrid_coordinator.inference.wire import (
    JsonObject,
    count,
    error_text,
    member,
    number,
    objects,
    parse,
    parse_object,
    shown,
    text,
)

# Importing httpx takes 0.1 s, so it waits until a request is due; see inference.http.
if TYPE_CHECKING:
    from hybrid_coordinator.inference.http import HttpAnswer, HttpClient

_BATCHING_SLOTS = 8
"""vLLM batches continuously; more at a time than this gains no throughput worth a longer wait."""
_LONGEST_NAME = 500
_THINKING_TEMPLATE = ("<think>", "enable_thinking", "<|channel|>analysis")
_SIZE_IN_NAME = re.compile(r"(?<![a-z0-9.])(?:(\d+)x)?(\d+(?:\.\d+)?)([bm])(?![a-z0-9])")
_EMBEDDING_NAME = re.compile(r"embed|rerank|(?<![a-z])(?:bge|minilm|e5)(?![a-z])")


class _Probe:
    """GET requests to one endpoint, all within one bound."""

    def __init__(self, http: HttpClient, endpoint: Endpoint, timeout: float) -> None:
        self._http = http
        self.endpoint = endpoint
        self._timeout = timeout

    async def get(self, path: str) -> HttpAnswer:
        return await self._http.get(f"{self.endpoint.url}{path}", timeout=self._timeout)

    async def get_object(self, path: str) -> JsonObject | None:
        answer = await self.get(path)
        return parse_object(answer.body) if answer.status == 200 else None

    def report(
        self,
        state: EndpointState,
        reason: str = "",
        *,
        models: tuple[LocalModel, ...] = (),
        slots: int = 1,
    ) -> EndpointReport:
        return EndpointReport(self.endpoint, state, reason, models, slots)

    def wrong(self, answer: HttpAnswer) -> EndpointReport:
        """The report on something that answered, but not as a server of this kind does, or not
        yet."""
        if answer.status == 503:
            return self.not_now(answer)
        if answer.status in (401, 403):
            setting = self.endpoint.key_setting
            advice = f"; set {setting}" if setting else ""
            reason = f"asks for an API key (HTTP {answer.status}){advice}"
        elif answer.body.lstrip()[:1] == b"<":
            reason = f"a web page answers there, not {self.endpoint.kind}"
        else:
            reason = f"HTTP {answer.status} that is not {self.endpoint.kind}'s"
        return self.report(EndpointState.WRONG, reason)

    def not_now(self, answer: HttpAnswer) -> EndpointReport:
        """The report on a server that says it is unavailable: it may still load its model."""
        content = parse_object(answer.body) or {}
        said = error_text(content) or shown(text(content, "message")) or "HTTP 503"
        loading = "loading" in said.lower()
        return self.report(EndpointState.LOADING if loading else EndpointState.DOWN, said)

    def ready(self, models: tuple[LocalModel, ...], *, slots: int = 1) -> EndpointReport:
        # A name is shown, and stands in the record: what cannot be one is no model to ask for.
        models = tuple(
            each for each in models if each.name.isprintable() and len(each.name) <= _LONGEST_NAME
        )
        reason = "" if models else "it has no model"
        return self.report(EndpointState.READY, reason, models=models, slots=slots)


async def probe(http: HttpClient, endpoint: Endpoint, timeout: float) -> EndpointReport:
    """What answers at ``endpoint`` within ``timeout`` seconds. Raises nothing of its own.

    A remote endpoint is not asked: nothing goes there before there is a job for it.
    """
    if endpoint.remote:
        return _configured(endpoint)
    prober = _Probe(http, endpoint, timeout)
    try:
        async with asyncio.timeout(timeout):
            return await _PROBES[endpoint.kind](prober)
    except TimeoutError:
        return _late(endpoint, timeout)
    except ModelUnavailableError as error:
        if isinstance(error.__cause__, TimeoutError):
            return _late(endpoint, timeout)
        return prober.report(EndpointState.DOWN, _without_url(error))
    except ModelReplyError as error:
        return prober.report(EndpointState.WRONG, _without_url(error))


def _late(endpoint: Endpoint, timeout: float) -> EndpointReport:
    reason = f"no answer within {timeout:g} s"
    return EndpointReport(endpoint, EndpointState.DOWN, reason, late=True)


def _without_url(error: HybridError) -> str:
    """What the error says, without the URL that the report names anyway."""
    _, separator, said = str(error).partition(": ")
    return said if separator else str(error)


def _configured(endpoint: Endpoint) -> EndpointReport:
    openai = endpoint.kind is EndpointKind.OPENAI
    models = tuple(
        LocalModel(name, loaded=True, thinking=reasons_at_openai(name) if openai else True)
        for name in endpoint.models
    )
    return EndpointReport(endpoint, EndpointState.READY, models=models, slots=_BATCHING_SLOTS)


async def _llama_cpp(probe: _Probe) -> EndpointReport:
    health = await probe.get("/health")
    if health.status == 503:
        return probe.not_now(health)
    listing, props = await asyncio.gather(probe.get("/v1/models"), probe.get_object("/props"))
    entries = _openai_entries(listing)
    if entries is None:
        return probe.wrong(listing)
    props = props or {}
    n_ctx = count(member(props, "default_generation_settings"), "n_ctx")
    models = tuple(
        _llama_cpp_model(entry, n_ctx, props)
        for entry in entries
        if text(member(entry, "status"), "value") != "failed"
    )
    return probe.ready(models, slots=count(props, "total_slots") or 1)


def _llama_cpp_model(entry: JsonObject, n_ctx: int | None, props: JsonObject) -> LocalModel:
    meta = member(entry, "meta")
    # In router mode one server offers several models, each with a status of its own.
    status = text(member(entry, "status"), "value")
    parameters = number(meta, "n_params")
    name = text(entry, "id")
    template = text(props, "chat_template")
    return LocalModel(
        name=name,
        context_length=count(meta, "n_ctx") or n_ctx or None,
        loaded=status == "loaded" if status else True,
        parameters=parameters / 1e9 if parameters else _size_in_name(name),
        thinking=any(sign in template for sign in _THINKING_TEMPLATE) or thinks_by_name(name),
        max_context_length=count(meta, "n_ctx_train"),
    )


async def _ollama(probe: _Probe) -> EndpointReport:
    tags, running = await asyncio.gather(probe.get("/api/tags"), probe.get_object("/api/ps"))
    listing = parse_object(tags.body) if tags.status == 200 else None
    if listing is None or not _is_list(listing, "models"):
        return probe.wrong(tags)
    loaded = {text(entry, "model"): entry for entry in objects(running or {}, "models")}
    return probe.ready(tuple(_ollama_models(listing, loaded)))


def _ollama_models(listing: JsonObject, loaded: Mapping[str, JsonObject]) -> Iterator[LocalModel]:
    for entry in objects(listing, "models"):
        name = text(entry, "model") or text(entry, "name")
        # A cloud model is listed like a local one, and sends the prompt to another machine.
        if entry.get("remote_host") or entry.get("remote_model"):
            continue
        details = member(entry, "details")
        if not name or _is_embedder(name) or "bert" in text(details, "family"):
            continue
        running = loaded.get(name)
        capabilities = _strings(entry, "capabilities")  # newer ones list them
        if capabilities and "completion" not in capabilities:
            continue
        yield LocalModel(
            name=name,
            context_length=count(running, "context_length") if running else None,
            loaded=running is not None,
            parameters=_size_in_name(text(details, "parameter_size")) or _size_in_name(name),
            thinking="thinking" in capabilities if capabilities else thinks_by_name(name),
            max_context_length=count(details, "context_length"),
        )


async def _lmstudio(probe: _Probe) -> EndpointReport:
    # A server without a REST API of that version answers 200 with an error object, so the shape
    # decides: first the one from 0.4 on, then the one from 0.3.6 on.
    current = await probe.get_object("/api/v1/models")
    if current is not None and _is_list(current, "models"):
        models = tuple(_lmstudio_models(current))
        slots = max((each for _, each in models), default=1)
        return probe.ready(tuple(model for model, _ in models), slots=slots)
    older = await probe.get("/api/v0/models")
    entries = _openai_entries(older)
    if entries is None:
        return await _openai_compatible(probe, "/v1/models")
    return probe.ready(
        tuple(_lmstudio_v0(entry) for entry in entries if text(entry, "type") != "embeddings")
    )


def _lmstudio_models(listing: JsonObject) -> Iterator[tuple[LocalModel, int]]:
    """The models of ``/api/v1/models``, each with how many requests it works on at a time
    (https://lmstudio.ai/docs/developer/rest/list)."""
    for entry in objects(listing, "models"):
        key = text(entry, "key")
        if not key or text(entry, "type") == "embedding" or _is_embedder(key):
            continue
        loaded = next(objects(entry, "loaded_instances"), None)
        config = member(loaded or {}, "config")
        reasons = "reasoning" in member(entry, "capabilities")
        yield (
            LocalModel(
                # A loaded model may have another name than the one it is listed under.
                name=text(loaded or {}, "id") or key,
                context_length=count(config, "context_length"),
                loaded=loaded is not None,
                parameters=_size_in_name(text(entry, "params_string")) or _size_in_name(key),
                thinking=reasons or thinks_by_name(key),
                max_context_length=count(entry, "max_context_length"),
            ),
            count(config, "parallel") or 1,
        )


def _lmstudio_v0(entry: JsonObject) -> LocalModel:
    name = text(entry, "id")
    return LocalModel(
        name=name,
        # An unloaded model is loaded with a length that nobody knows before.
        context_length=count(entry, "loaded_context_length"),
        loaded=text(entry, "state") == "loaded",
        parameters=_size_in_name(name),
        thinking=thinks_by_name(name),
        max_context_length=count(entry, "max_context_length"),
    )


async def _vllm(probe: _Probe) -> EndpointReport:
    return await _openai_compatible(probe, "/v1/models", slots=_BATCHING_SLOTS)


async def _docker_model_runner(probe: _Probe) -> EndpointReport:
    compatible = await _openai_compatible(probe, "/engines/llama.cpp/v1/models")
    if compatible.state is EndpointState.READY:
        return compatible
    native = await probe.get("/models")
    try:
        listing = parse(native.body) if native.status == 200 else None
    except ValueError:
        listing = None
    models = tuple(_docker_models(listing)) if isinstance(listing, list) else ()
    return probe.ready(models) if models else compatible


def _docker_models(listing: Sequence[JsonValue]) -> Iterator[LocalModel]:
    for entry in listing:
        tags = entry.get("tags") if isinstance(entry, dict) else None
        if isinstance(tags, list) and tags and isinstance(tags[0], str):
            name = tags[0]
            yield LocalModel(name, parameters=_size_in_name(name), thinking=thinks_by_name(name))


async def _compatible(probe: _Probe) -> EndpointReport:
    return await _openai_compatible(probe, "/v1/models", slots=_BATCHING_SLOTS)


async def _openai_compatible(probe: _Probe, path: str, *, slots: int = 1) -> EndpointReport:
    listing = await probe.get(path)
    entries = _openai_entries(listing)
    if entries is None:
        return probe.wrong(listing)
    return probe.ready(
        tuple(
            LocalModel(
                name=text(entry, "id"),
                context_length=count(entry, "max_model_len") or count(entry, "context_length"),
                loaded=True if probe.endpoint.kind is EndpointKind.VLLM else None,
                parameters=_size_in_name(text(entry, "id")),
                thinking=thinks_by_name(text(entry, "id")),
            )
            for entry in entries
        ),
        slots=slots,
    )


def _openai_entries(answer: HttpAnswer) -> list[JsonObject] | None:
    """The models of an OpenAI-shaped list without embedders, None where it is no such list."""
    listing = parse_object(answer.body) if answer.status == 200 else None
    if listing is None or not _is_list(listing, "data"):
        return None
    entries = [entry for entry in objects(listing, "data") if text(entry, "id")]
    return [entry for entry in entries if not _is_embedder(text(entry, "id"))]


def _is_list(listing: JsonObject, name: str) -> bool:
    """Whether there is a list under ``name``; servers written in Go write an empty one as null."""
    return isinstance(listing.get(name, ""), list | None)


def _strings(of: JsonObject, name: str) -> list[str]:
    value = of.get(name)
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _is_embedder(name: str) -> bool:
    return _EMBEDDING_NAME.search(name.lower()) is not None


def _size_in_name(name: str) -> float | None:
    """Billions of parameters as a model's name tells them: "7B", "8x7b", "361.82 M"."""
    match = _SIZE_IN_NAME.search(name.lower().replace(" ", ""))
    if match is None:
        return None
    experts, size, unit = match.groups()
    return int(experts or 1) * float(size) / (1000 if unit == "m" else 1)


_PROBES: Mapping[EndpointKind, Callable[[_Probe], Awaitable[EndpointReport]]] = {
    EndpointKind.LLAMA_CPP: _llama_cpp,
    EndpointKind.OLLAMA: _ollama,
    EndpointKind.LMSTUDIO: _lmstudio,
    EndpointKind.VLLM: _vllm,
    EndpointKind.DOCKER_MODEL_RUNNER: _docker_model_runner,
    EndpointKind.COMPATIBLE: _compatible,
}
