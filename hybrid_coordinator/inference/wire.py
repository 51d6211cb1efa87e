"""Reading JSON that a server sent: typed access that never trusts its shape."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping

from hybrid_coordinator.domain.knowledge import JsonValue

JsonObject = Mapping[str, JsonValue]

_LARGEST_COUNT = 2**31 - 1
"""What a column of the record holds; nothing that is counted here comes near it."""
_LONGEST_MESSAGE = 1_000
"""Characters of an error that are worth showing."""


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
    """The non-negative integer under ``name``, None where it is larger than can be."""
    value = of.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST_COUNT:
        return value
    return None


def number(of: JsonObject, name: str) -> float | None:
    """The finite number under ``name``."""
    value = of.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def error_text(of: JsonObject) -> str | None:
    """What an ``error`` member says: OpenAI's servers send an object, Ollama a string."""
    error = of.get("error")
    if error is None:
        return None
    if isinstance(error, dict):
        return shown(text(error, "message") or json.dumps(error))
    return shown(str(error))


def shown(said: str) -> str:
    """A server's words as they can be shown and kept: not endless, and without what is no text."""
    cut = said[:_LONGEST_MESSAGE]
    return "".join(each if each.isprintable() or each in "\n\t" else "\ufffd" for each in cut)


def error_kind(of: JsonObject) -> str:
    """The words that an ``error`` member is told apart by: its type and its code, which Anthropic
    puts into the details."""
    error = member(of, "error")
    code = text(error, "code") or text(member(error, "details"), "error_code")
    return f"{text(error, 'type')} {code}".strip()
