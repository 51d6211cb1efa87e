"""The coordinator's own log: bounded on disk, and a disk that refuses it stops nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hybrid_coordinator.errors import StorageError
from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.daemon import log_to
from tests.support.stdio import CHECKOUT

STATED = 5_000_000
"""Bytes of the log, and of each of the two before it: docs/operations.md."""
BEGIN = """
import logging, resource, sys
from pathlib import Path
from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.daemon import log_to

log_to(Home(Path(sys.argv[1])))
log = logging.getLogger("much")

def say(word, times):
    for number in range(times):
        log.info("%s %06d %s", word, number, "x" * 2_500)
"""


def logged(home: Home, script: str) -> dict[str, int]:
    """Run it in a process that logs into the home, as the coordinator's does, with its standard
    error beside the log; the sizes of the logs afterwards."""
    logs = home.log_file.parent
    logs.mkdir(parents=True, exist_ok=True)
    with home.log_file.with_suffix(".err").open("wb") as errors:
        done = subprocess.run(
            [sys.executable, "-c", BEGIN + script, str(home.root)],
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            stderr=errors,
            timeout=120,
            check=False,
        )
    assert (done.returncode, done.stdout) == (0, b"went on\n")
    return {file.name: file.stat().st_size for file in logs.iterdir()}


def last_line(home: Home) -> str:
    return home.log_file.read_text().splitlines()[-1]


def test_much_that_is_logged_stays_within_the_bound(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for _ in range(2):  # a coordinator that starts anew keeps to it too
        sizes = logged(home, "say('line', 10_000)\nprint('went on')")
        assert sizes.pop("coordinator.err") == 0
        assert sizes.keys() == {"coordinator.log", "coordinator.log.1", "coordinator.log.2"}
        assert max(sizes.values()) <= STATED
        assert "line 009999" in last_line(home)


def test_a_disk_that_refuses_the_log_stops_nothing_and_the_log_goes_on_later(
    tmp_path: Path,
) -> None:
    """A limit on the size of files refuses writes as a full disk does; of standard error too."""
    home = Home(tmp_path)
    sizes = logged(
        home,
        "_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))\n"
        "say('refused', 2_000)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))\n"
        "say('after', 2_000)\n"
        "print('went on')",
    )
    assert sizes.pop("coordinator.err") >= 1_000_000 - 10_000, "nothing was refused"
    assert max(sizes.values()) <= STATED
    assert "after 001999" in last_line(home)


def test_a_file_that_cannot_be_moved_aside_does_not_let_the_log_grow(tmp_path: Path) -> None:
    home = Home(tmp_path)
    (home.log_file.parent / "coordinator.log.1" / "in the way").mkdir(parents=True)
    (home.log_file.parent / "coordinator.log.2" / "in the way").mkdir(parents=True)
    sizes = logged(home, "say('line', 3_000)\nprint('went on')")
    assert sizes["coordinator.err"] > 0, "nothing was in the way"
    assert sizes["coordinator.log"] <= STATED


def test_a_log_that_cannot_be_opened_is_a_clear_refusal_to_start(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.log_file.mkdir(parents=True)
    with pytest.raises(StorageError, match=r"coordinator\.log cannot be written: Is a directory"):
        log_to(home)
