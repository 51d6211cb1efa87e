"""Two coordinators on shared engines against one, asked by a generator beside them."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.main_job import CHECKOUT, bridge, fresh_home
from benchmarks.operations.scaling import postgres_over_tcp
from benchmarks.routing.tables import Table

_ROUNDS = 3
_SECONDS = float(os.environ.get("PAIR_SECONDS", "10"))
_CONNECTIONS = 16
_NOTE = (
    f"`augment_query` over {_CONNECTIONS} connections to the coordinators' sockets, ten questions "
    "in turn, about a part of this repository; the generator is a process of its own that sends "
    "what was encoded beforehand. Both coordinators have one Postgres, over TCP, and one Qdrant, "
    "whose answers to these questions are kept by a process that stands for it: an engine that is "
    "not the limit. One and two are measured by turns, "
    f"{_ROUNDS} times {_SECONDS:g} s each; medians. All of it shares two cores, so what two do in "
    "a second is bounded by what the others leave them; what they do in a second of their own "
    "processor time is not."
)


@dataclass(frozen=True)
class Round:
    """One measurement: answers a second, and processor seconds a second of each part."""

    rate: float
    errors: int
    shares: Mapping[str, float]

    @property
    def a_cpu_second(self) -> float:
        """Answers in a second of the coordinators' processor time."""
        return self.rate / self.shares["coordinators"]


def measure() -> Table:
    """One, two, one, two …"""
    with (
        tempfile.TemporaryDirectory(prefix="hc-pair-") as folder,
        postgres_over_tcp(Path(folder) / "postgres") as database,
        _qdrant() as (url, qdrant),
        _settings(database, url),
        fresh_home() as first,  # last in, first out: Postgres waits for its clients to leave
        fresh_home() as second,
    ):
        with bridge(first) as opened:
            opened.initialize()
            opened.tool("index_codebase", path=str(CHECKOUT / "hybrid_coordinator" / "domain"))
        postgres = _server_of(Path(folder) / "postgres")
        beside = {"Postgres": postgres, "Qdrant": qdrant}
        rounds: dict[int, list[Round]] = {1: [], 2: []}
        for _ in range(_ROUNDS):
            for count in (1, 2):
                rounds[count].append(_round([first, second][:count], beside))
    return _table(rounds[1], rounds[2])


@contextmanager
def _settings(database: str, qdrant: str) -> Iterator[None]:
    given = {"DATABASE_URL": database, "QDRANT_URL": qdrant, "HYBRID_INFERENCE_ENABLED": "false"}
    os.environ.update(given)
    try:
        yield
    finally:
        for name in given:
            del os.environ[name]


@contextmanager
def _qdrant() -> Iterator[tuple[str, psutil.Process]]:
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.operations.replayed_qdrant"],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), psutil.Process(process.pid)
        finally:
            process.stdin.close()
            process.wait()


def _server_of(directory: Path) -> psutil.Process:
    return psutil.Process(int((directory / "postmaster.pid").read_text().split()[0]))


def _round(homes: list[Path], beside: Mapping[str, psutil.Process]) -> Round:
    with (
        ExitStack() as stack,
        subprocess.Popen(
            [
                *(sys.executable, "-m", "benchmarks.operations.generator", str(_SECONDS)),
                *(str(CHECKOUT), str(_CONNECTIONS), *map(str, homes)),
            ],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as generator,
    ):
        assert generator.stdin is not None
        assert generator.stdout is not None
        stack.callback(generator.stdin.close)
        if generator.stdout.readline() != "ready\n":
            raise SystemExit("the load generator did not come up")
        owners = [psutil.Process(int((home / "coordinator.lock").read_text())) for home in homes]
        parts = {"coordinators": owners, **{name: [one] for name, one in beside.items()}}
        before = {name: sum(map(_cpu, each)) for name, each in parts.items()}
        generator.stdin.write("go\n")
        generator.stdin.flush()
        came = json.loads(generator.stdout.readline())
        used = {name: sum(map(_cpu, each)) - before[name] for name, each in parts.items()}
    used["generator"] = came["cpu_seconds"]
    seconds = came["seconds"]
    shares = {name: each / seconds for name, each in used.items()}
    return Round(came["answers"] / seconds, came["errors"], shares)


def _cpu(process: psutil.Process) -> float:
    """Processor seconds of a process and of those that it has started, and that live."""
    total = 0.0
    for one in (process, *process.children(recursive=True)):
        times = one.cpu_times()
        total += times.user + times.system
    return total


def _table(one: list[Round], two: list[Round]) -> Table:
    rates = [statistics.median(each.rate for each in rounds) for rounds in (one, two)]
    owned = [statistics.median(each.a_cpu_second for each in rounds) for rounds in (one, two)]
    errors = [sum(each.errors for each in rounds) for rounds in (one, two)]
    rows = [
        ["requests a second, all on these two cores", "1.7x", f"{rates[0]:.0f}",
         f"{rates[1]:.0f}: {rates[1] / rates[0]:.2f}x"],
        ["requests in a second of the coordinators' own processor time", "-", f"{owned[0]:.0f}",
         f"{owned[1]:.0f}: {owned[1] / owned[0]:.2f}x"],
        ["so, with a core for each coordinator, requests a second", "1.7x", f"{owned[0]:.0f}",
         f"{2 * owned[1]:.0f}: {2 * owned[1] / owned[0]:.2f}x"],
        *([f"processor seconds a second: {name}", "-", *(
            f"{statistics.median(each.shares[name] for each in rounds):.2f}"
            for rounds in (one, two)
        )] for name in one[0].shares),
        ["answers that were errors", "0", *map(str, errors)],
    ]  # fmt: skip
    return Table("Two coordinators on shared engines", ["what", "goal", "one", "two"], rows, _NOTE)
