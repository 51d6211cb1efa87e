"""What indexing a tree of files reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IndexReport:
    """``files`` and ``chunks`` count what was (re)indexed in this run, ``unchanged`` the files
    whose content hash was known, ``removed`` the files that are gone, ``skipped`` files by reason
    (a directory that was not entered counts as one). ``notices`` say what was done in a lesser
    way, and why.
    """

    files: int
    chunks: int
    unchanged: int
    removed: int
    skipped: Mapping[str, int]
    seconds: float
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RebuildState:
    """A rebuild of the index that is under way: ``done`` of ``total`` rows and files are in the
    new one. ``problem`` is what holds it up at the moment; it goes on by itself."""

    done: int
    total: int
    engine: str
    embedder: str
    problem: str | None = None

    @property
    def words(self) -> str:
        """One line for a reader."""
        held = f"; it waits: {self.problem}" if self.problem else ""
        return (
            f"the index is being rebuilt by {self.embedder} in {self.engine}, "
            f"{self.done} of {self.total} rows and files done{held}"
        )
