"""What an entry looks like in the index: its payload, and the text that is searched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from hybrid_coordinator.domain.error_signatures import root_error
from hybrid_coordinator.domain.interactions import Interaction, OutcomeKind
from hybrid_coordinator.domain.items import GLOBAL_PROJECT, CollectionName
from hybrid_coordinator.domain.knowledge import JsonValue, KnowledgeItem, Origin
from hybrid_coordinator.knowledge.collections import CollectionDefinition, FieldType
from hybrid_coordinator.knowledge.same_errors import SIGNATURE

Payload = dict[str, JsonValue]

_MAX_CHARACTERS = 20_000
"""Of one string in a payload: more than any token budget shows. The record has the whole."""


_ORIGINS = {
    Origin.STATED: "stored knowledge",
    Origin.PATTERN: "learned from work that succeeded",
    Origin.FAILURE: "learned from errors that came up",
    Origin.SKILL: "a skill of recurring work",
    Origin.IMPORT: "imported knowledge",
}
_MAX_TITLE = 200
"""Characters of a title, which is one line."""
_MAX_SEARCHED = 8_000
"""Characters that are searched: what embedding models read, and enough to find it by."""


def interaction_payload(interaction: Interaction) -> Payload:
    """The payload of an interaction, with its latest outcome."""
    outcome = interaction.outcome
    return {
        "project": interaction.project,
        "user": interaction.user,
        "title": _line(interaction.query),
        "text": _clip(interaction.response),
        "source": f"{interaction.model_used}, {interaction.created_at:%Y-%m-%d}",
        "query": _clip(interaction.query),
        "response": _clip(interaction.response),
        "agent_type": interaction.agent_type.value,
        "model_used": interaction.model_used,
        "context_provided": interaction.context_provided,
        "outcome": (outcome.kind if outcome else OutcomeKind.UNKNOWN).value,
        "user_feedback": outcome.feedback if outcome else 0,
        "tokens_used": interaction.tokens_used,
        "latency_ms": interaction.latency_ms,
        "timestamp": interaction.created_at.isoformat(),
        "value_score": interaction.value_score,
    }


def knowledge_payload(item: KnowledgeItem, definition: CollectionDefinition) -> Payload:
    """The payload of a knowledge entry: its fields, and a text made of all that can be read.

    Title and content fill the fields that mirror them where those were not given.
    """
    origin = _ORIGINS[item.origin]
    if item.project == GLOBAL_PROJECT and item.origin is Origin.STATED:
        origin = "shared by all projects"
    fields: Payload = {name: _clip(value) for name, value in item.fields.items()}
    mirrored: Payload = {
        definition.title_field: _clip(item.title),
        definition.text_field: _clip(item.content),
    }
    if item.collection is CollectionName.ERROR_SOLUTIONS:
        error = root_error(item.title)
        mirrored |= {SIGNATURE: error.key} if error else {}
    return (
        mirrored
        | fields
        | {
            "project": item.project,
            "title": _line(item.title),
            "text": _clip("\n".join([item.content, *_labelled(item, definition)])),
            "source": f"{origin}, {item.updated_at:%Y-%m-%d}",
            "updated_at": item.updated_at.isoformat(),
        }
    )


def searched_interaction(interaction: Interaction, definition: CollectionDefinition) -> str:
    """The text of an interaction that is embedded and weighed by BM25."""
    payload = interaction_payload(interaction)
    return _joined(_readable(payload.get(name)) for name in definition.embed_fields)


def searched_knowledge(item: KnowledgeItem, definition: CollectionDefinition) -> str:
    """The text of a knowledge entry that is embedded and weighed by BM25."""
    own = {definition.title_field: item.title, definition.text_field: item.content}
    texts = (
        (own.get(name, ""), _readable(item.fields.get(name))) for name in definition.embed_fields
    )
    return _joined(chain.from_iterable(texts))


def _labelled(item: KnowledgeItem, definition: CollectionDefinition) -> Iterator[str]:
    """``Anti patterns: …`` for every field that is text rather than a category."""
    for name, field in definition.fields.items():
        is_text = field.type in (FieldType.STRING, FieldType.STRINGS) and field.index is None
        if is_text and (text := _readable(item.fields.get(name))):
            yield f"{name.replace('_', ' ').capitalize()}: {text}"


def _joined(parts: Iterable[str]) -> str:
    return "\n".join(part for part in parts if part)[:_MAX_SEARCHED]


def _readable(value: JsonValue) -> str:
    if isinstance(value, list):
        return "\n".join(part for part in map(_readable, value) if part)
    return value if isinstance(value, str) else ""


def _line(text: str) -> str:
    return " ".join(text[:_MAX_CHARACTERS].split())[:_MAX_TITLE]


def _clip(value: JsonValue) -> JsonValue:
    return value[:_MAX_CHARACTERS] if isinstance(value, str) else value
