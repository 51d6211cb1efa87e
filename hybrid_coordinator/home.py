"""Where everything lives on disk. The bridge imports it, so it loads next to nothing."""

from __future__ import annotations

import os
import stat
from pathlib import Path

MAX_SOCKET_PATH_BYTES = 100
"""sun_path holds 108 bytes on Linux and 104 on macOS, the closing NUL among them (unix(7))."""


class Home:
    """The directory that holds all state: settings, data, logs, and the socket where it fits."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def from_environment(cls) -> Home:
        """``HYBRID_HOME``, or ``hybrid-coordinator`` in the user's data directory."""
        given = os.environ.get("HYBRID_HOME")
        if given:
            return cls(Path(given).expanduser().absolute())
        data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
        return cls(Path(data).expanduser().absolute() / "hybrid-coordinator")

    @property
    def settings_file(self) -> Path:
        return self.root / "hybrid.yaml"

    @property
    def rules_file(self) -> Path:
        return self.root / "rules.yaml"

    @property
    def postgres_dir(self) -> Path:
        return self.root / "postgres"

    @property
    def vectors_dir(self) -> Path:
        return self.root / "qdrant"

    @property
    def grammars_dir(self) -> Path:
        return self.root / "grammars"

    @property
    def datasets_dir(self) -> Path:
        return self.root / "datasets"

    @property
    def backups_dir(self) -> Path:
        """Where backups are put that nobody named a place for."""
        return self.root / "backups"

    @property
    def inbox_dir(self) -> Path:
        """Where hooks leave what the coordinator did not take in time."""
        return self.root / "inbox"

    def identity(self) -> str:
        """What the home is known by to others that share its record, however their machines are
        called and wherever it lies. Made when it is first asked for."""
        file = self.root / "id"
        try:
            known = file.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            known = ""
        if not known:
            known = os.urandom(16).hex()
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{known}\n", encoding="ascii")
        return known

    @property
    def restoring_dir(self) -> Path:
        """Where a restore makes what shall be, until it is put in its place."""
        return self.root / "restoring"

    @property
    def log_file(self) -> Path:
        return self.root / "logs" / "coordinator.log"

    @property
    def lock_file(self) -> Path:
        return self.root / "coordinator.lock"

    @property
    def dashboard_file(self) -> Path:
        """Has the port of the dashboard while somebody may be looking at it."""
        return self.root / "dashboard.port"

    @property
    def socket_path(self) -> Path:
        """The coordinator's socket: under the home, or in a directory of the user's own in /tmp
        where the home is too deep for a socket address."""
        inside = self.root / "run" / "coordinator.sock"
        if len(os.fsencode(inside)) <= MAX_SOCKET_PATH_BYTES:
            return inside
        import hashlib

        # Not from the environment: an ssh session, cron and an agent must come to the same place.
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        return Path(f"/tmp/hybrid-coordinator-{os.getuid()}") / f"{digest}.sock"  # noqa: S108

    def socket_directory_is_ours(self) -> bool:
        """Whether nobody else can have put the socket there. Anyone may make a directory of that
        name in /tmp before us."""
        try:
            status = self.socket_path.parent.lstat()
        except OSError:
            return False
        return (
            stat.S_ISDIR(status.st_mode)
            and status.st_uid == os.geteuid()
            and not status.st_mode & 0o022
        )
