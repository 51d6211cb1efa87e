"""`hybrid/piece`: what a model writes, sent to the command line as it is written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from itertools import groupby
from typing import Any, Literal, cast

import mcp_types as types
from mcp.server.context import ServerRequestContext

from hybrid_coordinator.domain.reply import AnswerPiece

Json = dict[str, Any]
"""A JSON object at the protocol's edge."""


class PieceNotification(types.Notification[Json, Literal["hybrid/piece"]]):
    """An ``AnswerPiece``, and the id of the request that it belongs to."""

    method: Literal["hybrid/piece"] = "hybrid/piece"


@asynccontextmanager
async def pieces_to(
    context: ServerRequestContext[Any, Any],
) -> AsyncIterator[Callable[[AnswerPiece], None]]:
    """What sends pieces to the client of a request. All of them are sent when the body ends, and
    those that wait for a slow client go in one message."""
    waiting: asyncio.Queue[AnswerPiece | None] = asyncio.Queue()

    async def send() -> None:
        while True:
            taken = [await waiting.get()]
            while not waiting.empty():
                taken.append(waiting.get_nowait())
            for piece in _joined(piece for piece in taken if piece is not None):
                await _notify(context, piece)
            if taken[-1] is None:
                return

    sender = asyncio.create_task(send())
    try:
        yield waiting.put_nowait
        waiting.put_nowait(None)
        await sender
    finally:
        sender.cancel()
        await asyncio.gather(sender, return_exceptions=True)


def _joined(pieces: Iterable[AnswerPiece]) -> Iterator[AnswerPiece]:
    for _, group in groupby(pieces, key=lambda piece: piece.attempt):
        first, *more = group
        yield replace(
            first,
            text=first.text + "".join(piece.text for piece in more),
            thinking=first.thinking + "".join(piece.thinking for piece in more),
        )


async def _notify(context: ServerRequestContext[Any, Any], piece: AnswerPiece) -> None:
    notification = PieceNotification(params={"requestId": context.request_id, **asdict(piece)})
    # The session sends any notification; its signature lists those of the protocol.
    await context.session.send_notification(
        cast("types.ServerNotification", notification), related_request_id=context.request_id
    )
