"""Named SQL: the blocks of a queries/*.sql file as the fields of a dataclass."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from hybrid_coordinator.errors import StorageError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Q = TypeVar("Q", bound=DataclassInstance)
else:
    Q = TypeVar("Q")

QUERIES_DIRECTORY = Path(__file__).with_name("queries")
_BLOCK = re.compile(r"^-- name: (\w+)\n(.*?)(?=^-- name: |\Z)", re.MULTILINE | re.DOTALL)


def load_queries(noun: str, into: type[Q], directory: Path = QUERIES_DIRECTORY) -> Q:
    """Read ``{noun}.sql``, whose blocks start with ``-- name: field``, into ``into``.

    The fields of ``into`` and the blocks of the file must be the same, so a misspelt name
    fails when the program starts (and in the type checker), not when it is used.

    Raises:
        StorageError: the file cannot be read, or its blocks are not the fields of ``into``.
    """
    file = directory / f"{noun}.sql"
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{file} cannot be read ({error}); reinstall the package") from error
    blocks = [(name, sql.strip()) for name, sql in _BLOCK.findall(text)]
    wanted = [field.name for field in fields(into)]
    if sorted(name for name, _ in blocks) != sorted(wanted):
        found = ", ".join(name for name, _ in blocks)
        raise StorageError(f"{file} holds {found}, not {', '.join(wanted)}; reinstall the package")
    return into(**dict(blocks))
