"""An agent with ripgrep: every word of the question looked for, files with the rare words first."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from benchmarks.search.data import Corpus
from benchmarks.search.systems import Result

HOW_TO_GET = "rg is not installed: pip install 'hybrid-coordinator[bench]', or apt install ripgrep"

_IDENTIFIER = re.compile(r"[^\W\d]\w{2,}")
_COMMON = frozenset(
    (
        *("the", "and", "for", "with", "what", "how", "does", "where", "when", "which", "are"),
        *("was", "who", "why", "can", "from", "into", "that", "this", "its", "all", "any", "not"),
        *("use", "used", "using", "get", "gets", "between", "has", "have", "work", "works"),
        *("implemented", "defined", "handle", "handled"),
    )
)
"""Words of nearly every question, for which nobody would grep."""


def executable() -> str | None:
    """Where ripgrep is: beside the running Python, or on the path."""
    beside = Path(sys.executable).with_name("rg")
    return str(beside) if beside.is_file() else shutil.which("rg")


class Ripgrep:
    """Counts the hits of each word with one `rg`, and ranks whole files: each word that a file
    holds adds 1 over the number of files that hold it, and hits decide between equals."""

    name = "ripgrep"

    def __init__(self, command: str) -> None:
        self._command = command
        self._corpora: dict[str, Corpus] = {}

    async def add(self, corpus: Corpus) -> None:
        """Nothing is prepared."""
        self._corpora[corpus.name] = corpus

    async def search(self, question: str, corpus: str, limit: int) -> list[Result]:
        """The best files, whole."""
        return self.look(question, corpus, limit)[1]

    def look(self, question: str, corpus: str, limit: int | None) -> tuple[int, list[Result]]:
        """How many characters `rg` printed, and the files from the best on."""
        tree = self._corpora[corpus]
        printed = 0
        worth: dict[str, float] = defaultdict(float)
        hits: dict[str, int] = defaultdict(int)
        for word in dict.fromkeys(_IDENTIFIER.findall(question)):
            if word.lower() in _COMMON:
                continue
            output = self._count(word, tree.root)
            printed += len(output)
            found = [line.rpartition(":") for line in output.splitlines()]
            for path, _, count in found:
                worth[path] += 1 / len(found)
                hits[path] += int(count)
        best = sorted(worth, key=lambda path: (-worth[path], -hits[path], path))[:limit]
        return printed, [
            Result(tree.known_as(path), 1, 10**9, _text(tree.root / path)) for path in best
        ]

    def _count(self, word: str, root: Path) -> str:
        command = [self._command, "--count", "--ignore-case", "--fixed-strings", "--", word]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        if done.returncode > 1:  # 1: nothing found
            raise RuntimeError(f"{self._command} failed: {done.stderr.strip()}")
        return done.stdout


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")
