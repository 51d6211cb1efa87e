"""How long a classification takes, on the prompts of the open data and on large ones."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.routing.data import load
from benchmarks.routing.tables import Table
from hybrid_coordinator.routing.classification.classify import Prompt, classify

_ROUNDS = 200


def measure(data: Path) -> Table:
    """The median, the 99th percentile and the least, in milliseconds."""
    questions = [str(row["prompt"]) for row in load(data, "gsm8k_dev")]
    text = " ".join(questions)
    long = [text[at * 500 :][:10_000] for at in range(_ROUNDS)]
    roles = ("user", "assistant")
    chat = [{"role": roles[turn % 2], "content": text[turn * 300 :][:1_000]} for turn in range(100)]
    rows = [
        _row("labelled prompts", [str(row["prompt"]) for row in load(data, "tier_labels_dev")]),
        _row("MMLU", [str(row["prompt"]) for row in load(data, "mmlu_dev")]),
        _row("GSM8K", questions),
        _row("steps of agents", [row["messages"] for row in load(data, "agent_steps_dev")]),
        _row("prompts of 10,000 characters", long),
        _row("a chat of 100 messages", [chat] * _ROUNDS),
    ]
    return Table("Time of a classification", ["prompts", "p50 ms", "p99 ms", "least ms"], rows)


def _row(name: str, prompts: Sequence[Prompt]) -> list[str]:
    classify("once, so that the prior is read")
    times = []
    for prompt in prompts:
        began = time.perf_counter()
        classify(prompt)
        times.append(1000 * (time.perf_counter() - began))
    shares = (np.median(times), np.percentile(times, 99), min(times))
    return [name, *(f"{share:.3f}" for share in shares)]
