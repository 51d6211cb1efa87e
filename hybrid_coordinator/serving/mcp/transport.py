"""The socket transport: MCP's newline-delimited JSON-RPC over one connection.

The lines are those of MCP's stdio transport (specification 2025-06-18, Transports), preceded by
one greeting line each way: who is calling, and that the call is taken up.
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from typing import Any

import anyio
import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.shared.message import SessionMessage
from pydantic import ValidationError

from hybrid_coordinator import __version__
from hybrid_coordinator.serving.launch import MAX_LINE_BYTES

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who opened a connection. ``directory`` is where the agent works, None if not told.
    ``captures``: a hook, that has an event to tell and speaks no MCP."""

    version: str | None
    directory: str | None
    captures: bool = False


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[Caller, bytes]:
    """Read the connection's greeting and answer it. Returns who is calling, and the first line
    behind the greeting (empty at the end of input).

    A client that sends no greeting gets none, and is served all the same: its first line is its
    first message.
    """
    line = await _read_line(reader)
    try:
        greeting = json.loads(line).get("hybrid_coordinator")
    except (ValueError, AttributeError, RecursionError):
        greeting = None
    if not isinstance(greeting, dict):
        return Caller(None, None), line
    version, directory = greeting.get("version"), greeting.get("cwd")
    caller = Caller(
        version if isinstance(version, str) else None,
        directory if isinstance(directory, str) else None,
        greeting.get("captures") is True,
    )
    writer.write(json.dumps({"hybrid_coordinator": {"version": __version__}}).encode() + b"\n")
    await writer.drain()
    return caller, await _read_line(reader)


async def serve(
    server: Server[Any], first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Serve one connection until the peer closes it."""
    to_server, inbound = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outbound, from_server = anyio.create_memory_object_stream[SessionMessage](0)

    async def read() -> None:
        line = first
        async with to_server:
            while line:
                if line.strip():
                    message = _parse(line)
                    if isinstance(message, types.JSONRPCError):
                        await _write(writer, message)
                    else:
                        await to_server.send(SessionMessage(message))
                line = await _read_line(reader)

    async def write() -> None:
        async with from_server:
            async for message in from_server:
                await _write(writer, message.message)

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        group.start_soon(write)
        await server.run(inbound, outbound, server.create_initialization_options())
        group.cancel_scope.cancel()


async def _read_line(reader: asyncio.StreamReader) -> bytes:
    try:
        line = await reader.readuntil(b"\n")
    except asyncio.LimitOverrunError:
        _log.warning("closing a connection that sent a line of over %d bytes", MAX_LINE_BYTES)
        return b""
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""  # the peer is gone; half a message is none
    return line


async def _write(writer: asyncio.StreamWriter, message: types.JSONRPCMessage) -> None:
    writer.write(message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")
    await writer.drain()


def _parse(line: bytes) -> types.JSONRPCMessage:
    """The message of a line, or the error that answers a line which is none."""
    try:
        return types.jsonrpc_message_adapter.validate_json(line, by_name=False)
    except ValidationError as error:
        return _refusal(line, error)


def _refusal(line: bytes, cause: ValidationError) -> types.JSONRPCError:
    """What answers a malformed line, with its id where one can be made out."""
    try:
        content = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = types.ErrorData(code=types.PARSE_ERROR, message=f"not JSON we can read: {error}")
        return types.JSONRPCError(jsonrpc="2.0", id=None, error=reason)
    identifier = content.get("id") if isinstance(content, dict) else None
    place = _lone_surrogate(content)
    if place is not None:
        reason = types.ErrorData(
            code=types.INVALID_PARAMS,
            message=f"{place}: holds half of a surrogate pair, which is no character; send "
            "well-formed Unicode",
        )
    else:
        first = cause.errors(include_url=False, include_input=False)[0]
        reason = types.ErrorData(
            code=types.INVALID_REQUEST, message=f"not a JSON-RPC 2.0 message: {first['msg']}"
        )
    return types.JSONRPCError(
        jsonrpc="2.0", id=identifier if isinstance(identifier, int | str) else None, error=reason
    )


def _lone_surrogate(value: object, place: str = "message") -> str | None:
    """Where in a JSON value a string that is not Unicode stands, as ``params.arguments.query``."""
    pending: list[tuple[object, str]] = [(value, "")]
    while pending:
        current, path = pending.pop()
        if isinstance(current, str):
            try:
                current.encode()
            except UnicodeEncodeError:
                return path.lstrip(".") or place
        elif isinstance(current, dict):
            pending.extend((item, f"{path}.{key}") for key, item in current.items())
            pending.extend((key, f"{path}.(a name)") for key in current)
        elif isinstance(current, list):
            pending.extend((item, f"{path}[{number}]") for number, item in enumerate(current))
    return None
