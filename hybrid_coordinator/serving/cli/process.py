"""mcp, serve, stop, status: the coordinator process."""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
import time

import psutil

from hybrid_coordinator.errors import OwnershipError
from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.cli.output import add_json_flag, print_json
from hybrid_coordinator.serving.client import connected_if_running

_STOP_SECONDS = 30.0
_POLL_SECONDS = 0.01


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register this group."""
    commands.add_parser("mcp", help="the MCP stdio server (what agents start)").set_defaults(
        run=_mcp
    )
    commands.add_parser("serve", help="run the coordinator in the foreground").set_defaults(
        run=_serve
    )
    commands.add_parser("stop", help="stop the coordinator and its engines").set_defaults(run=_stop)
    status = commands.add_parser("status", help="whether a coordinator runs, and what it serves")
    add_json_flag(status)
    status.set_defaults(run=_status)


def _mcp(_: argparse.Namespace) -> int:
    from hybrid_coordinator.serving.bridge import main

    return main()


def _serve(_: argparse.Namespace) -> int:
    from hybrid_coordinator.serving.daemon import run

    home = Home.from_environment()
    print(f"serving {home.root} on {home.socket_path} (Ctrl-C stops it)", file=sys.stderr)
    return run(home, stay=True)


def _stop(_: argparse.Namespace) -> int:
    home = Home.from_environment()
    owner = _owner(home)
    with connected_if_running(home) as client:
        if client is not None:
            client.request("hybrid/stop")
    if not home.root.exists():
        print("not running")
        return 0
    if not _left(owner, home):
        raise OwnershipError(
            f"the coordinator of {home.root} is still finishing after {_STOP_SECONDS:.0f} s; "
            f"its process id is in {home.lock_file}"
        )
    # A coordinator that was killed leaves its Postgres behind.
    from hybrid_coordinator.composition import stop_leftovers

    leftovers = stop_leftovers(home)
    print("stopped" if client is not None or leftovers else "not running")
    return 0


def _owner(home: Home) -> psutil.Process | None:
    try:
        return psutil.Process(int(home.lock_file.read_text()))
    except (OSError, ValueError, psutil.Error):
        return None


def _left(owner: psutil.Process | None, home: Home) -> bool:
    """Whether the home's owner has given its lock up and ended within the time it has."""
    deadline = time.monotonic() + _STOP_SECONDS
    try:
        handle = os.open(home.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return True  # never owned by anyone who could write it
    try:
        while not _taken(handle):
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        # From here on the process named by the lock only has to come to its end.
        while owner is not None and _alive(owner) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        return True
    finally:
        os.close(handle)


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _alive(process: psutil.Process) -> bool:
    try:
        ours = any("hybrid_coordinator" in part for part in process.cmdline())
        return ours and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _status(options: argparse.Namespace) -> int:
    home = Home.from_environment()
    state: dict[str, object] = {"running": False, "home": str(home.root)}
    with connected_if_running(home) as client:
        if client is not None:
            state |= {"running": True, "socket": str(home.socket_path)}
            state |= client.request("hybrid/status")
            state["connections"] = int(str(state["connections"])) - 1  # ours
    if options.json:
        print_json(state)
    elif not state["running"]:
        print(f"not running (home: {home.root})")
    else:
        print(f"running, version {state['version']}, engines {state['engines']}")
        print(f"  home         {state['home']}")
        print(f"  socket       {state['socket']}")
        print(f"  connections  {state['connections']}")
        print(f"  settings     {state['settings']}")
    return 0 if state["running"] else 1
