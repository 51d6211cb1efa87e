"""The daily budget: nobody spends more than it together, and nothing is forgotten or doubled."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from hybrid_coordinator.domain.tokens import estimate_tokens
from hybrid_coordinator.errors import (
    BudgetExceededError,
    ConnectionCutError,
    EmptyAnswerError,
    ModelBusyError,
    ModelReplyError,
    ModelUnavailableError,
    RecordUnavailableError,
    UnknownPriceError,
)
from hybrid_coordinator.inference.chat import ChatMessage, ChatRequest, Generation, Piece
from hybrid_coordinator.inference.prices import load_prices
from hybrid_coordinator.inference.thinking import THINKING_TOKENS
from hybrid_coordinator.routing.budget import Budget
from hybrid_coordinator.settings import RemoteSettings
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.spend import Spend
from tests.support.wire import Wire

MODEL = "openai/m"
DAY = dt.date(2026, 11, 21)
MOST = (2 * 1000 + 1000 + THINKING_TOKENS) / 1000
"""USD that ``chat()`` can cost at a dollar a thousand tokens: twice its estimated prompt, its
answer, and thinking."""


class Clock:
    def __init__(self) -> None:
        self.now = dt.datetime(2026, 11, 21, 22, 15, tzinfo=dt.UTC)

    def __call__(self) -> dt.datetime:
        return self.now


def budget_of(database: Database, usd: float = 30.0, clock: Clock | None = None) -> Budget:
    settings = RemoteSettings(daily_budget_usd=usd, prices={MODEL: (1000.0, 1000.0)})
    return Budget(Spend(database), settings, load_prices(settings.prices), clock or Clock())


def chat(prompt_tokens: int = 992, max_tokens: int = 1000) -> ChatRequest:
    text = "x" * (prompt_tokens * 7 // 2)
    return ChatRequest((ChatMessage("user", text),), max_tokens, temperature=0.0)


def generation(tokens_in: int, tokens_out: int) -> Generation:
    return Generation("Yes.", "stop", tokens_in, tokens_out, None, 5, ())


async def spend(budget: Budget, tokens_in: int = 1000, tokens_out: int = 500) -> float:
    async with budget.reserve(MODEL, chat()) as reservation:
        return reservation.came_to(generation(tokens_in, tokens_out))


async def fail(budget: Budget, error: BaseException, *pieces: Piece) -> None:
    with pytest.raises(type(error)):
        async with budget.reserve(MODEL, chat()) as reservation:
            for piece in pieces:
                reservation.saw(piece)
            raise error


async def test_the_most_is_set_aside_during_a_call_and_put_right_after_it(database: Database):
    budget = budget_of(database)
    async with budget.reserve(MODEL, chat()) as reservation:
        assert await budget.spent_today() == pytest.approx(MOST)
        cost = reservation.came_to(generation(900, 300))
    assert cost == pytest.approx(1.2)
    assert await budget.spent_today() == pytest.approx(1.2)


async def test_what_a_provider_holds_of_a_prompt_has_its_own_price(database: Database):
    budget = Budget(Spend(database), RemoteSettings(), load_prices(), Clock())
    held = replace(generation(1_000_000, 0), cached_in=500_000, written_in=400_000)
    async with budget.reserve("anthropic/claude-sonnet-4-6", chat(prompt_tokens=100)) as money:
        assert money.came_to(held) == pytest.approx(0.3 + 0.15 + 1.5)


async def test_beyond_the_budget_no_call_is_made_and_the_error_says_what_to_do(
    database: Database,
):
    budget = budget_of(database, usd=MOST + 1.0)
    await spend(budget)
    with pytest.raises(BudgetExceededError) as caught:
        await spend(budget)
    said = str(caught.value)
    assert f"up to ${MOST:.4f}" in said
    assert f"$1.50 of today's ${MOST + 1:.2f}" in said
    assert "in 1 h 45 min" in said
    assert "remote.daily_budget_usd" in said
    assert await budget.spent_today() == pytest.approx(1.5)


async def test_a_new_day_in_utc_has_a_new_budget(database: Database):
    clock = Clock()
    budget = budget_of(database, usd=MOST, clock=clock)
    await spend(budget)
    with pytest.raises(BudgetExceededError):
        await spend(budget)
    clock.now += dt.timedelta(hours=1, minutes=45)
    await spend(budget)
    rows = await budget.by_day_and_model(2)
    assert [(row.day.day, row.calls, row.spent_usd) for row in rows] == [(22, 1, 1.5), (21, 1, 1.5)]
    assert [row.day.day for row in await budget.by_day_and_model(1)] == [22]


async def test_a_restart_forgets_nothing(dsn: str):
    for spent in (0.0, 1.5):
        database = await Database.connect(dsn, timeout=10)
        budget = budget_of(database)
        assert await budget.spent_today() == pytest.approx(spent)
        if not spent:
            await spend(budget)
        await database.close()


async def test_an_unknown_price_is_refused_and_the_setting_named(database: Database):
    budget = budget_of(database)
    with pytest.raises(UnknownPriceError, match=r"openai/new.*remote\.prices"):
        async with budget.reserve("openai/new", chat()):
            raise AssertionError


@pytest.mark.parametrize("model", [MODEL, "openai/new"])
async def test_a_budget_of_nothing_means_no_remote_call(database: Database, model: str):
    budget = budget_of(database, usd=0.0)
    with pytest.raises(BudgetExceededError, match="daily_budget_usd is 0"):
        async with budget.reserve(model, chat()):
            raise AssertionError


def caused_by_a_timeout(error: ModelUnavailableError) -> ModelUnavailableError:
    error.__cause__ = TimeoutError()
    return error


@pytest.mark.parametrize(
    "error",
    [
        ModelReplyError("HTTP 400"),
        ModelUnavailableError("connection refused"),
        ModelBusyError("HTTP 529"),
        caused_by_a_timeout(ModelBusyError("no slot in time")),
    ],
)
async def test_what_is_not_billed_is_given_back(database: Database, error: Exception):
    budget = budget_of(database)
    await fail(budget, error)
    assert await budget.spent_today() == 0
    assert await budget.by_day_and_model(1) == []


@pytest.mark.parametrize(
    "error",
    [
        caused_by_a_timeout(ModelUnavailableError("late")),
        ConnectionCutError("cut"),
        EmptyAnswerError("nothing, and no counts"),
        asyncio.CancelledError(),
    ],
)
async def test_a_prompt_that_may_have_been_read_is_charged(
    database: Database, error: BaseException
):
    budget = budget_of(database)
    await fail(budget, error)
    assert await budget.spent_today() == pytest.approx(1.0)


async def test_thinking_that_came_to_no_answer_is_charged_by_the_providers_counts(
    database: Database,
):
    budget = budget_of(database)
    await fail(budget, EmptyAnswerError("nothing", tokens_in=900, tokens_out=9000))
    assert await budget.spent_today() == pytest.approx(9.9)


async def test_a_stream_that_breaks_is_charged_by_what_came(database: Database):
    budget = budget_of(database)
    pieces = (Piece(thinking="t" * 70), Piece("a" * 70))
    await fail(budget, ModelReplyError("cut"), *pieces)
    assert await budget.spent_today() == pytest.approx(1.0 + estimate_tokens("t" * 140) / 1000)


async def test_a_cancelled_call_leaves_nothing_open(database: Database):
    budget = budget_of(database)
    inside = asyncio.Event()

    async def call() -> None:
        async with budget.reserve(MODEL, chat()):
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(call())
    await inside.wait()
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()  # again, while it puts its money right
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5):
        while (await budget.by_day_and_model(1))[0].reserved_usd:
            pass
    assert await budget.spent_today() == pytest.approx(1.0)


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
async def test_many_processes_together_stay_within_the_budget(dsn: str, isolation: str):
    """Four pools, as four coordinators have, and sixty calls at once; the budget holds ten. Whose
    database it is may have set another isolation for all of its sessions."""
    own = await Database.connect(dsn, timeout=20)
    name = await own.fetch_value("SELECT current_database()")
    await own.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = '{isolation}'")
    await own.close()
    databases = [await Database.connect(dsn, timeout=20) for _ in range(4)]
    budgets = [budget_of(database, usd=10.5 * MOST) for database in databases]
    admitted = 0
    most = 0.0

    async def call(budget: Budget) -> None:
        nonlocal admitted, most
        async with budget.reserve(MODEL, chat()):
            admitted += 1
            most = max(most, await budget.spent_today())
            await released.wait()
            raise ModelReplyError("refused")

    released = asyncio.Event()
    tasks = [asyncio.create_task(call(budgets[number % 4])) for number in range(60)]
    pending = set(tasks)
    async with asyncio.timeout(30):
        while len(pending) > 10:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            assert all(isinstance(task.exception(), BudgetExceededError) for task in done)
    released.set()
    await asyncio.wait(pending)
    assert admitted == 10
    assert most <= 10.5 * MOST
    assert await budgets[0].spent_today() == 0
    for database in databases:
        await database.close()


CHILD = """
import asyncio, sys
from tests.routing.test_budget import MODEL, budget_of, chat
from hybrid_coordinator.storage.postgres.database import Database

