#!/usr/bin/env python3
"""Index one or more directories or files through the running coordinator.

Usage: .venv/bin/python scripts/seed_codebase.py PATH [PATH ...]

Each goes to the project of its git root. What has not changed is not indexed again.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from hybrid_coordinator.errors import HybridError
from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.client import connected


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", metavar="PATH", nargs="+", type=Path)
    options = parser.parse_args()
    for path in options.paths:
        target = path.resolve()
        directory = target if target.is_dir() else target.parent
        with connected(Home.from_environment(), directory) as client:
            report = client.tool("index_codebase", {"path": str(target)})
        print(
            f"{path}: {report['files']} files, {report['chunks']} chunks, "
            f"{report['unchanged']} unchanged, {sum(report['skipped'].values())} skipped"
        )


if __name__ == "__main__":
    try:
        main()
    except HybridError as error:
        raise SystemExit(f"error: {error}") from None
