"""An agent's session over a real bridge, many of them in one event loop, and what each was told
was stored."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.main_job import CHECKOUT, QUESTIONS

_PATIENCE = 60.0
"""Seconds until an answer that does not come is a failure of the run."""
_LINE = 64 * 1024 * 1024


class RefusedError(Exception):
    """The answer was an error."""


class Agent:
    """One session. Use as an async context manager."""

    def __init__(self, home: Path, directory: Path) -> None:
        self._home, self._directory = home, directory
        self._ids = itertools.count(1)

    async def __aenter__(self) -> Agent:
        self._process = await asyncio.create_subprocess_exec(
            str(CHECKOUT / "server.py"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=self._directory,
            env={**os.environ, "HYBRID_HOME": str(self._home)},
            limit=_LINE,
        )
        await self.request(
            "initialize",
            {
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": {"name": "load", "version": "1"},
            },
        )
        await self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await asyncio.wait_for(self._process.wait(), _PATIENCE)

    async def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        await self._process.stdin.drain()

    async def request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The result.

        Raises:
            RefusedError: the answer is an error.
            TimeoutError: none came.
        """
        assert self._process.stdout is not None
        number = next(self._ids)
        await self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        async with asyncio.timeout(_PATIENCE):
            while True:
                answer = json.loads(await self._process.stdout.readline())
                if answer.get("id") == number:
                    break
        if "error" in answer or answer["result"].get("isError"):
            raise RefusedError(json.dumps(answer)[:300])
        return answer["result"]

    async def tool(self, name: str, **arguments: Any) -> dict[str, Any]:
        result = await self.request("tools/call", {"name": name, "arguments": arguments})
        return result["structuredContent"]


@dataclass
class Told:
    """What agents were told: interactions that are stored, outcomes that are, and how long
    `augment_query` took, in ms, with the moment of each."""

    interactions: set[str] = field(default_factory=set)
    outcomes: set[str] = field(default_factory=set)
    asked: list[tuple[float, float]] = field(default_factory=list)
    refused: list[tuple[float, str]] = field(default_factory=list)


Doing = Callable[[Agent, int, Told], Awaitable[None]]


async def ask(agent: Agent, number: int, told: Told) -> list[str]:
    """Time one `augment_query`; returns the ids of what it showed."""
    began = time.monotonic()
    found = await agent.tool("augment_query", query=QUESTIONS[number % len(QUESTIONS)])
    told.asked.append((began, (time.monotonic() - began) * 1000))
    return found["context_ids"]


async def work(agent: Agent, number: int, told: Told) -> None:
    """One task: a question, the answer, how it went."""
    await write(agent, number, told, await ask(agent, number, told))


async def write(agent: Agent, number: int, told: Told, shown: Sequence[str] = ()) -> None:
    """What came of a task, and how it went."""
    report = {
        "query": f"Fix the TypeError in parser {number} when its input is empty",
        "response": "1. Read the parser.\n2. Handle the empty case first. The tests pass.",
        "agent_type": "remote",
        "model_used": "load",
        "context_ids": list(shown),
    }
    key = (await agent.tool("track_interaction", **report))["interaction_id"]
    told.interactions.add(key)
    await agent.tool("update_outcome", interaction_id=key, outcome="success", user_feedback=1)
    told.outcomes.add(key)


async def keep(
    doing: Doing, agent: Agent, first: int, told: Told, until: float, pause: float
) -> None:
    """Task after task until the monotonic moment ``until``, with ``pause`` seconds between them on
    average: drawn, since sessions that pause for just as long would go on in step for ever, once
    they all waited for the same. What is refused is noted, and the session goes on."""
    draw = random.Random(first)
    for number in itertools.count(first):
        if time.monotonic() >= until:
            return
        try:
            await doing(agent, number, told)
        except RefusedError as error:
            told.refused.append((time.monotonic(), str(error)))
        await asyncio.sleep(draw.uniform(0.5, 1.5) * pause)
