"""How long it takes to decide who gets a prompt: its classification, and the whole route."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.routing.data import load
from benchmarks.routing.tables import Table
from hybrid_coordinator.domain.interactions import AgentType
from hybrid_coordinator.inference.endpoints import (
    Endpoint,
    EndpointKind,
    EndpointReport,
    EndpointState,
    LocalModel,
)
from hybrid_coordinator.routing.classification.classify import Prompt, classify
from hybrid_coordinator.routing.planning import Planner
from hybrid_coordinator.settings import RoutingSettings

_ROUNDS = 200
_MODELS = (
    LocalModel("qwen3-4b", 32_768, loaded=True, parameters=4.0),
    LocalModel("qwen3-32b", 32_768, loaded=True, parameters=32.0),
)


def measure(data: Path) -> Table:
    """The median, the 99th percentile and the least, in milliseconds."""
    questions = [str(row["prompt"]) for row in load(data, "gsm8k_dev")]
    text = " ".join(questions)
    long = [text[at * 500 :][:10_000] for at in range(_ROUNDS)]
    roles = ("user", "assistant")
    chat = [{"role": roles[turn % 2], "content": text[turn * 300 :][:1_000]} for turn in range(100)]
    planner = Planner(RoutingSettings, None, None)
    url = "http://127.0.0.1:8080"
    report = EndpointReport(
        Endpoint(EndpointKind.LLAMA_CPP, url), EndpointState.READY, models=_MODELS
    )

    def route(prompt: Prompt) -> None:
        planner.route(prompt, survey=(report,), agent_type=AgentType.REMOTE)

    prompts: dict[str, Sequence[Prompt]] = {
        "labelled prompts": [str(row["prompt"]) for row in load(data, "tier_labels_dev")],
        "MMLU": [str(row["prompt"]) for row in load(data, "mmlu_dev")],
        "GSM8K": questions,
        "steps of agents": [row["messages"] for row in load(data, "agent_steps_dev")],
        "prompts of 10,000 characters": long,
        "a chat of 100 messages": [chat] * _ROUNDS,
    }
    rows = [
        [name, *_timed(classify, asked), *_timed(route, asked)] for name, asked in prompts.items()
    ]
    figures = ["p50 ms", "p99 ms", "least ms"]
    header = ["prompts", *(f"classification {each}" for each in figures)]
    return Table(
        "Time of a decision",
        [*header, *(f"route {each}" for each in figures)],
        rows,
        "A route is the classification, the rules, and the order of two models that are ready. "
        "What the record says of them is kept in memory, and left out here.",
    )


def _timed(decide: Callable[[Prompt], object], prompts: Sequence[Prompt]) -> list[str]:
    decide("once, so that the prior is read")
    times = []
    for prompt in prompts:
        began = time.perf_counter()
        decide(prompt)
        times.append(1000 * (time.perf_counter() - began))
    shares = (np.median(times), np.percentile(times, 99), min(times))
    return [f"{share:.3f}" for share in shares]
