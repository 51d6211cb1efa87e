"""What a local model is asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from hybrid_coordinator.domain.access import OWNER
from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.domain.route import TaskType


class Mode(StrEnum):
    """How a job is done: by one answer, by several that are compared, or in several steps."""

    SINGLE = "single"
    ENSEMBLE = "ensemble"
    REASON = "reason"


@dataclass(frozen=True, slots=True)
class FileText:
    """A file that was read for the model; ``path`` is the name the model sees."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class NamedModel:
    """A model by its name at an endpoint, which is named by its URL."""

    name: str
    endpoint: str

    def __str__(self) -> str:
        return f"{self.name} at {self.endpoint}"


@dataclass(frozen=True, slots=True)
class AskRequest:
    """A job for a model.

    ``task_type`` None means that it is worked out from the prompt. ``context`` is packed text
    with its sources, empty where there is none. ``max_tokens`` bounds the answer, thinking
    included. ``temperature`` is in 0-2. With ``local_only`` no remote model is asked, whatever else
    says so. ``only`` has one model asked and no other, whatever the rules say. ``user`` is whose
    question it is.
    """

    prompt: str
    task_type: TaskType | None = None
    mode: Mode = Mode.SINGLE
    files: tuple[FileText, ...] = ()
    context: str = ""
    system: str | None = None
    json_schema: Mapping[str, JsonValue] | None = None
    max_tokens: int = 1024
    temperature: float = 0.2
    quality_critical: bool = False
    prefer_local: bool = True
    local_only: bool = False
    only: NamedModel | None = None
    user: str = OWNER
