"""doctor, demo: does everything work here, and what does it look like."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from hybrid_coordinator import __version__
from hybrid_coordinator.domain.health import PartHealth
from hybrid_coordinator.errors import HybridError
from hybrid_coordinator.home import Home
from hybrid_coordinator.keeping.disk import disk
from hybrid_coordinator.serving.cli.live import printable
from hybrid_coordinator.serving.cli.output import add_json_flag, print_json
from hybrid_coordinator.serving.client import Client, connected
from hybrid_coordinator.serving.hooks.installation import Installation
from hybrid_coordinator.serving.launch import interpreter

_LOW_DISK_BYTES = 1_000_000_000
_LEAST_DISK_BYTES = 200_000_000


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register this group."""
    doctor = commands.add_parser("doctor", help="check every part, and say how to mend it")
    add_json_flag(doctor)
    doctor.set_defaults(run=_doctor)
    demo = commands.add_parser("demo", help="the whole loop on real input, in a throw-away home")
    demo.set_defaults(run=_demo)


def _demo(_: argparse.Namespace) -> int:
    from hybrid_coordinator.serving.cli.demo import run

    return run()


def _doctor(options: argparse.Namespace) -> int:
    home = Home.from_environment()
    parts = list(_check(home))
    broken = [part for part in parts if part.needed and not part.ok]
    if options.json:
        print_json({"ok": not broken, "parts": [asdict(part) for part in parts]})
    else:
        width = max(len(part.name) for part in parts)
        for part in parts:
            mark = "ok  " if part.ok else ("FAIL" if part.needed else "warn")
            print(f"{mark}  {part.name:{width}}  {printable(part.detail)}")
            if part.remedy and not part.ok:
                print(f"      {'':{width}}  mend: {part.remedy}")
        verdict = f"{len(broken)} part(s) broken" if broken else "the main job can run"
        print(f"\n{verdict}")
    return 1 if broken else 0


def _check(home: Home) -> Iterator[PartHealth]:
    yield _python()
    directory = _directory(home)
    yield directory
    yield _disk(home)
    if directory.ok:
        yield _privacy(home)
        yield from _coordinator(home)
    plugin = _plugin(home)
    yield _claude_code(has_plugin=plugin.ok)
    yield plugin


def _python() -> PartHealth:
    return PartHealth("python", ok=True, detail=f"{sys.version.split()[0]}, package {__version__}")


def _directory(home: Home) -> PartHealth:
    try:
        home.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = home.root / f".doctor-{os.getpid()}"
        probe.write_bytes(b"ok")
        probe.unlink()
    except OSError as error:
        return PartHealth(
            "home",
            ok=False,
            detail=f"{home.root} cannot be written: {error.strerror}",
            remedy=f"chown -R $USER {home.root}, or set HYBRID_HOME to a directory of yours",
        )
    return PartHealth("home", ok=True, detail=f"{home.root} can be written")


def _privacy(home: Home) -> PartHealth:
    mode = stat.S_IMODE(home.root.stat().st_mode)
    return PartHealth(
        "home permissions",
        ok=not mode & 0o044,
        detail=f"mode {mode:04o}",
        remedy=f"chmod go-r {home.root} (others can list what is in it)",
        needed=False,
    )


def _disk(home: Home) -> PartHealth:
    place = home.root
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    return PartHealth(
        "disk",
        ok=free >= _LOW_DISK_BYTES,
        detail=f"{free / 1e9:.1f} GB free; {home.root} takes {_taken(home)}",
        remedy=f"free some space on the file system of {place}; of the home, what is set aside and "
        "old backups may be deleted",
        needed=free < _LEAST_DISK_BYTES,
    )


def _taken(home: Home) -> str:
    return disk(home).words if home.root.exists() else "nothing yet"


def _coordinator(home: Home) -> Iterator[PartHealth]:
    started = time.perf_counter()
    try:
        with connected(home) as client:
            seconds = time.perf_counter() - started
            yield PartHealth(
                "coordinator",
                ok=True,
                detail=f"answers the handshake, {seconds * 1000:.0f} ms; log: {home.log_file}",
            )
            yield _socket(home)
            yield from _parts(client)
    except HybridError as error:
        yield PartHealth(
            "coordinator",
            ok=False,
            detail=str(error),
            remedy=f"see {home.log_file}; then hybrid-coordinator stop, and try again",
        )


