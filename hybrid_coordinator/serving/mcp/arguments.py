"""The tools' arguments: types, bounds, defaults, and errors that name the field."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic_core import PydanticCustomError

from hybrid_coordinator.errors import InvalidArgumentError

MAX_TEXT = 1_000_000


def _clean(text: str) -> str:
    if "\0" in text:
        raise PydanticCustomError("nul", "holds a NUL character, which no text may")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("blank", "is empty; give some text")
    return text


Text = Annotated[
    str,
    Field(min_length=1, max_length=MAX_TEXT),
    AfterValidator(_clean),
    AfterValidator(_not_blank),
]
AnyText = Annotated[str, Field(max_length=MAX_TEXT), AfterValidator(_clean)]
Name = Annotated[
    str, Field(min_length=1, max_length=512), AfterValidator(_clean), AfterValidator(_not_blank)
]
Collection = Literal[
    "codebase-context",
    "skills-patterns",
    "error-solutions",
    "best-practices",
    "interaction-history",
]
# Allowed values are listed to clients once, in store_knowledge and in errors: every copy of such
# a list is paid for in every conversation.
Unlisted = WithJsonSchema({"type": "string"})
Agent = Literal["remote", "local"]
TaskType = Literal[
    "auto", "template", "format", "edit", "generation", "analysis", "planning", "debugging",
    "multi-file", "extraction", "classification", "question",
]  # fmt: skip

A = TypeVar("A", bound=BaseModel)


class Arguments(BaseModel):
    """Base of all argument models: unknown names are errors, and nothing is coerced."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class AugmentQuery(Arguments):
    query: Text
    agent_type: Agent = "remote"
    project: Name | None = None
    collections: list[Annotated[Collection, Unlisted]] | None = None
    max_tokens: int = Field(1500, ge=0, le=200_000)


class AskLocalLlm(Arguments):
    prompt: Text
    task_type: Annotated[TaskType, Unlisted] = "auto"
    mode: Literal["single", "ensemble", "reason"] = "single"
    files: list[Name] = Field(default_factory=list, max_length=100)
    system: AnyText | None = None
    json_schema: dict[str, Any] | None = None
    max_tokens: int = Field(1024, ge=1, le=200_000)
    temperature: float = Field(0.2, ge=0, le=2)
    use_context: bool = True
    quality_critical: bool = False
    prefer_local: bool = True
    project: Name | None = None


class TrackInteraction(Arguments):
    query: Text
    response: Text
    agent_type: Agent
    model_used: Name
    context_ids: list[Name] = Field(default_factory=list, max_length=1000)
    tokens_used: int = Field(0, ge=0, le=2_000_000_000)
    latency_ms: int = Field(0, ge=0, le=2_000_000_000)
    project: Name | None = None
    session_id: Name | None = None


class UpdateOutcome(Arguments):
    interaction_id: Name
    outcome: Literal["success", "partial", "failure", "unknown"]
    user_feedback: Annotated[
        int, Field(ge=-1, le=1), WithJsonSchema({"enum": [-1, 0, 1], "type": "integer"})
    ] = 0
    evidence: AnyText | None = None


class GenerateTrainingData(Arguments):
    format: Literal["openai", "sharegpt", "dpo"] = "openai"
    min_value: float = Field(0.7, ge=0, le=1)
    output_dir: Name | None = None
    max_examples: int | None = Field(None, ge=1)


class SearchKnowledge(Arguments):
    query: Text
    collection: Annotated[Collection, Unlisted] | None = None
    project: Name | None = None
    limit: int = Field(5, ge=1, le=100)


class StoreKnowledge(Arguments):
    collection: Collection
    title: Name
    content: Text
    fields: dict[str, Any] = Field(default_factory=dict)
    project: Name | None = None


class IndexCodebase(Arguments):
    path: Name
    project: Name | None = None
    watch: bool = False


def validated(model: type[A], values: object) -> A:
    """``values`` as ``model``.

    Raises:
        InvalidArgumentError: it names the first field that is off, and what is allowed.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in problem["loc"]) or "arguments"
    if problem["type"] == "extra_forbidden":
        allowed = ", ".join(model.model_fields)
        raise InvalidArgumentError(field, f"unknown parameter; allowed: {allowed}")
    if problem["type"] == "missing":
        raise InvalidArgumentError(field, "is required")
    raise InvalidArgumentError(field, problem["msg"])
