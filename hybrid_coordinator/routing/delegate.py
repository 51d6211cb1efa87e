"""Handing a job to the models: by the cache, in a mode, with a reply that says what happened."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from hybrid_coordinator.domain.ask import AskRequest, Mode
from hybrid_coordinator.domain.health import PartHealth
from hybrid_coordinator.domain.interactions import AgentType
from hybrid_coordinator.domain.reply import Attempt, AttemptLog, Reply
from hybrid_coordinator.domain.route import Tier
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.errors import (
    HybridError,
    PromptTooLongError,
    RecordUnavailableError,
    StorageError,
)
from hybrid_coordinator.inference.generate import STALL_SECONDS
from hybrid_coordinator.inference.prices import load_prices
from hybrid_coordinator.routing.asking import Asking
from hybrid_coordinator.routing.budget import Budget
from hybrid_coordinator.routing.caching import AnswerCache, Embed, Question
from hybrid_coordinator.routing.cascade import Cascade
from hybrid_coordinator.routing.choosing import only
from hybrid_coordinator.routing.course import Course, Listener
from hybrid_coordinator.routing.critic import QuickCritic
from hybrid_coordinator.routing.gateway import Gateway
from hybrid_coordinator.routing.health import breakers_health, remote_health
from hybrid_coordinator.routing.heartbeat import with_heartbeat
from hybrid_coordinator.routing.jobs import Job, read_job
from hybrid_coordinator.routing.modes.asking import Answer, ModelChoice
from hybrid_coordinator.routing.modes.digest import digest
from hybrid_coordinator.routing.modes.ensemble import ensemble
from hybrid_coordinator.routing.modes.reason import reason
from hybrid_coordinator.routing.prompts import scrubbed
from hybrid_coordinator.storage.postgres.answers import Answers
from hybrid_coordinator.storage.postgres.attempts import RouteAttempts
from hybrid_coordinator.storage.postgres.spend import Spend
from hybrid_coordinator.templating import voices

if TYPE_CHECKING:
    from hybrid_coordinator.domain.route import Route
    from hybrid_coordinator.inference.discovery import Survey
    from hybrid_coordinator.routing.choosing import Plan
    from hybrid_coordinator.routing.classification.classify import Prompt
    from hybrid_coordinator.routing.planning import Planner
    from hybrid_coordinator.settings import Settings
    from hybrid_coordinator.storage.postgres.database import Database

_log = logging.getLogger(__name__)

Progress = Callable[[float, str], Awaitable[None]]
"""Told the elapsed seconds and a few words while a model works."""

Told = Callable[[AttemptLog], None]
"""Hears of the attempts of a question."""

_HEARTBEAT_SECONDS = 5.0


class Delegate:
    """The models that the settings name, behind one call. Nothing is opened before the first."""

    def __init__(
        self,
        settings: Settings,
        planner: Planner,
        scrubber: Scrubber,
        database: Database | None,
        *,
        embed: Embed | None = None,
        told: Told | None = None,
        heartbeat_seconds: float = _HEARTBEAT_SECONDS,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        """Without a ``database`` nothing is recorded or cached, and no money spent; without
        ``embed`` no answer is found by meaning. ``told`` hears of every question for which a model
        was asked or a kept answer found, once it is answered or has failed.

        Raises:
            SettingsError: the URL of an endpoint is off.
        """
        self._threshold = settings.inference.confidence_threshold
        self._planner = planner
        self._scrubber = scrubber
        self._heartbeat_seconds = heartbeat_seconds
        self._told = told
        self._gateway = Gateway(settings, stall_seconds=stall_seconds)
        self._remote = settings.remote
        self._self_critique = settings.routing.self_critique
        self._attempts = None if database is None else RouteAttempts(database)
        self._cache = None
        if database is not None:
            self._cache = AnswerCache(Answers(database), settings.routing, embed, scrubber=scrubber)
        self._budget = None
        if database is not None and any(each.remote for each in self._gateway.endpoints):
            prices = load_prices(settings.remote.prices)
            self._budget = Budget(Spend(database), settings.remote, prices)

    @property
    def gateway(self) -> Gateway:
        """The way to the models: what is known of them, and whom they were asked for."""
        return self._gateway

    async def close(self) -> None:
        """Close all connections; no call may follow."""
        await self._gateway.close()

    async def survey(self) -> Survey:
        """What is at each configured endpoint, probed now."""
        return await self._gateway.survey()

    async def glance(self) -> Survey:
        """What was found at each endpoint a moment ago; the first look takes one."""
        return await self._gateway.glance()

    async def local_obstacle(self) -> str | None:
        """Why no local model can be asked now; None while one can."""
        return None if await self._gateway.has_local_model() else "no local model answers"

    async def health(self) -> list[PartHealth]:
        """The rules in force, remote models and their budget, endpoints that are left alone."""
        return [
            self._planner.health(),
            remote_health(self._remote, self._gateway.endpoints, await self._budget_left()),
            *breakers_health(self._gateway.breakers.snapshot()),
        ]

    async def ask(
        self,
        request: AskRequest,
        *,
        project: str,
        session: str,
        progress: Progress | None = None,
        listen: Listener | None = None,
    ) -> tuple[Reply, AttemptLog]:
        """The best answer that the models give, and every attempt.

        A model is sent no secret that stands in the request. ``session`` is who asks: sessions
        take turns at a busy endpoint. ``progress`` is called before a model is asked and then
        every few seconds; ``listen`` hears the answer as it is generated. The attempts of a call
        that fails are recorded here, for ``project``; those of a reply are for the caller to keep.

        Raises:
            InvalidArgumentError: the schema is none, or no model can hold the prompt.
            ModelUnavailableError: no model is ready, or none answers.
            ModelReplyError: no model gave a usable answer.
        """
        clean = await scrubbed(request, self._scrubber)
        course = Course() if listen is None else Course(listen)
        work = self._answered(await read_job(clean), course, project, session)
        if progress is None:
            return await work

        async def beat(elapsed: float) -> None:
            await progress(elapsed, course.waiting_for)

        return await with_heartbeat(work, beat, every=self._heartbeat_seconds)

    async def route(
        self, prompt: Prompt, *, agent_type: AgentType, context_tokens: int = 0
    ) -> Route:
        """Where a task should go, with what is ready now. Asks no model."""
        return self._planner.route(
            prompt,
            survey=await self._gateway.glance(),
            agent_type=agent_type,
            context_tokens=context_tokens,
            allow_remote=self._budget is not None,
            budget_left=await self._budget_left(),
        )

    def notice(self) -> str | None:
        """What is wrong with the rules file as it is now; None mostly."""
        return self._planner.notice()

    def need(self, prompt: Prompt) -> Route:
        """Where a task should go by what it needs alone, whatever runs here."""
        return self._planner.need(prompt)

    async def _answered(
        self, job: Job, course: Course, project: str, session: str
    ) -> tuple[Reply, AttemptLog]:
        started = time.perf_counter()
        plans = partial(self._plan, budget_left=await self._budget_left())
        asking = Asking(self._gateway, plans, await self._cascade(session), course, session)
        try:
            choices = await asking.choices(job)
            question = self._question(job, choices, project)
            kept = await self._found(question, course)
            if kept is not None:
                course.attempts.append(_from_cache(kept, _since(started)))
                return replace(kept, latency_ms=_since(started)), self._tell(job, course)
            answer = await _in_mode(asking, job, course)
        except HybridError:
            if course.attempts:
                log = self._tell(job, course)
                if self._attempts is not None:
                    await self._attempts.add(project, log)
            raise
        reply = self._reply(answer, job, course, _since(started))
        await self._keep(question, reply)
        return reply, self._tell(job, course)

    def _tell(self, job: Job, course: Course) -> AttemptLog:
        log = _log_of(job, course)
        if self._told is not None:
            self._told(log)
        return log

    async def _found(self, question: Question, course: Course) -> Reply | None:
        """A kept answer; none where the record is away, which holds up nobody."""
        if self._cache is None:
            return None
        try:
            return await self._cache.find(question)
        except (RecordUnavailableError, StorageError) as error:
            course.note(f"kept answers cannot be looked up: {error}")
            return None

    async def _keep(self, question: Question, reply: Reply) -> None:
        if self._cache is None:
            return
        try:
            await self._cache.keep(question, reply)
        except (RecordUnavailableError, StorageError):
            # The answer is there, and worth more than having it again.
            _log.warning("an answer could not be kept", exc_info=True)

    def _question(self, job: Job, choices: Sequence[ModelChoice], project: str) -> Question:
        return Question(
            request=job.request,
            project=project,
            models=tuple(choice.name for choice in choices),
            tiers=tuple(tier for tier in Tier if any(each.tier is tier for each in choices)),
            threshold=self._threshold,
            rules=self._planner.rules_digest,
            mode=job.request.mode,
        )

    def _plan(self, job: Job, survey: Survey, *, budget_left: float | None) -> Plan:
        plan = self._planner.plan(
            job.seen,
            survey=survey,
            tokens=job.tokens,
            files=len(job.request.files),
            quality_critical=job.request.quality_critical,
            prefer_local=job.request.prefer_local,
            local_only=job.request.local_only,
            allow_remote=self._budget is not None,
            budget_left=budget_left,
        )
        if job.request.only is None:
            return plan
        return only(job.request.only, plan, self._planner.notice())

    async def _budget_left(self) -> float | None:
        if self._budget is None:
            return None
        try:
            spent = await self._budget.spent_today()
        except (RecordUnavailableError, StorageError):
            return 0.0  # what cannot be counted is not spent; local models go on
        return self._remote.daily_budget_usd - spent

    async def _cascade(self, session: str) -> Cascade:
        return Cascade(
            await self._gateway.caller(),
            self._gateway.failed,
            self._budget,
            QuickCritic(self._gateway, session) if self._self_critique else None,
            self._threshold,
        )

    def _reply(self, answer: Answer, job: Job, course: Course, latency_ms: int) -> Reply:
        notices = [*answer.notices, *course.notices]
        if answer.confidence < self._threshold:
            why = f" ({'; '.join(answer.reasons)})" if answer.reasons else ""
            notices.append(
                f"low confidence: {answer.confidence:.2f}, and {self._threshold:.2f} is asked "
                f"for{why}; check this answer before using it"
            )
        costs = [attempt.cost_usd for attempt in course.attempts]
        known = [cost for cost in costs if cost is not None]
        return Reply(
            response=answer.text,
            model=answer.model,
            endpoint=answer.endpoint,
            tier=answer.tier,
            task_type=job.seen.task_type,
            complexity=job.seen.complexity,
            confidence=answer.confidence,
            checks=answer.checks,
            attempts=tuple(course.attempts),
            tokens_in=answer.tokens_in,
            tokens_out=answer.tokens_out,
            tokens_per_second=answer.tokens_per_second,
            first_token_ms=answer.first_token_ms,
            latency_ms=latency_ms,
            cost_usd=sum(known) if len(known) == len(costs) else None,
            cached=False,
            notices=tuple(dict.fromkeys(notices)),
        )


def _from_cache(kept: Reply, latency_ms: int) -> Attempt:
    """What the log has of an answer that was kept. It has no confidence: nothing was asked or
    checked that could tell of the model."""
    return Attempt(
        model=kept.model,
        endpoint=kept.endpoint,
        tier=kept.tier,
        latency_ms=latency_ms,
        confidence=None,
        outcome="cached",
        tokens_in=kept.tokens_in,
        tokens_out=kept.tokens_out,
        remote=kept.tier is Tier.API_FALLBACK,
        rule="cache",
    )


async def _in_mode(asking: Asking, job: Job, course: Course) -> Answer:
    request = job.request
    fits = await asking.fits(job)
    if not fits and request.context:
        request = replace(request, context="")
        job = await read_job(request)
        fits = await asking.fits(job)
        course.context_seen = False
        course.note("the context that was found was left out: there was no room for it")
    if not fits and request.files:
        return await _digested(asking, request, course)
    if request.mode is Mode.ENSEMBLE:
        return await ensemble(asking, request, await asyncio.to_thread(voices))
    if request.mode is Mode.REASON:
        return await reason(asking, request)
    try:
        return await asking.run(job)
    except PromptTooLongError:
        # Not every server says beforehand how much it holds.
        if not request.files:
            raise
        return await _digested(asking, request, course)


async def _digested(asking: Asking, request: AskRequest, course: Course) -> Answer:
    course.context_seen = False
    if request.mode is not Mode.SINGLE:
        course.note(f"mode={request.mode} was left: no context holds the files")
    return await digest(asking, request)


def _since(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)


def _log_of(job: Job, course: Course) -> AttemptLog:
    return AttemptLog(
        job.seen.task_type,
        job.seen.complexity,
        tuple(course.attempts),
        context_seen=course.context_seen,
    )
