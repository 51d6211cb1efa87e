"""The coordinator process: owns a home, opens its socket, then brings everything up behind it."""

from __future__ import annotations

import argparse
import gc
import logging
import logging.handlers
import os
import sys

from hybrid_coordinator.errors import HybridError, OwnershipError, StorageError
from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.launch import ALREADY_OWNED
from hybrid_coordinator.serving.ownership import Ownership

_LOG_BYTES = 5_000_000


def main() -> int:
    """Entry point of a coordinator that a bridge starts. Returns the exit status.

    The last line on stderr says why it could not start; the bridge passes it on.
    """
    argparse.ArgumentParser(description=__doc__).parse_args()
    return run(Home.from_environment(), stay=False)


def run(home: Home, *, stay: bool, http: tuple[str, int] | None = None) -> int:
    """Own ``home`` and serve until told to stop, or until idle unless ``stay``; with ``http`` at
    that host and port too."""
    os.umask(0o077)  # code, answers and their evidence are this user's business
    try:
        ownership = Ownership.take(home)
        try:
            log_to(home)
            if home.restoring_dir.exists():
                from hybrid_coordinator.keeping.swapping import finish

                finish(home)
            # The settings are read before the socket opens, so that a broken file is one clear
            # refusal to start and not a server that fails every call.
            from hybrid_coordinator.settings import SettingsStore

            settings = SettingsStore(home.settings_file)
            listener = ownership.listen()
            # Everything heavy is imported with the socket already open: clients queue on it.
            # Nothing that an import makes is garbage: collecting it is a tenth of the time.
            gc.disable()
            from hybrid_coordinator.serving.process import serve

            gc.freeze()
            gc.enable()
            serve(home, settings, listener, stay=stay, http=http)
        finally:
            ownership.release()
    except OwnershipError as error:
        print(error, file=sys.stderr)
        return ALREADY_OWNED
    except HybridError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def log_to(home: Home) -> None:
    """Log into the home: at most 5 MB, and two files of that before it. A disk that refuses costs
    the lines that it refuses, and nothing else.

    Raises:
        StorageError: the file cannot be opened.
    """
    try:
        home.log_file.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.handlers.RotatingFileHandler(
            home.log_file, maxBytes=_LOG_BYTES, backupCount=2
        )
    except OSError as error:
        raise StorageError(f"{home.log_file} cannot be written: {error.strerror}") from error
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        handlers=[handler],
    )
    for name in ("httpx", "uvicorn", "mcp"):  # they tell of every request or session
        logging.getLogger(name).setLevel(logging.WARNING)


if __name__ == "__main__":
    raise SystemExit(main())
