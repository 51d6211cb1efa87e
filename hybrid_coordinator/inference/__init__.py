"""Talking to models on this machine: discovery, clients, measured replies."""
