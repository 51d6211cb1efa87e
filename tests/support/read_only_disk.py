"""A home on a file system that turns read-only: run inside a mount namespace of its own.

Prints "ok" when every refusal says what is wrong, and what was stored is there afterwards.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.support.stdio import Json, RpcError, StdioSession, command, processes_of, session

WORDS = ("cannot be written", "Read-only file system", "HYBRID_HOME")


def refusal(request: Callable[[], object], home: Path) -> None:
    """The request fails, and says which home, why, and what to do."""
    try:
        request()
    except RpcError as error:
        missing = [words for words in (str(home), *WORDS) if words not in str(error)]
        assert not missing, (missing, str(error))
    else:
        raise AssertionError("a read-only home was served")


def check_unwritable(home: Path) -> None:
    """Nothing starts, everybody is told why, and nothing is left behind."""
    opened = StdioSession(home)
    try:
        refusal(opened.initialize, home)
        refusal(lambda: opened.request("tools/list"), home)
    finally:
        opened.close()
    checked = command(home, "doctor")
    assert checked.returncode == 1, checked
    assert "FAIL  home" in checked.stdout, checked.stdout
    assert "Read-only file system" in checked.stdout, checked.stdout
    for name in ("stats", "export", "collections"):
        done = command(home, name)
        assert (done.returncode, done.stdout) == (1, ""), (name, done)
        assert done.stderr.startswith("error: "), done.stderr
        assert "Read-only file system" in done.stderr, done.stderr
    stopped = command(home, "stop")
    assert (stopped.returncode, stopped.stdout) == (0, "not running\n"), stopped
    assert processes_of(home) == []


def remount(folder: Path, mode: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{mode}", folder], check=True)


def run(folder: Path, used: Path) -> None:
    """Use a home, take its disk away and give it back."""
    entry: Json = {"collection": "best-practices", "title": "Remount", "content": "With care."}
    with session(used) as opened:
        stored = opened.tool("store_knowledge", **entry)["id"]
        assert opened.tool("search_knowledge", query="remount")["items"]
        assert command(used, "stop").returncode == 0
        remount(folder, "ro")
        # The session outlives its coordinator; what it asks is refused while none can start.
        call = {"name": "store_knowledge", "arguments": entry}
        refusal(lambda: opened.request("tools/call", call), used)
        refusal(lambda: opened.request("tools/list"), used)
        check_unwritable(used)
        check_unwritable(folder / "fresh")
        assert not (folder / "fresh").exists()
        remount(folder, "rw")
        assert opened.request("tools/list")["tools"]
        found = opened.tool("search_knowledge", query="remount")["items"]
        assert [item["id"] for item in found] == [stored]
        assert opened.tool("store_knowledge", **entry)["action"] == "unchanged"


def main(folder: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", folder], check=True)
    used = folder / "used"
    try:
        run(folder, used)
    finally:
        stopped = command(used, "stop")
    assert stopped.returncode == 0, stopped.stderr
    assert processes_of(used) == []
    print("ok")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
