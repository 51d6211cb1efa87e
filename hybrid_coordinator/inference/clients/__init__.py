"""Chat clients, one module a wire format."""
