"""Hooks of coding agents: the program they run, and the coordinator's side of it."""
