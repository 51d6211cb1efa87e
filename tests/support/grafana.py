"""Grafana's side of the record: its role, made as the container makes it, and its macros."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg

from hybrid_coordinator.storage.postgres.cluster import program
from tests.support.compose import COMPOSE, as_written

PASSWORD = "a'b\\c"


def make_reader(dsn: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run what the container `grafana-role` runs, with the real psql, against this database."""
    url = urlsplit(dsn)
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    service = as_written()["services"]["grafana-role"]
    assert service["volumes"] == ["./postgres:/role:ro"]
    command = [part.replace("/role", str(COMPOSE / "postgres")) for part in service["command"]]
    with tempfile.TemporaryDirectory() as directory:
        files = {"PGPASSWORD_FILE": "of the owner", "GRAFANA_PASSWORD_FILE": PASSWORD}
        for name, text in files.items():
            assert service["environment"][name].startswith("/run/secrets/")
            (Path(directory) / name).write_text(text)
        environment = {
            "PATH": os.pathsep.join([str(program("psql").parent), os.environ["PATH"]]),
            **{name: str(Path(directory) / name) for name in files},
            "PGHOST": query["host"],
            "PGPORT": query["port"],
            "PGUSER": str(url.username),
            "PGDATABASE": url.path.removeprefix("/"),
        }
        assert service["environment"].keys() == environment.keys() - {"PATH", "PGPORT"}
        return subprocess.run(
            command,
            env=environment | more,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@asynccontextmanager
async def as_reader(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the role, which is of the whole server and so is dropped at the end."""
    made = make_reader(dsn)
    assert made.returncode == 0, made.stderr
    owner = await asyncpg.connect(dsn)
    connection = await asyncpg.connect(dsn, user="grafana", password=PASSWORD)
    try:
        yield connection
    finally:
        await connection.close()
        await owner.execute("DROP OWNED BY grafana; DROP ROLE grafana")
        await owner.close()
