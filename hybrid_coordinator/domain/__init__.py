"""Frozen types and pure rules: no I/O, nothing else of ours but the error tree."""
