"""Ordering what the engine found by evidence that it does not have."""
