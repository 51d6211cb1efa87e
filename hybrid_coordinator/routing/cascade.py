"""The cascade: one model after another, by the plan, until an answer passes its check."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from hybrid_coordinator.domain.reply import Attempt
from hybrid_coordinator.errors import (
    BudgetError,
    BudgetExceededError,
    HybridError,
    InvalidArgumentError,
    ModelReplyError,
    ModelUnavailableError,
)
from hybrid_coordinator.inference.calling import Caller
from hybrid_coordinator.inference.chat import Generation, Piece
from hybrid_coordinator.inference.endpoints import Endpoint
from hybrid_coordinator.routing.budget import Budget, Reservation
from hybrid_coordinator.routing.checking.checks import Verdict, judge
from hybrid_coordinator.routing.choosing import STRENGTH, Candidate, Plan
from hybrid_coordinator.routing.course import Began, Course, Failure
from hybrid_coordinator.routing.jobs import Job

_MAX_FAILURES = 2
"""Of the models of one tier: each may take as long as a reply may."""

_QUICK_CHARACTERS = 800
"""An answer of this length is mostly checked in less time than changing threads takes, and the
hardest in 3 ms."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A candidate's answer with its check."""

    candidate: Candidate
    generation: Generation
    verdict: Verdict
    cost_usd: float


@dataclass(slots=True)
class _Bill:
    """What one attempt is charged, also where nothing usable came of it."""

    money: Reservation | None = None

    @property
    def usd(self) -> float:
        """0 for a local model, and for a call that was refused."""
        return 0.0 if self.money is None else self.money.cost_usd or 0.0


def _nothing(_: Piece) -> None:
    """Local pieces cost nothing."""


class Critic(Protocol):
    """Has a quick model look at an answer."""

    async def critique(self, prompt: str, answer: str, course: Course) -> float | None:
        """How well the answer to a prompt stands in 0-1; None where nobody could say."""
        ...


class Cascade:
    """Asks the models of a plan in turn."""

    def __init__(
        self,
        caller: Caller,
        failed: Callable[[Endpoint], None],
        budget: Budget | None,
        critic: Critic | None,
        threshold: float,
    ) -> None:
        """``failed`` is told of endpoints that fail. Without a ``budget`` no model that costs money
        is asked, without a ``critic`` no second look is taken."""
        self._caller = caller
        self._failed = failed
        self._budget = budget
        self._critic = critic
        self._threshold = threshold

    async def run(self, job: Job, plan: Plan, course: Course, *, session: str) -> list[Checked]:
        """Every answer that came, the best first; an empty list where every attempt failed, with
        what failed in ``course.failures``. ``session`` is who asks, for a fair turn."""
        answers: list[Checked] = []
        for candidate in _worth_trying(plan.chain, answers, course.failures, self._threshold):
            answer = await self._try(candidate, job, plan, course, session)
            if answer is not None:
                answers.append(answer)
        return sorted(answers, key=_merit, reverse=True)

    async def _try(
        self, candidate: Candidate, job: Job, plan: Plan, course: Course, session: str
    ) -> Checked | None:
        """Ask one candidate, and take note of what came of it. None where no answer did."""
        started, bill = time.perf_counter(), _Bill()
        try:
            generation = await self._generate(candidate, job, course, session, bill)
        except BudgetError as error:
            course.failures.append(Failure(candidate, error))
            course.note(f"{candidate.name} was not asked: {error}")
            return None
        except (InvalidArgumentError, ModelReplyError, ModelUnavailableError) as error:
            if not isinstance(error, InvalidArgumentError):
                self._failed(candidate.endpoint)
            course.failures.append(Failure(candidate, error))
            course.note(f"{candidate.name} failed: {error}")
            course.attempts.append(_failure(candidate, plan, started, error, bill.usd))
            return None
        verdict = await self._judge(job, generation, course)
        course.attempts.append(
            Attempt(
                model=candidate.model.name,
                endpoint=candidate.endpoint.url,
                tier=candidate.tier,
                latency_ms=_milliseconds_since(started),
                confidence=verdict.confidence,
                outcome="ok" if verdict.confidence >= self._threshold else "low_confidence",
                tokens_in=generation.tokens_in,
                tokens_out=generation.tokens_out,
                cost_usd=bill.usd,
                remote=candidate.remote,
                first_token_ms=generation.first_token_ms,
                tokens_per_second=generation.tokens_per_second,
                checks=verdict.checks,
                reason="; ".join(verdict.reasons),
                rule=f"{plan.rule}; {candidate.why}" if candidate.why else plan.rule,
            )
        )
        return Checked(candidate, generation, verdict, bill.usd)

    async def _generate(
        self, candidate: Candidate, job: Job, course: Course, session: str, bill: _Bill
    ) -> Generation:
        """The answer, paid for where it costs money."""
        if not candidate.remote:
            return await self._call(candidate, job, course, session)
        if self._budget is None:
            raise BudgetExceededError("spending is not recorded here, so nothing is spent")
        model = f"{candidate.endpoint.kind.name.lower()}/{candidate.model.name}"
        async with self._budget.reserve(model, job.chat) as bill.money:
            generation = await self._call(candidate, job, course, session, bill.money.saw)
            bill.money.came_to(generation)
            return generation

    async def _call(
        self,
        candidate: Candidate,
        job: Job,
        course: Course,
        session: str,
        saw: Callable[[Piece], None] = _nothing,
    ) -> Generation:
        pieces = 0

        def begin() -> None:
            course.waiting_for = f"waiting for the first token of {candidate.name}"

        def hear(piece: Piece) -> None:
            nonlocal pieces
            pieces += 1
            course.waiting_for = f"{candidate.model.name}: {pieces} tokens so far"
            saw(piece)
            course.listen(piece)

        course.listen(Began(candidate.name, candidate.why, course.shortcoming()))
        course.waiting_for = f"waiting for a free slot of {candidate.name}"
        return await self._caller.call(
            candidate.endpoint,
            candidate.model,
            candidate.slots,
            job.chat,
            caller=session,
            on_turn=begin,
            on_piece=hear,
        )

    async def _judge(self, job: Job, generation: Generation, course: Course) -> Verdict:
        def judged(critique: float | None) -> Verdict:
            return judge(
                generation.text,
                prompt=job.request.prompt,
                finish_reason=generation.finish_reason,
                schema=job.schema,
                task_type=job.request.task_type,
                self_critique=critique,
            )

        if job.schema is None and len(generation.text) <= _QUICK_CHARACTERS:
            verdict = judged(None)
        else:
            # In a thread: a schema may ask for seconds of work.
            verdict = await asyncio.to_thread(judged, None)
        if self._critic is None or verdict.confidence < self._threshold / 2:
            return verdict  # no second look is needed at what is plainly bad
        critique = await self._critic.critique(job.request.prompt, generation.text, course)
        return verdict if critique is None else await asyncio.to_thread(judged, critique)


