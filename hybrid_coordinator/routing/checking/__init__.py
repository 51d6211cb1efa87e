"""Checking answers without a model, and what a check is worth as a probability of being right."""
