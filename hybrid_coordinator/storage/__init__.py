"""The record (Postgres) and the index (Qdrant)."""
