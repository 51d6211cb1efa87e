"""The five collections: what each holds, read from ``collections/*.yaml`` and checked."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Self, TypeVar

import pydantic
import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from hybrid_coordinator.domain.items import GLOBAL_PROJECT, CollectionName
from hybrid_coordinator.domain.knowledge import JsonValue, NewKnowledge
from hybrid_coordinator.errors import InvalidArgumentError, StorageError
from hybrid_coordinator.resources import collections_folder
from hybrid_coordinator.storage.vectors.protocol import CollectionSpec, IndexKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_PROJECT = "project"
_Parsed = TypeVar("_Parsed")
_Sentence = Annotated[str, Field(min_length=1)]


class FieldType(StrEnum):
    """What a payload field may hold. A datetime is an ISO 8601 string with its offset."""

    STRING = "string"
    STRINGS = "strings"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATETIME = "datetime"


_INDEXABLE: Mapping[IndexKind, tuple[FieldType, ...]] = {
    IndexKind.KEYWORD: (FieldType.STRING, FieldType.STRINGS),
    IndexKind.INTEGER: (FieldType.INTEGER,),
    IndexKind.FLOAT: (FieldType.NUMBER,),
    IndexKind.BOOL: (FieldType.BOOLEAN,),
    IndexKind.DATETIME: (FieldType.DATETIME,),
}


class _Definition(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FieldDefinition(_Definition):
    """A payload field: its type, the index on it if it has one, and what it says."""

    type: FieldType
    index: IndexKind | None = None
    description: _Sentence

    @model_validator(mode="after")
    def _index_fits(self) -> Self:
        if self.index is not None and self.type not in _INDEXABLE[self.index]:
            raise ValueError(f"a {self.type} field cannot have a {self.index} index")
        return self


class RankingParameters(_Definition):
    """How a collection's items are chosen. ``quota`` is the most of them in one answer."""

    quota: int = Field(ge=1)


