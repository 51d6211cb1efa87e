"""The daily budget for remote calls: money is set aside before a call, and put right after it."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from hybrid_coordinator.domain.tokens import estimate_tokens
from hybrid_coordinator.errors import (
    BudgetExceededError,
    ConnectionCutError,
    EmptyAnswerError,
    HybridError,
    ModelBusyError,
    StorageError,
    UnavailableError,
    UnknownPriceError,
)
from hybrid_coordinator.inference.chat import ChatRequest, Generation, Piece
from hybrid_coordinator.inference.prices import Price, Prices
from hybrid_coordinator.inference.thinking import THINKING_TOKENS
from hybrid_coordinator.settings import RemoteSettings
from hybrid_coordinator.storage.postgres.spend import DaySpend, Spend

_PROMPT_MARGIN = 2
"""The estimate is on the safe side for most texts, not for all: a tokenizer may make a token of
each two bytes of a rare script or of a schema's punctuation."""
_log = logging.getLogger(__name__)


def _utc_now() -> dt.datetime:
    return dt.datetime.now(tz=dt.UTC)


def most_of(price: Price, chat: ChatRequest) -> float:
    """The most USD that a call can cost; a remote model may think before it answers."""
    return price.most(_PROMPT_MARGIN * chat.estimated_tokens, chat.max_tokens + THINKING_TOKENS)


class Reservation:
    """Money set aside for one call. ``cost_usd`` is what it came to, once that is known."""

    def __init__(self, price: Price, chat: ChatRequest) -> None:
        self._price = price
        self._chat = chat
        self._came: list[str] = []
        self.cost_usd: float | None = None

    def saw(self, piece: Piece) -> None:
        """Take note of a piece of the answer, as it comes."""
        self._came += (piece.text, piece.thinking)

    def came_to(self, generation: Generation) -> float:
        """Take note of the finished answer: USD, by the provider's own counts."""
        self.cost_usd = self._price.cost_of(
            generation.tokens_in,
            generation.tokens_out,
            cached_in=generation.cached_in,
            written_in=generation.written_in,
        )
        return self.cost_usd

    def broke(self, error: BaseException) -> None:
        """Take note of a call that failed. Providers bill no request that they refuse or never
        got; they bill the prompt and what they generated of one that was begun, thinking that they
        do not send and an empty answer included. So where a piece came, or nobody can know (a
        timeout, a connection that broke, a caller who went away), the prompt and what came are
        charged, by the provider's counts where there are some and else by estimates on the safe
        side; otherwise nothing is."""
        tokens_in, tokens_out = None, None
        if isinstance(error, EmptyAnswerError):
            tokens_in, tokens_out = error.tokens_in, error.tokens_out
        elif not self._came and _is_not_billed(error):
            return
        if tokens_in is None:
            tokens_in = self._chat.estimated_tokens
        if tokens_out is None:
            tokens_out = estimate_tokens("".join(self._came))
        self.cost_usd = self._price.cost_of(tokens_in, tokens_out)


def _is_not_billed(error: BaseException) -> bool:
    """Whether the provider refused a request, or never got it."""
    if isinstance(error, ModelBusyError):
        return True
    cut_off = isinstance(error, ConnectionCutError) or isinstance(error.__cause__, TimeoutError)
    return isinstance(error, HybridError) and not cut_off


class Budget:
    """What may be spent on remote calls a day, in UTC.

    The record arbitrates: several processes cannot spend more together, and a restart forgets
    nothing. What a killed process had set aside stays counted for its day. Local calls cost
    nothing and never come here.
    """

    def __init__(
        self,
        spend: Spend,
        settings: RemoteSettings,
        prices: Prices,
        clock: Callable[[], dt.datetime] = _utc_now,
    ) -> None:
        self._spend = spend
        self._daily_usd = settings.daily_budget_usd
        self._prices = prices
        self._clock = clock

    @asynccontextmanager
    async def reserve(self, model: str, chat: ChatRequest) -> AsyncIterator[Reservation]:
        """Set aside the most that a call can cost, for the body, which makes the call, hands the
        pieces to ``saw`` and the answer to ``came_to``. Where the body raises, the call is charged
        by what came of it.

        Raises:
            UnknownPriceError: nobody knows what ``model`` costs.
            BudgetExceededError: what is left of the day's budget does not hold the call.
            RecordUnavailableError: the record does not answer; no call may be made.
        """
        price = self._prices.price_of(model)
        if price is None and self._daily_usd > 0:
            raise UnknownPriceError(
                f"no price of {model} is known, so the daily budget cannot count it; set "
                "remote.prices to its USD for a million tokens in and out"
            )
        day = self._clock().date()
        most = 0.0 if price is None else most_of(price, chat)
        number = None
        if price is not None and self._daily_usd > 0:
            number = await self._spend.reserve(day, model, most, self._daily_usd)
        if price is None or number is None:
            raise await self._exceeded(model, day, most)
        reservation = Reservation(price, chat)
        try:
            yield reservation
        except BaseException as error:
            reservation.broke(error)
            raise
        finally:
            # A caller who goes away now must not leave it open.
            await asyncio.shield(self._close(number, reservation))

    async def spent_today(self) -> float:
        """USD spent and set aside since midnight UTC."""
        return await self._spend.spent(self._clock().date())

    async def by_day_and_model(self, days: int) -> list[DaySpend]:
        """The figures of today and the days before it, ``days`` in all, newest first."""
        return await self._spend.by_day_and_model(
            self._clock().date() - dt.timedelta(days=days - 1)
        )

    async def _close(self, number: int, reservation: Reservation) -> None:
        try:
            if reservation.cost_usd is None:
                await self._spend.release(number)
            else:
                await self._spend.settle(number, reservation.cost_usd)
        except (UnavailableError, StorageError):
            # The answer is worth more than the difference; the most it can cost stays counted.
            _log.warning("what a remote call cost could not be recorded", exc_info=True)

    async def _exceeded(self, model: str, day: dt.date, most: float) -> BudgetExceededError:
        setting = "remote.daily_budget_usd"
        if self._daily_usd == 0:
            return BudgetExceededError(f"{setting} is 0, so no remote model is called")
        spent = await self._spend.spent(day)
        midnight = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), dt.UTC)
        minutes = int((midnight - self._clock()).total_seconds() // 60)
        return BudgetExceededError(
            f"{model} may cost up to ${most:.4f} for this, and ${spent:.2f} of today's "
            f"${self._daily_usd:.2f} is spent or set aside; the budget starts anew at midnight "
            f"UTC, in {minutes // 60} h {minutes % 60} min, or raise {setting}"
        )
