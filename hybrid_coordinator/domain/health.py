"""How the parts of a running coordinator are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PartHealth:
    """One part. ``needed`` says that the main job cannot run without it; ``remedy`` is a command
    or step that mends it, empty where nothing is wrong."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    needed: bool = True


@dataclass(frozen=True, slots=True)
class CollectionState:
    """A collection: what it is for, how many points it has, and which model embedded them."""

    name: str
    purpose: str
    points: int
    embedder: str
