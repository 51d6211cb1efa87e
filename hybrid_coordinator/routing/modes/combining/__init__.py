"""Making one answer of several, by what they agree on."""
