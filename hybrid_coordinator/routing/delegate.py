"""Handing a job to a local model: choose one, ask it, check its answer, and try the next."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hybrid_coordinator.domain.ask import AskRequest
from hybrid_coordinator.domain.reply import AnswerChecks, Attempt, AttemptLog, Reply
from hybrid_coordinator.domain.route import TaskType
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.errors import (
    HybridError,
    InvalidArgumentError,
    ModelReplyError,
    ModelUnavailableError,
)
from hybrid_coordinator.inference.breaker import Breakers
from hybrid_coordinator.inference.calling import Caller
from hybrid_coordinator.inference.chat import ChatClient, ChatRequest, Generation, Piece
from hybrid_coordinator.inference.clients import client_for
from hybrid_coordinator.inference.discovery import Discovery, Survey
from hybrid_coordinator.inference.egress import EgressPolicy
from hybrid_coordinator.inference.endpoints import Endpoint, LocalModel, configured_endpoints
from hybrid_coordinator.inference.generate import STALL_SECONDS
from hybrid_coordinator.inference.lanes import Lanes
from hybrid_coordinator.inference.starting import unavailable
from hybrid_coordinator.routing.candidates import Candidate, candidates
from hybrid_coordinator.routing.checking.checks import Schema, judge
from hybrid_coordinator.routing.checking.schemas import compile_schema
from hybrid_coordinator.routing.classification.classify import Classification, classify
from hybrid_coordinator.routing.heartbeat import with_heartbeat
from hybrid_coordinator.routing.prompts import build_messages, without_secrets
from hybrid_coordinator.settings import InferenceSettings

# Importing httpx takes 0.1 s, so it waits until a request is due; see inference.http.
if TYPE_CHECKING:
    from hybrid_coordinator.inference.http import HttpClient

Progress = Callable[[float, str], Awaitable[None]]
"""Told the elapsed seconds and a few words while a model works."""

_HEARTBEAT_SECONDS = 5.0
_MAX_FAILURES = 3
"""Endpoints that may fail before the call gives up: each may take as long as a reply may."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A request, read: what is sent, and what its answer is checked against."""

    request: AskRequest
    chat: ChatRequest
    seen: Classification
    task_type: TaskType
    schema: Schema | None


@dataclass(frozen=True, slots=True)
class _Answer:
    """A candidate's answer, checked."""

    candidate: Candidate
    generation: Generation
    checks: AnswerChecks
    confidence: float


@dataclass(slots=True)
class _Course:
    """How a call goes: what is being waited for, what was tried, and what came of it."""

    waiting_for: str = "looking for a local model"
    attempts: list[Attempt] = field(default_factory=list)
    answers: list[_Answer] = field(default_factory=list)
    errors: list[HybridError] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Connection:
    http: HttpClient
    discovery: Discovery
    caller: Caller


