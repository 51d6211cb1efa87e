"""`serve --http` as a process of its own, and tokens by the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.stdio import command, environment, wait_until

_SECONDS = 60.0


@contextmanager
def served(home: Path, address: str = "127.0.0.1:0", **settings: str) -> Iterator[str]:
    """The URL of a coordinator that asks for tokens; it is stopped at the end."""
    settings = {"HYBRID_SERVING_REQUIRE_TOKEN": "true", **settings}
    found: list[str] = []

    def listens() -> bool:
        assert process.poll() is None, "it ended"
        done = command(home, "status", "--json")
        found[:] = json.loads(done.stdout).get("http", [])
        return bool(found)

    with subprocess.Popen(
        [sys.executable, "-m", "hybrid_coordinator.serving.cli", "serve", "--http", address],
        env=environment(home, **settings),
        cwd=home.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            wait_until(listens, timeout=_SECONDS, what="for a listener")
            yield found[0]
        finally:
            process.terminate()
            process.wait(timeout=_SECONDS)


def made_token(home: Path, user: str, *more: str) -> str:
    """The secret of a new token."""
    done = command(home, "tokens", "create", f"of {user}", "--user", user, *more, "--json")
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["secret"])
