"""What every system is asked for, so that all are measured alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from benchmarks.search.data import Corpus, Target


@dataclass(frozen=True, slots=True)
class Result:
    """A place that a system names, and the text that its reader gets with it. ``path`` is as the
    questions' targets have it."""

    path: str
    start_line: int
    end_line: int
    text: str

    def overlaps(self, target: Target) -> bool:
        """Whether it shows some of the target's lines."""
        return (
            self.path == target.path
            and self.start_line <= target.end_line
            and target.start_line <= self.end_line
        )


class System(Protocol):
    """Something that is asked where in a tree the answer is."""

    @property
    def name(self) -> str:
        """How the tables call it."""
        ...

    async def add(self, corpus: Corpus) -> None:
        """Make the tree ready to be asked about."""
        ...

    async def search(self, question: str, corpus: str, limit: int) -> list[Result]:
        """The best places, best first."""
        ...
