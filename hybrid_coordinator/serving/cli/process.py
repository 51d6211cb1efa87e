"""mcp, serve, stop, status: the coordinator process."""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict

import psutil

from hybrid_coordinator.errors import HybridError, OwnershipError
from hybrid_coordinator.home import Home
from hybrid_coordinator.keeping.disk import disk
from hybrid_coordinator.serving.cli.output import add_json_flag, host_and_port, print_json
from hybrid_coordinator.serving.client import connected_if_running
from hybrid_coordinator.serving.hooks.installation import Installation

_STOP_SECONDS = 30.0
_POLL_SECONDS = 0.01


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register this group."""
    commands.add_parser("mcp", help="the MCP stdio server (what agents start)").set_defaults(
        run=_mcp
    )
    serve = commands.add_parser("serve", help="run the coordinator in the foreground")
    serve.add_argument(
        "--http", metavar="HOST:PORT", help="serve HTTP there too: the dashboard, and MCP at /mcp"
    )
    serve.set_defaults(run=_serve)
    commands.add_parser("stop", help="stop the coordinator and its engines").set_defaults(run=_stop)
    status = commands.add_parser("status", help="whether a coordinator runs, and what it serves")
    add_json_flag(status)
    status.set_defaults(run=_status)


def _mcp(_: argparse.Namespace) -> int:
    from hybrid_coordinator.serving.bridge import main

    return main()


def _serve(options: argparse.Namespace) -> int:
    from hybrid_coordinator.serving.daemon import run

    home = Home.from_environment()
    http = None if options.http is None else host_and_port(options.http)
    also = "" if http is None else f" and http://{options.http}"
    print(f"serving {home.root} on {home.socket_path}{also} (Ctrl-C stops it)", file=sys.stderr)
    return run(home, stay=True, http=http)


def _stop(_: argparse.Namespace) -> int:
    home = Home.from_environment()
    owner = _owner(home)
    with connected_if_running(home) as client:
        if client is not None:
            client.request("hybrid/stop")
    if not home.root.exists():
        print("not running")
        return 0
    with _lock(home) as lock:
        silent = None if client is not None or _taken(lock) else owner
        if silent is not None:
            with suppress(psutil.Error):  # not ours to end, or gone: the wait below shows which
                silent.terminate()
        if not _left(owner, lock):
            raise OwnershipError(
                f"the coordinator of {home.root} is still finishing after {_STOP_SECONDS:.0f} s; "
                f"its process id is in {home.lock_file}"
            )
        # A coordinator that was killed leaves its Postgres behind. The lock is ours meanwhile, so
        # that it is not the one of a new coordinator.
        from hybrid_coordinator.composition import stop_leftovers

        leftovers = stop_leftovers(home)
    print("stopped" if client or silent or leftovers else "not running")
    return 0


def _owner(home: Home) -> psutil.Process | None:
    """The living coordinator that the lock file names; it may have lost the lock since."""
    try:
        process = psutil.Process(int(home.lock_file.read_text()))
    except (OSError, ValueError, psutil.Error):
        return None
    return process if _alive(process) else None


def _silent_owner(home: Home) -> psutil.Process | None:
    """The owner of a home whose socket does not answer."""
    owner = _owner(home)
    if owner is None:
        return None  # and the lock is left alone: a starting coordinator may be taking it
    with _lock(home) as lock:
        return None if _taken(lock) else owner


@contextmanager
def _lock(home: Home) -> Iterator[int | None]:
    """The open lock file; what is taken of it is given up at the end. None where it cannot be
    opened: then nobody can own the home either."""
    try:
        handle = os.open(home.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        yield None
        return
    try:
        yield handle
    finally:
        os.close(handle)


def _left(owner: psutil.Process | None, lock: int | None) -> bool:
    """Whether the home's owner has given ``lock`` up, to us, and ended within the time it has."""
    deadline = time.monotonic() + _STOP_SECONDS
    while not _taken(lock):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    # From here on the process named by the lock only has to come to its end.
    while owner is not None and _alive(owner) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return True


def _taken(handle: int | None) -> bool:
    if handle is None:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _alive(process: psutil.Process) -> bool:
    try:
        # A module when a bridge started it, the script when a person ran `serve`.
        ours = "hybrid_coordinator" in " ".join(process.cmdline()).replace("-", "_")
        return ours and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _plugin(home: Home) -> str:
    """Whether the plugin for Claude Code is installed."""
    try:
        installed = Installation.of_user(home).installed()
    except HybridError as error:
        return str(error)
    return "installed in Claude Code" if installed else "not installed in Claude Code"


def _status(options: argparse.Namespace) -> int:
    home = Home.from_environment()
    state: dict[str, object] = {"running": False, "home": str(home.root)}
    with connected_if_running(home) as client:
        if client is not None:
            state |= {"running": True, "socket": str(home.socket_path)}
            state |= client.request("hybrid/status")
            state["connections"] = int(str(state["connections"])) - 1  # ours
    state["plugin"] = _plugin(home)
    taken = disk(home) if home.root.exists() else None
    state["disk"] = taken and asdict(taken)
    silent = None if state["running"] else _silent_owner(home)
    if silent is not None:
        state["silent_owner"] = silent.pid
    if options.json:
        print_json(state)
    elif silent is not None:
        print(f"process {silent.pid} owns it but does not answer (home: {home.root})")
        print("  mend: hybrid-coordinator stop")
    elif not state["running"]:
        print(f"not running (home: {home.root})")
    else:
        print(f"running, version {state['version']}, engines {state['engines']}")
        print(f"  home         {state['home']}")
        print(f"  socket       {state['socket']}")
        urls = state["http"]
        if isinstance(urls, list) and urls:
            print(f"  http         {', '.join(urls)}")
        print(f"  connections  {state['connections']}")
        print(f"  settings     {state['settings']}")
        captured = state["capture"]
        if isinstance(captured, dict):
            print(f"  capture      {captured['words']}")
        rebuild = state["rebuild"]
        if isinstance(rebuild, dict):
            print(f"  rebuild      {rebuild['words']}")
    if not options.json:
        print(f"  plugin       {state['plugin']}")
        if taken is not None:
            print(f"  disk         {taken.words}")
    return 0 if state["running"] else 1