class CollectionDefinition(_Definition):
    """A collection. ``title_field`` and ``text_field`` name the payload fields that take an
    entry's title and content; ``embed_fields`` are embedded, in this order. ``writable`` says
    that ``store_knowledge`` may write it. ``shards`` and ``replicas`` are for a Qdrant cluster."""

    name: CollectionName
    purpose: _Sentence
    writable: bool
    title_field: str
    text_field: str
    embed_fields: tuple[str, ...] = Field(min_length=1)
    ranking: RankingParameters
    fields: dict[str, FieldDefinition]
    shards: int | None = Field(default=None, ge=1)
    replicas: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _roles_are_text_fields(self) -> Self:
        roles = {"title_field": (self.title_field,), "text_field": (self.text_field,)}
        for role, names in (roles | {"embed_fields": self.embed_fields}).items():
            for name in names:
                definition = self.fields.get(name)
                if definition is None:
                    raise ValueError(f"{role}: {name} is not one of the fields")
                if definition.type not in (FieldType.STRING, FieldType.STRINGS):
                    raise ValueError(f"{role}: {name} is a {definition.type} field, not text")
        return self

    @property
    def indexes(self) -> dict[str, IndexKind]:
        """Payload indexes by field; every collection has one on ``project``."""
        given = {name: field.index for name, field in self.fields.items() if field.index}
        return {_PROJECT: IndexKind.KEYWORD} | given

    def spec(self, dimension: int) -> CollectionSpec:
        """What an engine creates for vectors of so many dimensions."""
        return CollectionSpec(self.name, dimension, self.indexes, self.shards, self.replicas)

    def accept(self, new: NewKnowledge) -> NewKnowledge:
        """The entry with its fields checked and brought to their types.

        A field that mirrors the title or the content and says the same is left out, so that it
        follows when they change; one that says something else is kept.

        Raises:
            InvalidArgumentError: the collection is not written this way, or a value is off.
        """
        if not self.writable:
            raise InvalidArgumentError(
                "collection",
                f"{self.name} is written by track_interaction, not by store_knowledge",
            )
        for name, text in (("title", new.title), ("content", new.content)):
            if not text.strip():
                raise InvalidArgumentError(name, "is blank; give it some text")
            _storable(name, text)
        own = {name: value for name, value in new.fields.items() if name != _PROJECT}
        if new.fields.get(_PROJECT, new.project) != new.project:
            raise InvalidArgumentError(
                f"fields.{_PROJECT}", "is set by the argument `project`; leave it out"
            )
        fields = self.validate_fields(own)
        for name, text in ((self.title_field, new.title), (self.text_field, new.content)):
            if fields.get(name) in (text, [text]):
                del fields[name]
        return NewKnowledge(self.name, new.project, new.title, new.content, fields)

    def validate_fields(self, fields: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """The fields brought to their types; those that are null count as not given.

        Raises:
            InvalidArgumentError: an unknown field, or a value of another type.
        """
        accepted: dict[str, JsonValue] = {}
        for name, value in fields.items():
            definition = self.fields.get(name)
            if definition is None:
                raise InvalidArgumentError(
                    f"fields.{name}",
                    f"{self.name} has no such field; it has {', '.join(self.fields)}",
                )
            if value is not None:
                accepted[name] = _READERS[definition.type](f"fields.{name}", value)
        return accepted


def load_collections(folder: Path | None = None) -> dict[CollectionName, CollectionDefinition]:
    """The five definitions, from the package's own folder if none is given.

    Raises:
        StorageError: a file is missing or off; the message names the file and the key.
    """
    folder = folder or collections_folder()
    definitions = {}
    for name in CollectionName:
        file = folder / f"{name}.yaml"
        content = _read(file, TypeAdapter(dict[str, object]))
        definitions[name] = _parse(
            file, TypeAdapter(CollectionDefinition), {**content, "name": name}
        )
    return definitions


def laid_out(
    definitions: Mapping[CollectionName, CollectionDefinition],
    shards: Mapping[CollectionName, int],
    replicas: int | None,
) -> dict[CollectionName, CollectionDefinition]:
    """The definitions as a cluster is to hold them."""
    return {
        name: definition.model_copy(
            update={"shards": shards.get(name, definition.shards), "replicas": replicas}
        )
        for name, definition in definitions.items()
    }


def load_seeds(collection: CollectionName, folder: Path | None = None) -> list[NewKnowledge]:
    """The curated entries of a collection, for every project; empty where there are none.

    Raises:
        StorageError: a file is off; the message names the file and the entry.
    """
    folder = folder or collections_folder()
    file = folder / "seeds" / f"{collection}.yaml"
    if not file.exists():
        return []
    definition = load_collections(folder)[collection]
    seeds = []
    entries = _read(file, TypeAdapter(list[dict[str, pydantic.JsonValue]]))
    for place, entry in enumerate(entries, start=1):
        try:
            seeds.append(_seed(definition, entry))
        except InvalidArgumentError as error:
            raise StorageError(f"{file}: entry {place}: {error}") from error
    return seeds


def _seed(definition: CollectionDefinition, entry: Mapping[str, JsonValue]) -> NewKnowledge:
    roles = (definition.title_field, definition.text_field)
    title, content = (_string(f"fields.{role}", entry.get(role, "")) for role in roles)
    rest = {name: value for name, value in entry.items() if name not in roles}
    return definition.accept(NewKnowledge(definition.name, GLOBAL_PROJECT, title, content, rest))


def _read(file: Path, shape: TypeAdapter[_Parsed]) -> _Parsed:
    # PyYAML's wheels have the C loader, three times as fast; its source build may lack it.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), loader)  # noqa: S506 - a safe loader
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise StorageError(f"{file} cannot be read: {error}") from error
    return _parse(file, shape, content)


def _parse(file: Path, shape: TypeAdapter[_Parsed], content: object) -> _Parsed:
    try:
        return shape.validate_python(content)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        # A rule over several keys names its key itself, and has no place.
        place = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        raise StorageError(": ".join(filter(None, (str(file), place, message)))) from error


def _storable(name: str, text: str) -> str:
    """The text, if Postgres and JSON can hold it."""
    if "\0" in text:
        raise InvalidArgumentError(name, "holds a NUL character, which cannot be stored")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidArgumentError(name, "holds half of a surrogate pair; send whole characters")
    return text


def _wrong(name: str, value: JsonValue, wanted: str) -> InvalidArgumentError:
    return InvalidArgumentError(name, f"must be {wanted}, not {value!r:.60}")


def _string(name: str, value: JsonValue) -> str:
    if not isinstance(value, str):
        raise _wrong(name, value, "a string")
    return _storable(name, value)


def _strings(name: str, value: JsonValue) -> JsonValue:
    """One string counts as a list of one, which is what a caller with one example sends."""
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list):
        raise _wrong(name, value, "a list of strings")
    return [_string(f"{name}.{place}", item) for place, item in enumerate(given)]


def _integer(name: str, value: JsonValue) -> JsonValue:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(name, value, "an integer")
    if not -(2**63) <= value < 2**63:
        raise _wrong(name, value, "an integer of 64 bits")
    return value


def _number(name: str, value: JsonValue) -> JsonValue:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise _wrong(name, value, "a finite number")
    return value


def _boolean(name: str, value: JsonValue) -> JsonValue:
    if not isinstance(value, bool):
        raise _wrong(name, value, "true or false")
    return value


def _datetime(name: str, value: JsonValue) -> JsonValue:
    """A time without an offset is taken as UTC."""
    wanted = 'a time in ISO 8601, such as "2026-01-31T12:00:00Z"'
    try:
        moment = datetime.fromisoformat(_string(name, value))
    except ValueError as error:
        raise _wrong(name, value, wanted) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


_READERS: Mapping[FieldType, Callable[[str, JsonValue], JsonValue]] = {
    FieldType.STRING: _string,
    FieldType.STRINGS: _strings,
    FieldType.INTEGER: _integer,
    FieldType.NUMBER: _number,
    FieldType.BOOLEAN: _boolean,
    FieldType.DATETIME: _datetime,
}
