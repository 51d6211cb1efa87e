"""Reads the workflow templates and voices that come with the package."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hybrid_coordinator.domain.route import TaskType
from hybrid_coordinator.domain.templates import Template, TemplateArgument, Voice
from hybrid_coordinator.errors import StorageError

_FOLDER = Path(__file__).parent / "templates"
_VOICES = "voices.yaml"

_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
_Words = Annotated[str, Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _ArgumentFile(_Strict):
    name: _Name
    description: _Words
    required: bool = True
    material: bool = False


class _TemplateFile(_Strict):
    name: _Name
    version: Annotated[int, Field(ge=1)]
    title: _Words
    description: _Words
    task_type: TaskType
    arguments: tuple[_ArgumentFile, ...]
    text: _Words


class _VoiceFile(_Strict):
    name: _Name
    task_types: frozenset[TaskType]
    system: _Words


class _VoicesFile(_Strict):
    version: Annotated[int, Field(ge=1)]
    voices: tuple[_VoiceFile, ...]


File = TypeVar("File", bound=_Strict)


@cache
def templates() -> tuple[Template, ...]:
    """The templates of the package, by name.

    Raises:
        StorageError: a file cannot be read or used; the installation is damaged.
    """
    files = sorted(path for path in _FOLDER.glob("*.yaml") if path.name != _VOICES)
    return tuple(read_template(path) for path in files)


@cache
def voices() -> tuple[Voice, ...]:
    """The voices of the package, in the order in which they are asked.

    Raises:
        StorageError: the file cannot be read or used; the installation is damaged.
    """
    read = _read(_FOLDER / _VOICES, _VoicesFile)
    return tuple(Voice(voice.name, voice.task_types, voice.system.strip()) for voice in read.voices)


@cache
def prompt(path: Path) -> Template:
    """A prompt of the package, which is read once.

    Raises:
        StorageError: as for ``read_template``.
    """
    return read_template(path)


def read_template(path: Path) -> Template:
    """The template in a file of its own name.

    Raises:
        StorageError: it cannot be read, a field is off, or its places are not its arguments.
    """
    read = _read(path, _TemplateFile)
    template = Template(
        read.name,
        read.version,
        read.title,
        read.description,
        read.task_type,
        tuple(TemplateArgument(**argument.model_dump()) for argument in read.arguments),
        read.text,
    )
    names = [argument.name for argument in template.arguments]
    if template.name != path.stem:
        raise StorageError(f"{path}: name: {template.name} is not the name of its file")
    if sorted(names) != sorted(template.places):
        places = ", ".join(sorted(template.places))
        raise StorageError(f"{path}: arguments: {', '.join(names)}, but the text names {places}")
    return template


def _read(path: Path, form: type[File]) -> File:
    try:
        return form.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise StorageError(f"{path}: {_cause(error)}") from error


def _cause(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return str(error)
