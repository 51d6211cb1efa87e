"""The router as a library: the models of this machine and a key's, without a coordinator."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from hybrid_coordinator.domain.ask import AskRequest, FileText, Mode
from hybrid_coordinator.domain.interactions import AgentType
from hybrid_coordinator.domain.route import Route, TaskType
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.home import Home
from hybrid_coordinator.settings import Settings, configured_secrets, load_settings

if TYPE_CHECKING:
    from hybrid_coordinator.domain.knowledge import JsonValue
    from hybrid_coordinator.domain.reply import Reply
    from hybrid_coordinator.routing.delegate import Delegate
    from hybrid_coordinator.storage.postgres.database import Database

_Choice = TypeVar("_Choice", bound=StrEnum)
_PROJECT = "library"


class Router:
    """Chooses a model for each prompt, asks it, checks the answer, and steps up where needed::

        async with Router() as router:
            reply = await router.ask("Write a docstring for this function: ...")
            print(reply.response, reply.model, reply.confidence)

    With ``storage.database_url`` set, attempts are recorded and learned from, answers are cached,
    and remote models may be asked within the daily budget. Without it nothing is recorded, so
    nothing is spent: the chain ends at the best local model.
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
        self._delegate: Delegate | None = None

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
    ) -> Reply:
        """A checked answer, with every attempt that led to it.

        Args:
            prompt: the job.
            task_type: one of ``TaskType``; worked out from the prompt where it is None.
            mode: "single", "ensemble" (several answers, compared) or "reason" (several steps).
            files: text files that are sent along.
            system: a system message.
            json_schema: what the answer, which is then JSON, must match.
            max_tokens: the answer's bound, in tokens.
            temperature: 0-2.
            quality_critical: go to the best tier that is allowed at once.
            prefer_local: False skips the local tiers, where a remote one is allowed.

        Raises:
            InvalidArgumentError: a value is off, or no model can hold the prompt.
            ModelUnavailableError: no model answers; the message says how to start one.
            ModelReplyError: no model gave a usable answer.
        """
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
        reply, _ = await (await self._opened()).ask(request, project=_PROJECT, session=_PROJECT)
        return reply

    async def route(self, prompt: str | Sequence[Mapping[str, object]]) -> Route:
        """Where a prompt, or a chat's messages, would go now, and why. Calls no model."""
        return await (await self._opened()).route(prompt, agent_type=AgentType.REMOTE)

    async def _opened(self) -> Delegate:
        async with self._opening:
            if self._delegate is None:
                self._delegate = await self._open()
            return self._delegate

    async def _open(self) -> Delegate:
        from hybrid_coordinator.routing.delegate import Delegate
        from hybrid_coordinator.routing.evidence import Evidence
        from hybrid_coordinator.routing.planning import Planner
        from hybrid_coordinator.storage.postgres.attempts import RouteAttempts

        settings = self._settings
        database = await self._record()
        evidence = None
        if database is not None:
            evidence = Evidence(RouteAttempts(database))
            await evidence.refresh()
        planner = Planner(lambda: settings.routing, self._home.rules_file, evidence)
        delegate = Delegate(settings, planner, Scrubber(configured_secrets(settings)), database)
        self._stack.push_async_callback(delegate.close)
        return delegate

    async def _record(self) -> Database | None:
        url = self._settings.storage.database_url
        if url is None:
            return None
        from hybrid_coordinator.storage.postgres.database import Database
        from hybrid_coordinator.storage.postgres.migrate import migrate

        seconds = self._settings.storage.timeout_seconds
        database = await Database.connect(url.get_secret_value(), timeout=seconds)
        self._stack.push_async_callback(database.close)
        await migrate(database)
        return database


def _one_of(kind: type[_Choice], field: str, given: str) -> _Choice:
    try:
        return kind(given)
    except ValueError as error:
        allowed = ", ".join(kind)
        raise InvalidArgumentError(field, f"{given!r} is none of: {allowed}") from error


def _read(paths: Sequence[Path | str]) -> tuple[FileText, ...]:
    texts = []
    for path in paths:
        try:
            texts.append(FileText(str(path), Path(path).read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidArgumentError("files", f"{path} cannot be read: {error}") from error
    return tuple(texts)
