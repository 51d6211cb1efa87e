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
