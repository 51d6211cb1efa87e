"""The MCP face: tool contract, handlers, the socket transport."""
