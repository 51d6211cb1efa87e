"""Near-duplicates: MinHash signatures, and an index that finds likely neighbours by their bands.

Broder, "On the resemblance and containment of documents" (1997); the bands are those of Leskovec,
Rajaraman and Ullman, "Mining of Massive Datasets", chapter 3; keeping a byte of each minimum is Li
and König, "b-Bit Minwise Hashing" (2010).
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from functools import lru_cache, reduce
from typing import Final

import numpy as np
from numpy.typing import NDArray

Signature = NDArray[np.uint8]
"""``PERMUTATIONS`` bytes, each from the least hash of a text's shingles in one permutation."""

PERMUTATIONS: Final = 80
NEAR: Final = 0.7
"""The Jaccard similarity of shingles from which two texts are near-duplicates."""
SHINGLE: Final = 5
"""Words in a shingle, in scripts without spaces characters. A text of fewer is one shingle."""

_BANDS, _ROWS = 16, 5
"""A pair of similarity s shares a band with a chance of 1 - (1 - s^5)^16: 0.95 at 0.7, 0.999 at
0.8, 0.15 at 0.4."""

_LONGEST_WALK = 128
"""Texts looked at of a bucket, the latest first: a thousand copies of a template must not make
each further one cost a thousand comparisons."""

_ASCII_WORD = re.compile(rb"[a-z0-9_]+")
_NO_SPACES = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"  # scripts whose words stand side by side
_WORD_OR_SIGN = re.compile(rf"[{_NO_SPACES}]|[^\W{_NO_SPACES}]+")
_DRAW = np.random.Generator(np.random.PCG64(20_261_121))
# Fixed for all time: signatures are kept in the record. x -> a * x + b permutes 32-bit words for
# an odd a.
_FACTORS = _DRAW.integers(1, 1 << 32, PERMUTATIONS, dtype=np.uint32) | np.uint32(1)
_SHIFTS = _DRAW.integers(0, 1 << 32, PERMUTATIONS, dtype=np.uint32)
_BYTE_FACTOR = np.uint32(0x9E3779B1)
_BASE, _MIX = 0x9E3779B97F4A7C15, np.uint64(0xBF58476D1CE4E5B9)
_POWERS = np.array([pow(_BASE, power, 1 << 64) for power in range(SHINGLE)], dtype=np.uint64)
_BAND_FACTORS = _DRAW.integers(1, 1 << 63, (_BANDS, _ROWS), dtype=np.uint64) | np.uint64(1)
_CHUNK = 4096
"""Shingles hashed at a time, which bounds the memory of a long text's signature."""


def shingles(text: str) -> NDArray[np.uint32]:
    """32-bit hashes of the text's shingles. Case, width and spacing do not matter."""
    words = _words(text) or [b""]
    hashes = np.fromiter(map(zlib.crc32, words), np.uint64, len(words))
    joined = np.convolve(hashes, _POWERS[: min(SHINGLE, len(hashes))], "valid")
    joined ^= joined >> np.uint64(31)
    joined *= _MIX
    joined >>= np.uint64(32)
    return joined.astype(np.uint32)


def _words(text: str) -> list[bytes]:
    """Words in UTF-8; of a text without any, its signs."""
    if text.isascii():
        folded = text.lower().encode()
        return _ASCII_WORD.findall(folded) or folded.split()
    wide = unicodedata.normalize("NFKC", text).casefold()
    found = _WORD_OR_SIGN.findall(wide) or wide.split()
    return [word.encode("utf-8", "replace") for word in found]


def signature(*texts: str) -> Signature:
    """The signature of texts together: equal for those that differ in case, width and spacing
    only. No shingle goes from one to the next."""
    least = reduce(np.minimum, map(_least, texts))
    # All 32 bits have a say in the byte: the low ones alone are alike where those of hashes are.
    return ((least * _BYTE_FACTOR) >> np.uint32(24)).astype(np.uint8)


@lru_cache(4)  # a task is looked at by itself and with its answer
def _least(text: str) -> NDArray[np.uint32]:
    """The least hash of the text's shingles in each permutation."""
    hashes = shingles(text)
    least: NDArray[np.uint32] = _SHIFTS + hashes[0] * _FACTORS
    for start in range(0, len(hashes), _CHUNK):
        permuted = hashes[start : start + _CHUNK, np.newaxis] * _FACTORS
        permuted += _SHIFTS
        np.minimum(least, permuted.min(axis=0), out=least)
    return least


