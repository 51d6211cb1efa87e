"""One answer from one model: bounded in time, measured, and refused where it is unusable."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing

from hybrid_coordinator.domain.tokens import estimate_tokens
from hybrid_coordinator.errors import EmptyAnswerError, ModelReplyError, ModelUnavailableError
from hybrid_coordinator.inference.characters import WholeCharacters
from hybrid_coordinator.inference.chat import (
    ChatClient,
    ChatRequest,
    Finish,
    Generation,
    Piece,
)
from hybrid_coordinator.inference.thinking import ThinkingSplitter, split_thinking

STALL_SECONDS = 60.0
"""A model that has begun and then gives no token for this long has hung."""
_LEAST_SECONDS = 1e-6
_CUT_RATIO = 3
_CUT_LEAST_TOKENS = 1000
"""Real text never takes a third of the estimated tokens, so a count below that means a cut
prompt; short prompts are too noisy to tell."""


class _Answer:
    """What has arrived so far."""

    def __init__(self) -> None:
        self.started = time.perf_counter()
        self.first_at: float | None = None
        self.pieces = 0
        self.finish: Finish | None = None
        self._text: list[str] = []
        self._thinking: list[str] = []

    def add(self, piece: Piece) -> None:
        if self.first_at is None:
            self.first_at = time.perf_counter()
        self.pieces += 1
        self._text.append(piece.text)
        self._thinking.append(piece.thinking)

    def text_and_thinking(self) -> tuple[str, str]:
        text, inline = split_thinking("".join(self._text))
        return text, "".join(self._thinking) + inline


async def generate(
    client: ChatClient,
    request: ChatRequest,
    *,
    name: str,
    reply_seconds: float,
    stall_seconds: float = STALL_SECONDS,
    on_piece: Callable[[Piece], None] | None = None,
) -> Generation:
    """Have the model answer. ``name`` says which one, in messages.

    ``on_piece`` is called with each piece as it comes, thinking told from text. An answer may
    still turn out to be an error after pieces of it were passed on, and the text that counts is
    the one that is returned.

    Raises:
        PromptTooLongError: the prompt does not fit.
        InvalidArgumentError: the schema is no use to the server.
        ModelUnavailableError: the server does not answer, or gives no token in
            ``reply_seconds``; ModelBusyError: it takes no work now; ModelLoadingError: not yet.
        ModelReplyError: the answer is an error, is cut or empty, the model refuses to give one,
            it stalls for ``stall_seconds``, or is not finished in ``reply_seconds``.
    """
    answer, whole = _Answer(), WholeCharacters()
    show = _Show(on_piece, unopened=client.thinks and request.thinking)
    try:
        async with asyncio.timeout(reply_seconds) as bound:
            deadline = bound.when() or 0.0
            async with aclosing(client.stream(request)) as parts:
                async for part in parts:
                    if isinstance(part, Finish):
                        answer.finish = part
                        continue
                    piece = whole.feed(part)
                    answer.add(piece)
                    show(piece)
                    now = asyncio.get_running_loop().time()
                    bound.reschedule(min(deadline, now + stall_seconds))
    except TimeoutError as error:
        raise _too_late(answer, name, reply_seconds, stall_seconds) from error
    show.rest()
    return _measured(answer, request, name)


class _Show:
    """Passes pieces on, with the thinking that a server leaves in the text told from it."""

    def __init__(self, on_piece: Callable[[Piece], None] | None, *, unopened: bool) -> None:
        self._on_piece = on_piece
        self._splitter = ThinkingSplitter(unopened=unopened)

    def __call__(self, piece: Piece) -> None:
        if self._on_piece is None:
            return
        if piece.thinking:
            self._pass(self._splitter.plain())
            self._on_piece(Piece(thinking=piece.thinking))
        if piece.text:
            self._pass(self._splitter.feed(piece.text))

    def rest(self) -> None:
        """Pass on what was held back."""
        if self._on_piece is not None:
            self._pass(self._splitter.finish())

    def _pass(self, piece: Piece | None) -> None:
        if piece is not None and self._on_piece is not None:
            self._on_piece(piece)


def _too_late(
    answer: _Answer, name: str, reply_seconds: float, stall_seconds: float
) -> ModelUnavailableError | ModelReplyError:
    longer = "raise inference.reply_timeout_seconds, lower max_tokens or use a smaller model"
    if answer.first_at is None:
        return ModelUnavailableError(f"{name} gave no token within {reply_seconds:g} s; {longer}")
    elapsed = time.perf_counter() - answer.started
    if elapsed < reply_seconds:
        return ModelReplyError(
            f"{name} stalled: no token for {stall_seconds:g} s after {answer.pieces}"
        )
    return ModelReplyError(f"{name} was not done within {reply_seconds:g} s; {longer}")


def _measured(answer: _Answer, request: ChatRequest, name: str) -> Generation:
    finish = answer.finish
    text, thinking = answer.text_and_thinking()
    if finish is None or answer.first_at is None or finish.reason == "refusal" or not text.strip():
        raise EmptyAnswerError(
            _nothing_because(finish, thinking, request, name),
            tokens_in=None if finish is None else finish.tokens_in,
            tokens_out=None if finish is None else finish.tokens_out,
        )
    notices = list(finish.notices)
    tokens_in, tokens_out = finish.tokens_in, finish.tokens_out
    if tokens_in is None or tokens_out is None:
        notices.append(f"{name} reported no usage; token counts are estimates")
        tokens_in = request.estimated_tokens if tokens_in is None else tokens_in
        tokens_out = estimate_tokens(text + thinking) if tokens_out is None else tokens_out
    elif request.estimated_tokens > max(_CUT_LEAST_TOKENS, _CUT_RATIO * tokens_in):
        notices.append(
            f"{name} counted {tokens_in} tokens in a prompt of about "
            f"{request.estimated_tokens}: it may have been cut"
        )
    if finish.reason == "length":
        notices.append(
            f"the answer is cut: it ended at a bound after {tokens_out} tokens; raise max_tokens"
        )
    sent = tokens_out - finish.hidden_tokens
    seconds = finish.generation_seconds or time.perf_counter() - answer.first_at
    return Generation(
        text=text,
        finish_reason=finish.reason,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        tokens_per_second=sent / seconds if seconds > _LEAST_SECONDS and sent > 1 else None,
        first_token_ms=round((answer.first_at - answer.started) * 1000),
        notices=tuple(notices),
        cached_in=finish.cached_in,
        written_in=finish.written_in,
    )


def _nothing_because(finish: Finish | None, thinking: str, request: ChatRequest, name: str) -> str:
    if finish is not None and finish.reason == "refusal":
        # What came before the refusal is not meant to be used.
        return f"{name} refused to answer; ask for it in other words, or elsewhere"
    if thinking.strip() or (finish is not None and finish.hidden_tokens):
        if finish is not None and finish.reason == "length":
            spent = finish.tokens_out or request.max_tokens
            return (
                f"{name} spent all {spent} tokens on thinking and never came to an "
                "answer; raise max_tokens"
            )
        return f"{name} thought, and gave no answer"
    return f"{name} gave an empty answer"
