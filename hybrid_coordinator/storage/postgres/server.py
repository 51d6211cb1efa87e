"""The process of the embedded Postgres: starting, adopting, stopping. Blocking; no asyncio."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil

from hybrid_coordinator.errors import RecordUnavailableError, StorageError
from hybrid_coordinator.home import MAX_SOCKET_PATH_BYTES
from hybrid_coordinator.storage.postgres.account import Account, postgres_account
from hybrid_coordinator.storage.postgres.cluster import (
    SUPERUSER,
    SYNC_METHOD,
    ensure_cluster,
    environment,
    program,
)

_PORT = 5432
_POLL_SECONDS = 0.01
_READY_SECONDS = 120.0
"""Crash recovery replays up to max_wal_size; on a slow disk that takes a while."""
_STOP_SECONDS = 10.0
_LOG_TAIL_BYTES = 2000

_SETTINGS: Mapping[str, str] = {
    # Only over a unix socket that only this user can open.
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": str(_PORT),
    # A small memory: the record of one machine is small, and the kernel caches its files.
    "shared_buffers": "32MB",
    "max_connections": "60",
    "io_method": "sync",
    "max_parallel_workers_per_gather": "0",
    "max_logical_replication_workers": "0",
    "jit": "off",
    # A small disk: nobody replicates from here.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "min_wal_size": "32MB",
    "max_wal_size": "128MB",
    # After a crash the caller starts it anew, so there is one way to recover, and not one more
    # in which a request to stop is forgotten.
    "restart_after_crash": "off",
    "recovery_init_sync_method": SYNC_METHOD,
    # A small log, that holds no statement and so no one's words.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
}


@dataclass(frozen=True, slots=True)
class _Postmaster:
    """What postmaster.pid says. ``status`` is "starting" until it says another."""

    pid: int
    socket_directory: str
    status: str

    @classmethod
    def read(cls, directory: Path) -> _Postmaster | None:
        """None if there is no such file, or not a whole one."""
        try:
            lines = (directory / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return None
        if len(lines) < 5 or not lines[0].isdigit():
            return None
        status = lines[7].strip() if len(lines) > 7 else "starting"
        return cls(int(lines[0]), lines[4], status)

    def accepts(self) -> bool:
        """Whether it listens; it does from early in its start to late in its stop."""
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(f"{self.socket_directory}/.s.PGSQL.{_PORT}")
            except OSError:
                return False
        return True


class PostgresServer:
    """One cluster's server. The caller owns the directory: nobody else starts or stops it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory.absolute().resolve()
        self._log = self._directory / "server.log"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def dsn(self) -> str:
        """Where it listens, spelled out so that no PG* variable of the environment counts."""
        known = _Postmaster.read(self._directory)
        sockets = known.socket_directory if known is not None else str(self._socket_directory())
        host = quote(sockets, safe="")
        return (
            f"postgresql://{SUPERUSER}@/postgres?host={host}&port={_PORT}"
            "&sslmode=disable&target_session_attrs=any"
        )

    def start(self) -> None:
        """Return when the server accepts statements: the one that runs already (a killed owner
        may have left it), or a new one.

        Raises:
            StorageError: the files are damaged or of another version, or cannot be written.
            RecordUnavailableError: it is still recovering from a crash after two minutes.
        """
        deadline = time.monotonic() + _READY_SECONDS
        account = postgres_account()
        ensure_cluster(self._directory, account)
        if self._adoptable() and self._gets_ready(deadline):
            return
        self._clear_leftovers()
        self._spawn(account)
        if not self._gets_ready(deadline):
            raise StorageError(self._explain_exit())

    def stop(self) -> bool:
        """Stop the server and everything it started. Returns whether it was running."""
        server = self._find()
        if server is not None:
            _end(server)
        self._clear_leftovers()
        return server is not None

    def _adoptable(self) -> bool:
        """Whether a server runs that will do; one that does not listen any more is stopped."""
        server, known = self._find(), _Postmaster.read(self._directory)
        if server is None or known is None:
            return False
        if known.status != "stopping" and known.accepts():
            return True
        self.stop()
        return False

    def _find(self) -> psutil.Process | None:
        """The running server. A number in postmaster.pid proves nothing: after a crash or a
        restart of the machine any process may have it."""
        known = _Postmaster.read(self._directory)
        if known is None:
            return None
        try:
            process = psutil.Process(known.pid)
        except psutil.NoSuchProcess:
            return None
        return process if self._is_ours(process) else None

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.name() == "postgres" and Path(process.cwd()) == self._directory
        except psutil.Error:  # gone, a zombie, or someone else's
            return False

    def _clear_leftovers(self) -> None:
        """End what a killed server left behind: its processes, and then the files that protect
        them and would keep a new server out if any process has the old one's number now."""
        if self._child is not None and self._child.poll() is not None:
            self._child = None
        if not self._directory.exists():
            return
        locks = (
            self._directory / "postmaster.pid",
            self._socket_directory() / f".s.PGSQL.{_PORT}.lock",
        )
        if not any(lock.exists() for lock in locks):
            return
        orphans = [process for process in psutil.process_iter() if self._is_ours(process)]
        for orphan in orphans:
            orphan.kill()
        psutil.wait_procs(orphans, timeout=_STOP_SECONDS)
        for lock in locks:
            lock.unlink(missing_ok=True)

    def _spawn(self, account: Account) -> None:
        postgres = program("postgres")
        sockets = self._socket_directory()
        quoted = str(sockets).replace('"', '""')
        settings = {**_SETTINGS, "unix_socket_directories": f'"{quoted}"'}
        try:
            account.reach(postgres)
            account.reach(self._directory)
            if sockets != self._directory:
                _make_private(sockets, account)
            if self._log.exists():
                self._log.replace(self._log.with_suffix(".log.1"))
            with self._log.open("ab") as log:  # appended to, so that it can be cut
                self._child = subprocess.Popen(  # noqa: S603 - a program of ours, no shell
                    [
                        str(postgres),
                        *("-D", str(self._directory)),
                        *(f"--{name}={value}" for name, value in settings.items()),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=environment(),
                    cwd=self._directory,
                    # It outlives a killed owner, and the keyboard's ^C is not for it.
                    start_new_session=True,
                    user=None if account.is_ours else account.uid,
                    group=None if account.is_ours else account.gid,
                    extra_groups=None if account.is_ours else [],
                )
        except OSError as error:
            raise StorageError(
                f"Postgres cannot be started in {self._directory} ({error}); "
                "HYBRID_HOME must be a directory that you can write, with space left"
            ) from error

    def _gets_ready(self, deadline: float) -> bool:
        """Wait until the server accepts statements; False if it is gone instead."""
        while self._is_alive():
            known = _Postmaster.read(self._directory)
            if known is not None and known.status == "ready" and known.accepts():
                return True
            if time.monotonic() > deadline:
                raise RecordUnavailableError(
                    f"Postgres in {self._directory} is still not ready after "
                    f"{_READY_SECONDS:g} s; it goes on recovering, so try again later "
                    f"(its log: {self._log})"
                )
            time.sleep(_POLL_SECONDS)
        return False

    def _is_alive(self) -> bool:
        if self._child is not None:
            return self._child.poll() is None
        return self._find() is not None

    def _explain_exit(self) -> str:
        try:
            log = self._log.read_bytes()[-_LOG_TAIL_BYTES:].decode("utf-8", "replace").strip()
        except OSError as error:
            log = str(error)
        if "No space left on device" in log:
            return f"no disk space left for Postgres in {self._directory}; free some. Log: {log}"
        return (
            f"Postgres does not start from {self._directory}; restore it from a backup, or move "
            f"it away to start anew. The end of its log ({self._log}):\n{log}"
        )

    def _socket_directory(self) -> Path:
        """The data directory, or one in the temporary directory where that is no socket address
        (too deep, or with a comma, which separates hosts in a connection URL)."""
        inside = self._directory / f".s.PGSQL.{_PORT}"
        if len(os.fsencode(inside)) <= MAX_SOCKET_PATH_BYTES and "," not in str(inside):
            return self._directory
        identity = f"{self._directory}\0{self._directory.stat().st_ino}"
        digest = hashlib.sha256(os.fsencode(identity)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"hybrid-pg-{digest}"


def _end(server: psutil.Process) -> None:
    """Have it cut its connections, write everything and leave; else leave at once, which loses
    nothing, since the next start recovers."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        try:
            server.send_signal(number)
            server.wait(_STOP_SECONDS)
        except psutil.NoSuchProcess:
            return
        except psutil.TimeoutExpired:
            continue
        return


def _make_private(directory: Path, account: Account) -> None:
    """A directory for the account alone, at a name that anyone could have taken before."""
    directory.mkdir(mode=0o700, exist_ok=True)
    status = directory.lstat()
    if directory.is_symlink() or status.st_uid not in (os.geteuid(), account.uid):
        raise StorageError(f"{directory} belongs to another user; remove it")
    directory.chmod(0o700)
    account.own(directory)
