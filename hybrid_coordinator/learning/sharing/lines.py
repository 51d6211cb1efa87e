"""A shared entry as a line of JSON, which whoever reads it takes for what anybody may have written.

One line is one entry (schema 1): ``collection``, ``project``, ``title``, ``content`` and ``fields``
are what it says, ``provenance`` what is known of it where, ``sha256`` the digest of all that as
JSON with sorted keys and no spaces.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    model_validator,
)

from hybrid_coordinator.domain.histories import Elsewhere
from hybrid_coordinator.domain.ids import knowledge_id
from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.domain.knowledge import NewKnowledge, Origin
from hybrid_coordinator.domain.sharing import SharedEntry
from hybrid_coordinator.errors import InvalidArgumentError

SCHEMA = 1
MOST_CHARACTERS = 400_000
"""Of a line."""
_TITLE, _CONTENT, _NAME = 1_000, 100_000, 200
_FIELDS = 200_000
"""Characters of the fields as JSON."""
_MACHINES = 64
_MOST = 10**9
_UUID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_LAYOUT = "\n\r\t"
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""What makes text be shown in another order than it is read in (CVE-2021-42574)."""

Count = Annotated[int, Field(ge=0, le=_MOST)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)


class _Known(_Strict):
    machine: str = Field(pattern=_UUID)
    version: int = Field(ge=1, le=_MOST)
    origin: Origin
    supports: Count
    against: Count
    uses: Count
    successes: float = Field(ge=0, le=_MOST)
    judged: Count

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if not self.successes <= self.judged <= self.uses:
            raise ValueError("successes are judged uses, and these are uses")
        return self


class _Line(_Strict):
    type: Literal["knowledge"]
    schema_: Literal[1] = Field(alias="schema")
    id: str = Field(pattern=_UUID)
    collection: CollectionName
    project: str = Field(min_length=1, max_length=_NAME)
    title: str = Field(min_length=1, max_length=_TITLE)
    content: str = Field(min_length=1, max_length=_CONTENT)
    fields: dict[str, JsonValue]
    created_at: AwareDatetime
    updated_at: AwareDatetime
    software: str = Field(max_length=_NAME)
    provenance: list[_Known] = Field(min_length=1, max_length=_MACHINES)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


def render(entry: SharedEntry) -> dict[str, Any]:
    """The entry as the JSON object of its line."""
    new = entry.new
    line: dict[str, Any] = {
        "type": "knowledge",
        "schema": SCHEMA,
        "id": knowledge_id(new.collection, new.project, new.title),
        "collection": new.collection.value,
        "project": new.project,
        "title": new.title,
        "content": new.content,
        "fields": dict(new.fields),
        "created_at": _written(entry.created_at),
        "updated_at": _written(entry.updated_at),
        "software": entry.software,
        "provenance": [
            {
                "machine": one.machine,
                "version": one.version,
                "origin": one.origin,
                "supports": one.supports,
                "against": one.against,
                "uses": one.uses,
                "successes": one.successes,
                "judged": one.judged,
            }
            for one in entry.provenance[:_MACHINES]
        ],
    }
    return {**line, "sha256": _digest(line)}


def parse(text: str) -> SharedEntry:
    """The entry of a line.

    Raises:
        InvalidArgumentError: it is none; the message names the field.
    """
    if len(text) > MOST_CHARACTERS:
        raise InvalidArgumentError("line", f"has more than {MOST_CHARACTERS} characters")
    try:
        line = _Line.model_validate_json(text)
    except ValidationError as error:
        raise _explained(error) from None
    raw = json.loads(text)
    if raw.pop("sha256") != _digest(raw):
        raise InvalidArgumentError("sha256", "is not that of the line: it was changed, or cut")
    if line.id != knowledge_id(line.collection, line.project, line.title):
        raise InvalidArgumentError("id", "is not that of this collection, project and title")
    if len(json.dumps(raw["fields"])) > _FIELDS:
        raise InvalidArgumentError("fields", f"take more than {_FIELDS} characters")
    _check_characters("project", line.project, layout="")
    _check_characters("title", line.title)
    _check_characters("content", line.content)
    _check_characters("fields", "".join(_strings(line.fields)))
    return SharedEntry(
        NewKnowledge(line.collection, line.project, line.title, line.content, raw["fields"]),
        line.created_at,
        line.updated_at,
        line.software,
        tuple(
            Elsewhere(
                one.machine,
                one.version,
                one.origin.value,
                one.supports,
                one.against,
                one.uses,
                one.successes,
                one.judged,
            )
            for one in line.provenance
        ),
    )


def without_controls(text: str) -> str:
    """The text without characters that ``parse`` refuses."""
    if text.isprintable() and not _TURNING.intersection(text):
        return text
    return "".join(each for each in text if not _is_control(each, _LAYOUT))


def _check_characters(field: str, text: str, layout: str = _LAYOUT) -> None:
    wrong = next((each for each in text if _is_control(each, layout)), None)
    if wrong is not None:
        raise InvalidArgumentError(field, f"holds the control character U+{ord(wrong):04X}")


def _is_control(character: str, layout: str) -> bool:
    return character in _TURNING or (
        unicodedata.category(character) in ("Cc", "Cs") and character not in layout
    )


def _strings(value: JsonValue) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for each in value for text in _strings(each)]
    if isinstance(value, dict):
        return [text for name, each in value.items() for text in (name, *_strings(each))]
    return []


def _written(moment: datetime) -> str:
    return moment.isoformat()


def _digest(line: dict[str, Any]) -> str:
    text = json.dumps(line, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _explained(error: ValidationError) -> InvalidArgumentError:
    """The first problem. What stands in the line is not repeated."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "line"
    if first["type"] == "missing":
        return InvalidArgumentError(place, "is missing")
    if first["type"] == "extra_forbidden":
        return InvalidArgumentError(place, f"is unknown to schema {SCHEMA}")
    if place == "schema":
        return InvalidArgumentError(place, f"is unknown; this version reads schema {SCHEMA}")
    return InvalidArgumentError(place, first["msg"].removeprefix("Value error, "))
