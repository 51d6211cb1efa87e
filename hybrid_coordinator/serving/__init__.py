"""Faces, and nothing but faces: MCP over a socket, the bridge, the command line."""
