"""What was used, what it cost and what was saved; and what usage would come to."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

from hybrid_coordinator.domain.saving import (
    AssumedUsage,
    DayCost,
    Mix,
    Simulation,
    day_cost,
    project,
)
from hybrid_coordinator.domain.usage import (
    Calls,
    DayCalls,
    DayUse,
    LoggedAttempt,
    LogPlace,
    Money,
    Spent,
    UsageReport,
)
from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.inference.prices import Price, Prices, load_prices
from hybrid_coordinator.settings import RemoteSettings
from hybrid_coordinator.storage.postgres.spend import DaySpend, Spend
from hybrid_coordinator.storage.postgres.usage import CallFigures, UsageRecords

REFERENCE = "claude-sonnet-5-5"
"""What local answers are compared with where no remote model is configured."""

_SPANS = (30, 365)


def _utc_now() -> dt.datetime:
    return dt.datetime.now(tz=dt.UTC)


class Reports:
    """Figures for people. Days are in UTC, as the budget's are."""

    def __init__(
        self,
        usage: UsageRecords,
        spend: Spend,
        settings: Callable[[], RemoteSettings],
        clock: Callable[[], dt.datetime] = _utc_now,
    ) -> None:
        self._usage = usage
        self._spend = spend
        self._settings = settings
        self._clock = clock

    async def usage(self, project: str | None, days: int) -> UsageReport:
        """The last ``days`` days, today included; money of all projects."""
        since = self.since(days)
        calls, ledger, money = await self._summed(project, since)
        return UsageReport(
            days=days,
            total=calls.total,
            by_day=_days(self.span(days), calls, ledger),
            tiers=calls.tiers,
            task_types=calls.task_types,
            models=await self._usage.models(project, since),
            money=money,
        )

    async def total(self, project: str | None, days: int) -> tuple[Calls, Money]:
        """All calls of ``usage``, and its money; without what takes half of its time."""
        calls, _, money = await self._summed(project, self.since(days))
        return calls.total, money

    async def simulate(self, given: AssumedUsage, of: str | None, days: int) -> Simulation:
        """A month and a year of the given usage; what is not given is as in the last ``days``
        days of the record, of one project or all of them.

        Raises:
            InvalidArgumentError: something is not given and not recorded either, or the price of
                the model is unknown.
        """
        settings = self._settings()
        prices = await self._prices(settings)
        model = given.model or _reference(settings)
        price = prices.price_of(model)
        if price is None:
            known = ", ".join(sorted(prices.shipped)[:5])
            raise InvalidArgumentError(
                "model",
                f"the price of {model} is unknown; set it in remote.prices, or name one that is "
                f"known, as {known}",
            )
        recorded = _whole_days(await self._usage.days(of, self.since(days)), self._clock().date())
        mix = _mix(given, recorded)
        request_usd = price.cost_of(round(mix.tokens_in), round(mix.tokens_out))
        typical = day_cost(mix, request_usd)
        # The spread is that of recorded days, so it says nothing of another number of requests.
        spread = [] if given.requests_per_day is not None else recorded
        costs = [_cost_of(day, given, price) for day in spread]
        return Simulation(
            mix=mix,
            model=model,
            request_usd=request_usd,
            prices_as_of=prices.as_of,
            recorded_days=len(recorded),
            spans=tuple(project(typical, length, costs) for length in _SPANS),
        )

    async def log(
        self, project: str | None, after: LogPlace, size: int
    ) -> tuple[list[LoggedAttempt], LogPlace | None]:
        """At most ``size`` attempts, and where the log goes on; None at its end."""
        rows = await self._usage.page(project, after, size)
        more = len(rows) == size
        return rows, LogPlace(rows[-1].created_at, rows[-1].id) if more else None

    def since(self, days: int) -> dt.datetime:
        """When the first of the last ``days`` days began."""
        return dt.datetime.combine(self.span(days)[0], dt.time(), dt.UTC)

    def span(self, days: int) -> list[dt.date]:
        """The last ``days`` days, in order."""
        today = self._clock().date()
        return [today - dt.timedelta(days=ago) for ago in range(days - 1, -1, -1)]

    async def _summed(
        self, project: str | None, since: dt.datetime
    ) -> tuple[CallFigures, Sequence[DaySpend], Money]:
        calls = await self._usage.calls(project, since)
        ledger = await self._spend.by_day_and_model(since.date())
        return calls, ledger, await self._money(calls.total, ledger)

    async def _prices(self, settings: RemoteSettings) -> Prices:
        return await asyncio.to_thread(load_prices, settings.prices)

    async def _money(self, total: Calls, ledger: Sequence[DaySpend]) -> Money:
        settings = self._settings()
        prices = await self._prices(settings)
        reference = _reference(settings)
        today = self._clock().date()
        return Money(
            today_usd=sum(one.spent_usd + one.reserved_usd for one in ledger if one.day == today),
            spent=_by_model(ledger),
            daily_budget_usd=settings.daily_budget_usd,
            reference=reference,
            saved_usd=_saved(total, prices.price_of(reference)),
            prices_as_of=prices.as_of,
        )


