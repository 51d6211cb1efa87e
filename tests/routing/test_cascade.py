"""The cascade: who is asked after whom, what the reply says of it, and what a listener hears."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from hybrid_coordinator.domain.ask import Mode
from hybrid_coordinator.domain.route import Tier
from hybrid_coordinator.errors import (
    InvalidArgumentError,
    ModelReplyError,
    ModelUnavailableError,
)
from hybrid_coordinator.inference.chat import Piece
from hybrid_coordinator.routing.course import Began
from hybrid_coordinator.routing.delegate import Delegate
from hybrid_coordinator.storage.postgres.database import Database
from tests.routing.servers import (
    BAD,
    CHAT,
    CLAUDE,
    CLAUDE_COST,
    GPT,
    LARGE,
    REFUSAL,
    SMALL,
    ask,
    ask_logged,
    asked,
    claude,
    gpt,
    large,
    outcomes,
    remote,
    small,
)
from tests.support.model_server import CUT, HANG, ModelServer, Stream, as_json
from tests.support.model_wire import (
    anthropic_error,
    anthropic_start,
    lmstudio_v1_model,
    ollama_answers,
    ollama_done,
    ollama_line,
    ollama_model,
    ollama_stream,
    openai_answer,
    openai_delta,
    openai_models,
    vllm_answers,
    vllm_model,
)

ModelsAt = Callable[..., Delegate]


# Weak answers


async def test_a_weak_answer_goes_up_tier_by_tier_and_the_reply_tells_of_each(
    models_at: ModelsAt, database: Database
):
    async with small(BAD) as one, large(REFUSAL) as two, claude("Yes, it is.") as three:
        models = models_at(vllm=(one.url, two.url), database=database, remote=remote(three))
        answer, log = await ask_logged(models)
    assert (answer.response, answer.model, answer.tier) == (
        "Yes, it is.",
        CLAUDE,
        Tier.API_FALLBACK,
    )
    assert outcomes(answer) == [
        (SMALL, "low_confidence"),
        (LARGE, "low_confidence"),
        (CLAUDE, "ok"),
    ]
    assert log.attempts == answer.attempts
    first, second, last = answer.attempts
    assert first.confidence is not None
    assert second.confidence is not None
    assert first.confidence < second.confidence < 0.7 < answer.confidence == last.confidence
    assert first.reason
    assert "refus" in second.reason
    assert last.reason == ""
    assert [each.remote for each in answer.attempts] == [False, False, True]
    assert [each.cost_usd for each in answer.attempts] == [0.0, 0.0, pytest.approx(CLAUDE_COST)]
    assert answer.cost_usd == pytest.approx(CLAUDE_COST)
    assert "LOCAL_FAST is the target" in first.rule
    assert "a stronger tier" in last.rule
    assert answer.notices == ()


async def test_a_good_answer_goes_no_further(models_at: ModelsAt, database: Database):
    async with small("Yes, it is.") as one, large("Yes.") as two, claude("Yes.") as three:
        models = models_at(vllm=(one.url, two.url), database=database, remote=remote(three))
        answer = await ask(models)
    assert outcomes(answer) == [(SMALL, "ok")]
    assert (asked(two), asked(three)) == (0, 0)


async def test_the_better_of_two_weak_answers_is_kept_though_the_weaker_tier_gave_it(
    models_at: ModelsAt,
):
    async with small(REFUSAL) as one, large(BAD) as two:
        answer = await ask(models_at(vllm=(one.url, two.url)))
    assert (answer.response, answer.tier) == (REFUSAL, Tier.LOCAL_FAST)
    assert outcomes(answer) == [(SMALL, "low_confidence"), (LARGE, "low_confidence")]
    assert answer.notices[-1].startswith(f"low confidence: {answer.confidence:.2f}, and 0.70")


async def test_with_remote_off_the_chain_ends_at_the_best_local_answer(models_at: ModelsAt):
    async with small(BAD) as one, large(REFUSAL) as two:
        models = models_at(vllm=(one.url, two.url))
        answer = await ask(models, "Is it done?")
        assert set(models.gateway.egress.contacted) == {"127.0.0.1"}
        origins = {f"http://127.0.0.1:{server.port}" for server in (one, two)}
        assert {endpoint.url for endpoint in models.gateway.endpoints} == origins
    assert (answer.response, answer.model) == (REFUSAL, LARGE)
    assert answer.confidence < 0.7
    assert any(notice.startswith("low confidence") for notice in answer.notices)


async def test_without_a_record_no_remote_model_is_asked(models_at: ModelsAt):
    """What a call costs could not be counted."""
    async with small(REFUSAL) as one, claude("Yes.") as two:
        answer = await ask(models_at(vllm=(one.url,), remote=remote(two)), quality_critical=True)
    assert (answer.model, asked(two)) == (SMALL, 0)
    assert any("the best local model answers" in notice for notice in answer.notices)


@pytest.mark.parametrize("wish", [{"quality_critical": True}, {"prefer_local": False}])
async def test_a_wish_for_the_best_goes_to_the_remote_tier_at_once(
    models_at: ModelsAt, database: Database, wish: dict[str, bool]
):
    async with small("Yes.") as one, claude("Yes, it is.") as two:
        models = models_at(vllm=(one.url,), database=database, remote=remote(two))
        answer = await ask(models, **wish)
    assert outcomes(answer) == [(CLAUDE, "ok")]
    assert asked(one) == 0


async def test_the_second_provider_stands_in_for_the_first(models_at: ModelsAt, database: Database):
    broken = Stream([anthropic_start(), anthropic_error("overloaded_error", "Overloaded")])
    async with small("Yes.") as one, claude(broken) as two, gpt("Yes, it is.") as three:
        models = models_at(vllm=(one.url,), database=database, remote=remote(two, three))
        answer = await ask(models, quality_critical=True)
    assert [name for name, _ in outcomes(answer)] == [CLAUDE, GPT]
    assert (answer.model, answer.confidence) == (GPT, 1.0)


async def test_the_best_local_model_stands_in_where_remote_ones_fail(
    models_at: ModelsAt, database: Database
):
    async with (
        small("Small.") as one,
        large("Large.") as two,
        claude(Stream([anthropic_start(), CUT])) as three,
    ):
        models = models_at(vllm=(one.url, two.url), database=database, remote=remote(three))
        answer = await ask(models, quality_critical=True)
    assert (answer.response, answer.tier) == ("Large.", Tier.LOCAL_QUALITY)
    assert any(notice.startswith(f"{CLAUDE} at ") for notice in answer.notices)


# Failures

FAILURES = {
    "error in mid-stream": Stream(
        [openai_delta(content="half"), b'data: {"error": {"message": "out of memory"}}\n\n']
    ),
    "cut": Stream([openai_delta(content="half"), CUT]),
    "empty": openai_answer(""),
    "hangs": Stream([HANG]),
    "hangs in the midst": Stream([openai_delta(content="half"), HANG]),
}


@pytest.mark.parametrize("failing", FAILURES)
async def test_after_a_failure_the_next_candidate_answers(models_at: ModelsAt, failing: str):
    async with small(FAILURES[failing]) as one, large("Yes, it is.") as two:
        models = models_at(vllm=(one.url, two.url), reply_timeout_seconds=0.5, stall_seconds=0.3)
        answer = await ask(models)
    assert answer.response == "Yes, it is."
    failed, good = answer.attempts
    assert (failed.model, failed.confidence, good.outcome) == (SMALL, None, "ok")
    assert failed.outcome.endswith("Error")
    assert failed.reason
    assert answer.notices[0] == f"{SMALL} at {one.url} failed: {failed.reason}"


async def test_where_all_fail_one_error_names_each_cause_and_the_record_has_the_attempts(
    models_at: ModelsAt, database: Database
):
    async with small(FAILURES["cut"]) as one, large(FAILURES["empty"]) as two:
        with pytest.raises(ModelReplyError, match="^every model failed: ") as caught:
            await ask(models_at(vllm=(one.url, two.url), database=database))
    assert one.url in str(caught.value)
    assert f"{LARGE} at {two.url} gave an empty answer" in str(caught.value)
    rows = await database.fetch(
        "SELECT model, outcome, interaction_id, project FROM route_attempts ORDER BY id"
    )
    assert [tuple(row) for row in rows] == [
        (SMALL, "ConnectionCutError", None, "p"),
        (LARGE, "EmptyAnswerError", None, "p"),
    ]


async def test_a_dead_server_with_many_models_does_not_use_up_its_tier(models_at: ModelsAt):
    names = [f"n{number}-3b" for number in range(4)]
    answers = vllm_answers(openai_answer("Yes."))
    answers["GET /v1/models"] = openai_models(*(vllm_model(name) for name in names))
    async with small("Yes, it is.") as alive:
        async with ModelServer(answers) as dead:
            models = models_at(vllm=(dead.url, alive.url))
            await models.survey()
        answer = await ask(models)
    assert answer.model == SMALL
    assert [attempt.model for attempt in answer.attempts] == [names[0], SMALL]


async def test_after_two_failures_a_tier_is_left(models_at: ModelsAt):
    broken = Stream([openai_delta(content="half"), CUT])
    servers = [ModelServer(vllm_answers(broken, model=f"n{number}-3b")) for number in range(3)]
    async with servers[0] as one, servers[1] as two, servers[2] as three, large("Yes.") as four:
        models = models_at(vllm=(one.url, two.url, three.url, four.url))
        answer = await ask(models)
    assert answer.model == LARGE
    assert [asked(server) for server in (one, two, three)] == [1, 1, 0]


async def test_a_dead_primary_is_hit_at_most_twice_in_ten_requests_and_taken_up_again(
    models_at: ModelsAt,
):
    async with large("Yes, it is.") as other:
        async with small(FAILURES["cut"]) as primary:
            models = models_at(vllm=(primary.url, other.url))
            replies = [await ask(models) for _ in range(10)]
            assert asked(primary) == 2
        for reply in replies[2:]:
            assert outcomes(reply) == [(LARGE, "ok")]
            assert f"{primary.url} is left alone and tried again in" in reply.notices[0]
        # It goes, which a probe sees, and comes back whole.
        await models.survey()
        await models.glance()
        answers = vllm_answers(openai_answer("Primary."), model=SMALL)
        async with ModelServer(answers, port=primary.port):
            await models.survey()
            assert (await ask(models)).response == "Primary."


# Listening


async def test_pieces_arrive_in_order_and_an_escalation_is_announced(models_at: ModelsAt):
    heard: list[Began | Piece] = []
    async with small(REFUSAL) as one, large("Yes, it is.") as two:
        answer = await ask(models_at(vllm=(one.url, two.url)), listen=heard.append)
    begun = [at for at, each in enumerate(heard) if isinstance(each, Began)]
    assert begun[0] == 0
    first, second = heard[0], heard[begun[1]]
    assert isinstance(first, Began)
    assert isinstance(second, Began)
    assert (first.model, first.because) == (f"{SMALL} at {one.url}", "")
    assert second.model == f"{LARGE} at {two.url}"
    assert second.because == f"not good enough ({answer.attempts[0].confidence:.2f})"

    def text(pieces: list[Began | Piece]) -> str:
        return "".join(each.text for each in pieces if isinstance(each, Piece))

    assert text(heard[: begun[1]]) == REFUSAL
    assert text(heard[begun[1] :]) == answer.response == "Yes, it is."


async def test_a_failure_is_announced_with_its_name(models_at: ModelsAt):
    heard: list[Began | Piece] = []
    async with small(FAILURES["cut"]) as one, large("Yes.") as two:
        await ask(models_at(vllm=(one.url, two.url)), listen=heard.append)
    assert [each.because for each in heard if isinstance(each, Began)] == [
        "",
        "failed: ConnectionCutError",
    ]


async def test_what_the_steps_of_a_mode_say_is_not_passed_on(models_at: ModelsAt):
    heard: list[Began | Piece] = []
    async with small("Yes, it is.") as one:
        models = models_at(vllm=(one.url,))
        await ask(models, mode=Mode.ENSEMBLE, listen=heard.append)
    assert asked(one) > 1
    assert heard == []


# Turns, and callers who go away


def slow() -> Stream:
    return ollama_stream(ollama_line("Yes,"), HANG, ollama_line(" it is."), ollama_done())


async def test_two_sessions_take_turns_at_a_busy_endpoint(models_at: ModelsAt):
    async with ModelServer(ollama_answers(slow(), models=[ollama_model("m")])) as server:
        models = models_at(ollama=(server.url,))
        begun = [asyncio.create_task(ask(models, "first", session="greedy"))]
        await server.until_hanging()
        begun += [
            asyncio.create_task(ask(models, prompt, session=session))
            for prompt, session in (
                ("greedy 2", "greedy"),
                ("greedy 3", "greedy"),
                ("modest 1", "modest"),
            )
        ]
        async with asyncio.timeout(10):
            lanes = (await models.gateway.caller()).lanes
            while lanes.busy(server.url) != (1, 3):
                await asyncio.sleep(0)
            server.release()
            await asyncio.gather(*begun)
        sent = [body["messages"][-1]["content"] for body in server.bodies("/api/chat")]
    assert server.most_at_once == 1
    assert sent == ["first", "greedy 2", "modest 1", "greedy 3"]


async def test_a_cancelled_call_closes_its_connection_and_frees_its_turn(models_at: ModelsAt):
    async with ModelServer(ollama_answers(slow(), models=[ollama_model("m")])) as server:
        models = models_at(ollama=(server.url,))
        call = asyncio.create_task(ask(models))
        await server.until_hanging()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (await models.gateway.caller()).lanes.busy(server.url) == (0, 0)
        async with asyncio.timeout(10):
            while not server.dropped:
                await asyncio.sleep(0)
        server.release()
        assert (await ask(models)).response == "Yes, it is."


# LM Studio


async def test_lm_studio_models_of_two_sizes_are_two_tiers(models_at: ModelsAt):
    listing = [
        lmstudio_v1_model("little", "3B", loaded_length=4096),
        lmstudio_v1_model("big", "14B", loaded_length=4096),
    ]
    answers = {
        "GET /api/v1/models": as_json({"models": listing}),
        f"POST {CHAT}": [openai_answer(REFUSAL), openai_answer("Yes, it is.")],
    }
    async with ModelServer(answers) as server:
        answer = await ask(models_at(lmstudio=(server.url,)))
    assert outcomes(answer) == [("little:2", "low_confidence"), ("big:2", "ok")]
    assert answer.tier is Tier.LOCAL_QUALITY


# Nobody left


async def test_a_prompt_that_no_model_holds_is_refused_and_says_why(models_at: ModelsAt):
    async with small("Yes.") as one:
        with pytest.raises(InvalidArgumentError, match=r"context of 4096 tokens is too short"):
            await ask(models_at(vllm=(one.url,)), "word " * 10_000)
    assert asked(one) == 0


async def test_a_provider_alone_without_a_record_is_an_error_that_says_what_is_missing(
    models_at: ModelsAt,
):
    async with claude("Yes.") as server:
        with pytest.raises(ModelUnavailableError) as caught:
            await ask(models_at(remote=remote(server)))
    assert f"{CLAUDE} at {server.url}: what remote models cost is not recorded" in str(caught.value)
