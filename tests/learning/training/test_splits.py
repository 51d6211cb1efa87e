"""Splits: no group in two of them, and nothing that was placed ever moves."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid_coordinator.domain.training import SPLITS, Place
from hybrid_coordinator.learning.training.examples import split_of, task_key
from hybrid_coordinator.learning.training.generating import TrainingData
from hybrid_coordinator.learning.training.minhash import NEAR, shingles
from hybrid_coordinator.learning.training.splits import Splits
from hybrid_coordinator.storage.postgres.database import Database
from tests.learning.training.conftest import Row, fill, provenance, split_lines

WORDS = [f"word{number}" for number in range(400)]
Task = tuple[str, str | None]


def tasks_of(seed: int) -> list[Task]:
    """Tasks of a few families, each with variants between which others lie, in a few sessions."""
    source = random.Random(seed)
    tasks: list[Task] = []
    for _ in range(12):
        words = source.sample(WORDS, 60)
        for _ in range(4):
            # A chain: each is near the one before it, the ends are not near each other.
            words = list(words)
            words[source.randrange(60)] = source.choice(WORDS)
            tasks.append((" ".join(words), source.choice([None, None, f"s{source.randrange(30)}"])))
    source.shuffle(tasks)
    return tasks


def alike(a: str, b: str) -> bool:
    """Surely near-duplicates, whatever the estimate's error."""
    one, other = set(shingles(a).tolist()), set(shingles(b).tolist())
    return len(one & other) / len(one | other) >= NEAR + 0.2


def place_all(splits: Splits, tasks: list[Task]) -> dict[Task, Place]:
    placed: dict[Task, Place] = {}
    for task, session in tasks:
        if place := splits.place(task, session):
            splits.remember(place, session)
            placed[task, session] = place
    return placed


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_no_group_is_in_two_splits_in_any_order(seed: int) -> None:
    placed = place_all(Splits(), tasks_of(seed))
    sessions: dict[str, set[str]] = {}
    groups: dict[bytes, set[str]] = {}
    for (_, session), place in placed.items():
        groups.setdefault(place.task_group, set()).add(place.split)
        if session is not None:
            sessions.setdefault(session, set()).add(place.split)
    for found in (*sessions.values(), *groups.values()):
        assert len(found) == 1
    for (a, _), here in placed.items():
        for (b, _), there in placed.items():
            assert here.split == there.split or not alike(a, b)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_what_stands_alone_is_in_the_same_split_in_five_orders(seed: int) -> None:
    tasks = tasks_of(seed)
    source = random.Random(f"{seed} alone")  # or the words would be those of the tasks
    alone: list[Task] = [(" ".join(source.sample(WORDS, 60)), None) for _ in range(12)]
    found: dict[Task, set[str]] = {task: set() for task in alone}
    for _ in range(5):
        order = source.sample([*tasks, *alone], len(tasks) + len(alone))
        placed = place_all(Splits(), order)
        groups: dict[bytes, set[str]] = {}
        for task, place in placed.items():
            groups.setdefault(place.task_group, set()).add(place.split)
            if task in found and task != order[0]:  # the first is in training in any case
                found[task].add(place.split)
        assert all(len(splits) == 1 for splits in groups.values())
        assert found.keys() <= placed.keys()
    for (task, _), splits in found.items():
        assert splits == {split_of(task_key(task))}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 48))
def test_what_was_placed_stays_whatever_comes_after_it_and_in_whatever_order(
    seed: int, first: int
) -> None:
    tasks = tasks_of(seed)
    before = place_all(Splits(), tasks[:first])
    later = Splits()
    # As an export reads them: what is known comes in the order of ids, not of its placing.
    known = list(before.items())
    random.Random(seed + 1).shuffle(known)
    for (_, session), place in known:
        later.remember(place, session)
    after = place_all(later, tasks[first:])
    for (a, here), place in before.items():
        for (b, there), other in after.items():
            if alike(a, b) or (here is not None and here == there):
                assert place.split == other.split


def test_what_joins_two_splits_is_left_out() -> None:
    splits = Splits()
    words = [f"word{number}" for number in range(40)]
    left, middle, right = (" ".join(words[start : start + 32]) for start in (0, 4, 8))
    one, other = b"a" * 16, b"b" * 16
    splits.remember(Place("train", one, splits.place(left, None).signature), "monday")
    splits.remember(Place("test", other, splits.place(right, None).signature), "tuesday")
    assert splits.place(middle, None) is None
    assert splits.place("something else", "monday").split == "train"
    assert splits.place("something else", "tuesday").split == "test"
    assert splits.place(right, "monday") is None
    assert splits.place(left, "monday").task_group == one


