"""Which model servers are configured, and what was found at each of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import urlsplit

from hybrid_coordinator.errors import SettingsError
from hybrid_coordinator.settings import InferenceSettings, RemoteSettings


class EndpointKind(StrEnum):
    """Model servers whose wire formats are known, by the name people know them by."""

    LLAMA_CPP = "llama.cpp"
    OLLAMA = "Ollama"
    LMSTUDIO = "LM Studio"
    VLLM = "vLLM"
    DOCKER_MODEL_RUNNER = "Docker Model Runner"
    COMPATIBLE = "OpenAI-compatible"
    ANTHROPIC = "Anthropic"
    OPENAI = "OpenAI"


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


REFUSED = "connection refused"
"""The reason of a report where nobody listens: the server was not started."""

_ROLE_BY_PORT = {8001: Role.CODE_GENERATION, 8003: Role.CODE_ANALYSIS}
"""llama.cpp serves one model a process, so the port says what it is for."""


_KEY_SETTING = {
    EndpointKind.COMPATIBLE: "inference.openai_compatible_api_key",
    EndpointKind.ANTHROPIC: "remote.anthropic_api_key",
    EndpointKind.OPENAI: "remote.openai_api_key",
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A configured server. ``url`` has no trailing slash and no ``/v1``; ``models`` are the
    configured ones of a remote endpoint, in the order of preference."""

    kind: EndpointKind
    url: str
    role: Role = Role.GENERAL
    models: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Which one it is, for messages."""
        return f"{self.url} [{self.kind}]"

    @property
    def remote(self) -> bool:
        """Whether it is someone else's, and costs money: never a server that the user runs."""
        return self.kind in (EndpointKind.ANTHROPIC, EndpointKind.OPENAI)

    @property
    def on_this_machine(self) -> bool:
        """Whether the URL is one of loopback."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    @property
    def openai_base(self) -> str:
        """Where the server's OpenAI-compatible interface lives."""
        prefix = "/engines/llama.cpp" if self.kind is EndpointKind.DOCKER_MODEL_RUNNER else ""
        return f"{self.url}{prefix}/v1"

    @property
    def key_setting(self) -> str | None:
        """The setting that holds the server's API key, None where it is used without one."""
        return _KEY_SETTING.get(self.kind)


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model that a server offers.

    ``context_length`` is in tokens for one request as the model is loaded now, and
    ``max_context_length`` what it could be loaded with; ``parameters`` in billions. None where the
    server does not say. ``loaded`` is None where the server does not say, and False where it
    loads the model on the first request. ``thinking`` is True for a model that is known to think
    before it answers, False for one that is known not to.
    """

    name: str
    context_length: int | None = None
    loaded: bool | None = None
    parameters: float | None = None
    thinking: bool | None = None
    max_context_length: int | None = None


@dataclass(frozen=True, slots=True)
class EndpointReport:
    """What one probe found. ``slots`` is how many requests the server works on at a time; ``late``
    is whether it was not there in time, which a busy one may not be."""

    endpoint: Endpoint
    state: EndpointState
    reason: str = ""
    models: tuple[LocalModel, ...] = ()
    slots: int = 1
    late: bool = False

    def __str__(self) -> str:
        detail = f" ({self.reason})" if self.reason else ""
        return f"{self.endpoint.name}: {self.state}{detail}"


def configured_endpoints(
    inference: InferenceSettings, remote: RemoteSettings | None = None
) -> tuple[Endpoint, ...]:
    """The endpoints of the settings, in the order in which they are tried, remote ones last.

    A remote one is among them only where ``remote`` names models of it and holds its key.

    Raises:
        SettingsError: a URL has no host, another scheme than http or https, or a password.
    """
    if not inference.enabled:
        return ()
    local = dict.fromkeys(_local(inference))
    return (*local, *(_remote(remote) if remote is not None else ()))


def _local(settings: InferenceSettings) -> Iterator[Endpoint]:
    for kind, urls in (
        (EndpointKind.LLAMA_CPP, settings.llama_cpp),
        (EndpointKind.OLLAMA, settings.ollama),
        (EndpointKind.LMSTUDIO, settings.lmstudio),
        (EndpointKind.VLLM, settings.vllm),
        (EndpointKind.DOCKER_MODEL_RUNNER, settings.docker_model_runner),
        (EndpointKind.COMPATIBLE, settings.openai_compatible),
    ):
        for given in urls:
            url, port = _normalise(given)
            role = Role.GENERAL
            if kind is EndpointKind.LLAMA_CPP and port is not None:
                role = _ROLE_BY_PORT.get(port, Role.GENERAL)
            yield Endpoint(kind, url, role)


def _remote(settings: RemoteSettings) -> Iterator[Endpoint]:
    """In the order of each provider's best model."""
    providers = {
        "anthropic": (
            EndpointKind.ANTHROPIC,
            settings.anthropic_base_url,
            settings.anthropic_api_key,
        ),
        "openai": (EndpointKind.OPENAI, settings.openai_base_url, settings.openai_api_key),
    }
    models: dict[str, list[str]] = {}
    for model in settings.models:
        provider, _, name = model.partition("/")
        models.setdefault(provider, []).append(name)
    for provider, names in models.items():
        kind, base, key = providers[provider]
        if key is not None and key.get_secret_value():
            url, _ = _normalise(base)
            yield Endpoint(kind, url, models=tuple(dict.fromkeys(names)))


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
