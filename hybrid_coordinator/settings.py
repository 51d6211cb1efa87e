"""Configuration: ``hybrid.yaml`` in the home, every key overridable by the environment."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal, get_args

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.errors import SettingsError
from hybrid_coordinator.stamps import stamp_at

_LLAMA_CPP_DEFAULTS = ("http://127.0.0.1:8080", "http://127.0.0.1:8001", "http://127.0.0.1:8003")
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Price = Annotated[float, Field(ge=0.0)]


def _as_network(text: str) -> str:
    ipaddress.ip_network(text)  # what it raises says what is wrong
    return text


Network = Annotated[str, AfterValidator(_as_network)]
"""An address, or a network in CIDR notation."""


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        # What stands in a wrong place may be a key, and errors end up in logs.
        hide_input_in_errors=True,
    )


class StorageSettings(_Section):
    """Engines. None means the embedded one.

    On a Qdrant cluster, ``qdrant_shards`` says into how many shards a collection is cut (one for
    each node, unless it is named), and ``qdrant_replicas`` how many nodes have each (None: what
    the cluster is configured for). Both hold for collections that are made from then on, so
    `reindex` puts them into effect.
    """

    database_url: SecretStr | None = None
    qdrant_url: str | None = None
    qdrant_api_key: SecretStr | None = None
    qdrant_shards: Mapping[CollectionName, Annotated[int, Field(ge=1, le=1000)]] = {}
    qdrant_replicas: int | None = Field(default=None, ge=1, le=100)
    timeout_seconds: float = Field(default=10.0, gt=0)


class EmbeddingSettings(_Section):
    """Which model turns text into vectors. ``model`` and ``base_url`` are for the endpoints."""

    provider: Literal["static", "ollama", "openai"] = "static"
    model: str | None = None
    base_url: str | None = None
    api_key: SecretStr | None = None
    timeout_seconds: float = Field(default=10.0, gt=0)


class InferenceSettings(_Section):
    """Local model endpoints. An empty list of a kind switches it off, ``enabled: false`` all."""

    enabled: bool = True
    llama_cpp: tuple[str, ...] = _LLAMA_CPP_DEFAULTS
    ollama: tuple[str, ...] = ("http://127.0.0.1:11434",)
    lmstudio: tuple[str, ...] = ("http://127.0.0.1:1234",)
    vllm: tuple[str, ...] = ("http://127.0.0.1:8000",)
    docker_model_runner: tuple[str, ...] = ("http://127.0.0.1:12434",)
    openai_compatible: tuple[str, ...] = ()
    openai_compatible_api_key: SecretStr | None = None
    probe_timeout_seconds: float = Field(default=1.0, gt=0)
    reply_timeout_seconds: float = Field(default=300.0, gt=0)
    confidence_threshold: Fraction = 0.7


class RemoteSettings(_Section):
    """Models elsewhere that cost money, best first, as ``anthropic/NAME`` or ``openai/NAME``. Off
    until ``models`` and the key of their provider are both set.

    ``prices`` are for models that the shipped table lacks: USD for a million tokens in and out.
    """

    models: tuple[Annotated[str, Field(pattern=r"^(anthropic|openai)/.+$")], ...] = ()
    anthropic_api_key: SecretStr | None = None
    anthropic_base_url: str = "https://api.anthropic.com"
    openai_api_key: SecretStr | None = None
    openai_base_url: str = "https://api.openai.com"
    daily_budget_usd: float = Field(default=10.0, ge=0)
    prices: Mapping[str, tuple[Price, Price]] = {}


class RoutingSettings(_Section):
    """Which model is asked. Rules of one's own are in ``rules.yaml`` beside this file; without
    it, those of ``preset`` hold, which "auto" chooses by the machine.

    ``learn`` lets recorded attempts and outcomes move models up and down; ``seed`` makes its
    draws repeatable. ``self_critique`` has a second look taken at each answer by a quick model.
    ``queue_seconds`` is how long a call waits for a busy endpoint.
    """

    preset: Literal["auto", "weak", "strong"] = "auto"
    learn: bool = True
    seed: int | None = None
    self_critique: bool = False
    queue_seconds: float = Field(default=60.0, gt=0)
    cache_hours: float = Field(default=24.0, ge=0, le=87_600)
    cache_megabytes: float = Field(default=64.0, ge=0, le=1_000_000)
    semantic_cache: bool = False


class LearningSettings(_Section):
    """What counts as worth learning from, and what is done with it.

    ``rank_by_outcomes`` lets outcomes order what was learned, and holds one item back in
    ``withhold_share`` of the calls, so that its worth can be told; ``seed`` makes both repeatable.
    Without it, what is most alike comes first, and each collection gives at most its ``quota``.
    ``pattern_extraction`` has local models read interactions of high value; ``auto_finetune``
    keeps a fresh dataset of them. ``retention_days`` deletes older interactions; None keeps all.
    """

    high_value_threshold: Fraction = 0.7
    rank_by_outcomes: bool = True
    withhold_share: float = Field(default=0.08, ge=0, le=0.5)
    seed: int | None = None
    pattern_extraction: bool = True
    auto_finetune: bool = False
    retention_days: int | None = Field(default=None, ge=1)


class CaptureSettings(_Section):
    """What the hooks of a coding agent may do: put context of at most ``max_tokens`` tokens
    before prompts (``inject``)."""

    inject: bool = True
    max_tokens: int = Field(default=1200, ge=100, le=8000)


class ServingSettings(_Section):
    """The coordinator process, and how it is reached over HTTP.

    ``dashboard_port`` is where the dashboard is on this machine; another free port where it is
    taken, or 0. ``require_token`` asks for a token there too. ``requests_per_minute`` is what one
    token may ask of one coordinator. ``audit_days`` is how long the audit is kept.
    ``trusted_proxies`` are addresses or networks of reverse proxies whose word for where a request
    comes from, and whether by TLS, is taken.
    """

    idle_exit_seconds: float = Field(default=600.0, gt=0)
    dashboard_port: int = Field(default=8770, ge=0, le=65535)
    require_token: bool = False
    requests_per_minute: int = Field(default=1200, ge=1)
    audit_days: int = Field(default=365, ge=7)
    trusted_proxies: tuple[Network, ...] = ()


class TelemetrySettings(_Section):
    """What is told to others than the user. ``otlp_endpoint`` is the base URL of an OpenTelemetry
    collector, as http://127.0.0.1:4318, that traces are sent to by OTLP over HTTP: names, times and
    counts, never what was asked or answered. It needs the extra ``otel``, and takes effect with the
    next start. OpenTelemetry's own variables, as OTEL_EXPORTER_OTLP_HEADERS, hold too.
    """

    otlp_endpoint: str | None = Field(default=None, pattern=r"^https?://[^@\s]+$")


class Settings(_Section):
    """Everything that can be configured, validated. Unknown keys are errors."""

    storage: StorageSettings = StorageSettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    inference: InferenceSettings = InferenceSettings()
    remote: RemoteSettings = RemoteSettings()
    routing: RoutingSettings = RoutingSettings()
    learning: LearningSettings = LearningSettings()
    capture: CaptureSettings = CaptureSettings()
    serving: ServingSettings = ServingSettings()
    telemetry: TelemetrySettings = TelemetrySettings()


_ESTABLISHED_NAMES: Mapping[str, tuple[str, str]] = {
    "QDRANT_URL": ("storage", "qdrant_url"),
    "QDRANT_API_KEY": ("storage", "qdrant_api_key"),
    "DATABASE_URL": ("storage", "database_url"),
    "LLAMA_CPP_BASE_URL": ("inference", "llama_cpp"),
    "OLLAMA_BASE_URL": ("inference", "ollama"),
    "LMSTUDIO_BASE_URL": ("inference", "lmstudio"),
    "HYBRID_MODE_ENABLED": ("inference", "enabled"),
    "OTEL_EXPORTER_OTLP_ENDPOINT": ("telemetry", "otlp_endpoint"),
    "ANTHROPIC_API_KEY": ("remote", "anthropic_api_key"),
    "OPENAI_API_KEY": ("remote", "openai_api_key"),
    "LOCAL_CONFIDENCE_THRESHOLD": ("inference", "confidence_threshold"),
    "HIGH_VALUE_THRESHOLD": ("learning", "high_value_threshold"),
    "PATTERN_EXTRACTION_ENABLED": ("learning", "pattern_extraction"),
    "AUTO_FINETUNE_ENABLED": ("learning", "auto_finetune"),
}
"""Names that people's configurations already use."""


