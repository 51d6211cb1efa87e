"""backup, restore, migrate: what is learned, kept in a file, brought back, and moved."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from hybrid_coordinator.domain.insights import in_words
from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.cli.output import (
    add_json_flag,
    positive,
    print_json,
    progress_bar,
)
from hybrid_coordinator.serving.client import Json, connected
from hybrid_coordinator.serving.ownership import Ownership


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register this group."""
    backup = commands.add_parser(
        "backup",
        help="write the record, index, settings and rules into one file",
        description="Write everything that was learned, with the embedded index, settings and "
        "rules and without keys, into one new file, while agents go on.",
    )
    backup.add_argument(
        "file", metavar="FILE", nargs="?", type=Path, help="by default in backups of the home"
    )
    backup.add_argument(
        "--keep", type=positive, metavar="N", help="keep the latest N of the home's own backups"
    )
    add_json_flag(backup)
    backup.set_defaults(run=_backup)

    restore = commands.add_parser(
        "restore",
        help="bring a backup back",
        description="Put a backup in the place of what the home holds, all of it or nothing. The "
        "file is checked before anything changes.",
    )
    restore.add_argument("file", metavar="FILE", type=Path)
    restore.add_argument(
        "--force", action="store_true", help="also where the home is in use; that is kept aside"
    )
    restore.add_argument(
        "--check", action="store_true", help="only try it out, in a place of its own"
    )
    add_json_flag(restore)
    restore.set_defaults(run=_restore)

    migrate = commands.add_parser(
        "migrate",
        help="move the record to another Postgres, or back",
        description="Copy the record, compare every table, and only then change the setting. The "
        "index stays as it is. Cut off anywhere, the same command goes on.",
    )
    migrate.add_argument(
        "--to", required=True, metavar="URL", help="an empty database, or `embedded`"
    )
    add_json_flag(migrate)
    migrate.set_defaults(run=_migrate)


def _backup(options: argparse.Namespace) -> int:
    if options.keep is not None and options.file is not None:
        raise InvalidArgumentError("--keep", "is for backups in the home; leave FILE out")
    file = None if options.file is None else str(options.file.absolute())
    with connected(Home.from_environment()) as client, progress_bar("backing up") as bar:
        made = client.request("hybrid/backup", {"file": file, "keep": options.keep}, bar)
    if options.json:
        print_json(made)
        return 0
    print(
        f"{made['file']}  {in_words(made['bytes'])}, {made['rows']} rows of {made['tables']} tables"
    )
    if made["no_index"] is None:
        print(f"  with the index: {made['points']} points")
    else:
        print(f"  without the index, which a restore makes anew: {made['no_index']}")
    if made["left_out"]:
        print(f"  left out, since secret or this machine's: {', '.join(made['left_out'])}")
    for old in made["dropped"]:
        print(f"  deleted {old}")
    return 0


def _restore(options: argparse.Namespace) -> int:
    from hybrid_coordinator.keeping.restoring import rehearse, restore

    if options.check:
        with progress_bar("checking") as bar:
            found: Json = asdict(asyncio.run(rehearse(options.file, bar or _untold)))
    else:
        with _owned(Home.from_environment()) as home, progress_bar("restoring") as bar:
            restoring = restore(home, options.file, bar or _untold, force=options.force)
            found = asdict(asyncio.run(restoring))
    if options.json:
        print_json(found)
        return 0
    done = "can be restored" if options.check else "restored"
    print(f"{done}: {found['rows']} rows of {found['tables']} tables, as of {found['made_at']}")
    if found["upgraded"]:
        print(f"  brought to today's schema by {found['upgraded']} migrations")
    for place in found["aside"]:
        print(f"  what was there before is kept in {place}")
    if found["missing"]:
        print(f"  not in the backup, set them again: {', '.join(found['missing'])}")
    if found["tokens"]:
        print(
            f"  access tokens that hold as they did then: {found['tokens']}; revoke again what was "
            "revoked since (`hybrid-coordinator tokens`)"
        )
    if found["index_anew"] is None:
        print(f"  the index came along: {found['points']} points")
    else:
        print(f"  the index is made anew at the next start: {found['index_anew']}")
    return 0


def _migrate(options: argparse.Namespace) -> int:
    from hybrid_coordinator.keeping.moving import move

    with _owned(Home.from_environment()) as home, progress_bar("copying") as bar:
        moved: Json = asdict(asyncio.run(move(home, options.to, bar or _untold)))
    if options.json:
        print_json(moved)
        return 0
    how = "copied and compared" if moved["copied"] else "were copied before and are the same"
    print(f"moved: {moved['rows']} rows of {moved['tables']} tables {how}")
    print(f"  the former record is kept in {moved['former']}")
    return 0


def _untold(_: float, __: float | None, ___: str) -> None:
    """Progress that nobody sees."""


@contextmanager
def _owned(home: Home) -> Iterator[Home]:
    """The home without a coordinator, which cannot start meanwhile."""
    from hybrid_coordinator.keeping.swapping import finish

    os.umask(0o077)
    ownership = Ownership.take(home)
    try:
        finish(home)  # what an interrupted one has left
        yield home
    finally:
        ownership.release()
