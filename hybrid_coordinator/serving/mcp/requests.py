"""What handlers of the command line's requests take and give."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from mcp.server.context import ServerRequestContext

Json = dict[str, Any]
"""A JSON object at the protocol's edge."""

Context = ServerRequestContext[Any, Any]
Handler = Callable[[Context, Any], Awaitable[Json]]
