"""JSON schemas that answers must match: checked once, then applied to answers in bounded time."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from functools import cache
from typing import Any

from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.errors import InvalidArgumentError

_FIELD = "json_schema"

_LONGEST_SCHEMA = 200_000
_SECONDS = 2.0
"""A schema can ask for exponential work; what takes longer counts as no match."""
_MOST_STEPS = 10_000_000
"""Steps of backtracking, estimated, that a pattern may take in this process, which cannot stop it:
some 0.1 s."""
_REPEATED_GROUP = re.compile(r"\)[*+{]")
_UNBOUNDED = re.compile(r"[*+{]")
_BRANCHES = re.compile(r"[|?]")

_ELSEWHERE = """
import json, sys
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for
from referencing import Registry
schema, value = json.load(sys.stdin)
draft = validator_for(schema, default=Draft202012Validator)
print(draft(schema, registry=Registry()).is_valid(value))
"""

Validate = Callable[[JsonValue], bool]
"""Says whether a value matches the schema; never raises, and takes a few seconds at most."""


def compile_schema(schema: Mapping[str, JsonValue]) -> Validate:
    """A validator for the schema, of the draft that its ``$schema`` names, or 2020-12.

    Raises:
        InvalidArgumentError: it is no JSON schema, is very large, or refers to another document.
    """
    # Imported here: it takes 0.08 s, and few calls have a schema.
    from jsonschema import Draft202012Validator, SchemaError, validators
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    given = dict(schema)
    if not isinstance(given.get("$schema", ""), str):
        raise InvalidArgumentError(_FIELD, "$schema must be a string")
    draft = validators.validator_for(given, default=Draft202012Validator)
    try:
        if len(json.dumps(given)) > _LONGEST_SCHEMA:
            raise InvalidArgumentError(_FIELD, f"longer than {_LONGEST_SCHEMA} characters")
        draft.check_schema(given)
        elsewhere = next((ref for ref in _references(given) if not ref.startswith("#")), None)
    except SchemaError as error:
        place = "/".join(str(part) for part in error.absolute_path)
        where = f" (at {place})" if place else ""
        raise InvalidArgumentError(_FIELD, f"not a JSON schema: {error.message}{where}") from error
    except RecursionError as error:
        raise InvalidArgumentError(_FIELD, "nested too deep") from error
    if elsewhere is not None:
        raise InvalidArgumentError(_FIELD, f"$ref {elsewhere!r} is not fetched; put it inline")
    patterns = frozenset(_patterns(given))
    # Without a registry of its own, the library would fetch references over the network.
    validator = _watched(draft)(given, registry=Registry())

    def matches(value: JsonValue) -> bool:
        longest = max((len(text) for text in _texts(value)), default=0)
        if any(_steps(pattern, longest) > _MOST_STEPS for pattern in patterns):
            return _matches_elsewhere(given, value)
        end = _end.set(time.monotonic() + _SECONDS)
        try:
            return bool(validator.is_valid(value))
        except (Unresolvable, RecursionError, _OutOfTimeError):
            # A reference to nothing, or around in a circle: no value can be said to match.
            return False
        finally:
            _end.reset(end)

    return matches


class _OutOfTimeError(Exception):
    pass


_end: ContextVar[float] = ContextVar("end")
"""The monotonic moment at which the validation that is under way is given up."""


@cache
def _watched(draft: Any) -> Any:  # noqa: ANN401 - the library's validator classes
    """A draft's validator that ends a validation that takes too long, at the next keyword that it
    comes to. The library makes a class of it, which takes longer than most validations."""
    import attrs
    from jsonschema import validators

    keywords = {name: _watch(keyword) for name, keyword in draft.VALIDATORS.items()}
    if "uniqueItems" in keywords:
        keywords["uniqueItems"] = _unique_items
    extend: Callable[..., Any] = validators.extend  # its stub has no types
    watched = extend(draft, keywords)
    # The library's own takes the draft that a part of the schema names, which nobody watches.
    watched.evolve = attrs.evolve
    return watched


def _watch(keyword: Callable[..., Any]) -> Callable[..., Any]:
    def watched(*given: object) -> Any:  # noqa: ANN401 - what the library's keywords return
        if time.monotonic() > _end.get():
            raise _OutOfTimeError
        return keyword(*given)

    return watched


def _unique_items(_: object, wanted: object, items: JsonValue, __: object) -> Iterator[Exception]:
    """The library compares each with each; this takes linear time."""
    from jsonschema import ValidationError

    if (
        wanted
        and isinstance(items, list)
        and len({_canonical(item) for item in items}) < len(items)
    ):
        yield ValidationError("items are not unique")


def _canonical(value: JsonValue) -> str:
    """Text that is the same for values that JSON Schema takes to be equal: 1 and 1.0."""
    return json.dumps(_plain(value), sort_keys=True)


def _plain(value: JsonValue) -> JsonValue:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value


def _matches_elsewhere(schema: Mapping[str, JsonValue], value: JsonValue) -> bool:
    """The same in a process of its own, which can be ended in the middle of a pattern."""
    try:
        answer = subprocess.run(  # noqa: S603 - our own interpreter, our own program
            [sys.executable, "-P", "-c", _ELSEWHERE],
            input=json.dumps([schema, value]).encode(),
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (subprocess.TimeoutExpired, OSError, RecursionError):
        return False
    return answer.stdout.strip() == b"True"


def _steps(pattern: str, length: int) -> float:
    """About how many steps a search in a text of that length may take, at worst."""
    if _REPEATED_GROUP.search(pattern):
        return float("inf")
    branches = min(len(_BRANCHES.findall(pattern)), 60)
    loops = min(len(_UNBOUNDED.findall(pattern)), 60)
    return float(2**branches * max(2, length) ** (loops + 1))


def _texts(value: JsonValue) -> Iterator[str]:
    """Every string in a value, names included, without recursion."""
    waiting: list[JsonValue] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, dict):
            waiting.extend(itertools.chain(item.keys(), item.values()))


def _patterns(schema: JsonValue) -> Iterator[str]:
    for name, value in _members(schema):
        if name == "pattern" and isinstance(value, str):
            yield value
        elif name == "patternProperties" and isinstance(value, dict):
            yield from value


def _references(schema: JsonValue) -> Iterator[str]:
    for name, value in _members(schema):
        if name in ("$ref", "$dynamicRef") and isinstance(value, str):
            yield value


def _members(schema: JsonValue) -> Iterator[tuple[str, JsonValue]]:
    """Every name and value in a schema, at any depth."""
    if isinstance(schema, dict):
        for name, value in schema.items():
            yield name, value
            yield from _members(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _members(value)
