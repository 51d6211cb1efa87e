"""The parts of the measurement, by the name that --only takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.routing import (
    agent_steps,
    answers,
    cascade,
    concurrency,
    decision,
    history,
    labels,
    learning_to_route,
    outage,
    overhead,
    prompts,
    semantic_cache,
)
from benchmarks.routing.tables import Table

Section = Callable[[Path], Table]
"""Takes the folder of the data; raises DataMissingError."""

SECTIONS: dict[str, Section] = {
    "prompts": prompts.measure,
    "answers": answers.measure,
    "reliability": answers.reliability,
    "cascade": cascade.measure,
    "cache": semantic_cache.measure,
    "overhead": overhead.measure,
    "concurrency": concurrency.measure,
    "outage": outage.measure,
    "learning": learning_to_route.measure,
    "history": history.measure,
    "labels": labels.measure,
    "agent-steps": agent_steps.measure,
    "decision": decision.measure,
}
