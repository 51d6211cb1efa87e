"""How many tokens a text costs, without the tokenizer of the model that will read it."""

from __future__ import annotations

BYTES_PER_TOKEN = 3.5
"""Source code takes 3 to 4 bytes a token in today's tokenizers; prose takes more bytes, so a
bound kept with this figure is kept for prose too."""


def estimate_tokens(text: str) -> int:
    """An estimate on the safe side: UTF-8 bytes / 3.5, rounded up."""
    return int(-(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN))
