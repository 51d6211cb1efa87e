"""What every embedder does to a text before, and to a vector after, the model."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_CHARACTERS = 8_000
"""Texts are cut here, at about 2,000 tokens: what common embedding models read at all, and
for a sum over tokens as much as can still move it. The static model takes 2 ms for it."""


def bounded(text: str) -> str:
    """At most ``MAX_CHARACTERS``, without lone surrogates, which UTF-8 cannot hold."""
    return text[:MAX_CHARACTERS].encode("utf-8", "replace").decode("utf-8")


def normalised(vector: Sequence[float]) -> list[float]:
    """The vector at length 1.

    Raises:
        ValueError: a component is not finite, or all are zero: such a vector has no cosine.
    """
    length = math.hypot(*vector)
    if not math.isfinite(length) or length == 0:
        raise ValueError(f"the vector's length is {length}")
    return [component / length for component in vector]


def direction_of(text: str, dimension: int) -> list[float]:
    """A direction of length 1 for a text in which a model finds nothing to embed.

    It is drawn by the text's hash, so it is nearly at right angles to every other vector: the
    text is like itself and like nothing else. A zero vector would have no cosine, and one
    vector for all such texts would make them look alike.
    """
    drawn = hashlib.shake_256(text.strip().encode("utf-8", "replace")).digest(dimension)
    # Centred between two integers, so no component is zero.
    return normalised([byte - 127.5 for byte in drawn])
