"""Retention bounds what record and index take on disk, however long work goes on."""

from __future__ import annotations

from pathlib import Path

from hybrid_coordinator.home import Home
from hybrid_coordinator.keeping.disk import disk
from hybrid_coordinator.learning.forgetting.retention import Retention
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.forgetting import Forgetting
from hybrid_coordinator.storage.postgres.forgotten import Tombstones
from tests.support.memory import PATIENCE, Memory
from tests.support.owned import owning

ROUNDS, A_ROUND = 4, 300
LOG = 5 * 80_000_000
"""What the index' write-ahead log may take beside it: docs/operations.md."""
RECORD = (
    "SELECT sum(pg_total_relation_size(format('%I.%I', schemaname, tablename)::regclass)) "
    "FROM pg_tables WHERE schemaname = 'public'"
)


def taken(directory: Path, pattern: str) -> int:
    return sum(file.stat().st_blocks * 512 for file in directory.glob(pattern))


async def work(database: Database, parts: Memory) -> None:
    """Interactions whose texts no compression makes small; all is old when it returns."""
    await database.execute(
        "INSERT INTO interactions (id, project, query, response, agent_type, model_used, "
        "tokens_used, latency_ms) SELECT gen_random_uuid(), 'p', 'fix ' || gen_random_uuid(), "
        "string_agg(gen_random_uuid()::text, ' '), 'local', 'm', 1, 1 "
        "FROM generate_series(1, $1) AS one, generate_series(1, 50) GROUP BY one",
        A_ROUND,
    )
    parts.projector.wake_for_interactions()
    await parts.projector.drain(PATIENCE)
    await database.execute("UPDATE interactions SET created_at = now() - interval '91 days'")
    await database.execute("UPDATE forgotten SET forgotten_at = now() - interval '31 days'")


async def test_a_round_of_work_takes_the_place_of_the_one_before(
    database: Database, tmp_path: Path
) -> None:
    home = Home(tmp_path)
    forgetting = Forgetting(database)
    sizes: list[tuple[int, int]] = []
    for _ in range(ROUNDS):
        async with owning(database, home.vectors_dir) as (parts, _):
            retention = Retention(
                forgetting, Tombstones(database), lambda: 90, parts.projector.wake
            )
            await work(database, parts)
            assert await retention.work() == A_ROUND
            await parts.projector.drain(PATIENCE)
            await forgetting.vacuum()
            await parts.index.optimize()  # the coordinator does it before it stops
        log = taken(home.vectors_dir, "*/wal/*")
        assert log <= LOG, "the write-ahead log is reused"
        index = next(block.bytes for block in disk(home).blocks if block.name == "index")
        sizes.append((await database.fetch_value(RECORD), index - log))
    for first, last in zip(sizes[0], sizes[-1], strict=True):
        assert last < 2 * first, sizes
