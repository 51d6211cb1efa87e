"""Grafana's side of the record: its role, made as the container makes it, and its macros."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg

from hybrid_coordinator.storage.postgres.cluster import program
from tests.support.compose import COMPOSE, Json, as_written

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


DASHBOARDS = COMPOSE / "grafana" / "dashboards"
_MACRO = re.compile(r"\$__(\w+)\(([^)]*)\)")
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::(\w+))?\}|(\w+))")
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel of a dashboard: a row of it has no target."""

    dashboard: str
    content: Json

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.content['title']}"

    @property
    def targets(self) -> list[Json]:
        found: list[Json] = self.content.get("targets", [])
        return found


def dashboards() -> dict[str, Json]:
    """The dashboards by file name."""
    return {file.stem: json.loads(file.read_text()) for file in sorted(DASHBOARDS.glob("*.json"))}


def panels() -> list[Panel]:
    """Every panel of every dashboard."""
    return [Panel(name, each) for name, board in dashboards().items() for each in board["panels"]]


def expanded(
    sql: str, values: Mapping[str, str | Sequence[str]], since: datetime, to: datetime
) -> str:
    """The statement that Grafana sends: variables first, in the browser, then the macros of its
    Postgres data source (pkg/tsdb/grafana-postgresql-datasource/macros.go), each of which ends at
    the first closing bracket."""

    def variable(found: re.Match[str]) -> str:
        name = found[1] or found[3]
        if name.startswith("__"):
            return found[0]
        value = values[name]
        if isinstance(value, str):
            return value
        assert found[2] == "sqlstring", f"${name} has several values: write ${{{name}:sqlstring}}"
        return ",".join("'" + each.replace("'", "''") + "'" for each in value)

    def macro(found: re.Match[str]) -> str:
        name, arguments = found[1], [part.strip(" ") for part in found[2].split(",")]
        first, last = (f"'{moment.astimezone(UTC).isoformat()}'" for moment in (since, to))
        if name == "timeFilter":
            return f"{arguments[0]} BETWEEN {first} AND {last}"
        if name in ("timeFrom", "timeTo"):
            return first if name == "timeFrom" else last
        if name == "timeGroupAlias":
            assert arguments[1] == "'1d'", arguments
            return f'floor(extract(epoch from {arguments[0]})/{_DAY})*{_DAY} AS "time"'
        raise AssertionError(f"$__{name} is no macro that the panels use")

    statement = _MACRO.sub(macro, _VARIABLE.sub(variable, sql))
    assert "$" not in statement.replace("$$", ""), statement
    return statement
