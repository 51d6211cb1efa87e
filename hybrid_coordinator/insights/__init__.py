"""The one read service: dashboard, `stats`, MCP resources and metrics show its numbers."""