def _worth_trying(
    chain: Sequence[Candidate],
    answers: Sequence[Checked],
    failures: Sequence[Failure],
    threshold: float,
) -> Iterator[Candidate]:
    """Candidates in the order of the chain until one has answered well enough.

    After a weak answer only a stronger tier is worth the time or, once, another model of the same
    tier that is loaded; after failures the next ones, a few of each tier.
    """
    for candidate in chain:
        if _hopeless(candidate, failures):
            continue
        if answers:
            if max(each.verdict.confidence for each in answers) >= threshold:
                return
            if not _better_hope(candidate, answers):
                continue
        yield candidate


def _hopeless(candidate: Candidate, failures: Sequence[Failure]) -> bool:
    """Whether enough of the candidate's tier has failed, or its endpoint does not answer."""
    same_tier = [each for each in failures if each.candidate.tier is candidate.tier]
    away = {
        each.candidate.endpoint
        for each in same_tier
        if isinstance(each.error, ModelUnavailableError)
    }
    failed = sum(not isinstance(each.error, BudgetError) for each in same_tier)
    return candidate.endpoint in away or failed >= _MAX_FAILURES


def _better_hope(candidate: Candidate, answers: Sequence[Checked]) -> bool:
    best = max(STRENGTH[each.candidate.tier] for each in answers)
    if STRENGTH[candidate.tier] != best:
        return STRENGTH[candidate.tier] > best
    peers = [each.candidate for each in answers if STRENGTH[each.candidate.tier] == best]
    return len(peers) == 1 and (
        peers[0].model.name != candidate.model.name and candidate.model.loaded is not False
    )


def _merit(answer: Checked) -> tuple[float, int]:
    return answer.verdict.confidence, STRENGTH[answer.candidate.tier]


def _failure(
    candidate: Candidate, plan: Plan, started: float, error: HybridError, cost_usd: float
) -> Attempt:
    return Attempt(
        model=candidate.model.name,
        endpoint=candidate.endpoint.url,
        tier=candidate.tier,
        latency_ms=_milliseconds_since(started),
        confidence=None,
        outcome=type(error).__name__,
        cost_usd=cost_usd,
        remote=candidate.remote,
        reason=str(error),
        rule=plan.rule,
    )


def _milliseconds_since(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)
