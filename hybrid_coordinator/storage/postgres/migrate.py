"""Migrations: numbered SQL files, each applied once, in order, in a transaction of its own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hybrid_coordinator.errors import StorageError
from hybrid_coordinator.storage.postgres.database import Database, Session
from hybrid_coordinator.storage.postgres.queries import load_queries

MIGRATIONS_DIRECTORY = Path(__file__).with_name("migrations")
_LEDGER = "schema_migrations"
_TABLE = re.compile(r"CREATE TABLE (\w+)")
_LONGEST_SECONDS = 600.0
"""Time for a migration, which may rewrite a large table, and to wait for another's."""


@dataclass(frozen=True, slots=True)
class _Queries:
    lock: str
    create_ledger: str
    applied: str
    record: str


@dataclass(frozen=True, slots=True)
class _Migration:
    name: str
    sql: str
    checksum: str


async def migrate(database: Database, directory: Path = MIGRATIONS_DIRECTORY) -> int:
    """Bring the database to the newest schema; returns how many migrations that took.

    Safe when several processes start at once: each migration is chosen and applied under a
    lock.

    Raises:
        StorageError: an applied migration is not the one in ``directory``, or the database has
            migrations that ``directory`` does not, or a migration fails.
    """
    queries = load_queries("migrations", _Queries)
    migrations = _read(directory)
    count = 0
    while True:
        async with database.transaction() as session:
            await session.execute(queries.lock, timeout=_LONGEST_SECONDS)
            await session.execute(queries.create_ledger)
            applied = await session.fetch(queries.applied)
            pending = _pending([(row["name"], row["checksum"]) for row in applied], migrations)
            if not pending:
                return count
            await session.execute(pending[0].sql, timeout=_LONGEST_SECONDS)
            await session.execute(queries.record, pending[0].name, pending[0].checksum)
        count += 1


async def build(
    session: Session, applied: Sequence[tuple[str, str]], directory: Path = MIGRATIONS_DIRECTORY
) -> None:
    """Make the schema that these migrations, as (name, checksum), add up to, in a database without
    one. Within the session's transaction: all of it or nothing.

    Raises:
        StorageError: they are not the first ones of ``directory``.
    """
    queries, migrations = load_queries("migrations", _Queries), _read(directory)
    _pending(applied, migrations)
    await session.execute(queries.lock, timeout=_LONGEST_SECONDS)
    await session.execute(queries.create_ledger)
    for each in migrations[: len(applied)]:
        await session.execute(each.sql, timeout=_LONGEST_SECONDS)
        await session.execute(queries.record, each.name, each.checksum)


def created_tables(directory: Path = MIGRATIONS_DIRECTORY) -> frozenset[str]:
    """The names of all tables that a record has or ever had."""
    texts = (migration.sql for migration in _read(directory))
    return frozenset({_LEDGER, *(name for text in texts for name in _TABLE.findall(text))})


def check_known(applied: Sequence[tuple[str, str]], directory: Path = MIGRATIONS_DIRECTORY) -> None:
    """Return if ``build`` can make the schema of these migrations. Raises as it does."""
    _pending(applied, _read(directory))


def _pending(applied: Sequence[tuple[str, str]], migrations: list[_Migration]) -> list[_Migration]:
    names = {migration.name for migration in migrations}
    for position, (name, checksum) in enumerate(applied):
        if name not in names:
            raise StorageError(
                f"the database is newer than this program: it has migration {name}; upgrade "
                "hybrid-coordinator, or use another database"
            )
        known = migrations[position]
        if known.name != name:
            raise StorageError(
                f"migration {known.name} comes before {name}, which this database has already; "
                "reinstall hybrid-coordinator, a new migration needs the next number"
            )
        if known.checksum != checksum:
            raise StorageError(
                f"migration {name} was changed after this database applied it; reinstall "
                "hybrid-coordinator, a change to the schema needs a new migration"
            )
    return migrations[len(applied) :]


def _read(directory: Path) -> list[_Migration]:
    texts = {file.stem: file.read_text(encoding="utf-8") for file in directory.glob("*.sql")}
    return [
        _Migration(name, texts[name], hashlib.sha256(texts[name].encode()).hexdigest())
        for name in sorted(texts)
    ]
