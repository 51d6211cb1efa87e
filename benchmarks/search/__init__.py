"""Search over code, measured: quality, reading, refusals, speed and memory, beside others."""
