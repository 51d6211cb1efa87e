"""A home on a file system that is remounted read-only, and writable again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.stdio import CHECKOUT


def test_a_read_only_home_is_refused_clearly_and_recovers(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    namespace = (
        ["--mount"]
        if os.geteuid() == 0
        else ["--user", "--map-current-user", "--keep-caps", "--mount"]
    )
    done = subprocess.run(
        ["unshare", *namespace, sys.executable, "-m", "tests.support.read_only_disk", str(disk)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr
