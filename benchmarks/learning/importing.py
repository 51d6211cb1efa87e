"""How fast session files are imported, and what that takes in memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil

from benchmarks.routing.tables import Table
from hybrid_coordinator.learning.sessions.transcripts import TranscriptReader

_MEGABYTES = 100
_TURNS = 12
"""Turns of a file."""
_READ = "x = 1  # a line of a file that the agent looked at\n" * 400
_TIMEOUT = 1800.0


def measure(_: Path | None) -> Table:
    """Reading alone, and the whole import through the command line; needs no data."""
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder) / "projects"
        turns = _write(files)
        size = sum(path.stat().st_size for path in files.rglob("*.jsonl")) / 1e6
        rows = [_row("read the files", turns, size, *_measured(lambda: _read(files)))]
        home = Path(folder) / "home"
        _command(home, "stats", "--json")  # the coordinator is there
        try:
            owner = psutil.Process(int((home / "coordinator.lock").read_text()))
            first = _measured(lambda: _import(home, files), owner)
            rows.append(_row("import them", turns, size, *first))
            rows.append(
                _row("import them again", 0, size, *_measured(lambda: _import(home, files), owner))
            )
        finally:
            _command(home, "stop")
    note = (
        f"{turns:,} turns in files of {_TURNS}, with what Claude Code writes around them; each has "
        "two test runs, an edit, and a file that was read. The memory is what the process grew by "
        "at most: this one for reading, the coordinator for importing, with the projection into "
        "the index that goes on behind it."
    )
    header = ["what", "turns", "MB", "seconds", "turns/s", "MB/s", "memory, MB more"]
    return Table("How long does importing sessions take?", header, rows, note)


def _row(what: str, turns: int, size: float, seconds: float, memory: float) -> list[str]:
    return [
        what,
        f"{turns:,}",
        f"{size:.0f}",
        f"{seconds:.1f}",
        f"{turns / seconds:.0f}",
        f"{size / seconds:.1f}",
        f"{memory:.0f}",
    ]


def _measured(
    work: Callable[[], object], process: psutil.Process | None = None
) -> tuple[float, float]:
    """Seconds, and the most memory more than before in megabytes."""
    looked_at = process or psutil.Process()
    before = most = looked_at.memory_info().rss
    done = threading.Event()

    def look() -> None:
        nonlocal most
        while not done.wait(0.05):
            most = max(most, looked_at.memory_info().rss)

    watching = threading.Thread(target=look)
    watching.start()
    started = time.perf_counter()
    try:
        work()
    finally:
        seconds = time.perf_counter() - started
        done.set()
        watching.join()
    return seconds, (most - before) / 1e6


def _read(files: Path) -> None:
    seen: set[str] = set()
    for path in sorted(files.rglob("*.jsonl")):
        for _ in TranscriptReader(path, seen, str).turns():
            pass


def _import(home: Path, files: Path) -> None:
    _command(home, "import", "claude-code", "--path", str(files), "--json")


def _command(home: Path, *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "hybrid_coordinator.serving.cli", *arguments],
        env={**os.environ, "HYBRID_HOME": str(home)},
        check=True,
        capture_output=True,
        timeout=_TIMEOUT,
    )


def _write(files: Path) -> int:
    """Session files of 100 MB; how many turns they hold."""
    turns = number = size = 0
    while size < _MEGABYTES * 1_000_000:
        path = files / f"-srv-app-{number % 20}" / f"{number:08}-0000-4000-8000-000000000000.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(_session(number))
        path.write_text(text, encoding="utf-8")
        size += len(text)
        turns += _TURNS
        number += 1
    return turns


def _session(number: int) -> list[str]:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number)
    lines: list[str] = []

    def line(kind: str, **fields: Any) -> None:
        made = {
            "type": kind,
            "uuid": f"{number:08}-{len(lines):04}",
            "timestamp": (at + timedelta(seconds=len(lines))).isoformat(),
            "cwd": f"/srv/app-{number % 20}",
            "sessionId": f"{number:08}",
            "isSidechain": False,
        }
        lines.append(json.dumps(made | fields) + "\n")

    def call(name: str, result: str, told: object, *, failed: bool = False, **given: str) -> None:
        use = f"t{len(lines)}"
        block = {"type": "tool_use", "id": use, "name": name, "input": given}
        line("assistant", message={"id": f"m{number}-{len(lines)}", "content": [block]})
        back = {"type": "tool_result", "tool_use_id": use, "content": result, "is_error": failed}
        line("user", message={"role": "user", "content": [back]}, toolUseResult=told)

    for turn in range(_TURNS):
        task = f"Module {number} of part {turn} loses its settings when it is reloaded, fix that"
        line("user", message={"role": "user", "content": task})
        line("attachment", attachment={"type": "environment"}, rendered=["y" * 4000])
        call("Read", _READ, {"file": {"content": _READ}}, file_path="/srv/a.py")
        call("Bash", "Exit code 1\nKeyError: 'x'\n1 failed", None, failed=True, command="pytest -q")
        call("Edit", "ok", {"structuredPatch": [{"lines": ["-a", "+b"]}]}, file_path="/srv/a.py")
        call("Bash", "9 passed", {"stdout": "9 passed", "stderr": ""}, command="pytest -q")
        answer = {"type": "text", "text": f"The settings of part {turn} are kept now. " * 12}
        line("assistant", message={"id": f"a{number}-{turn}", "content": [answer], "model": "m"})
    return lines
