"""The program that a hook starts, and leaves to itself, when no coordinator answers."""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> int:
    """Start the coordinator of ``HYBRID_HOME`` unless it runs. Its log says why it could not."""
    # By its path, so that a checkout need not be installed; and not beside its own directory,
    # whose modules are no top-level ones.
    sys.path[0] = str(Path(__file__).resolve().parents[3])
    from hybrid_coordinator.home import Home
    from hybrid_coordinator.serving.launch import CoordinatorStartError, connect_or_start

    try:
        connect_or_start(Home.from_environment(), Path.home()).close()
    except CoordinatorStartError:
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
