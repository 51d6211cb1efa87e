"""A home on a file system of 400 MB that runs full: run inside a mount namespace of its own.

Prints "ok" when everything that was acknowledged is there, and nothing else is.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path

from tests.support.stdio import RpcError, StdioSession, ToolError, command, session

_SIZE = "400m"


def track(opened: StdioSession, label: str) -> str:
    return opened.tool(
        "track_interaction",
        query=f"task {label}",
        response="x" * 50_000,
        agent_type="remote",
        model_used="m",
    )["interaction_id"]


def fill(file: Path) -> None:
    """Take every block there is."""
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as filler:
        for size in (1 << 20, 1 << 12):
            with contextlib.suppress(OSError):
                while filler.write(b"x" * size) == size:
                    pass


def keep_nothing_half(home: Path, folder: Path, elsewhere: Path) -> None:
    """Neither half a backup nor half a home is left, and both say why."""
    other = folder / "other"
    for done in (
        command(home, "backup", str(folder / "kept.zip")),
        command(other, "restore", str(elsewhere)),
    ):
        assert done.returncode == 1, done.stdout
        assert "space" in done.stderr, done.stderr
    assert not list(folder.glob("*kept*"))
    assert not (other / "postgres").exists()
    assert not list(other.glob("restoring*")), list(other.iterdir())


def main(folder: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", folder], check=True)
    home = folder / "home"
    kept = []
    with session(home) as opened:
        kept.append(track(opened, "before"))
        # What was tracked is in the index before the disk runs full.
        assert opened.tool("search_knowledge", query="task before")["items"]
        elsewhere = folder.parent / "kept.zip"
        assert command(home, "backup", str(elsewhere)).returncode == 0
        fill(folder / "filler")
        keep_nothing_half(home, folder, elsewhere)
        refusals = []
        for number in range(20):
            try:
                kept.append(track(opened, f"full {number}"))
            except (ToolError, RpcError) as error:
                refusals.append(str(error))
        assert refusals, "the record took more than the disk has"
        assert any("disk" in words or "space" in words for words in refusals), refusals
        (folder / "filler").unlink()
        for _ in range(20):  # Postgres may have to recover first
            with contextlib.suppress(ToolError, RpcError):
                kept.append(track(opened, "after"))
                break
        found = opened.tool("search_knowledge", query="task after")["items"]
        assert found[0]["title"] == "task after"
    done = command(home, "export")
    stored = [json.loads(line)["id"] for line in done.stdout.splitlines()]
    assert sorted(stored) == sorted(kept), (len(stored), len(kept), refusals)
    assert command(home, "stop").returncode == 0
    print("ok")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