def test_the_first_group_is_in_training_and_others_where_their_hash_leads() -> None:
    splits = Splits()
    first = next(f"task {n}" for n in range(99) if split_of(task_key(f"task {n}")) == "test")
    assert splits.place(first, None).split == "train"
    splits.remember(splits.place(first, None), None)
    counts: Counter[str] = Counter()
    for number in range(100, 1600):
        place = splits.place(f"task {number}", None)
        assert place.split == split_of(task_key(f"task {number}"))
        splits.remember(place, None)
        counts[place.split] += 1
    assert counts["train"] / 1500 == pytest.approx(0.8, abs=0.04)
    assert counts["validation"] / 1500 == pytest.approx(0.1, abs=0.03)


async def test_exports_of_a_growing_record_never_move_an_example(
    training_data: TrainingData, database: Database, tmp_path: Path
) -> None:
    tasks = tasks_of(5)
    source = random.Random(5)
    rows = [
        Row(task, f"answer {n} of {n * n}", value=source.choice([0.75, 0.95]), session=session)
        for n, (task, session) in enumerate(tasks)
    ]
    seen: dict[str, str] = {}
    for start in range(0, len(rows), 12):
        await fill(database, rows[start : start + 12], start)
        # A lower threshold lets older rows in after newer ones.
        for min_value in (0.9, 0.7):
            report = await training_data.generate(
                "openai", min_value=min_value, output_dir=tmp_path
            )
            told = provenance(report)
            now = {each["interaction_id"]: each["split"] for each in told}
            assert {key: seen[key] for key in now if key in seen}.items() <= now.items()
            seen |= now
            assert len(told) + sum(report.dropped.values()) == sum(
                row.value >= min_value for row in rows[: start + 12]
            )
    assert set(seen.values()) > {"train"}
    # The files of the last export, which has everything, hold no group twice.
    texts = {
        split: [each["messages"][0]["content"] for each in split_lines(report, split)]
        for split in SPLITS
    }
    for split, others in ((s, [t for o in SPLITS if o != s for t in texts[o]]) for s in SPLITS):
        assert not any(alike(a, b) for a in texts[split] for b in others)


async def test_a_group_keeps_its_split_when_its_first_member_is_deleted(
    training_data: TrainingData, database: Database, tmp_path: Path
) -> None:
    # The group of a session whose first task leads to test by its hash, the second to train.
    first = next(f"task {n}" for n in range(99) if split_of(task_key(f"task {n}")) == "test")
    rows = [Row("opening", "yes"), Row(first, "one", session="s"), Row("other", "two", session="s")]
    _, gone, kept = await fill(database, rows)
    report = await training_data.generate("openai", min_value=0.7, output_dir=tmp_path)
    before = {each["interaction_id"]: each["split"] for each in provenance(report)}
    assert before[gone] == before[kept] == "test"
    await database.execute("DELETE FROM interactions WHERE id = $1", gone)
    report = await training_data.generate("openai", min_value=0.7, output_dir=tmp_path)
    after = {each["interaction_id"]: each["split"] for each in provenance(report)}
    assert after[kept] == "test"
    assert gone not in after


async def test_an_older_example_that_is_let_in_later_follows_those_that_were_there(
    training_data: TrainingData, database: Database, tmp_path: Path
) -> None:
    words = " ".join(WORDS[:40])
    placed = next(
        task for task in (f"{words} {n}" for n in range(99)) if split_of(task_key(task)) == "test"
    )
    older = next(
        task
        for task in (f"{words} {n} or" for n in range(99))
        if split_of(task_key(task)) == "train"
    )
    assert alike(older, placed)
    one, other = " ".join(WORDS[100:160]), " ".join(WORDS[200:260])  # no near-duplicates as a whole
    rows = [Row(older, one, value=0.75), Row("opening", "yes"), Row(placed, other)]
    early, _, late = await fill(database, rows)
    report = await training_data.generate("openai", min_value=0.9, output_dir=tmp_path)
    assert {each["interaction_id"]: each["split"] for each in provenance(report)}[late] == "test"
    report = await training_data.generate("openai", min_value=0.7, output_dir=tmp_path)
    now = {each["interaction_id"]: each["split"] for each in provenance(report)}
    # Read first, and in training by its own hash.
    assert (now.get(early), now.get(late)) == ("test", "test"), report.dropped
