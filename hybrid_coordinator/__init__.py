"""Hybrid Coordinator: a learning memory and a local co-processor for coding agents, over MCP.

Importing this package costs nothing: the bridge imports it on every agent session,
so nothing beyond the version may be loaded here.
"""

__version__ = "0.1.0"