def _parts(client: Client) -> Iterator[PartHealth]:
    try:
        answer = client.request("hybrid/health")
    except HybridError as error:
        yield PartHealth("engines", ok=False, detail=str(error))
        return
    for part in answer["parts"]:
        yield PartHealth(**part)


def _socket(home: Home) -> PartHealth:
    mode = stat.S_IMODE(home.socket_path.stat().st_mode)
    folder = stat.S_IMODE(home.socket_path.parent.stat().st_mode)
    private = not (mode & 0o077 or folder & 0o077)
    return PartHealth(
        "socket permissions",
        ok=private,
        detail=f"{home.socket_path} {mode:04o} in a directory {folder:04o}",
        remedy=f"chmod 700 {home.socket_path.parent}; chmod 600 {home.socket_path}",
    )


def server_command() -> list[str]:
    """What an agent's configuration has to name."""
    script = Path(__file__).resolve().parents[3] / "server.py"
    installed = Path(sys.executable).parent / "hybrid-coordinator"
    return [str(script)] if script.exists() else [str(installed), "mcp"]


def _claude_code(*, has_plugin: bool) -> PartHealth:
    """Whether Claude Code knows this server, by the plugin or by an entry in its user settings
    (docs.claude.com, Claude Code, MCP): ``~/.claude.json``, or ``.claude.json`` in
    ``CLAUDE_CONFIG_DIR``."""
    folder = os.environ.get("CLAUDE_CONFIG_DIR")
    file = (Path(folder) if folder else Path.home()) / ".claude.json"
    remedy = f"claude mcp add hybrid-coordinator -- {shlex.join(server_command())}"
    remove = "claude mcp remove hybrid-coordinator"
    fault, entry = None, None
    try:
        entry = _configured_command(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        where = "is installed" if shutil.which("claude") else "is not on PATH"
        fault = f"{where}; no entry yet"
    except (OSError, ValueError) as error:
        fault = f"{file}: {error}"
    if has_plugin and entry is not None:
        fault, remedy = "has the server twice: by an entry of its own, and by the plugin", remove
    elif has_plugin:
        return PartHealth("claude code", ok=True, detail="has the server by the plugin")
    elif entry is None:
        fault = fault or f"no entry in {file}"
    elif shutil.which(entry) is None:
        fault, remedy = f"its entry names {entry}, which cannot be run", f"{remove}; {remedy}"
    return PartHealth(
        "claude code",
        ok=fault is None,
        detail=fault or f"starts {entry}",
        remedy=remedy,
        needed=False,
    )


def _plugin(home: Home) -> PartHealth:
    """Whether sessions of Claude Code are captured."""
    installation = Installation.of_user(home)
    try:
        installed = installation.installed()
        # Its hooks say nothing where what they name has moved.
        outdated = installed and installation.plan(interpreter(), server_command()).changes
    except HybridError as error:
        return PartHealth("claude code plugin", ok=False, detail=str(error), needed=False)
    how = "loaded, but as another installation wrote it," if outdated else "loaded"
    return PartHealth(
        "claude code plugin",
        ok=installed and not outdated,
        detail=f"{how if installed else 'not loaded'} by {installation.settings}",
        remedy="hybrid-coordinator install claude-code",
        needed=False,
    )


def _configured_command(content: object) -> str | None:
    """The command of our entry, the user's or any project's; None where there is none."""
    settings = content if isinstance(content, dict) else {}
    projects = settings.get("projects")
    scopes = [settings, *(projects.values() if isinstance(projects, dict) else ())]
    for scope in scopes:
        servers = scope.get("mcpServers") if isinstance(scope, dict) else None
        entry = servers.get("hybrid-coordinator") if isinstance(servers, dict) else None
        command = entry.get("command") if isinstance(entry, dict) else None
        if isinstance(command, str):
            return command
    return None
