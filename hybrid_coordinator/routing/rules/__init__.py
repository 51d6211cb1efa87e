"""Rules that say which tier takes a task: facts, conditions, the rule book, presets."""
