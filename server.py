#!/usr/bin/env python3
"""The MCP stdio server of Hybrid Coordinator: what `claude mcp add` points at.

A byte pipe between the agent and the coordinator process, which it starts when none is
running. Standard library only, so any python3 can run it and it starts at once.
"""

from hybrid_coordinator.serving.bridge import main

if __name__ == "__main__":
    raise SystemExit(main())
