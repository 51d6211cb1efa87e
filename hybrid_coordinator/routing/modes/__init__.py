"""Ways to come to an answer by more than one call of a model."""
