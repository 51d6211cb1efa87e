"""What a model's answer comes back as."""

from __future__ import annotations

from dataclasses import dataclass

from hybrid_coordinator.domain.route import Complexity, TaskType, Tier


@dataclass(frozen=True, slots=True)
class AnswerChecks:
    """What checking an answer found, each in 0-1; None where a check did not run."""

    format: float
    completeness: float
    coherence: float
    self_critique: float | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call of one model.

    ``outcome`` is "ok", "low_confidence", "cached" for an answer that was kept, or the error's
    class name; ``reason`` is what speaks against the answer, or the error; ``rule`` is the rule or
    mode that asked for the attempt. Times are in milliseconds. ``cost_usd`` is 0 for a local
    model, None where a price is unknown.
    """

    model: str
    endpoint: str
    tier: Tier
    latency_ms: int
    confidence: float | None
    outcome: str
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = 0.0
    remote: bool = False
    first_token_ms: int | None = None
    tokens_per_second: float | None = None
    checks: AnswerChecks | None = None
    reason: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class AttemptLog:
    """The attempts of one call, in order, and the kind of task that they were made for.
    ``context_seen`` is False where the models were not shown the context that came with it."""

    task_type: TaskType
    complexity: Complexity
    attempts: tuple[Attempt, ...]
    context_seen: bool = True


@dataclass(frozen=True, slots=True)
class AnswerPiece:
    """What a model adds to its answer, or to the thinking before it, while it writes.

    ``attempt`` counts the calls of models from 1: a piece of a later one begins a new answer. The
    first piece of each has no text and comes before the model is asked; there ``because`` says
    why the answer before it does not stand, empty for the first.
    """

    attempt: int
    model: str
    text: str = ""
    thinking: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """A local model's checked answer.

    Times are in milliseconds; ``tokens_per_second`` counts generated tokens; ``cost_usd`` is 0
    for a local model, None where a price is unknown.
    """

    response: str
    model: str
    endpoint: str
    tier: Tier
    task_type: TaskType
    complexity: Complexity
    confidence: float
    checks: AnswerChecks
    attempts: tuple[Attempt, ...]
    tokens_in: int
    tokens_out: int
    tokens_per_second: float | None
    first_token_ms: int | None
    latency_ms: int
    cost_usd: float | None
    cached: bool
    notices: tuple[str, ...] = ()
