"""JSON schemas as remote providers take them: every object closed, and few keywords.

A provider refuses a schema outside its subset with an error, so a schema bounds the answer there
only where it fits. The prompt has it in words, and the answer is checked against the whole of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from hybrid_coordinator.domain.knowledge import JsonValue

JsonSchema = Mapping[str, JsonValue]

_SAID = frozenset({"type", "enum", "const", "description", "title", "$ref"})
_NESTING = frozenset({"properties", "required", "additionalProperties", "items", "anyOf", "$defs"})
_STRING_FORMATS = frozenset(
    ("date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid")
)


class _OpenError(ValueError):
    """A part of a schema cannot be closed."""


def strict_at_openai(schema: JsonSchema) -> bool:
    """Whether OpenAI takes the schema as strict: it closes every object and requires all that it
    has (https://developers.openai.com/api/docs/guides/structured-outputs)."""
    try:
        return schema.get("type") == "object" and _is_strict(dict(schema))
    except RecursionError:
        return False


def _is_strict(schema: JsonValue) -> bool:
    if not isinstance(schema, dict) or not set(schema) <= _SAID | _NESTING:
        return False
    if schema.get("type") == "object":
        properties, required = schema.get("properties"), schema.get("required")
        if not isinstance(properties, dict) or not isinstance(required, list):
            return False
        if schema.get("additionalProperties") is not False or set(properties) - set(
            map(str, required)
        ):
            return False
    return all(_is_strict(part) for part in _parts(schema))


def _parts(schema: JsonSchema) -> list[JsonValue]:
    """The schemas right inside a schema."""
    parts: list[JsonValue] = []
    for name in ("properties", "$defs"):
        inner = schema.get(name)
        parts += inner.values() if isinstance(inner, dict) else []
    alternatives = schema.get("anyOf")
    parts += alternatives if isinstance(alternatives, list) else []
    return [*parts, schema["items"]] if "items" in schema else parts


def closed_for_anthropic(schema: JsonSchema) -> dict[str, JsonValue] | None:
    """The schema with closed objects and without the keywords that Anthropic does not take; None
    where that is no longer the same thing, like for an object of any keys
    (https://platform.claude.com/docs/en/build-with-claude/structured-outputs)."""
    try:
        return _closed(dict(schema))
    except (_OpenError, RecursionError):
        return None


def _closed(schema: JsonValue) -> dict[str, JsonValue]:
    if not isinstance(schema, dict):
        raise _OpenError
    closed: dict[str, JsonValue] = {
        name: schema[name] for name in ("description", "title") if name in schema
    }
    if "$defs" in schema:
        closed["$defs"] = _closed_members(schema["$defs"])
    kind, alternatives = schema.get("type"), schema.get("anyOf", schema.get("oneOf"))
    if "$ref" in schema:
        closed["$ref"] = schema["$ref"]
    elif "const" in schema:
        closed["const"] = schema["const"]
    elif "enum" in schema:
        closed["enum"] = schema["enum"]
    elif isinstance(alternatives, list):
        closed["anyOf"] = [_closed(each) for each in alternatives]
    elif isinstance(kind, list):
        closed["anyOf"] = [_typed(each, schema) for each in kind]
    else:
        closed |= _typed(kind, schema)
    return closed


def _typed(kind: JsonValue, schema: JsonSchema) -> dict[str, JsonValue]:
    if not isinstance(kind, str):
        raise _OpenError
    typed: dict[str, JsonValue] = {"type": kind}
    if kind == "object":
        if isinstance(schema.get("additionalProperties"), dict) or not schema.get("properties"):
            raise _OpenError
        typed["properties"] = _closed_members(schema["properties"])
        typed["additionalProperties"] = False
        if "required" in schema:
            typed["required"] = schema["required"]
    elif kind == "array" and "items" in schema:
        typed["items"] = _closed(schema["items"])
    elif kind == "string" and str(schema.get("format")) in _STRING_FORMATS:
        typed["format"] = schema["format"]
    return typed


def _closed_members(members: JsonValue) -> dict[str, JsonValue]:
    if not isinstance(members, dict):
        raise _OpenError
    return {name: _closed(member) for name, member in members.items()}
