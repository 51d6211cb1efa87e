"""Which model answers: classification and tiers."""
