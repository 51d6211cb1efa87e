"""What a process and its database hold in memory."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import psutil

MIB = 1 << 20


def of_this_process() -> dict[str, float]:
    """MiB: resident, and the proportional share where the system tells it (Linux)."""
    process = psutil.Process()
    return {"rss": process.memory_info().rss / MIB, "pss": _pss([process])}


def of_postgres(home: Path) -> float:
    """MiB, proportional share, of the Postgres that lives under ``home``."""
    pids = [int(file.read_text().split()[0]) for file in home.rglob("postmaster.pid")]
    servers = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    return _pss([each for server in servers for each in (server, *server.children(recursive=True))])


def _pss(processes: Iterable[psutil.Process]) -> float:
    full = []
    for process in processes:
        try:
            full.append(process.memory_full_info())
        except psutil.NoSuchProcess:  # Postgres' workers come and go
            continue
    return sum(getattr(each, "pss", each.uss) for each in full) / MIB
