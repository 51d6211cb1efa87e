"""The index: one protocol, two Qdrant engines behind it."""
