"""Which split an example belongs to: near-duplicate tasks and a session stay together, for good.

The split of a new group is that of its key's hash, so it does not depend on what else there is.
What was placed once never moves: an example that would join groups of two splits is left out
instead. That is why places are kept in the record, of which no later order of reading, lower value
or deleted row can change anything.
"""

from __future__ import annotations

from array import array
from typing import Final

import numpy as np

from hybrid_coordinator.domain.training import SPLITS, Place
from hybrid_coordinator.learning.training.examples import split_of, task_key
from hybrid_coordinator.learning.training.minhash import NearDuplicates, signature
from hybrid_coordinator.learning.training.numbers import Numbers, key_of

MOST_OF_A_TASK: Final = 16
"""Near-duplicates of one task in a dataset: what recurs every day must not be all it teaches."""

_GROUP_BYTES = 16


def group_key(task_group: bytes) -> int:
    """What a group is known by among others: a part of its key, which is a hash."""
    return int.from_bytes(task_group[:8])


class Splits:
    """The places of all examples that there ever were."""

    def __init__(self) -> None:
        self._tasks = NearDuplicates()
        self._group_of = array("i")  # by the number of the task
        self._groups = Numbers()  # by their keys, numbered as they came
        self._keys = bytearray()
        self._split_of = array("b")  # by the number of the group: its tasks are all of one split
        self._sessions = Numbers()  # their splits
        self._has_train = False

    def remember(self, place: Place, session: str | None) -> None:
        """Take in a place that was given before."""
        split = SPLITS.index(place.split)
        group = self._groups.get(key := group_key(place.task_group), -1)
        if group < 0:
            group = len(self._split_of)
            self._groups.put(key, group)
            self._keys += place.task_group
            self._split_of.append(split)
        self._tasks.add(np.frombuffer(place.signature, dtype=np.uint8))
        self._group_of.append(group)
        self._has_train |= split == 0
        if session is not None and (key := key_of(session)) not in self._sessions:
            self._sessions.put(key, split)

    def place(self, task: str, session: str | None) -> Place | None:
        """Where a new example of this task goes; None if it would join two splits. It has no
        effect until it is remembered."""
        mark = signature(task)
        near, similarities = self._tasks.near(mark)
        groups = [self._group_of[number] for number in near.tolist()]
        splits = {self._split_of[group] for group in groups}
        if session is not None and (split := self._sessions.get(key_of(session), -1)) >= 0:
            splits.add(split)
        if len(splits) > 1:
            return None
        key = group = task_key(task)[:_GROUP_BYTES]
        if groups:
            start = groups[int(similarities.argmax())] * _GROUP_BYTES
            group = bytes(self._keys[start : start + _GROUP_BYTES])
        name = SPLITS[splits.pop()] if splits else self._fresh(key)
        return Place(name, group, mark.tobytes())

    def _fresh(self, key: bytes) -> str:
        """The split of a new group. The first one goes into training, without which the others are
        of no use."""
        return split_of(key) if self._has_train else SPLITS[0]
