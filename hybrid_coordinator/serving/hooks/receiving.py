"""The coordinator's side of a hook: one event, one answer, and no MCP server for it.

After the greetings, as lines: the event; ``stored`` once it is durable; for a prompt the JSON that
the hook prints; ``shown`` once it has. A connection that closes before ``stored`` says that the
event belongs into the inbox.
"""

from __future__ import annotations

import asyncio
import json
import logging

from hybrid_coordinator.composition import Engines
from hybrid_coordinator.domain.captured import CapturedEvent
from hybrid_coordinator.errors import HybridError, InvalidArgumentError
from hybrid_coordinator.serving.hooks.hook import SHOWN, STORED

_log = logging.getLogger(__name__)

_CONTEXT_SECONDS = 0.05
"""A hook waits no longer than this."""
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
    injected = None if event is None else await _context(engines, event)
    if event is None or injected is None:
        return
    text, showing_id = injected
    told = {"hookEventName": "UserPromptSubmit", "additionalContext": text}
    writer.write(json.dumps({"hookSpecificOutput": told}).encode() + b"\n")
    await writer.drain()
    # Only what was seen can have helped.
    if showing_id is not None and await _shown(reader):
        await coordinator.learning.capture.shown(event, showing_id)


async def _context(engines: Engines, event: CapturedEvent) -> tuple[str, str | None] | None:
    coordinator = await engines.get()
    try:
        async with asyncio.timeout(_CONTEXT_SECONDS):
            return await coordinator.inject(event)
    except (HybridError, TimeoutError):
        return None  # a prompt goes on without


async def _shown(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(_SHOWN_SECONDS):
            return await reader.readline() == SHOWN
    except TimeoutError:
        return False
