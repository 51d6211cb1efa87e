"""Each reason to drop an interaction, and that candidates are kept or dropped, each once."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from hybrid_coordinator.domain.clipping import clipped
from hybrid_coordinator.domain.injected import CLOSING, OPENING
from hybrid_coordinator.learning.training.filters import REASONS
from hybrid_coordinator.learning.training.generating import TrainingData
from hybrid_coordinator.storage.postgres.database import Database
from tests.learning.training.conftest import Row, fill

LONG = " ".join(f"word{n} is not word{n + 1}," for n in range(2000))
STORY = " ".join(
    f"Then number {n} went over the hill to see what {n * 7} was doing." for n in range(9)
)
STEP = (1, "command", "pytest", 0, "1 passed")

ROWS: dict[str, list[Row]] = {
    "empty_query": [Row(" \n")],
    "empty_response": [Row("say nothing", "\t ")],
    "too_long": [
        Row("go on", LONG),
        Row(LONG),
        Row("cat it", steps=((1, "command", "cat", 0, LONG),)),
    ],
    "unverified": [
        Row("who knows", outcome="unknown"),
        Row("perhaps", source="inferred", confidence=0.69),
    ],
    "injected_context": [
        Row(f"{OPENING}\nwhat we gave\n{CLOSING}\nTask:\nfix it"),
        Row("quote it", f"It said: {OPENING} old news"),
        Row("show it", steps=((1, "command", "cat log", 0, f"news {CLOSING}"),)),
    ],
    "not_text": [
        Row("decode", "\ufffd\x01\x02 what is this \ufffd\ufffd\x03 noise"),
        Row("dump", "Here it is: " + "QUJD" * 120 + " as base64."),
    ],
    "repetitive": [Row("loop", "I will try it again now. " * 60)],
    "refusal": [
        Row("break in", "I'm sorry, but I can't help with that."),
        Row("break out", "I\u2019m sorry, I can\u2019t assist with that request."),
        Row("how come", "I don't know."),
        Row("which one", "Sure, could you please share the file you mean?"),
        Row("at length", f"I'm sorry, but I cannot help with this request. {STORY}"),
    ],
    "truncated": [
        Row("write it", "Here:\n```python\ndef f():\n    return 1\n"),
        Row("show me", "Here is the function:"),
        Row("call it", "You call it by run("),
        Row("all of it", "The first part of it [truncated]"),
        Row("both ends of it", clipped(STORY, 80, 40)),
        Row(clipped(f"Read this: {STORY}", 80, 40), "It is about walking."),
    ],
    "tool_calls_out_of_order": [
        Row("test it", "All pass.", steps=(STEP, (3, *STEP[1:]))),
        Row("tool", 'Let me look. <tool_call>{"name": "ls"}</tool_call>'),
        Row("tools", '[TOOL_CALLS][{"name": "ls"}]'),
    ],
}


@pytest.mark.parametrize("reason", ROWS)
async def test_what_makes_no_example_is_dropped_for_its_reason(
    training_data: TrainingData, database: Database, tmp_path: Path, reason: str
) -> None:
    await fill(database, [Row("a good one", "A good answer."), *ROWS[reason]])
    report = await training_data.generate("openai", min_value=0.0, output_dir=tmp_path)
    assert dict(report.counts) == {"train": 1, "validation": 0, "test": 0}
    assert report.dropped == {reason: len(ROWS[reason])}


@pytest.mark.parametrize(
    "row",
    [
        Row("sure enough", source="inferred", confidence=0.7),
        Row("translate it", "Lo siento, no puedo.", "success"),
        Row("how do you say sorry", "I'm sorry, I can't, is what you say."),
        Row("explain", "Unfortunately the lock is held, so wait for it: run `make wait`."),
        Row("test it", "All pass.", steps=(STEP, (2, "edit", "a.py", None, "+1"))),
        Row("which markup", "Use three backticks:\n````md\n```py\nx\n```\n````\n"),
        Row("what does the server write", "The word `function` and a colon."),
        Row("count", "42"),
    ],
)
async def test_what_only_looks_like_it_is_kept(
    training_data: TrainingData, database: Database, tmp_path: Path, row: Row
) -> None:
    await fill(database, [row])
    report = await training_data.generate("openai", min_value=0.0, output_dir=tmp_path)
    assert (sum(report.counts.values()), report.dropped) == (1, {})


async def test_an_answer_that_its_server_cut_is_truncated(
    training_data: TrainingData, database: Database, tmp_path: Path
) -> None:
    cut, whole, again = await fill(database, [Row("one"), Row("two"), Row("three")])
    attempts = [
        (cut, 1, "m", "accepted", "it is cut at its length limit"),
        (whole, 1, "other", "rejected", "it is cut at its length limit"),
        (whole, 2, "m", "accepted", ""),
        (again, 1, "m", "rejected", "it hedges; it is cut at its length limit"),
        (again, 2, "m", "accepted", "it hedges"),
    ]
    await database.execute_many(
        "INSERT INTO route_attempts (interaction_id, position, model, outcome, reason, endpoint,"
        " tier, latency_ms, tokens_in, tokens_out, project)"
        " VALUES ($1, $2, $3, $4, $5, 'e', 't', 0, 0, 0, 'app')",
        attempts,
    )
    report = await training_data.generate("openai", min_value=0.0, output_dir=tmp_path)
    assert report.dropped == {"truncated": 1}
    assert sum(report.counts.values()) == 2


async def test_near_duplicates_and_more_of_one_task_than_its_share_are_dropped(
    training_data: TrainingData, database: Database, tmp_path: Path
) -> None:
    task = "Why does the checkout test fail on the second run with a stale lock file in place?"
    rows = [
        Row(task, STORY),
        Row(task.upper(), STORY),  # spacing alone makes a duplicate: this is a near one
        Row(task, f"{STORY} The end."),
        *(
            Row(task, f"Reason {n}: {' '.join(random.Random(n).sample(STORY.split(), 30))}.")
            for n in range(20)
        ),
    ]
    await fill(database, rows)
    report = await training_data.generate("openai", min_value=0.0, output_dir=tmp_path)
    assert report.dropped == {"near_duplicate": 2, "task_over_represented": 5}
    assert sum(report.counts.values()) == 16


@pytest.mark.parametrize("layout", ["openai", "sharegpt", "dpo"])
async def test_every_candidate_is_kept_or_dropped_once(
    training_data: TrainingData, database: Database, tmp_path: Path, layout: str
) -> None:
    source = random.Random(layout)
    rows = [
        *(row for rows in ROWS.values() for row in rows),
        *(Row(f"task {n}", f"answer {n}", session=f"s{n % 40}") for n in range(400)),
        *(Row(f"task {n}", f"wrong answer {n}", "failure", 0.1) for n in range(0, 400, 3)),
        *(Row(f"task {n}", f"answer {n} again", session=f"s{n % 7}") for n in range(0, 400, 5)),
        *(Row("the same task of every morning", f"run {n}") for n in range(40)),
    ]
    source.shuffle(rows)
    await fill(database, rows)
    # Both when every place is new and when most were given before.
    for limit in (150, None):
        report = await training_data.generate(
            layout, min_value=0.0, output_dir=tmp_path, max_examples=limit
        )
        candidates = [row for row in rows if row.outcome in ("success", "unknown")]
        assert sum(report.counts.values()) + sum(report.dropped.values()) == len(candidates)
        assert set(report.dropped) <= set(REASONS)
    expected = "no_pair" if layout == "dpo" else "bridges_splits"
    assert Counter(report.dropped)[expected] > 0