def environment_names() -> dict[str, tuple[str, str]]:
    """Every environment variable that is read, with the section and key that it sets."""
    names = {
        f"HYBRID_{section}_{key}".upper(): (section, key)
        for section, info in Settings.model_fields.items()
        if isinstance(info.default, _Section)
        for key in type(info.default).model_fields
    }
    return names | dict(_ESTABLISHED_NAMES)


def load_settings(file: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read ``file`` (it may be missing) and lay the environment over it.

    A variable that is set but empty counts as not set. Lists are comma-separated, tables YAML. A
    secret may be in a file that the variable's name with ``_FILE`` names, as containers have it.

    Raises:
        SettingsError: the file cannot be read or parsed, or a value is off; the message names
            the key or variable and what is allowed.
    """
    content = _read_yaml(file)
    origins: dict[tuple[str, str], str] = {}
    for name, (section, key) in environment_names().items():
        text = _given(name, section, key, environment)
        if not text:
            continue
        values = content.setdefault(section, {})
        if not isinstance(values, dict):
            continue  # validation names the section below
        default = getattr(Settings.model_fields[section].default, key)
        values[key] = _as_given(name, text, default)
        origins[section, key] = name
    try:
        return Settings.model_validate(content)
    except ValidationError as error:
        raise SettingsError(_explain(error, file, origins)) from error


def configured_secrets(settings: Settings) -> list[str]:
    """Configured values that must never be stored, sent or shown."""
    given = (
        settings.storage.database_url,
        settings.storage.qdrant_api_key,
        settings.embedding.api_key,
        settings.inference.openai_compatible_api_key,
        settings.remote.anthropic_api_key,
        settings.remote.openai_api_key,
    )
    return [secret.get_secret_value() for secret in given if secret is not None]


def is_secret(section: str, key: str) -> bool:
    """Whether a key holds what must never be shown."""
    fields = type(Settings.model_fields[section].default).model_fields
    return SecretStr in get_args(fields[key].annotation)


def _given(name: str, section: str, key: str, environment: Mapping[str, str]) -> str:
    text = environment.get(name, "").strip()
    file = environment.get(f"{name}_FILE", "").strip()
    if not file or not is_secret(section, key):
        return text
    if text:
        raise SettingsError(f"{name} and {name}_FILE are both set; keep one of them")
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        # Not the error itself: of a file that is not text, it quotes the content.
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"{name}_FILE: {file} cannot be read: {reason}") from None


def _as_given(name: str, text: str, default: object) -> object:
    if isinstance(default, tuple):
        return [part.strip() for part in text.split(",") if part.strip()]
    if isinstance(default, Mapping):
        try:
            return yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            # Not ``from``: what YAML raises quotes the source, and with it a key.
            raise SettingsError(f"{name} cannot be read: {_yaml_problem(error)}") from None
    return text


def _read_yaml(file: Path) -> dict[str, object]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} cannot be read: {error}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SettingsError(f"{file} cannot be read: {_yaml_problem(error)}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SettingsError(f"{file} must hold a mapping of sections, not {type(content).__name__}")
    # A section of which every key is commented out is null in YAML.
    return {name: {} if section is None else section for name, section in content.items()}


def _yaml_problem(error: Exception) -> str:
    """What is wrong and where, on one line and without the source: it may hold a key."""
    problem = getattr(error, "problem", None) or "it is not valid YAML"
    mark = getattr(error, "problem_mark", None)
    # These two are quoted in full; a password may begin with ! or *.
    words = re.sub(r"(tag|handle|alias) ['\"].*", r"\1", problem, flags=re.DOTALL)
    return words if mark is None else f"line {mark.line + 1}: {words}"


def _explain(error: ValidationError, file: Path, origins: Mapping[tuple[str, str], str]) -> str:
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        place = tuple(str(part) for part in problem["loc"])
        origin = origins.get((place[0], place[1])) if len(place) > 1 else None
        what = "unknown setting" if problem["type"] == "extra_forbidden" else problem["msg"]
        lines.append(f"{origin or f'{file}: ' + '.'.join(place)}: {what}")
    return "; ".join(lines)


class SettingsStore:
    """The settings in force: reread when the file changes; a bad edit keeps the old ones."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stamp = stamp_at(file)
        self._settings = self._at_start = load_settings(file)
        self._problem: str | None = None
        self._followers: list[Callable[[Settings], None]] = []

    def follow(self, told: Callable[[Settings], None]) -> None:
        """Have ``told`` called with the settings of every edit, before anyone else has them. It
        may refuse them with a SettingsError."""
        self._followers.append(told)

    def current(self) -> Settings:
        """The settings as of now. Costs one stat() call."""
        stamp = stamp_at(self._file)
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                edited = load_settings(self._file)
                for told in self._followers:
                    told(edited)
            except SettingsError as error:
                self._problem = f"{error} (the previous settings stay in force)"
            else:
                self._settings, self._problem = edited, None
        return self._settings

    def notice(self) -> str | None:
        """What a user should know of the file as it is now: what is wrong with it, or that a
        change waits for a restart; None mostly."""
        now, before = self.current(), self._at_start
        if self._problem is not None:
            return self._problem
        if (now.storage, now.embedding) != (before.storage, before.embedding):
            return (
                "storage and embedding settings have changed: they take effect after "
                "`hybrid-coordinator stop`"
            )
        return None
