"""Packing context items into a token budget."""

from hybrid_coordinator.knowledge.packing.pack import pack
from hybrid_coordinator.knowledge.packing.runs import ReadLines

__all__ = ["ReadLines", "pack"]
