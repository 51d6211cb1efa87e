"""Which model servers are configured, and what was found at each of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from hybrid_coordinator.errors import SettingsError
from hybrid_coordinator.settings import InferenceSettings


class EndpointKind(StrEnum):
    """Model servers whose wire formats are known, by the name people know them by."""

    LLAMA_CPP = "llama.cpp"
    OLLAMA = "Ollama"
    LMSTUDIO = "LM Studio"
    VLLM = "vLLM"
    DOCKER_MODEL_RUNNER = "Docker Model Runner"


class Role(StrEnum):
    """What a server's model was chosen for."""

    GENERAL = "general"
    CODE_GENERATION = "code generation"
    CODE_ANALYSIS = "code analysis"


class EndpointState(StrEnum):
    """What a probe found: a model server that answers, one that is still loading its model,
    nothing, or something that is no model server."""

    READY = "ready"
    LOADING = "loading"
    DOWN = "down"
    WRONG = "wrong"


_ROLE_BY_PORT = {8001: Role.CODE_GENERATION, 8003: Role.CODE_ANALYSIS}
"""llama.cpp serves one model a process, so the port says what it is for."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A configured server. ``url`` has no trailing slash and no ``/v1``."""

    kind: EndpointKind
    url: str
    role: Role = Role.GENERAL

    @property
    def openai_base(self) -> str:
        """Where the server's OpenAI-compatible interface lives."""
        prefix = "/engines/llama.cpp" if self.kind is EndpointKind.DOCKER_MODEL_RUNNER else ""
        return f"{self.url}{prefix}/v1"


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model that a server offers.

    ``context_length`` is in tokens for one request, ``parameters`` in billions; None where the
    server does not say. ``loaded`` is None where the server does not say, and False where it
    loads the model on the first request.
    """

    name: str
    context_length: int | None = None
    loaded: bool | None = None
    parameters: float | None = None


@dataclass(frozen=True, slots=True)
class EndpointReport:
    """What one probe found. ``slots`` is how many requests the server works on at a time."""

    endpoint: Endpoint
    state: EndpointState
    reason: str = ""
    models: tuple[LocalModel, ...] = ()
    slots: int = 1

    def __str__(self) -> str:
        detail = f" ({self.reason})" if self.reason else ""
        return f"{self.endpoint.url} [{self.endpoint.kind}]: {self.state}{detail}"


def configured_endpoints(settings: InferenceSettings) -> tuple[Endpoint, ...]:
    """The endpoints of the settings, in the order in which they are tried.

    Raises:
        SettingsError: a URL has no host, another scheme than http or https, or a password.
    """
    return tuple(dict.fromkeys(_endpoints(settings))) if settings.enabled else ()


def _endpoints(settings: InferenceSettings) -> Iterator[Endpoint]:
    for kind, urls in (
        (EndpointKind.LLAMA_CPP, settings.llama_cpp),
        (EndpointKind.OLLAMA, settings.ollama),
        (EndpointKind.LMSTUDIO, settings.lmstudio),
        (EndpointKind.VLLM, settings.vllm),
        (EndpointKind.DOCKER_MODEL_RUNNER, settings.docker_model_runner),
    ):
        for given in urls:
            url, port = _normalise(given)
            role = Role.GENERAL
            if kind is EndpointKind.LLAMA_CPP and port is not None:
                role = _ROLE_BY_PORT.get(port, Role.GENERAL)
            yield Endpoint(kind, url, role)


def _normalise(given: str) -> tuple[str, int | None]:
    text = given.strip() if "://" in given else f"http://{given.strip()}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise SettingsError(f"inference: {given!r} is not a URL: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError(
            f"inference: {given!r} is not the URL of a model server; "
            "write it like http://127.0.0.1:8080"
        )
    if parts.username or parts.password:
        # URLs are shown in results and logs.
        raise SettingsError("inference: a model server's URL may not hold a user or password")
    path = parts.path.rstrip("/").removesuffix("/v1")
    path = path.removesuffix("/engines/llama.cpp").removesuffix("/engines")
    return f"{parts.scheme}://{parts.netloc}{path}", port
