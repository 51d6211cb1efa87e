"""Around the cascade: kept answers, modes, the second look, rules and what was learned."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hybrid_coordinator.domain.ask import AskRequest, FileText, Mode
from hybrid_coordinator.domain.evidence import Observation
from hybrid_coordinator.domain.route import Complexity, TaskType, Tier
from hybrid_coordinator.errors import EmptyAnswerError, ModelUnavailableError
from hybrid_coordinator.routing.delegate import Delegate
from hybrid_coordinator.routing.evidence import Evidence
from hybrid_coordinator.settings import RoutingSettings
from hybrid_coordinator.storage.postgres.attempts import RouteAttempts
from hybrid_coordinator.storage.postgres.database import Database
from tests.routing.servers import (
    CHAT,
    CLAUDE,
    LARGE,
    REFUSAL,
    SMALL,
    ask,
    ask_logged,
    asked,
    claude,
    large,
    outcomes,
    remote,
    small,
)
from tests.support.asking import answering
from tests.support.model_server import CUT, ModelServer, Request, Stream, as_json
from tests.support.model_wire import openai_answer, openai_delta, openai_models, vllm_answers

ModelsAt = Callable[..., Delegate]
NEXT = "A second answer."


def routing(**more: Any) -> RoutingSettings:
    return RoutingSettings(**{"preset": "strong", "seed": 1, **more})


# Kept answers


async def test_the_same_request_is_answered_from_the_record(
    models_at: ModelsAt, database: Database
):
    async with small("Yes, it is.") as server:
        models = models_at(vllm=(server.url,), database=database)
        first = await ask(models)
        second, log = await ask_logged(models)
        assert asked(server) == 1
        assert (await ask(models, "Is it over?")).cached is False
    assert (first.cached, second.cached) == (False, True)
    assert (second.response, second.cost_usd, second.attempts) == ("Yes, it is.", 0.0, ())
    assert [attempt.outcome for attempt in log.attempts] == ["cached"]
    assert "a recorded answer" in second.notices[-1]


async def test_another_process_finds_the_answer_too(models_at: ModelsAt, database: Database):
    async with small("Yes, it is.") as server:
        await ask(models_at(vllm=(server.url,), database=database))
        again = await ask(models_at(vllm=(server.url,), database=database))
        assert (again.cached, asked(server)) == (True, 1)


async def test_an_answer_that_failed_its_check_is_not_kept(models_at: ModelsAt, database: Database):
    async with small([openai_answer(REFUSAL), openai_answer(NEXT)]) as server:
        models = models_at(vllm=(server.url,), database=database)
        await ask(models)
        assert (await ask(models)).response == NEXT


CHANGES: dict[str, dict[str, Any]] = {
    "threshold": {"confidence_threshold": 0.6},
    "preset": {"routing": routing(preset="weak")},
    "off": {"routing": routing(cache_hours=0)},
}


@pytest.mark.parametrize("change", CHANGES)
async def test_after_a_change_of_settings_the_models_are_asked_anew(
    models_at: ModelsAt, database: Database, change: str
):
    async with small([openai_answer("Yes, it is."), openai_answer(NEXT)]) as server:
        await ask(models_at(vllm=(server.url,), database=database))
        models = models_at(vllm=(server.url,), database=database, **CHANGES[change])
        assert (await ask(models)).response == NEXT


async def test_after_a_change_of_models_they_are_asked_anew(
    models_at: ModelsAt, database: Database
):
    async with small([openai_answer("Yes, it is."), openai_answer(NEXT)]) as one:
        await ask(models_at(vllm=(one.url,), database=database))
        async with large("Large.") as two:
            models = models_at(vllm=(one.url, two.url), database=database)
            assert (await ask(models)).response == NEXT


async def test_after_a_change_of_rules_the_models_are_asked_anew(
    models_at: ModelsAt, database: Database, tmp_path: Path
):
    rules = tmp_path / "rules.yaml"
    async with small([openai_answer("Yes, it is."), openai_answer(NEXT)]) as server:
        models = models_at(vllm=(server.url,), database=database, rules_file=rules)
        await ask(models)
        write_rule(rules, "tokens > 100000", "LOCAL_QUALITY")
        assert (await ask(models)).response == NEXT


async def test_a_critical_question_is_not_answered_by_what_a_weaker_tier_left(
    models_at: ModelsAt, database: Database
):
    broken = Stream([CUT])
    async with small("Yes, it is.") as one, claude([broken, broken]) as two:
        models = models_at(vllm=(one.url,), database=database, remote=remote(two))
        assert (await ask(models, quality_critical=True)).model == SMALL
    async with small("Yes.") as one, claude("Certainly.") as two:
        models = models_at(vllm=(one.url,), database=database, remote=remote(two))
        assert (await ask(models)).response == "Yes."
        assert (await ask(models, quality_critical=True)).model == CLAUDE
        again = await ask(models, quality_critical=True)
        assert (again.model, again.cached, asked(two)) == (CLAUDE, True, 1)


async def test_a_record_that_is_away_holds_up_no_local_answer(
    models_at: ModelsAt, database: Database
):
    async with small("Yes, it is.") as here, claude("Yes, it is.") as away:
        models = models_at(vllm=(here.url,), remote=remote(away), database=database)
        await database.close()
        answer = await ask(models)
        assert asked(away) == 0
    assert (answer.response, answer.cached) == ("Yes, it is.", False)
    assert any("kept answers cannot be looked up" in notice for notice in answer.notices)


async def test_without_a_database_nothing_is_kept(models_at: ModelsAt):
    async with small([openai_answer("Yes, it is."), openai_answer(NEXT)]) as server:
        models = models_at(vllm=(server.url,))
        await ask(models)
        assert (await ask(models)).response == NEXT


# Modes


async def test_an_ensemble_is_one_reply_with_every_attempt(models_at: ModelsAt):
    async with small("Paris") as one, large("Rome") as other:
        models = models_at(vllm=(one.url, other.url))
        prompt = "What is the capital of France? Answer with one word."
        answer, log = await ask_logged(models, prompt, mode=Mode.ENSEMBLE)
    assert answer.attempts == log.attempts
    assert {attempt.rule for attempt in log.attempts} >= {
        f"ensemble: {SMALL}",
        f"ensemble: {LARGE}",
    }
    assert any("agree (agreement" in notice for notice in answer.notices)
    assert any(notice.startswith("dissent: ") for notice in answer.notices)
    assert answer.tokens_out == sum(attempt.tokens_out for attempt in log.attempts)
    assert answer.cost_usd == 0.0


async def test_a_voice_whose_model_is_away_is_reported_and_no_other_speaks_for_it(
    models_at: ModelsAt,
):
    broken = Stream([openai_delta(content="half"), CUT])
    async with small("Yes, it is.") as one, large(broken) as two:
        answer = await ask(models_at(vllm=(one.url, two.url)), mode=Mode.ENSEMBLE)
    lost = [each for each in answer.notices if each.startswith(f"{LARGE} failed: ")]
    assert len(lost) == 1
    by_rule = {attempt.rule: attempt.model for attempt in answer.attempts}
    assert by_rule[f"ensemble: {LARGE}"] == LARGE


async def test_a_model_that_cannot_hold_the_prompt_takes_no_other_ones_seat(models_at: ModelsAt):
    short = ModelServer(vllm_answers(openai_answer("Yes."), model="short-3b", max_model_len=300))
    async with short as one, large("Yes, it is.") as two:
        models = models_at(vllm=(one.url, two.url))
        answer = await ask(models, "word " * 400 + "Is it done?", mode=Mode.ENSEMBLE)
        assert asked(one) == 0
    lost = [each for each in answer.notices if each.startswith("short-3b failed: ")]
    assert "its context of 300 tokens is too short" in lost[0]


async def test_reasoning_is_one_reply_with_every_step(models_at: ModelsAt):
    verdict = json.dumps({"faults": [], "missing": []})

    def reply(_: str, request: Request) -> str:
        return verdict if "response_format" in request.body else "Yes, it is."

    server = answering(reply)
    server.answers = vllm_answers(openai_answer(""), model=SMALL)
    async with server:
        models = models_at(vllm=(server.url,))
        answer, log = await ask_logged(models, mode=Mode.REASON)
    assert answer.response == "Yes, it is."
    assert [attempt.rule for attempt in log.attempts][:2] == ["reason: plan", "reason: solve"]
    assert answer.attempts == log.attempts
    assert sum(notice.startswith("step ") for notice in answer.notices) == len(log.attempts)


async def test_files_that_fit_are_sent_in_one_call(models_at: ModelsAt):
    async with small("Yes, it is.") as server:
        files = (FileText("a.txt", "word " * 500),)
        answer = await ask(models_at(vllm=(server.url,)), files=files)
        (body,) = server.bodies(CHAT)
    assert "File a.txt:" in body["messages"][-1]["content"]
    assert len(answer.attempts) == 1


async def test_files_that_fit_a_larger_context_go_there_whole(models_at: ModelsAt):
    wide = ModelServer(
        vllm_answers(openai_answer("Yes, it is."), model=LARGE, max_model_len=100_000)
    )
    async with small("Yes.") as one, wide as two:
        files = (FileText("a.txt", "word " * 8_000),)
        answer = await ask(models_at(vllm=(one.url, two.url)), files=files)
        assert asked(one) == 0
    assert outcomes(answer) == [(LARGE, "ok")]


async def test_files_that_no_context_holds_are_read_in_parts(models_at: ModelsAt):
    notes = json.dumps({"notes": [{"text": "The entry is seven.", "from": [1]}]})

    lines = "".join(f"entry {number} of the table\n" for number in range(3000))
    async with small(notes) as server:
        request = {"files": (FileText("t.txt", lines),), "max_tokens": 300}
        answer, log = await ask_logged(models_at(vllm=(server.url,)), "Which entry?", **request)
    assert len(log.attempts) > 3
    assert all(attempt.rule.startswith("digest: ") for attempt in log.attempts)
    assert "t.txt:1-" in answer.response
    assert any("100% of the text" in notice for notice in answer.notices)
    assert answer.attempts == log.attempts


async def test_large_files_are_read_in_parts_here_and_not_sent_away(
    models_at: ModelsAt, database: Database
):
    notes = json.dumps({"notes": [{"text": "The entry is seven.", "from": [1]}]})
    files = (FileText("t.txt", "".join(f"entry {each} of the table\n" for each in range(1500))),)
    async with small(notes) as here, claude("Seven.") as away:
        models = models_at(vllm=(here.url,), remote=remote(away), database=database)
        answer = await ask(models, "Which entry?", files=files, max_tokens=300)
        assert (asked(away), answer.cost_usd) == (0, 0.0)
        best = await ask(models, "Which?", files=files, max_tokens=300, quality_critical=True)
    assert (best.response, asked(away)) == ("Seven.", 1)


async def test_context_makes_room_for_what_was_asked_for(models_at: ModelsAt):
    async with small("Yes, it is.") as server:
        models = models_at(vllm=(server.url,))  # holds 4096 tokens
        files = (FileText("a.txt", "word " * 2400),)
        answer, log = await ask_logged(models, files=files, context="known " * 800)
        sent = json.dumps(server.bodies(CHAT)[0]["messages"])
    assert (outcomes(answer), log.context_seen) == ([(SMALL, "ok")], False)
    assert "known" not in sent
    assert any("was found was left out" in notice for notice in answer.notices)


async def test_a_large_answer_may_be_asked_of_a_small_context(models_at: ModelsAt):
    async with small("Yes, it is.") as server:
        models = models_at(vllm=(server.url,))
        files = (FileText("a.py", "x = 1"),)
        answer = await ask(models, files=files, max_tokens=4096)
    assert answer.response == "Yes, it is."
    assert "max_tokens was lowered" in answer.notices[0]


async def test_a_server_that_says_only_then_what_it_holds_is_read_to_in_parts(models_at: ModelsAt):
    notes = json.dumps({"notes": [{"text": "The entry is seven.", "from": [1]}]})
    error = {
        "message": "exceeds the maximum context length",
        "n_prompt_tokens": 9000,
        "n_ctx": 4096,
    }
    chat = [as_json({"error": error}, status=400), openai_answer(notes)]
    answers = {
        "GET /v1/models": openai_models({"id": SMALL, "object": "model"}),
        f"POST {CHAT}": chat,
    }
    files = (FileText("t.txt", "".join(f"entry {each} of the table\n" for each in range(900))),)
    async with ModelServer(answers) as server:
        models = models_at(vllm=(server.url,))
        answer, log = await ask_logged(models, "Which entry?", files=files, max_tokens=300)
    assert "t.txt:1-" in answer.response
    assert log.context_seen is False


async def test_a_mode_that_large_files_leave_no_room_for_is_named(models_at: ModelsAt):
    notes = json.dumps({"notes": [{"text": "The entry is seven.", "from": [1]}]})
    files = (FileText("t.txt", "".join(f"entry {each} of the table\n" for each in range(1500))),)
    async with small(notes) as server:
        models = models_at(vllm=(server.url,))
        answer = await ask(models, "Which entry?", files=files, max_tokens=300, mode=Mode.ENSEMBLE)
    assert "mode=ensemble was left" in answer.notices[-1]


# The second look

FINE = json.dumps(
    {"wrong_step": "", "answers_question": True, "complete": True, "contradicts_itself": False}
)
POOR = json.dumps(
    {
        "wrong_step": "Yes",
        "answers_question": False,
        "complete": False,
        "contradicts_itself": True,
    }
)


async def test_a_second_look_moves_the_confidence(models_at: ModelsAt):
    confidences = []
    for verdict, value in ((FINE, 1.0), (POOR, 0.0)):
        async with small([openai_answer("Yes, it is."), openai_answer(verdict)]) as server:
            models = models_at(
                vllm=(server.url,), routing=routing(self_critique=True), confidence_threshold=0.5
            )
            answer = await ask(models)
            assert asked(server) == 2
        assert answer.checks.self_critique == value
        confidences.append(answer.confidence)
    assert confidences[0] == 1.0 > confidences[1] + 0.1


async def test_the_quickest_local_model_takes_it_at_no_cost(
    models_at: ModelsAt, database: Database
):
    async with small(FINE) as one, large("Large.") as two, claude("Yes, it is.") as three:
        models = models_at(
            vllm=(two.url, one.url),
            database=database,
            remote=remote(three),
            routing=routing(self_critique=True),
        )
        answer = await ask(models, quality_critical=True)
        assert (asked(one), asked(two), asked(three)) == (1, 0, 1)
    assert answer.checks.self_critique == 1.0


async def test_no_remote_model_takes_a_second_look(models_at: ModelsAt, database: Database):
    async with claude("Yes, it is.") as server:
        models = models_at(
            database=database, remote=remote(server), routing=routing(self_critique=True)
        )
        answer = await ask(models)
        assert asked(server) == 1
    assert answer.notices == ("self-critique: no local model is loaded for it",)


async def test_a_second_look_is_not_asked_of_a_server_that_is_left_alone(models_at: ModelsAt):
    broken = Stream([openai_delta(content="half"), CUT])
    chats = [openai_answer("Yes, it is."), openai_answer("Yes, it is."), openai_answer(FINE)]
    async with small(broken) as one, large(chats) as two:
        models = models_at(vllm=(one.url, two.url), routing=routing(self_critique=True))
        answers = [await ask(models, f"Is part {number} done?") for number in range(2)]
    assert answers[-1].checks.self_critique == 1.0
    assert asked(one) == 2


@pytest.mark.parametrize(
    ("verdict", "noted"),
    [
        (Stream([openai_delta(content="half"), CUT]), "self-critique failed: "),
        (openai_answer("It is fine."), f"self-critique: {SMALL} gave no verdict"),
    ],
)
async def test_a_second_look_that_fails_is_noted_and_harms_nothing(
    models_at: ModelsAt, verdict: Stream, noted: str
):
    async with small([openai_answer("Yes, it is."), verdict]) as server:
        models = models_at(vllm=(server.url,), routing=routing(self_critique=True))
        answer = await ask(models)
    assert (answer.response, answer.confidence) == ("Yes, it is.", 1.0)
    assert answer.checks.self_critique is None
    assert answer.notices[-1].startswith(noted)


async def test_no_second_look_unless_asked_for(models_at: ModelsAt):
    async with small("Yes, it is.") as server:
        answer = await ask(models_at(vllm=(server.url,)))
        assert asked(server) == 1
    assert answer.checks.self_critique is None


# Rules


def write_rule(file: Path, condition: str, target: str) -> None:
    file.write_text(
        f"rules:\n  - condition: {json.dumps(condition)}\n    target: {json.dumps(target)}\n"
        "    confidence: 0.9\n    description: of the house\n"
    )


async def test_a_rule_sends_a_task_elsewhere_and_a_bad_edit_keeps_it(
    models_at: ModelsAt, tmp_path: Path
):
    rules = tmp_path / "rules.yaml"
    async with small("Small.") as one, large("Large.") as two:
        models = models_at(vllm=(one.url, two.url), rules_file=rules)
        assert (await ask(models)).response == "Small."
        write_rule(rules, 'task_type == "question"', "LOCAL_QUALITY")
        ruled = await ask(models)
        assert (ruled.response, ruled.notices) == ("Large.", ())
        assert "of the house" in ruled.attempts[0].rule
        rules.write_text("rules:\n  - condition: 'task_type =='\n    target: LOCAL_FAST\n")
        kept = await ask(models)
    assert kept.response == "Large."
    assert any("rules.yaml" in notice and "line 2" in notice for notice in kept.notices)


async def test_a_rule_that_names_a_remote_model_with_its_provider_gets_it_without_a_notice(
    models_at: ModelsAt, database: Database, tmp_path: Path
):
    rules = tmp_path / "rules.yaml"
    write_rule(rules, 'task_type == "question"', f"model: anthropic/{CLAUDE}")
    async with small("Small.") as one, claude("Yes, it is.") as two:
        models = models_at(vllm=(one.url,), database=database, remote=remote(two), rules_file=rules)
        answer = await ask(models)
    assert (answer.model, answer.notices) == (CLAUDE, ())


# Learning

QUESTION = (TaskType.QUESTION, Complexity.SIMPLE)


def failures_of(model: str) -> Evidence:
    evidence = Evidence()
    evidence.learn([Observation(model, *QUESTION, success=0.0, weight=1.0)] * 12)
    return evidence


async def test_a_model_that_kept_failing_is_asked_after_others_of_its_tier(models_at: ModelsAt):
    async with (
        ModelServer(vllm_answers(openai_answer("One."), model="a-3b")) as one,
        ModelServer(vllm_answers(openai_answer("Two."), model="b-3b")) as two,
    ):
        urls = (one.url, two.url)
        assert (await ask(models_at(vllm=urls))).response == "One."
        learned = models_at(vllm=urls, evidence=failures_of("a-3b"))
        assert [(await ask(learned)).response for _ in range(5)] == ["Two."] * 5
        still = models_at(vllm=urls, evidence=failures_of("a-3b"), routing=routing(learn=False))
        assert [(await ask(still)).response for _ in range(5)] == ["One."] * 5


async def test_recorded_failures_are_what_it_learns_from(models_at: ModelsAt, database: Database):
    evidence = Evidence(RouteAttempts(database))
    bad = [openai_answer("")] * 12
    async with (
        ModelServer(vllm_answers(bad, model="a-3b")) as one,
        ModelServer(vllm_answers(openai_answer("Two."), model="b-3b")) as two,
    ):
        alone = models_at(vllm=(one.url,), database=database)
        for _ in range(12):
            with pytest.raises(EmptyAnswerError):
                await ask(alone)
        await evidence.refresh()
        both = models_at(vllm=(one.url, two.url), evidence=evidence)
        assert [outcomes(await ask(both)) for _ in range(5)] == [[("b-3b", "ok")]] * 5


async def test_the_seed_makes_the_draws_repeatable(models_at: ModelsAt):
    orders = []
    async with (
        ModelServer(vllm_answers(openai_answer("One."), model="a-3b")) as one,
        ModelServer(vllm_answers(openai_answer("Two."), model="b-3b")) as two,
    ):
        for _ in range(2):
            evidence = Evidence()
            evidence.learn(
                [
                    Observation(model, *QUESTION, success=0.7, weight=1.0)
                    for model in ("a-3b", "b-3b") * 2
                ]
            )
            models = models_at(vllm=(one.url, two.url), evidence=evidence)
            orders.append([(await ask(models)).response for _ in range(12)])
    assert orders[0] == orders[1]
    assert set(orders[0]) == {"One.", "Two."}


# Nothing there


async def test_nothing_running_and_a_key_without_a_record_is_one_clear_error(models_at: ModelsAt):
    async with claude("Yes.") as server:
        models = models_at(vllm=("http://127.0.0.1:9",), remote=remote(server))
        with pytest.raises(ModelUnavailableError) as caught:
            await models.ask(AskRequest("Is it done?"), project="p", session="s")
        assert asked(server) == 0
    said = str(caught.value)
    assert "http://127.0.0.1:9 [vLLM]: down (connection refused)" in said
    assert said.count("`") == 2
    assert Tier.API_FALLBACK not in said
