"""The coordinator's side of a hook: one event, one answer, and no MCP server for it.

After the greetings, as lines: the event; ``stored`` once it is durable; for a prompt the JSON that
the hook prints; ``shown`` once it has. A connection that closes before ``stored`` says that the
event belongs into the inbox.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Coroutine

from hybrid_coordinator.composition import Engines
from hybrid_coordinator.errors import HybridError, InvalidArgumentError
from hybrid_coordinator.serving.hooks.hook import SHOWN, STORED

_log = logging.getLogger(__name__)

Injected = tuple[str, str | None]
"""A context, and the id of its showing."""

_SHOWN_SECONDS = 10.0
"""For the hook's word that the context was printed. It comes at once, or never."""


async def receive(
    engines: Engines, line: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Serve the connection of one hook, whose event is ``line``."""
    if engines.state() != "up" or not line:
        return  # the hook has no time to wait
    coordinator = await engines.get()
    try:
        event = await coordinator.learning.capture.take(line)
    except InvalidArgumentError as error:
        _log.warning("a hook told what is no event: %s", error)
        return
    except HybridError:
        _log.warning("an event could not be stored", exc_info=True)
        return
    writer.write(STORED)
    await writer.drain()
    injected = None if event is None else await _context(coordinator.inject(event), reader)
    if event is None or injected is None:
        return
    text, showing_id = injected
    told = {"hookEventName": "UserPromptSubmit", "additionalContext": text}
    writer.write(json.dumps({"hookSpecificOutput": told}).encode() + b"\n")
    await writer.drain()
    # Only what was seen can have helped.
    if showing_id is not None and await _shown(reader):
        await coordinator.learning.capture.shown(event, showing_id)


async def _context(
    finding: Coroutine[None, None, Injected | None], reader: asyncio.StreamReader
) -> Injected | None:
    """What is found, unless the hook hangs up first: it waits no longer then."""
    found = asyncio.ensure_future(finding)
    gone = asyncio.ensure_future(reader.read(1))
    try:
        await asyncio.wait((found, gone), return_when=asyncio.FIRST_COMPLETED)
        return found.result() if found.done() else None
    except HybridError:
        return None  # a prompt goes on without
    finally:
        for task in (found, gone):
            task.cancel()
        await asyncio.gather(found, gone, return_exceptions=True)


async def _shown(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(_SHOWN_SECONDS):
            return await reader.readline() == SHOWN
    except TimeoutError:
        return False
