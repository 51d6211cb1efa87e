"""Where words are still to be found: in any column of the record, any point, any file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.vectors.protocol import VectorIndex

_PAGE = 500


async def in_record(database: Database, words: str) -> list[str]:
    """Each table with a row that holds the words in any column: texts, JSON, arrays, and bytes,
    which are printed in hexadecimal."""
    tables = await database.fetch(
        "SELECT table_name FROM information_schema.tables "
        "WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY table_name"
    )
    found = []
    for (table,) in tables:
        count = await database.fetch_value(
            f'SELECT count(*) FROM "{table}" AS row '
            "WHERE position($1 IN row::text) > 0 OR position($2 IN row::text) > 0",
            words,
            words.encode().hex(),
        )
        if count:
            found.append(f"{table}: {count}")
    return found


async def in_index(index: VectorIndex, words: str) -> list[str]:
    """Each point that holds the words in its payload."""
    found = []
    for collection in await index.collections():
        after: str | None = None
        while True:
            page, after = await index.scroll(collection, where={}, limit=_PAGE, after=after)
            found += [f"{collection}: {one.id}" for one in page if words in repr(one.payload)]
            if after is None:
                break
    return found


def in_files(folder: Path, words: str, *without: str) -> list[str]:
    """Each file below a folder that holds the words, but for those in the directories
    ``without``."""
    return [
        str(file.relative_to(folder)) for file in _files(folder, without) if _holds(file, words)
    ]


def _files(folder: Path, without: tuple[str, ...]) -> Iterator[Path]:
    for file in sorted(folder.rglob("*")):
        inside = file.relative_to(folder).parts[0]
        if inside not in without and file.is_file():
            yield file


def _holds(file: Path, words: str) -> bool:
    return words.encode() in file.read_bytes()