def similarity(a: Signature, b: Signature) -> float:
    """An estimate of the Jaccard similarity of the texts' shingles, with a standard deviation of
    0.06 at most."""
    return float((a == b).mean())


class NearDuplicates:
    """An index of signatures, numbered as they come: 208 to 272 bytes each."""

    def __init__(self) -> None:
        self._size = 0
        self._signatures: NDArray[np.uint8]
        self._asked: tuple[bytes, list[int]]
        self._make_room(256)

    def __len__(self) -> int:
        return self._size

    def add(self, given: Signature) -> int:
        """Take a signature in; returns its number, from 0 on."""
        if self._size == len(self._signatures):
            self._make_room(2 * self._size)
        number = self._size
        self._signatures[number] = given
        latest, before, link = self._latest, self._before, number * _BANDS
        for slot in self._slots(given):
            before[link] = latest[slot]
            latest[slot] = number
            link += 1
        self._size += 1
        return number

    def near(self, given: Signature) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """The numbers of the near-duplicates, in order, and their similarities."""
        walked = self._sharing_a_band(given)
        found = np.fromiter(sorted(walked), np.int32, len(walked))
        similarities = (self._signatures[found] == given).sum(axis=1) / PERMUTATIONS
        near = similarities >= NEAR
        return found[near], similarities[near]

    def _sharing_a_band(self, given: Signature) -> set[int]:
        latest, before = self._latest, self._before
        found: set[int] = set()
        for band, slot in enumerate(self._slots(given)):
            number = latest[slot]
            for _ in range(_LONGEST_WALK):
                if number < 0:
                    break
                found.add(number)
                number = before[number * _BANDS + band]
        return found

    def _slots(self, given: Signature) -> list[int]:
        """Where the latest text of its bucket stands, for each band."""
        key = given.tobytes()
        if key != self._asked[0]:  # what is added was looked for just before
            sums = (given.reshape(_BANDS, _ROWS) * _BAND_FACTORS).sum(axis=1, dtype=np.uint64)
            first = np.arange(_BANDS, dtype=np.uint64) * np.uint64(self._capacity)
            self._asked = key, (first + self._spread(sums)).tolist()
        return self._asked[1]

    def _make_room(self, capacity: int) -> None:
        """For ``capacity`` texts, those that are there among them."""
        known = self._signatures[: self._size] if self._size else None
        self._capacity = capacity
        self._asked = b"", []
        self._signatures = np.empty((capacity, PERMUTATIONS), dtype=np.uint8)
        # The latest text of each bucket of a band, and for each text and band the one before it.
        heads = np.full((_BANDS, capacity), -1, dtype=np.int32)
        links = np.empty((capacity, _BANDS), dtype=np.int32)
        if known is not None:
            self._signatures[: self._size] = known
            for band in range(_BANDS):
                self._link_all(band, heads[band], links[:, band])
        # Walked one by one, for which views are several times as fast as arrays.
        self._latest, self._before = heads.reshape(-1).data, links.reshape(-1).data

    def _link_all(self, band: int, heads: NDArray[np.int32], links: NDArray[np.int32]) -> None:
        """As ``add`` does for every text that is there, one after the other."""
        rows = slice(band * _ROWS, (band + 1) * _ROWS)
        values = self._signatures[: self._size, rows] * _BAND_FACTORS[band]
        buckets = self._spread(values.sum(axis=1, dtype=np.uint64))
        order = np.argsort(buckets, kind="stable")
        ordered = buckets[order]
        follows = np.concatenate([[False], ordered[1:] == ordered[:-1]])
        links[order] = np.where(follows, np.roll(order, 1), -1)
        last = np.concatenate([ordered[1:] != ordered[:-1], [True]])
        heads[ordered[last]] = order[last]

    def _spread(self, sums: NDArray[np.uint64]) -> NDArray[np.uint64]:
        mixed: NDArray[np.uint64] = sums * _MIX >> np.uint64(32)
        mixed %= np.uint64(self._capacity)
        return mixed
