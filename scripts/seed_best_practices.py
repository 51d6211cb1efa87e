#!/usr/bin/env python3
"""Store the curated entries of collections/seeds through the running coordinator.

Usage: .venv/bin/python scripts/seed_best_practices.py [--project NAME]

Entries are global, so that every project sees them, unless a project is named. Running it again
changes nothing that has not changed.
"""

from __future__ import annotations

import argparse
from collections import Counter

from hybrid_coordinator.domain.items import GLOBAL_PROJECT, CollectionName
from hybrid_coordinator.errors import HybridError
from hybrid_coordinator.home import Home
from hybrid_coordinator.knowledge.collections import load_seeds
from hybrid_coordinator.serving.client import connected


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project", default=GLOBAL_PROJECT)
    options = parser.parse_args()
    with connected(Home.from_environment()) as client:
        for collection in CollectionName:
            actions: Counter[str] = Counter()
            for seed in load_seeds(collection):
                stored = client.tool(
                    "store_knowledge",
                    {
                        "collection": collection.value,
                        "project": options.project,
                        "title": seed.title,
                        "content": seed.content,
                        "fields": dict(seed.fields),
                    },
                )
                actions[stored["action"]] += 1
            if actions:
                counts = ", ".join(f"{count} {action}" for action, count in actions.items())
                print(f"{collection.value}: {counts}")


if __name__ == "__main__":
    try:
        main()
    except HybridError as error:
        raise SystemExit(f"error: {error}") from None
