"""Records as earlier versions left them, opened by this one: nothing lost, everything found.

`records/0004.sql` and `records/0011.sql` hold what programs wrote whose last migrations these were,
as pg_dump saw it; the code that they had indexed lay in /srv/work/shop.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from hybrid_coordinator.keeping.engines import embedded
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.migrate import MIGRATIONS_DIRECTORY, migrate
from tests.support.stdio import command, session, wait_until

RECORDS = Path(__file__).with_name("records")
INVOICE = (
    "def invoice_total(lines):\n"
    '    """The sum of an invoice\'s lines in cents, rounded at the end."""\n'
    "    return round(sum(line.price * line.count for line in lines))\n"
)
PROJECTS = {"0004": "shop-9f4536dd", "0011": "shop-82fea53d"}


async def leave(home: Path, last: str, shop: Path) -> dict[str, int]:
    """A home as it was; how many rows each table holds."""
    migrations = home.parent / "migrations"
    migrations.mkdir()
    for file in MIGRATIONS_DIRECTORY.glob("*.sql"):
        if file.name[:4] <= last:
            shutil.copy(file, migrations)
    home.mkdir()
    async with embedded(home / "postgres") as database:
        await migrate(database, migrations)
        await empty(database)
        written = (RECORDS / f"{last}.sql").read_text().replace("/srv/work/shop", str(shop))
        async with database.session() as connection:
            await connection.execute(written)
        return await counted(database)


async def names(database: Database) -> list[str]:
    rows = await database.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
        "AND relkind = 'r' AND relname <> 'schema_migrations' ORDER BY relname"
    )
    return [row["relname"] for row in rows]


async def empty(database: Database) -> None:
    """Migrations leave rows of their own."""
    await database.execute(f"TRUNCATE {', '.join(await names(database))}")


async def counted(database: Database) -> dict[str, int]:
    return {
        name: await database.fetch_value(f"SELECT count(*) FROM {name}")
        for name in await names(database)
    }


async def now(home: Path) -> tuple[dict[str, int], set[str]]:
    """How many rows each table holds, and whom anything was shown to."""
    async with embedded(home / "postgres") as database:
        rows = await database.fetch("SELECT DISTINCT user_name FROM showings")
        return await counted(database), {row["user_name"] for row in rows}


@pytest.mark.parametrize("last", ["0004", "0011"])
def test_a_record_of_an_earlier_version_is_taken_up_whole(
    home: Path, tmp_path: Path, last: str
) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "invoice.py").write_text(INVOICE)
    before = asyncio.run(leave(home, last, shop))
    assert before["interactions"] == 4
    assert before["outcomes"] == 3

    with session(home, cwd=shop) as opened:
        here = {"project": PROJECTS[last]}

        def titles(query: str) -> list[str]:
            items = opened.tool("search_knowledge", query=query, limit=10, **here)["items"]
            return [item["title"] for item in items]

        # Its index is gone: it fills behind whoever asks, the code last.
        wait_until(lambda: "invoice_total" in titles("invoice_total"), timeout=60)
        for query in (
            "round the invoice total once",
            "speed up the invoice export",
            "mend the currency of refunds",
            "name the tax columns",
            "Round an invoice once, at its end",
            "decimal.InvalidOperation in invoice_total",
        ):
            assert query in titles(query)
        stats = json.loads(command(home, "stats", "--json").stdout)
        assert stats["outcomes"] == {"success": 1, "partial": 1, "failure": 1, "unknown": 0}
        assert stats["knowledge"] == {"best-practices": 1, "error-solutions": 1}
        listed = command(home, "memory", "list", "--query", "name the tax columns", "--json")
        (open_one,) = json.loads(listed.stdout)["rows"]
        told = {"interaction_id": open_one["id"], "outcome": "success"}
        assert opened.tool("update_outcome", **told)["value_score"] > 0.4
    assert command(home, "stop").returncode == 0

    after, shown_to = asyncio.run(now(home))
    lost = {name: count for name, count in before.items() if after.get(name, count) < count}
    assert lost == {}
    assert shown_to <= {"local"}
