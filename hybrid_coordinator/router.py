"""The router as a library: the models of this machine and a key's, without a coordinator."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from hybrid_coordinator.domain.ask import AskRequest, FileText, Mode
from hybrid_coordinator.domain.interactions import AgentType
from hybrid_coordinator.domain.route import Route, TaskType
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.errors import InvalidArgumentError, StorageError, UnavailableError
from hybrid_coordinator.home import Home
from hybrid_coordinator.settings import Settings, configured_secrets, load_settings

if TYPE_CHECKING:
    from hybrid_coordinator.domain.knowledge import JsonValue
    from hybrid_coordinator.domain.reply import AnswerPiece, AttemptLog, Reply
    from hybrid_coordinator.routing.delegate import Delegate
    from hybrid_coordinator.routing.evidence import Evidence
    from hybrid_coordinator.storage.postgres.attempts import RouteAttempts
    from hybrid_coordinator.storage.postgres.database import Database

_log = logging.getLogger(__name__)
_Choice = TypeVar("_Choice", bound=StrEnum)
_PROJECT = "library"
_MOST_TOKENS = 200_000
_HOTTEST = 2


class Router:
    """Chooses a model for each prompt, asks it, checks the answer, and steps up where needed::

        async with Router() as router:
            reply = await router.ask("Write a docstring for this function: ...")
            print(reply.response, reply.model, reply.confidence)

    With ``storage.database_url`` set, attempts are recorded and learned from, answers are cached,
    and remote models may be asked within the daily budget. Without it nothing is recorded, so
    nothing is spent: the chain ends at the best local model. Answers are found by exact requests
    alone: ``routing.semantic_cache`` is for the coordinator.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        """``settings`` are by default those of ``hybrid.yaml`` and the environment.

        Raises:
            SettingsError: those are off.
        """
        self._home = Home.from_environment()
        self._settings = settings or load_settings(self._home.settings_file)
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._open: _Open | None = None

    async def __aenter__(self) -> Self:
        await self._opened()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; no call may follow."""
        await self._stack.aclose()

    async def ask(
        self,
        prompt: str,
        *,
        task_type: str | None = None,
        mode: str = "single",
        files: Iterable[Path | str] = (),
        system: str | None = None,
        json_schema: Mapping[str, JsonValue] | None = None,
        max_tokens: int = 1024,
        temperature: float = 0.2,
        quality_critical: bool = False,
        prefer_local: bool = True,
        pieces: Callable[[AnswerPiece], None] | None = None,
    ) -> Reply:
        """A checked answer, with every attempt that led to it.

        Args:
            prompt: the job.
            task_type: one of ``TaskType``; worked out from the prompt where it is None.
            mode: "single", "ensemble" (several answers, compared) or "reason" (several steps).
            files: text files, and directories of them, that are sent along without the secrets in
                them; more than a context holds is read in parts.
            system: a system message.
            json_schema: what the answer, which is then JSON, must match.
            max_tokens: the answer's bound, in tokens; 1-200,000.
            temperature: 0-2.
            quality_critical: go to the best tier that is allowed at once.
            prefer_local: False skips the local tiers, where a remote one is allowed.
            pieces: is told what models write, as they write it. A piece of a later attempt begins
                a new answer, so the one that counts is the reply's.

        Raises:
            InvalidArgumentError: a value is off, or no model can hold the prompt.
            ModelUnavailableError: no model answers; the message says how to start one.
            ModelReplyError: no model gave a usable answer.
            RecordUnavailableError: ``storage.database_url`` is set, and nobody answers there.
        """
        _check(prompt, max_tokens, temperature)
        request = AskRequest(
            prompt=prompt,
            task_type=None if task_type is None else _one_of(TaskType, "task_type", task_type),
            mode=_one_of(Mode, "mode", mode),
            files=await asyncio.to_thread(_read, tuple(files)),
            system=system,
            json_schema=json_schema,
            max_tokens=max_tokens,
            temperature=temperature,
            quality_critical=quality_critical,
            prefer_local=prefer_local,
        )
        opened = await self._opened()
        from hybrid_coordinator.routing.course import telling

        listen = None if pieces is None else telling(pieces)
        reply, log = await opened.delegate.ask(
            request, project=_PROJECT, session=_PROJECT, listen=listen
        )
        await opened.record(log)
        return reply

    async def route(self, prompt: str | Sequence[Mapping[str, object]]) -> Route:
        """Where a prompt, or a chat's messages, would go now, and why. Calls no model."""
        delegate = (await self._opened()).delegate
        return await delegate.route(prompt, agent_type=AgentType.REMOTE)

    async def _opened(self) -> _Open:
        async with self._opening:
            if self._open is None:
                self._open = await self._start()
            return self._open

    async def _start(self) -> _Open:
        from hybrid_coordinator.routing.delegate import Delegate
        from hybrid_coordinator.routing.evidence import Evidence
        from hybrid_coordinator.routing.planning import Planner
        from hybrid_coordinator.storage.postgres.attempts import RouteAttempts

        settings = self._settings
        async with AsyncExitStack() as stack:
            database = await self._connect(stack)
            attempts = None if database is None else RouteAttempts(database)
            evidence = Evidence(attempts)
            await evidence.refresh()
            planner = Planner(lambda: settings.routing, self._home.rules_file, evidence)
            delegate = Delegate(settings, planner, Scrubber(configured_secrets(settings)), database)
            stack.push_async_callback(delegate.close)
            stack.push_async_callback(_cancelled, asyncio.create_task(planner.run()))
            self._stack.push_async_callback(stack.pop_all().aclose)
        return _Open(delegate, attempts, evidence)

    async def _connect(self, stack: AsyncExitStack) -> Database | None:
        url = self._settings.storage.database_url
        if url is None:
            return None
        from hybrid_coordinator.storage.postgres.database import Database
        from hybrid_coordinator.storage.postgres.migrate import migrate

        seconds = self._settings.storage.timeout_seconds
        database = await Database.connect(url.get_secret_value(), timeout=seconds)
        stack.push_async_callback(database.close)
        await migrate(database)
        return database


@dataclass(frozen=True, slots=True)
class _Open:
    """What is there from the first call on. Without ``attempts`` nothing is recorded."""

    delegate: Delegate
    attempts: RouteAttempts | None
    evidence: Evidence

    async def record(self, log: AttemptLog) -> None:
        if self.attempts is None:
            return
        try:
            await self.attempts.add(_PROJECT, log)
        except (UnavailableError, StorageError):
            # The answer is worth more than what would be learned from it.
            _log.warning("the attempts of an answer could not be recorded", exc_info=True)
        else:
            self.evidence.mark_stale()


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


def _check(prompt: str, max_tokens: int, temperature: float) -> None:
    if not prompt.strip():
        raise InvalidArgumentError("prompt", "is empty; say what to do")
    if not 1 <= max_tokens <= _MOST_TOKENS:
        raise InvalidArgumentError("max_tokens", f"{max_tokens} is not in 1 to {_MOST_TOKENS:,}")
    if not 0 <= temperature <= _HOTTEST:
        raise InvalidArgumentError("temperature", f"{temperature:g} is not in 0 to {_HOTTEST}")


def _one_of(kind: type[_Choice], field: str, given: str) -> _Choice:
    try:
        return kind(given)
    except ValueError as error:
        allowed = ", ".join(kind)
        raise InvalidArgumentError(field, f"{given!r} is none of: {allowed}") from error


def _read(paths: Sequence[Path | str]) -> tuple[FileText, ...]:
    from hybrid_coordinator.knowledge.code.given import read_given

    return read_given([str(path) for path in paths], Path.cwd(), None)
