"""Count in how many pieces of code a word occurs, to tell a common word from a telling one.

    python scripts/count_words.py

Writes hybrid_coordinator/knowledge/common_words.txt from the standard library of the Python that
runs it: programs of every kind, and none of those that the search is measured on.
"""

from __future__ import annotations

import sysconfig
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from hybrid_coordinator.domain.words import words
from hybrid_coordinator.knowledge.relevance import comparable

TARGET = Path(__file__).parents[1] / "hybrid_coordinator/knowledge/common_words.txt"
PIECE_CHARACTERS = 1_500
LEAST_PER_MILLE = 20
"""Rarer words count as telling. Tables down to 2 per mille, six times as long, tell no better."""

LEFT_OUT = {"site-packages", "test", "tests", "encodings", "pydoc_data", "turtledemo"}
HEADER = """\
# Words of program text by their first letters, with the pieces out of 1,000 that hold them.
# Made by scripts/count_words.py.
"""


def pieces() -> Iterator[str]:
    """The standard library in pieces of the size of a chunk."""
    library = Path(sysconfig.get_paths()["stdlib"])
    for file in sorted(library.rglob("*.py")):
        if not LEFT_OUT & set(file.relative_to(library).parts):
            text = file.read_text(encoding="utf-8", errors="replace")
            for start in range(0, len(text), PIECE_CHARACTERS):
                yield text[start : start + PIECE_CHARACTERS]


def main() -> None:
    counts: Counter[str] = Counter()
    total = 0
    for piece in pieces():
        counts.update({comparable(word) for word in words(piece) if word.isascii()})
        total += 1
    shares = {key: round(1000 * count / total) for key, count in counts.items()}
    common = sorted(
        (-share, key) for key, share in shares.items() if share >= LEAST_PER_MILLE and len(key) > 1
    )
    lines = "".join(f"{key} {-share}\n" for share, key in common)
    TARGET.write_text(HEADER + lines, encoding="ascii")
    print(f"{len(common)} words from {total} pieces in {TARGET}")


if __name__ == "__main__":
    main()
