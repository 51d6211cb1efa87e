"""HTTP: the dashboard, its API, metrics, and MCP for agents on other machines."""