async def main() -> None:
    database = await Database.connect(sys.argv[1], timeout=20)
    async with budget_of(database).reserve(MODEL, chat()):
        print("reserved", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_what_a_killed_process_set_aside_stays_counted_for_its_day(
    dsn: str, database: Database
):
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, dsn, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    async with asyncio.timeout(30):
        assert await child.stdout.readline() == b"reserved\n"
    os.kill(child.pid, signal.SIGKILL)
    await child.wait()
    clock = Clock()
    budget = budget_of(database, clock=clock)
    assert await budget.spent_today() == pytest.approx(MOST)
    (row,) = await budget.by_day_and_model(1)
    assert (row.calls, row.spent_usd, row.reserved_usd) == (0, 0.0, pytest.approx(MOST))
    clock.now += dt.timedelta(days=1)
    assert await budget.spent_today() == 0


@pytest.fixture
async def wire(dsn: str) -> AsyncIterator[Wire]:
    (directory,) = parse_qs(urlsplit(dsn).query)["host"]
    async with Wire.to(f"{directory}/.s.PGSQL.5432") as wire:
        yield wire


@pytest.fixture
async def remote(wire: Wire, dsn: str) -> AsyncIterator[Database]:
    path = urlsplit(dsn).path
    url = f"postgresql://postgres:x@127.0.0.1:{wire.port}{path}?sslmode=disable"
    connected = await Database.connect(url, timeout=1.0)
    yield connected
    await connected.close()


async def test_without_the_record_no_money_is_spent(wire: Wire, remote: Database):
    budget = budget_of(remote)
    await wire.unplug()
    with pytest.raises(RecordUnavailableError):
        await spend(budget)
    wire.plug()
    assert await budget.spent_today() == 0


async def test_a_record_that_falls_silent_in_the_midst_of_a_reservation_is_an_error(
    wire: Wire, remote: Database
):
    budget = budget_of(remote)
    await budget.spent_today()
    wire.freeze()
    with pytest.raises(RecordUnavailableError):
        await spend(budget)
    wire.thaw()
    # Whether it was set aside, nobody could tell the caller; twice it was not.
    assert await budget.spent_today() in (0, pytest.approx(MOST))
    before = await budget.spent_today()
    await spend(budget)
    assert await budget.spent_today() == pytest.approx(before + 1.5)


async def test_a_record_cut_off_in_the_midst_of_a_call_counts_its_most_once(
    wire: Wire, remote: Database, caplog: pytest.LogCaptureFixture
):
    budget = budget_of(remote)
    async with budget.reserve(MODEL, chat()) as reservation:
        reservation.came_to(generation(900, 300))
        await wire.unplug()
    assert reservation.cost_usd == pytest.approx(1.2), "the answer is not lost"
    assert "could not be recorded" in caplog.text
    wire.plug()
    assert await budget.spent_today() == pytest.approx(MOST)
    await spend(budget)
    assert await budget.spent_today() == pytest.approx(MOST + 1.5)


async def test_settling_twice_counts_once(database: Database):
    ledger = Spend(database)
    number = await ledger.reserve(DAY, MODEL, 2.0, 10.0)
    assert number is not None
    await ledger.settle(number, 1.0)
    await ledger.settle(number, 5.0)
    await ledger.release(number)
    assert await ledger.spent(DAY) == pytest.approx(1.0)


async def test_a_budget_can_be_spent_to_the_last_cent(database: Database):
    ledger = Spend(database)
    for _ in range(30):
        assert await ledger.reserve(DAY, MODEL, 0.1, 3.0) is not None
    assert await ledger.reserve(DAY, MODEL, 0.1, 3.0) is None