def _reference(settings: RemoteSettings) -> str:
    return settings.models[0] if settings.models else REFERENCE


def _by_model(ledger: Sequence[DaySpend]) -> tuple[Spent, ...]:
    """The days of each model together, the dearest first."""
    days: dict[str, list[DaySpend]] = defaultdict(list)
    for one in ledger:
        days[one.model].append(one)
    spent = [
        Spent(
            model,
            calls=sum(one.calls for one in each),
            spent_usd=sum(one.spent_usd for one in each),
            reserved_usd=sum(one.reserved_usd for one in each),
        )
        for model, each in days.items()
    ]
    return tuple(sorted(spent, key=lambda one: (-one.spent_usd, one.model)))


def _days(
    span: Sequence[dt.date], calls: CallFigures, ledger: Sequence[DaySpend]
) -> tuple[DayCalls, ...]:
    spent: dict[dt.date, list[DaySpend]] = defaultdict(list)
    for one in ledger:
        spent[one.day].append(one)
    nothing = Calls(None, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    found = ((day, calls.days.get(day, nothing), spent[day]) for day in span)
    return tuple(
        DayCalls(
            day,
            calls=of_day.calls,
            local=of_day.local,
            remote=of_day.remote,
            failed=of_day.failed,
            passed=of_day.passed,
            escalated=of_day.escalated,
            cached=of_day.cached,
            spent_usd=sum(one.spent_usd for one in money),
            reserved_usd=sum(one.reserved_usd for one in money),
        )
        for day, of_day, money in found
    )


def _saved(total: Calls, price: Price | None) -> float | None:
    """What the local answers would have cost, each taken as the mean of them."""
    if price is None:
        return None
    if not total.local:
        return 0.0
    each = price.cost_of(total.local_tokens_in / total.local, total.local_tokens_out / total.local)
    return each * total.local


def _whole_days(found: Sequence[DayUse], today: dt.date) -> list[DayUse]:
    """From the first day with a call on, those without one too. Today is not over: it counts only
    where there is no other day."""
    if not found:
        return []
    by_day = {one.day: one for one in found}
    first = found[0].day
    count = max(1, (today - first).days)
    days = [first + dt.timedelta(days=number) for number in range(count)]
    return [by_day.get(day, DayUse(day, 0, 0, 0, 0)) for day in days]


def _mix(given: AssumedUsage, recorded: Sequence[DayUse]) -> Mix:
    calls = sum(one.calls for one in recorded)

    def known(name: str, value: float | None, total: float, over: float) -> float:
        if value is not None:
            return value
        if not over:
            raise InvalidArgumentError(name, "is needed: no usage is recorded to take it from")
        return total / over

    return Mix(
        requests=known("requests_per_day", given.requests_per_day, calls, len(recorded)),
        tokens_in=known("tokens_in", given.tokens_in, sum(d.tokens_in for d in recorded), calls),
        tokens_out=known(
            "tokens_out", given.tokens_out, sum(d.tokens_out for d in recorded), calls
        ),
        local_share=known("local_share", given.local_share, sum(d.local for d in recorded), calls),
    )


def _cost_of(day: DayUse, given: AssumedUsage, price: Price) -> DayCost:
    """A recorded day, with what is given in the place of what it had."""
    if not day.calls:
        return DayCost(0.0, 0.0)
    own = _mix(replace(given, requests_per_day=None), [day])
    return day_cost(own, price.cost_of(round(own.tokens_in), round(own.tokens_out)))
