"""Following a directory where the system has too few watches left: run inside a user namespace of
its own. Prints why it cannot be followed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from hybrid_coordinator.knowledge.code.following import CannotFollowError, changes

_LIMIT = Path("/proc/sys/user/max_inotify_watches")


async def main(folder: Path) -> None:
    for number in range(5):
        (folder / f"d{number}").mkdir()
    _LIMIT.write_text("3\n")
    try:
        await anext(changes(folder, 1_000))
    except CannotFollowError as error:
        print(error)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
