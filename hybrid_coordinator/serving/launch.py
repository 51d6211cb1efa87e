"""Reaching the coordinator of a home, and starting one where none answers.

Standard library only: the bridge runs this on every agent session.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from hybrid_coordinator import __version__
from hybrid_coordinator.errors import UnavailableError
from hybrid_coordinator.home import Home

START_TIMEOUT_SECONDS = 20.0
"""Clients give a server 10 to 30 s for its handshake; ours needs less than one."""

MAX_LINE_BYTES = 32 * 1024 * 1024
"""One message; far above what a tool accepts, so that tools can say which field is too long."""

ALREADY_OWNED = 3
"""Exit status of a coordinator that found another one owning its home."""

_POLL_SECONDS = 0.005
_OWNED_SECONDS = 0.1


class CoordinatorStartError(UnavailableError):
    """The coordinator could not be started; the message is its own last word."""


def connect(home: Home, directory: Path | None = None) -> socket.socket | None:
    """A connection that the running coordinator has taken up, or None if none is listening.

    The caller works in ``directory``, by default the current one. The coordinator's own greeting
    is waited for: a process that is ending may still accept connections that it will never
    serve, and a request sent into one would be lost.
    """
    if not home.socket_directory_is_ours():
        return None
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(START_TIMEOUT_SECONDS)
    try:
        client.connect(str(home.socket_path))
        client.sendall(greeting(directory))
        answered = _read_line(client)
    except OSError:
        answered = b""
    if not answered:
        client.close()
        return None
    client.settimeout(None)
    return client


def _read_line(client: socket.socket) -> bytes:
    """A short line, byte by byte: what follows it belongs to another reader. Empty at the end."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = client.recv(1)
        if not byte:
            return b""
        line += byte
    return bytes(line)


def connect_or_start(home: Home, directory: Path | None = None) -> socket.socket:
    """A connection to the coordinator, started first if need be; see `connect`.

    Any number of processes may call this at the same instant: one of them starts the
    coordinator, the others wait for its socket.

    Raises:
        CoordinatorStartError: it does not come up; the message says why.
    """
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while True:
        client = connect(home, directory)
        if client is not None:
            return client
        with _start_turn(home) as ours:
            if ours and _owned(home):
                # It is coming up, or going down: its socket or its end is waited for.
                time.sleep(_OWNED_SECONDS)
            elif ours:
                _start_and_wait(home, deadline)
        if time.monotonic() > deadline:
            raise CoordinatorStartError(
                f"the coordinator did not open {home.socket_path} within "
                f"{START_TIMEOUT_SECONDS:.0f} s; see {home.log_file} or run "
                "`hybrid-coordinator doctor`"
            )
        if not ours:
            time.sleep(_POLL_SECONDS)


def greeting(directory: Path | None = None) -> bytes:
    """The line a connection opens with: who is calling, and from which directory."""
    try:
        place: str | None = str(directory or Path.cwd())
    except OSError:  # the directory was deleted under us
        place = None
    caller = {"version": __version__, "cwd": place}
    return json.dumps({"hybrid_coordinator": caller}).encode() + b"\n"


@contextlib.contextmanager
def _start_turn(home: Home) -> Iterator[bool]:
    """True for the one process that may start the coordinator now."""
    try:
        home.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(home.root / "start.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CoordinatorStartError(
            f"{home.root} cannot be written ({error.strerror}); make it writable or set "
            "HYBRID_HOME to a directory that is"
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)


def _owned(home: Home) -> bool:
    """Whether a living process holds the home's lock. Only for the one whose turn it is: looking
    takes the lock for a moment."""
    try:
        handle = os.open(home.lock_file, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _start_and_wait(home: Home, deadline: float) -> None:
    """Start a detached coordinator and return once its socket answers."""
    errors = home.log_file.with_suffix(".err")
    try:
        errors.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        errors.unlink(missing_ok=True)
        with errors.open("ab") as stderr:  # appended to, so that it can be cut
            child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [interpreter(), "-m", "hybrid_coordinator.serving.daemon"],
                cwd=home.root,
                env=_environment(home),
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                start_new_session=True,
            )
    except OSError as error:
        raise CoordinatorStartError(f"the coordinator cannot be started: {error}") from error
    while time.monotonic() < deadline:
        probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with probe:
            if probe.connect_ex(str(home.socket_path)) == 0:
                # It outlives us, but may also end before us: then somebody has to reap it.
                threading.Thread(target=child.wait, daemon=True).start()
                return
        if child.poll() == ALREADY_OWNED:
            # Another coordinator is coming up, or going down: its socket or its end is waited for.
            time.sleep(_OWNED_SECONDS)
            return
        if child.returncode is not None:
            words = errors.read_text(errors="replace").strip().splitlines()
            reason = words[-1] if words else f"exit status {child.returncode}"
            raise CoordinatorStartError(f"the coordinator could not start: {reason}")
        time.sleep(_POLL_SECONDS)


def interpreter() -> str:
    """The Python that has our dependencies: the checkout's `.venv`, else the running one."""
    local = Path(__file__).resolve().parents[2] / ".venv" / "bin" / "python"
    return str(local) if local.exists() else sys.executable


def _environment(home: Home) -> dict[str, str]:
    """The child's environment: the caller's, with the home fixed and our package importable
    from the home directory too (a checkout need not be installed)."""
    package_parent = str(Path(__file__).resolve().parents[2])
    paths = [package_parent, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {
        # glibc gives each thread an arena and keeps what is freed (mallopt(3)): after indexing,
        # a fifth of the process was memory that nobody used.
        "MALLOC_ARENA_MAX": "2",
        "MALLOC_TRIM_THRESHOLD_": "131072",
        **os.environ,
        "HYBRID_HOME": str(home.root),
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
    }
