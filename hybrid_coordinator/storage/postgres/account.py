"""The system account that the embedded Postgres runs as.

Postgres refuses to run as root, so for root, as in most containers, it gets an account of its
own, and that account must be able to reach the program and the data.
"""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from hybrid_coordinator.errors import StorageError

_NAME = "pgserver"


@dataclass(frozen=True, slots=True)
class Account:
    """A user and group, by number."""

    uid: int
    gid: int

    @property
    def is_ours(self) -> bool:
        """Whether this process runs as it already."""
        return self.uid == os.geteuid()

    def own(self, path: Path) -> None:
        """Hand ``path`` to this account."""
        if not self.is_ours:
            os.chown(path, self.uid, self.gid)

    def reach(self, path: Path) -> None:
        """Let this account pass through the directories above ``path``: pass, not read."""
        if self.is_ours:
            return
        for parent in path.parents:
            mode = parent.stat().st_mode
            if not mode & stat.S_IXOTH:
                parent.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)

    def read(self, tree: Path) -> None:
        """Let this account read and run what is in ``tree``, which pip, as root with a strict
        umask, keeps for root."""
        if self.is_ours:
            return
        for path in (tree, *tree.rglob("*")):
            mode = path.stat().st_mode
            wanted = stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0)
            if mode & wanted != wanted:
                path.chmod(stat.S_IMODE(mode) | wanted)


def postgres_account() -> Account:
    """The account to run Postgres as: this process's, or for root one that is made if missing.

    Raises:
        StorageError: root cannot make the account.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    try:
        entry = pwd.getpwnam(_NAME)
    except KeyError:
        entry = _create()
    return Account(entry.pw_uid, entry.pw_gid)


def _create() -> pwd.struct_passwd:
    command = ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", _NAME]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - fixed
        return pwd.getpwnam(_NAME)
    except (OSError, subprocess.CalledProcessError, KeyError) as error:
        raise StorageError(
            f"Postgres cannot run as root, and the account {_NAME} cannot be made ({error}); "
            f"add it ({' '.join(command)}), run as another user, or set DATABASE_URL"
        ) from error
