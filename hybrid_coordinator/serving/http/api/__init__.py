"""JSON for the dashboard: one module an area, each with its ``routes()``."""
