"""Remote calls: paid within the budget, never more, and never in the way of local ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from hybrid_coordinator.domain.route import Tier
from hybrid_coordinator.domain.tokens import estimate_tokens
from hybrid_coordinator.errors import ModelReplyError, ModelUnavailableError
from hybrid_coordinator.inference.chat import ChatMessage, ChatRequest, Piece
from hybrid_coordinator.inference.prices import load_prices
from hybrid_coordinator.routing.budget import most_of
from hybrid_coordinator.routing.course import Began
from hybrid_coordinator.routing.delegate import Delegate
from hybrid_coordinator.storage.postgres.database import Database
from tests.routing.servers import (
    CLAUDE,
    CLAUDE_COST,
    GPT,
    PRICES,
    REFUSAL,
    SMALL,
    ask,
    asked,
    claude,
    gpt,
    outcomes,
    remote,
    small,
)
from tests.support.model_server import CUT, HANG, Stream
from tests.support.model_wire import anthropic_refusal, anthropic_start, anthropic_text

ModelsAt = Callable[..., Delegate]


def most_for(prompt: str) -> float:
    """USD that Claude can cost for that at the most."""
    price = load_prices(PRICES).price_of(f"anthropic/{CLAUDE}")
    assert price is not None
    return most_of(price, ChatRequest((ChatMessage("user", prompt),), 1024, 0.2))


async def spent(database: Database) -> list[tuple[float, bool]]:
    rows = await database.fetch("SELECT amount_usd, settled FROM spend ORDER BY id")
    return [(row["amount_usd"], row["settled"]) for row in rows]


async def test_what_a_call_cost_is_in_the_reply_and_in_the_record(
    models_at: ModelsAt, database: Database
):
    async with small(REFUSAL) as one, claude("Yes, it is.") as two:
        models = models_at(vllm=(one.url,), database=database, remote=remote(two))
        answer = await ask(models)
    assert answer.cost_usd == pytest.approx(CLAUDE_COST)
    assert await spent(database) == [(pytest.approx(CLAUDE_COST), True)]


async def test_what_the_budget_does_not_hold_is_not_asked_and_the_local_answer_comes(
    models_at: ModelsAt, database: Database
):
    async with small(REFUSAL) as one, claude("Yes.") as two:
        settings = remote(two, daily_budget_usd=most_for("Is it done?") * 0.9)
        models = models_at(vllm=(one.url,), database=database, remote=settings)
        heard: list[Began | Piece] = []
        answer = await ask(models, listen=heard.append)
        assert asked(two) == 0
    assert sum(isinstance(each, Began) for each in heard) == 1
    assert (answer.response, answer.cost_usd) == (REFUSAL, 0.0)
    (notice,) = [each for each in answer.notices if "was not asked" in each]
    assert notice.startswith(f"{CLAUDE} at {two.url} was not asked: ")
    assert "remote.daily_budget_usd" in notice
    assert outcomes(answer) == [(SMALL, "low_confidence")]


async def test_a_spent_budget_blocks_no_local_call(models_at: ModelsAt, database: Database):
    async with small("Yes, it is.") as one, claude("Yes.") as two:
        settings = remote(two, daily_budget_usd=0.0001)
        await database.execute(
            "INSERT INTO spend (day, model, amount_usd, settled) "
            "VALUES ((now() AT TIME ZONE 'UTC')::date, 'anthropic/x', 0.0001, true)"
        )
        models = models_at(vllm=(one.url,), database=database, remote=settings)
        plain = await ask(models)
        wished = await ask(models, quality_critical=True)
        assert asked(two) == 0
        assert models.gateway.egress.contacted == {"127.0.0.1": one.requests.__len__()}
    assert (plain.response, plain.notices) == ("Yes, it is.", ())
    assert wished.response == "Yes, it is."
    assert wished.notices[0].startswith("today's budget for remote models is spent: the best local")


async def test_a_budget_of_nothing_means_local_only(models_at: ModelsAt, database: Database):
    async with small("Yes, it is.") as one, claude("Yes.") as two:
        settings = remote(two, daily_budget_usd=0.0)
        models = models_at(vllm=(one.url,), database=database, remote=settings)
        answer = await ask(models, quality_critical=True)
        assert asked(two) == 0
    assert answer.tier is Tier.LOCAL_FAST


async def test_an_unknown_price_is_refused_with_the_setting_named(
    models_at: ModelsAt, database: Database
):
    async with small("Yes, it is.") as one, claude("Yes.") as two:
        models = models_at(vllm=(one.url,), database=database, remote=remote(two, prices={}))
        answer = await ask(models, quality_critical=True)
        assert asked(two) == 0
    assert answer.model == SMALL
    assert any(f"no price of anthropic/{CLAUDE} is known" in each for each in answer.notices)
    assert any("remote.prices" in each for each in answer.notices)
    assert await spent(database) == []


async def test_where_only_money_stands_in_the_way_the_error_says_so(
    models_at: ModelsAt, database: Database
):
    async with claude("Yes.") as server:
        models = models_at(database=database, remote=remote(server, prices={}))
        with pytest.raises(ModelUnavailableError, match=r"remote\.prices"):
            await ask(models)
        short = remote(server, daily_budget_usd=0.000001)
        models = models_at(database=database, remote=short)
        with pytest.raises(ModelUnavailableError, match=r"remote\.daily_budget_usd"):
            await ask(models)
        assert asked(server) == 0


async def test_two_on_one_database_cannot_exceed_the_budget_together(
    models_at: ModelsAt, database: Database
):
    held = Stream([anthropic_start(), anthropic_text("Yes,"), HANG, CUT])
    async with small("Local.") as one, claude(held) as two:
        settings = remote(two, daily_budget_usd=most_for("Is it done?") * 1.5)
        models = [models_at(vllm=(one.url,), database=database, remote=settings) for _ in range(2)]
        first = asyncio.create_task(ask(models[0], quality_critical=True))
        await two.until_hanging()
        second = await ask(models[1], quality_critical=True)
        assert second.response == "Local."
        assert any("was not asked" in each for each in second.notices)
        assert asked(two) == 1
        two.release()
        assert (await first).response == "Local."


async def test_a_call_that_breaks_is_charged_by_what_came_and_the_attempt_says_so(
    models_at: ModelsAt, database: Database
):
    broken = Stream([anthropic_start(), anthropic_text("Yes, it is said that "), CUT])
    async with small("Local.") as one, claude(broken) as two:
        models = models_at(vllm=(one.url,), database=database, remote=remote(two))
        answer = await ask(models, quality_critical=True)
    failed, good = answer.attempts
    assert failed.cost_usd is not None
    assert failed.cost_usd > 0
    assert good.cost_usd == 0.0
    assert answer.cost_usd == failed.cost_usd
    assert await spent(database) == [(pytest.approx(failed.cost_usd), True)]
    assert estimate_tokens("Yes, it is said that ") * 15 / 1e6 < failed.cost_usd < 0.001


async def test_a_refused_call_costs_nothing(models_at: ModelsAt, database: Database):
    refused = anthropic_refusal(401, "authentication_error", "invalid x-api-key")
    async with small("Local.") as one, claude(refused) as two:
        models = models_at(vllm=(one.url,), database=database, remote=remote(two))
        answer = await ask(models, quality_critical=True)
    assert (answer.response, answer.cost_usd) == ("Local.", 0.0)
    assert await spent(database) == []


async def test_both_providers_are_charged_by_their_own_price(
    models_at: ModelsAt, database: Database
):
    async with claude(REFUSAL) as one, gpt("Yes, it is.") as two:
        models = models_at(database=database, remote=remote(one, two))
        answer = await ask(models)
    assert outcomes(answer) == [(CLAUDE, "low_confidence"), (GPT, "ok")]
    own = (12 * 2.0 + 3 * 8.0) / 1e6
    assert answer.attempts[1].cost_usd == pytest.approx(own)
    assert answer.cost_usd == pytest.approx(CLAUDE_COST + own)


async def test_a_cancelled_call_leaves_no_money_set_aside(models_at: ModelsAt, database: Database):
    held = Stream([anthropic_start(), anthropic_text("Yes,"), HANG])
    async with claude(held) as server:
        models = models_at(database=database, remote=remote(server))
        call = asyncio.create_task(ask(models))
        await server.until_hanging()
        assert [settled for _, settled in await spent(database)] == [False]
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        ((charged, settled),) = await spent(database)
    assert settled
    assert 0 < charged < 0.001


async def test_the_charge_of_a_call_in_which_all_failed_is_in_the_log(
    models_at: ModelsAt, database: Database
):
    broken = Stream([anthropic_start(), anthropic_text("Yes, it is said "), CUT])
    async with claude(broken) as server:
        with pytest.raises(ModelReplyError):
            await ask(models_at(database=database, remote=remote(server)))
    logged = await database.fetch_value("SELECT cost_usd FROM route_attempts")
    assert [(pytest.approx(logged), True)] == await spent(database)
