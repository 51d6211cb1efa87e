"""Patterns: what a local model reads out of work that was worth it, kept with its evidence."""
