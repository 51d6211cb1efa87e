"""Coding sessions: their turns recorded, how they went inferred, and old ones imported."""
