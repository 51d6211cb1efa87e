"""JSON schemas that answers must match: checked once, then applied to answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.errors import InvalidArgumentError

_FIELD = "json_schema"

Validate = Callable[[JsonValue], bool]
"""Says whether a value matches the schema; never raises."""


def compile_schema(schema: Mapping[str, JsonValue]) -> Validate:
    """A validator for the schema, of the draft that its ``$schema`` names, or 2020-12.

    Raises:
        InvalidArgumentError: it is no JSON schema, or refers to another document.
    """
    # Imported here: it takes 0.08 s, and few calls have a schema.
    from jsonschema import Draft202012Validator, SchemaError
    from jsonschema.validators import validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    given = dict(schema)
    if not isinstance(given.get("$schema", ""), str):
        raise InvalidArgumentError(_FIELD, "$schema must be a string")
    draft = validator_for(given, default=Draft202012Validator)
    try:
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
    # Without a registry of its own, the library would fetch references over the network.
    validator = draft(given, registry=Registry())

    def matches(value: JsonValue) -> bool:
        try:
            return bool(validator.is_valid(value))
        except (Unresolvable, RecursionError):
            # A reference to nothing, or around in a circle: no value can be said to match.
            return False

    return matches


def _references(schema: JsonValue) -> Iterator[str]:
    if isinstance(schema, dict):
        for name, value in schema.items():
            if name in ("$ref", "$dynamicRef") and isinstance(value, str):
                yield value
            else:
                yield from _references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _references(value)
