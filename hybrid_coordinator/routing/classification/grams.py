"""The words of a text and their pairs, as numbers of buckets: what the prior has weights for."""

from __future__ import annotations

import re
from itertools import pairwise
from zlib import crc32

BUCKETS = 1 << 16
_MOST = 400
"""Words read: as many as the excerpt of a request has, and a bound for the odd text."""

_TOKEN = re.compile(r"\d+|[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]|[^\W\d_]+|[^\w\s]")


def buckets(text: str) -> list[int]:
    """The buckets of the words and pairs of neighbours in ``text``, each once."""
    each = words(text)
    found = {*each, *map(" ".join, pairwise(each))}
    return list({crc32(gram.encode("utf-8", "replace")) % BUCKETS for gram in found})


def words(text: str) -> list[str]:
    """Words, numbers, single signs, and the characters of scripts without spaces, in order."""
    return _TOKEN.findall(text.lower())[:_MOST]
