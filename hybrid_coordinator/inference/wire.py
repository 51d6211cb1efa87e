"""Reading JSON that a server sent: typed access that never trusts its shape."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from hybrid_coordinator.domain.knowledge import JsonValue

JsonObject = Mapping[str, JsonValue]


def parse(body: bytes) -> JsonValue:
    """The JSON value in ``body``.

    Raises:
        ValueError: it is not UTF-8 or not JSON, or it is nested too deep to be read.
    """
    try:
        value: JsonValue = json.loads(body.decode("utf-8"))
    except RecursionError as error:
        raise ValueError("JSON nested too deep") from error
    return value


def parse_object(body: bytes) -> JsonObject | None:
    """The JSON object in ``body``, None where it holds anything else."""
    try:
        value = parse(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def member(of: JsonObject, name: str) -> JsonObject:
    """The object under ``name``, empty where there is none."""
    value = of.get(name)
    return value if isinstance(value, dict) else {}


def objects(of: JsonObject, name: str) -> Iterator[JsonObject]:
    """The objects in the list under ``name``."""
    value = of.get(name)
    if isinstance(value, list):
        yield from (entry for entry in value if isinstance(entry, dict))


def text(of: JsonObject, name: str) -> str:
    """The string under ``name``, empty where there is none."""
    value = of.get(name)
    return value if isinstance(value, str) else ""


def count(of: JsonObject, name: str) -> int | None:
    """The non-negative integer under ``name``."""
    value = of.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return None


def number(of: JsonObject, name: str) -> float | None:
    """The number under ``name``."""
    value = of.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return None


def error_text(of: JsonObject) -> str | None:
    """What an ``error`` member says: OpenAI's servers send an object, Ollama a string."""
    error = of.get("error")
    if isinstance(error, dict):
        return text(error, "message") or json.dumps(error)
    if error is None:
        return None
    return str(error)


def error_kind(of: JsonObject) -> str:
    """The words that an ``error`` member is told apart by: its type and its code."""
    error = member(of, "error")
    return f"{text(error, 'type')} {text(error, 'code')}".strip()