class LocalModels:
    """The models on this machine, behind one call. Nothing is opened before the first one."""

    def __init__(
        self,
        settings: InferenceSettings,
        scrubber: Scrubber,
        *,
        heartbeat_seconds: float = _HEARTBEAT_SECONDS,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        self._settings = settings
        self._scrubber = scrubber
        self._heartbeat_seconds = heartbeat_seconds
        self._stall_seconds = stall_seconds
        self._endpoints = configured_endpoints(settings)
        self.egress = EgressPolicy(endpoint.url for endpoint in self._endpoints)
        self._opening = asyncio.Lock()
        self._connection: _Connection | None = None
        self.breakers = Breakers()
        self._lanes = Lanes()

    async def close(self) -> None:
        """Close all connections; no call may follow."""
        if self._connection is not None:
            await self._connection.discovery.close()
            await self._connection.http.close()

    async def survey(self) -> Survey:
        """What is at each configured endpoint, probed now."""
        discovery = (await self._connected()).discovery
        return await discovery.survey(begun_after=discovery.now())

    async def any_ready(self) -> bool:
        """Whether some local model can be asked, from what was seen up to a minute ago."""
        return any(report.models for report in await self.glance())

    async def glance(self) -> Survey:
        """What was found at each configured endpoint up to a minute ago."""
        return await (await self._connected()).discovery.glance()

    async def ask(
        self, request: AskRequest, progress: Progress | None = None
    ) -> tuple[Reply, AttemptLog]:
        """The best answer that local models give, and every attempt.

        A model is sent no secret that stands in the request. ``progress`` is called before a model
        is asked and then every few seconds.

        Raises:
            InvalidArgumentError: the schema is none, or no model can hold the prompt.
            ModelUnavailableError: no model is ready, or none answers.
            ModelReplyError: no model gave a usable answer.
        """
        job = await _read(await asyncio.to_thread(without_secrets, request, self._scrubber))
        course = _Course()
        work = self._answer(job, course)
        if progress is None:
            return await work

        async def beat(elapsed: float) -> None:
            await progress(elapsed, course.waiting_for)

        return await with_heartbeat(work, beat, every=self._heartbeat_seconds)

    async def _answer(self, job: _Job, course: _Course) -> tuple[Reply, AttemptLog]:
        started = time.perf_counter()
        for candidate in self._worth_trying(await self._candidates(job), course):
            await self._try(candidate, job, course)
        if not course.answers:
            raise await self._failure(course.errors)
        best = max(course.answers, key=lambda answer: answer.confidence)
        latency_ms = _milliseconds_since(started)
        log = AttemptLog(job.task_type, job.seen.complexity, tuple(course.attempts))
        return self._reply(best, job, course, latency_ms), log

    async def _candidates(self, job: _Job) -> list[Candidate]:
        discovery = (await self._connected()).discovery
        asked_at = discovery.now()
        survey = await discovery.glance()
        if not any(report.models for report in survey):
            # Someone may have started a model since.
            survey = await discovery.survey(begun_after=asked_at)
        self.breakers.heard(survey)
        found = candidates(
            survey,
            task_type=job.task_type,
            complexity=job.seen.complexity,
            quality_critical=job.request.quality_critical,
            tokens=job.chat.estimated_tokens,
        )
        if not found:
            raise unavailable(survey)
        # One that is left alone for now says so when its turn comes, after all others.
        return sorted(found, key=lambda each: not self.breakers.admits(each.endpoint.url))

    async def _failure(self, errors: list[HybridError]) -> HybridError:
        """The error for a call in which every attempt failed."""
        failure = _joined(errors)
        if isinstance(failure, ModelUnavailableError):
            discovery = (await self._connected()).discovery
            survey = await discovery.survey(begun_after=discovery.now())
            if not any(report.models for report in survey):
                # They have died since the last survey: say how to start one.
                return ModelUnavailableError(f"{failure}. {unavailable(survey)}")
        return failure

    def _worth_trying(self, found: list[Candidate], course: _Course) -> Iterator[Candidate]:
        """Candidates until one has answered well enough: after failures the next ones, after a
        weak answer one other model that is loaded."""
        for candidate in found:
            answers = course.answers
            if len(course.errors) >= _MAX_FAILURES or len(answers) > 1:
                return
            if answers:
                if answers[0].confidence >= self._settings.confidence_threshold:
                    return
                same = candidate.model.name == answers[0].candidate.model.name
                if same or candidate.model.loaded is False:
                    continue
            yield candidate

    async def _try(self, candidate: Candidate, job: _Job, course: _Course) -> None:
        """Ask one candidate, and record what came of it."""
        started = time.perf_counter()
        try:
            generation = await self._generate(candidate, job, course)
        except (InvalidArgumentError, ModelReplyError, ModelUnavailableError) as error:
            if not isinstance(error, InvalidArgumentError):
                (await self._connected()).discovery.forget(candidate.endpoint)
            course.errors.append(error)
            course.notices.append(f"{candidate.name} failed: {error}")
            outcome, sure, tokens = type(error).__name__, None, (0, 0)
            reason = str(error)
        else:
            verdict = judge(
                generation.text,
                prompt=job.request.prompt,
                finish_reason=generation.finish_reason,
                schema=job.schema,
                task_type=job.request.task_type,
            )
            sure, reason = verdict.confidence, "; ".join(verdict.reasons)
            course.answers.append(_Answer(candidate, generation, verdict.checks, sure))
            enough = sure >= self._settings.confidence_threshold
            outcome = "ok" if enough else "low_confidence"
            tokens = generation.tokens_in, generation.tokens_out
        course.attempts.append(
            Attempt(
                model=candidate.model.name,
                endpoint=candidate.endpoint.url,
                tier=candidate.tier,
                latency_ms=_milliseconds_since(started),
                confidence=sure,
                outcome=outcome,
                tokens_in=tokens[0],
                tokens_out=tokens[1],
                reason=reason,
            )
        )

    async def _generate(self, candidate: Candidate, job: _Job, course: _Course) -> Generation:
        caller = (await self._connected()).caller
        endpoint, model = candidate.endpoint, candidate.model
        pieces = 0

        def begin() -> None:
            course.waiting_for = f"waiting for the first token of {candidate.name}"

        def count(_: Piece) -> None:
            nonlocal pieces
            pieces += 1
            course.waiting_for = f"{model.name}: {pieces} tokens so far"

        course.waiting_for = f"waiting for a free slot of {candidate.name}"
        return await caller.call(
            endpoint,
            model,
            candidate.slots,
            job.chat,
            caller="",
            on_turn=begin,
            on_piece=count,
        )

    def _reply(self, best: _Answer, job: _Job, course: _Course, latency_ms: int) -> Reply:
        notices = [*course.notices, *best.generation.notices]
        threshold = self._settings.confidence_threshold
        if best.confidence < threshold:
            notices.append(
                f"low confidence: {best.confidence:.2f}, and {threshold:.2f} is asked for; "
                "check this answer before using it"
            )
        if job.request.quality_critical or not job.request.prefer_local:
            notices.append("no remote tier is configured: the best local model answered")
        return Reply(
            response=best.generation.text,
            model=best.candidate.model.name,
            endpoint=best.candidate.endpoint.url,
            tier=best.candidate.tier,
            task_type=job.task_type,
            complexity=job.seen.complexity,
            confidence=best.confidence,
            checks=best.checks,
            attempts=tuple(course.attempts),
            tokens_in=best.generation.tokens_in,
            tokens_out=best.generation.tokens_out,
            tokens_per_second=best.generation.tokens_per_second,
            first_token_ms=best.generation.first_token_ms,
            latency_ms=latency_ms,
            cost_usd=0.0,
            cached=False,
            notices=tuple(notices),
        )

    async def _connected(self) -> _Connection:
        async with self._opening:
            if self._connection is None:
                http = await asyncio.to_thread(_open_http, self.egress)
                discovery = Discovery(
                    http, self._endpoints, timeout=self._settings.probe_timeout_seconds
                )
                self._connection = _Connection(http, discovery, self._caller(http))
            return self._connection

    def _caller(self, http: HttpClient) -> Caller:
        def client(endpoint: Endpoint, model: LocalModel) -> ChatClient:
            return client_for(http, endpoint, model)

        return Caller(
            client,
            breakers=self.breakers,
            lanes=self._lanes,
            reply_seconds=self._settings.reply_timeout_seconds,
            queue_seconds=self._settings.reply_timeout_seconds,
            stall_seconds=self._stall_seconds,
        )


def _open_http(egress: EgressPolicy) -> HttpClient:
    from hybrid_coordinator.inference.http import HttpClient

    return HttpClient(egress)


async def _read(request: AskRequest) -> _Job:
    schema = None
    if request.json_schema is not None:
        matches = await asyncio.to_thread(compile_schema, request.json_schema)
        schema = Schema.of(request.json_schema, matches)
    seen = classify(request.prompt)
    chat = ChatRequest(
        messages=build_messages(request),
        max_tokens=request.max_tokens,
        temperature=request.temperature,
        json_schema=request.json_schema,
    )
    return _Job(request, chat, seen, request.task_type or seen.task_type, schema)


def _joined(errors: list[HybridError]) -> HybridError:
    """One error for those of every attempt."""
    if len(errors) == 1 or all(isinstance(error, InvalidArgumentError) for error in errors):
        return errors[-1]
    causes = "every local model failed: " + "; ".join(str(error) for error in errors)
    if all(isinstance(error, ModelUnavailableError) for error in errors):
        return ModelUnavailableError(causes)
    return ModelReplyError(causes)


def _milliseconds_since(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)
