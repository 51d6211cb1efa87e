"""Forgetting: things that their owner takes out of the record, and things that grow too old."""
