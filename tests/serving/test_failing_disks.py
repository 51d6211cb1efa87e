"""Disks that fail a coordinator: one runs full under it, one is remounted read-only."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stdio import CHECKOUT


@pytest.mark.parametrize("scenario", ["full_disk", "full_restore", "read_only_disk"])
def test_it_is_refused_clearly_nothing_is_lost_and_it_recovers(
    tmp_path: Path, scenario: str
) -> None:
    """Each scenario is a module that says what must hold, and prints "ok" when it does."""
    disk = tmp_path / "disk"
    disk.mkdir()
    namespace = (
        ["--mount"]
        if os.geteuid() == 0
        else ["--user", "--map-current-user", "--keep-caps", "--mount"]
    )
    done = subprocess.run(
        ["unshare", *namespace, sys.executable, "-m", f"tests.support.{scenario}", str(disk)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr
