"""Numbers by key in a few bytes each: what an export remembers of a hundred thousand rows."""

from __future__ import annotations

import hashlib

import numpy as np

_FIRST_SLOTS = 1024
_EMPTY = 0


def key_of(text: str) -> int:
    """A key for a text that is no hash itself."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


class Numbers:
    """Whole numbers, 32 bits each, by a 64-bit key that is a hash: 18 to 36 bytes each, where a
    dict takes some 150. Keys of a million rows agree by chance once in 30 million exports."""

    def __init__(self) -> None:
        self._size = 0
        self._keys: memoryview[int]
        self._values: memoryview[int]
        self._make_room(_FIRST_SLOTS)

    def __len__(self) -> int:
        return self._size

    def __contains__(self, key: int) -> bool:
        return self._keys[self._slot(key or 1)] != _EMPTY

    def get(self, key: int, missing: int = 0) -> int:
        """The number of the key; ``missing`` if it has none."""
        slot = self._slot(key or 1)
        return missing if self._keys[slot] == _EMPTY else self._values[slot]

    def put(self, key: int, number: int) -> None:
        """Give the key that number, in place of the one it had."""
        slot = self._slot(key or 1)
        if self._keys[slot] == _EMPTY:
            self._size += 1
            self._keys[slot] = key or 1
        self._values[slot] = number
        if 3 * self._size > 2 * len(self._keys):
            self._make_room(2 * len(self._keys))

    def _slot(self, key: int) -> int:
        """Where the key is, or would be (open addressing, linear probing)."""
        keys, mask = self._keys, len(self._keys) - 1
        slot = key & mask
        while keys[slot] not in (key, _EMPTY):
            slot = (slot + 1) & mask
        return slot

    def _make_room(self, slots: int) -> None:
        """For so many, a power of two, less a third; those that are there among them."""
        known = zip(self._keys, self._values, strict=True) if self._size else ()
        # Read one by one, for which views are several times as fast as arrays.
        self._keys = np.full(slots, _EMPTY, dtype=np.uint64).data
        self._values = np.zeros(slots, dtype=np.int32).data
        for key, number in known:
            if key != _EMPTY:
                slot = self._slot(key)
                self._keys[slot], self._values[slot] = key, number
