"""One call of a caller: the cascade as the modes see it, and what all of it came to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from hybrid_coordinator.domain.ask import AskRequest, NamedModel
from hybrid_coordinator.errors import (
    BudgetError,
    HybridError,
    InvalidArgumentError,
    ModelReplyError,
    ModelUnavailableError,
)
from hybrid_coordinator.inference.discovery import Survey
from hybrid_coordinator.inference.starting import unavailable
from hybrid_coordinator.routing.cascade import Cascade, Checked
from hybrid_coordinator.routing.choosing import Plan
from hybrid_coordinator.routing.course import Course
from hybrid_coordinator.routing.gateway import Gateway
from hybrid_coordinator.routing.jobs import Job, read_job
from hybrid_coordinator.routing.modes.asking import Answer, ModelChoice

_SHORT_ANSWER = 256
"""Tokens: a prompt that leaves less room than this does not fit."""

Plans = Callable[[Job, Survey], Plan]
"""Makes the plan for a job, from what was found at the endpoints."""


class Asking:
    """Answers requests for one caller; see ``modes.asking.Ask``."""

    def __init__(
        self, gateway: Gateway, plans: Plans, cascade: Cascade, course: Course, session: str
    ) -> None:
        self._gateway = gateway
        self._plans = plans
        self._cascade = cascade
        self._course = course
        self._session = session

    async def ask(self, request: AskRequest, *, step: str, model: str | None = None) -> Answer:
        """See ``Ask.ask``."""
        return await self.run(await read_job(request), step=step, model=model)

    async def run(self, job: Job, *, step: str = "", model: str | None = None) -> Answer:
        """One answer to a request that was read. What a step says is not passed on as it comes:
        only the whole answer's text is for the caller."""
        plan = await self.plan(job)
        if model is not None:
            plan = _only(model, plan)
        mine = Course() if step else self._course
        try:
            answers = await self._cascade.run(job, plan, mine, session=self._session)
        finally:
            if step:
                self._course.attempts += (replace(each, rule=step) for each in mine.attempts)
        if not answers:
            raise await self._failure([each.error for each in mine.failures])
        notices = (*plan.notices, *mine.notices, *answers[0].generation.notices)
        return _answer(answers[0], notices)

    async def models(self, request: AskRequest) -> Sequence[ModelChoice]:
        """See ``Ask.models``."""
        return await self.choices(await read_job(request))

    async def choices(self, job: Job) -> Sequence[ModelChoice]:
        """``models`` for a request that was read."""
        plan = await self.plan(job, fits=False)
        return [
            ModelChoice(
                name=each.model.name,
                endpoint=each.endpoint.url,
                tier=each.tier,
                context_length=each.model.context_length,
                slots=each.slots,
            )
            for each in plan.chain
        ]

    async def fits(self, job: Job) -> bool:
        """Whether a model that the caller wants can hold the job and a short answer: one that runs
        here, where there is one, unless the best is asked for."""
        room = replace(job, tokens=job.tokens + min(job.request.max_tokens, _SHORT_ANSWER))
        survey = await self._gateway.look()
        able = self._plans(room, survey).chain
        wants_best = job.request.quality_critical or not job.request.prefer_local
        ready = self._plans(replace(job, tokens=0), survey).chain
        if wants_best or all(each.remote for each in ready):
            return bool(able)
        return any(not each.remote for each in able)

    def saying(self, words: str) -> None:
        """See ``Ask.saying``."""
        self._course.waiting_for = words

    async def plan(self, job: Job, *, fits: bool = True) -> Plan:
        """Whom to ask for a job; with ``fits``, only models that can hold it.

        Raises:
            ModelUnavailableError: no model is ready.
            InvalidArgumentError: none of those that are can hold the prompt.
        """
        survey = await self._gateway.look()
        plan = self._plans(job if fits else replace(job, tokens=0), survey)
        if not plan.chain:
            if plan.skipped and fits:
                raise InvalidArgumentError("prompt", _nobody(job, plan))
            if (named := job.request.only) is not None:
                raise ModelUnavailableError(_gone(named, plan))
            raise _none_ready(survey, plan)
        # One that is left alone for now has its turn after all others.
        breakers = self._gateway.breakers
        chain = sorted(plan.chain, key=lambda each: not breakers.admits(each.endpoint.url))
        notices = plan.notices
        if chain[0] is not plan.chain[0]:
            notices = (*notices, breakers.reason(plan.chain[0].endpoint.url))
        return replace(plan, chain=tuple(chain), notices=notices)

    async def _failure(self, errors: Sequence[HybridError]) -> HybridError:
        """The error for a call in which every attempt failed."""
        failure = _joined(errors)
        if isinstance(failure, ModelUnavailableError):
            survey = await self._gateway.survey()
            if not any(report.models for report in survey if not report.endpoint.remote):
                # They have died since the last survey: say how to start one.
                return ModelUnavailableError(f"{failure}. {unavailable(survey)}")
        return failure


def _only(model: str, plan: Plan) -> Plan:
    chain = tuple(each for each in plan.chain if each.model.name == model)
    if chain:
        return replace(plan, chain=chain)
    too_short = "; ".join(each for each in plan.skipped if each.startswith(f"{model} at "))
    if too_short:
        raise InvalidArgumentError("prompt", f"{model} cannot be asked: {too_short}")
    raise ModelUnavailableError(f"{model} is not ready any more")


def _gone(named: NamedModel, plan: Plan) -> str:
    """Why the one model that was to be asked cannot be."""
    if plan.skipped:
        return "; ".join(plan.skipped)
    return f"{named} is not ready any more: name another model, or leave the choice to the router"


def _none_ready(survey: Survey, plan: Plan) -> ModelUnavailableError:
    """The error where no model may be asked, with why those that are ready may not."""
    error = unavailable(survey)
    return ModelUnavailableError(". ".join((str(error), *plan.skipped)))


def _nobody(job: Job, plan: Plan) -> str:
    return (
        f"no model can be asked: it takes about {job.tokens} tokens with its material; "
        + "; ".join(plan.skipped)
    )


def _joined(errors: Sequence[HybridError]) -> HybridError:
    """One error for those of every attempt, at least one. That nothing may be spent makes a model
    unavailable."""
    failures = [error for error in errors if not isinstance(error, BudgetError)]
    if failures and all(isinstance(error, InvalidArgumentError) for error in failures):
        return failures[-1]
    if len(errors) == len(failures) == 1:
        return failures[0]
    causes = "; ".join(dict.fromkeys(str(error) for error in errors))
    if len(errors) > 1:
        causes = f"every model failed: {causes}"
    if all(isinstance(error, ModelUnavailableError) for error in failures):
        return ModelUnavailableError(causes)
    return ModelReplyError(causes)


def _answer(best: Checked, notices: Sequence[str]) -> Answer:
    return Answer(
        text=best.generation.text,
        model=best.candidate.model.name,
        endpoint=best.candidate.endpoint.url,
        tier=best.candidate.tier,
        confidence=best.verdict.confidence,
        checks=best.verdict.checks,
        reasons=best.verdict.reasons,
        tokens_in=best.generation.tokens_in,
        tokens_out=best.generation.tokens_out,
        cost_usd=best.cost_usd,
        attempts=(),
        notices=tuple(notices),
        first_token_ms=best.generation.first_token_ms,
        tokens_per_second=best.generation.tokens_per_second,
        context_length=best.candidate.model.context_length,
    )
