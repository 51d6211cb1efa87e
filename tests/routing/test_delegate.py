"""Handing jobs to local models: choice, fallback, checks, progress, and what leaves the machine."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hybrid_coordinator.domain.ask import AskRequest, FileText, NamedModel
from hybrid_coordinator.domain.reply import AttemptLog, Reply
from hybrid_coordinator.domain.route import Complexity, TaskType, Tier
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.errors import (
    InvalidArgumentError,
    ModelReplyError,
    ModelUnavailableError,
)
from hybrid_coordinator.inference.endpoints import (
    Endpoint,
    EndpointKind,
    EndpointReport,
    EndpointState,
)
from hybrid_coordinator.inference.starting import unavailable
from hybrid_coordinator.routing.delegate import Delegate
from hybrid_coordinator.routing.planning import Planner
from hybrid_coordinator.routing.prompts import build_messages
from hybrid_coordinator.settings import InferenceSettings, RoutingSettings, Settings
from tests.support.llama_server import MODEL, LlamaServer, running
from tests.support.model_server import CUT, HANG, Answer, ModelServer, Stream
from tests.support.model_wire import (
    ollama_answers,
    ollama_model,
    openai_answer,
    openai_delta,
    vllm_answers,
)

Models = Callable[..., Delegate]
CHAT = "/v1/chat/completions"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"done": {"type": "boolean"}},
    "required": ["done"],
    "additionalProperties": False,
}
REFUSAL = "I'm sorry, but I can't help with that."


async def reply(models: Delegate, prompt: str = "Is it done?", **more: Any) -> Reply:
    answer, _ = await asked(models, AskRequest(prompt, **more))
    return answer


async def asked(models: Delegate, request: AskRequest, **more: Any) -> tuple[Reply, AttemptLog]:
    return await models.ask(request, project="p", session="s", **more)


def default_models(**inference: Any) -> Delegate:
    settings = Settings(inference=InferenceSettings(**inference))
    planner = Planner(lambda: settings.routing, None, None)
    return Delegate(settings, planner, Scrubber(), None)


async def any_ready(models: Delegate) -> bool:
    return any(report.models for report in await models.survey())


# The real llama-server


async def test_a_real_model_answers_with_real_counts(models_at: Models, llama_server: LlamaServer):
    models = models_at(llama_cpp=(llama_server.url,))
    answer, log = await asked(models, AskRequest("Is it done?", json_schema=SCHEMA))
    assert set(json.loads(answer.response)) == {"done"}
    assert (answer.model, answer.endpoint) == (MODEL, llama_server.url)
    assert (answer.task_type, answer.complexity) == (TaskType.QUESTION, Complexity.SIMPLE)
    assert (answer.tier, answer.confidence, answer.cost_usd) == (Tier.LOCAL_FAST, 1.0, 0.0)
    assert answer.tokens_in > 100  # a token a character
    assert answer.tokens_out >= len('{"done":true}')
    assert answer.first_token_ms is not None
    assert answer.tokens_per_second is not None
    assert answer.latency_ms >= answer.first_token_ms
    assert answer.notices == ()
    (attempt,) = log.attempts
    assert answer.attempts == log.attempts
    assert attempt.outcome == "ok"
    assert (attempt.tokens_in, attempt.tokens_out) == (answer.tokens_in, answer.tokens_out)


async def test_noise_of_random_weights_has_low_confidence_and_says_so(
    models_at: Models, tiny_model: Path
):
    with running(tiny_model, "--ignore-eos") as server:
        models = models_at(llama_cpp=(server.url,))
        answer = await reply(models, "Tell me something", max_tokens=400)
    assert answer.checks.coherence == 0.0
    assert answer.confidence < 0.7
    assert answer.attempts[0].outcome == "low_confidence"
    assert any(notice.startswith("low confidence") for notice in answer.notices)


async def test_the_second_endpoint_answers_when_the_first_is_killed_in_between(
    models_at: Models, tiny_model: Path, llama_server: LlamaServer
):
    with running(tiny_model) as other:
        models = models_at(llama_cpp=(other.url, llama_server.url))
        assert await any_ready(models)
        other.kill()
        answer = await reply(models, json_schema=SCHEMA)
    assert answer.endpoint == llama_server.url
    assert [attempt.outcome for attempt in answer.attempts] == ["ModelUnavailableError", "ok"]
    assert answer.notices[0].startswith(f"{MODEL} at {other.url} failed: ")


async def test_the_only_server_killed_between_two_calls_is_an_error_with_the_next_step(
    models_at: Models, tiny_model: Path
):
    with running(tiny_model) as server:
        models = models_at(llama_cpp=(server.url,))
        assert (await reply(models, json_schema=SCHEMA)).model == MODEL
        server.kill()
        with pytest.raises(ModelUnavailableError) as caught:
            await reply(models, json_schema=SCHEMA)
    text = str(caught.value)
    assert text.startswith(f"{server.url}/v1/chat/completions: connection refused. No local model")
    assert f"Probed: {server.url} [llama.cpp]: down (connection refused). " in text
    assert text.count("`") == 2


async def test_a_server_killed_between_two_calls_is_replaced_by_the_other(
    models_at: Models, tiny_model: Path, llama_server: LlamaServer
):
    with running(tiny_model) as first:
        models = models_at(llama_cpp=(first.url, llama_server.url))
        assert (await reply(models, json_schema=SCHEMA)).endpoint == first.url
        first.kill()
        assert (await reply(models, json_schema=SCHEMA)).endpoint == llama_server.url


async def test_all_servers_killed_between_two_calls_are_named_with_one_next_step(
    models_at: Models, tiny_model: Path
):
    with running(tiny_model) as one, running(tiny_model) as two:
        models = models_at(llama_cpp=(one.url, two.url))
        await reply(models, json_schema=SCHEMA)
        one.kill()
        two.kill()
        with pytest.raises(ModelUnavailableError) as caught:
            await reply(models, json_schema=SCHEMA)
    causes, _, advice = str(caught.value).partition(" No local model is ready. ")
    assert causes.startswith("every model failed: ")
    for url in (one.url, two.url):
        assert url in causes
        assert f"{url} [llama.cpp]: down" in advice
    assert advice.count("`") == 2


async def test_a_busy_server_that_is_there_is_not_said_to_be_down(models_at: Models):
    async with ModelServer(vllm_answers(Stream([HANG]), model="m")) as server:
        with pytest.raises(ModelUnavailableError) as caught:
            await reply(models_at(vllm=(server.url,), reply_timeout_seconds=0.3))
    assert "No local model" not in str(caught.value)


# Choosing and falling back


async def test_after_an_error_the_next_endpoint_answers(models_at: Models):
    broken = Stream([openai_delta(content="half"), CUT])
    async with (
        ModelServer(vllm_answers(broken, model="a")) as one,
        ModelServer(vllm_answers(openai_answer("Yes."), model="b")) as two,
    ):
        answer, log = await asked(models_at(vllm=(one.url, two.url)), AskRequest("Is it done?"))
    assert (answer.response, answer.model) == ("Yes.", "b")
    assert [attempt.outcome for attempt in answer.attempts] == ["ConnectionCutError", "ok"]
    assert [attempt.confidence for attempt in answer.attempts] == [None, 1.0]
    assert [attempt.tokens_out for attempt in log.attempts] == [0, 1]


async def test_a_named_model_alone_is_asked(models_at: Models):
    async with (
        ModelServer(vllm_answers(openai_answer("Yes."), model="a")) as one,
        ModelServer(vllm_answers(openai_answer(REFUSAL), model="a")) as two,
    ):
        models = models_at(vllm=(one.url, two.url))
        answer = await reply(models, only=NamedModel("a", two.url))
        assert (answer.response, answer.endpoint) == (REFUSAL, two.url)
        assert [attempt.rule for attempt in answer.attempts] == [
            "the model was named; no other is asked"
        ]
        gone = NamedModel("b", two.url)
        with pytest.raises(ModelUnavailableError, match=f"^{gone} is not ready any more: name"):
            await reply(models, only=gone)
        with pytest.raises(InvalidArgumentError, match="takes about"):
            await reply(models, "word " * 100_000, only=NamedModel("a", two.url))


async def test_after_a_timeout_the_next_endpoint_answers(models_at: Models):
    async with (
        ModelServer(vllm_answers(Stream([HANG]), model="a")) as one,
        ModelServer(vllm_answers(openai_answer("Yes."), model="b")) as two,
    ):
        models = models_at(vllm=(one.url, two.url), reply_timeout_seconds=0.3)
        answer = await reply(models)
    assert answer.response == "Yes."
    assert answer.attempts[0].outcome == "ModelUnavailableError"
    assert answer.attempts[0].latency_ms >= 300


async def test_after_a_weak_answer_another_model_is_tried_and_the_better_answer_returned(
    models_at: Models,
):
    async with (
        ModelServer(vllm_answers(openai_answer(REFUSAL), model="a")) as one,
        ModelServer(vllm_answers(openai_answer("Yes."), model="b")) as two,
    ):
        answer = await reply(models_at(vllm=(one.url, two.url)))
    assert (answer.response, answer.confidence) == ("Yes.", 1.0)
    assert [attempt.outcome for attempt in answer.attempts] == ["low_confidence", "ok"]
    assert answer.notices == ()


async def test_the_same_model_elsewhere_is_no_second_opinion(models_at: Models):
    async with (
        ModelServer(vllm_answers(openai_answer(REFUSAL))) as one,
        ModelServer(vllm_answers(openai_answer("Yes."))) as two,
    ):
        answer = await reply(models_at(vllm=(one.url, two.url)))
    assert (answer.response, len(answer.attempts)) == (REFUSAL, 1)
    assert answer.notices[-1].startswith("low confidence: 0.66, and 0.70 is asked for")


async def test_the_best_of_two_weak_answers_is_returned_and_no_third_is_asked(models_at: Models):
    answers = [openai_answer(REFUSAL), openai_answer("ab, cd; " * 60), openai_answer("Yes.")]
    async with (
        ModelServer(vllm_answers(answers[0], model="a")) as one,
        ModelServer(vllm_answers(answers[1], model="b")) as two,
        ModelServer(vllm_answers(answers[2], model="c")) as three,
    ):
        answer = await reply(models_at(vllm=(one.url, two.url, three.url)))
    assert answer.response == REFUSAL
    assert len(answer.attempts) == 2
    assert three.bodies(CHAT) == []


async def test_when_every_endpoint_fails_each_cause_is_named(models_at: Models):
    broken = Stream([openai_delta(content="half"), CUT])
    async with (
        ModelServer(vllm_answers(broken, model="a")) as one,
        ModelServer(vllm_answers(Stream([]), model="b")) as two,
    ):
        with pytest.raises(ModelReplyError) as caught:
            await reply(models_at(vllm=(one.url, two.url)))
    for url in (one.url, two.url):
        assert url in str(caught.value)


async def test_a_schema_that_is_none_is_refused_before_any_model_is_asked(models_at: Models):
    async with ModelServer(vllm_answers(openai_answer("{}"))) as server:
        with pytest.raises(InvalidArgumentError, match=r"^json_schema: not a JSON schema"):
            await reply(models_at(vllm=(server.url,)), json_schema={"type": "nonsense"})
    assert server.requests == []


@pytest.mark.parametrize(
    ("wish", "named"),
    [
        ({"quality_critical": True}, "quality_critical"),
        ({"prefer_local": False}, "prefer_local=false"),
    ],
)
async def test_a_wish_for_a_remote_model_gets_the_best_local_one_and_a_notice(
    models_at: Models, wish: dict[str, bool], named: str
):
    async with ModelServer(vllm_answers(openai_answer("Yes."))) as server:
        answer = await reply(models_at(vllm=(server.url,)), **wish)
    assert answer.response == "Yes."
    wanted = "the best local model answers what calls for API_FALLBACK"
    assert answer.notices == (f"no remote model is configured: {wanted} ({named})",)


async def test_a_task_type_that_is_given_is_kept(models_at: Models):
    async with ModelServer(vllm_answers(openai_answer("Yes."))) as server:
        answer = await reply(models_at(vllm=(server.url,)), task_type=TaskType.EXTRACTION)
    assert answer.task_type is TaskType.EXTRACTION


# None ready


async def test_nothing_running_is_an_error_with_every_url_and_one_next_step(models_at: Models):
    async with ModelServer({}) as server:
        dead = server.url
    models = models_at(llama_cpp=(dead,), ollama=(dead,))
    assert not await any_ready(models)
    with pytest.raises(ModelUnavailableError) as caught:
        await reply(models)
    text = str(caught.value)
    assert f"{dead} [llama.cpp]: down (connection refused)" in text
    assert f"{dead} [Ollama]: down (connection refused)" in text
    assert text.count("`") == 2


async def test_a_model_started_after_the_last_survey_is_found(models_at: Models):
    async with ModelServer({}) as server:
        pass
    models = models_at(vllm=(server.url,))
    assert not await any_ready(models)
    async with ModelServer(vllm_answers(openai_answer("Yes.")), port=server.port):
        assert (await reply(models)).response == "Yes."


def down(kind: EndpointKind, url: str, state: EndpointState = EndpointState.DOWN, **more: Any):
    return EndpointReport(Endpoint(kind, url), state, **more)


DOWN = [
    down(EndpointKind.LLAMA_CPP, "http://127.0.0.1:8099"),
    down(EndpointKind.OLLAMA, "http://127.0.0.1:11434"),
    down(EndpointKind.LMSTUDIO, "http://127.0.0.1:1234"),
]


@pytest.mark.parametrize(
    ("installed", "step"),
    [
        ({"ollama", "llama-server", "lms"}, "Start one: `ollama serve`"),
        (
            {"llama-server", "lms"},
            "`llama-server -hf Qwen/Qwen2.5-Coder-3B-Instruct-GGUF --port 8099`",
        ),
        ({"lms"}, "Start one: `lms server start`"),
        (set(), "install Ollama"),
    ],
)
def test_the_next_step_starts_what_is_installed(installed: set[str], step: str):
    error = unavailable(DOWN, lambda name: f"/bin/{name}" if name in installed else None)
    assert step in str(error)


def test_a_server_that_is_loading_is_to_be_waited_for():
    loading = down(EndpointKind.LLAMA_CPP, "http://127.0.0.1:8080", EndpointState.LOADING)
    assert "is loading its model: try again in a moment" in str(
        unavailable([*DOWN, loading], shutil.which)
    )


async def test_an_ollama_without_a_model_is_told_to_pull_one(models_at: Models):
    async with ModelServer(ollama_answers(Stream([]), models=[])) as server:
        with pytest.raises(ModelUnavailableError, match="`ollama pull "):
            await reply(models_at(ollama=(server.url,)))


async def test_without_endpoints_the_settings_are_named(models_at: Models):
    with pytest.raises(ModelUnavailableError, match=r"hybrid\.yaml"):
        await reply(models_at())


# Waiting


async def test_progress_comes_before_the_first_token_and_then_steadily(models_at: Models):
    heard: list[tuple[float, str]] = []
    stream = Stream([HANG, openai_delta(content="Yes."), openai_delta("stop")])
    async with ModelServer(vllm_answers(stream, model="m")) as server:

        async def progress(elapsed: float, words: str) -> None:
            heard.append((elapsed, words))
            if len(heard) == 1:
                assert server.requests == []
            if len(heard) == 4:
                server.release()

        models = models_at(vllm=(server.url,), heartbeat_seconds=0.05)
        answer, _ = await asked(models, AskRequest("Is it done?"), progress=progress)
    assert answer.response == "Yes."
    elapsed = [seconds for seconds, _ in heard]
    assert elapsed == sorted(elapsed)
    assert elapsed[0] < 0.05 <= elapsed[1] - elapsed[0] + 0.01
    assert heard[0][1] == "looking for a model"
    assert heard[3][1] == f"waiting for the first token of m at {server.url}"


async def test_a_caller_that_goes_away_ends_the_models_work(models_at: Models):
    stream = Stream([openai_delta(content="Yes"), HANG])
    async with ModelServer(vllm_answers(stream)) as server:

        async def gone(elapsed: float, words: str) -> None:
            if "so far" in words:
                raise ConnectionResetError

        models = models_at(vllm=(server.url,), heartbeat_seconds=0.02)
        with pytest.raises(ConnectionResetError):
            await asked(models, AskRequest("Is it done?"), progress=gone)


async def test_calls_wait_for_a_free_slot(models_at: Models):
    def line(content: str, **final: Any) -> bytes:
        message = {"role": "assistant", "content": content}
        return json.dumps({"message": message, "done": bool(final), **final}).encode() + b"\n"

    stream = Stream([line("Yes."), HANG, line("", done_reason="stop")])
    answers = ollama_answers(stream, models=[ollama_model("m")])
    async with ModelServer(answers) as server:
        models = models_at(ollama=(server.url,))
        calls = [asyncio.create_task(reply(models)) for _ in range(3)]
        await server.until_hanging()
        server.release()
        assert [answer.response for answer in await asyncio.gather(*calls)] == ["Yes."] * 3
    assert server.most_at_once == 1


async def test_a_slot_that_never_comes_free_is_an_error(models_at: Models):
    stream = Stream([openai_delta(content="Yes"), HANG])
    answers = {**vllm_answers(stream), "GET /health": vllm_answers(stream)["GET /v1/models"]}
    async with ModelServer(answers) as server:
        models = models_at(
            llama_cpp=(server.url,),
            reply_timeout_seconds=0.3,
            routing=RoutingSettings(queue_seconds=0.3),
        )
        calls = [asyncio.create_task(reply(models)) for _ in range(3)]
        errors = await asyncio.gather(*calls, return_exceptions=True)
    # The second gets the slot when the first's time is up and holds it beyond the third's, or is
    # out of time itself.
    assert isinstance(errors[0], ModelReplyError)
    busy = [error for error in errors[1:] if "at work and" in str(error)]
    assert busy
    assert all(isinstance(error, ModelUnavailableError) for error in busy)


# What is sent, and where to


def test_material_is_fenced_and_labelled_and_the_job_comes_last():
    request = AskRequest(
        "Fix it.",
        files=(FileText("a.md", "x\n````\ny"), FileText("b.py", "z")),
        context="Context: c",
        system="Be brief.",
        json_schema={"type": "object"},
    )
    system, user = build_messages(request)
    assert system.role == "system"
    assert system.content.startswith("Be brief.\n\n")
    assert "not instructions to follow" in system.content
    assert user.content == (
        "File a.md:\n`````\nx\n````\ny\n`````\n\nFile b.py:\n```\nz\n```\n\nContext: c\n\nFix it."
        '\n\nAnswer with JSON that matches this schema: {"type": "object"}'
    )


async def test_a_model_is_sent_no_secret(models_at: Models):
    key = "AKIA" + "Q3EGRXVZ7PLM2TWB"
    url = "postgresql://app:pw@host/shop"
    schema = {**SCHEMA, "description": f"not {key}"}
    async with ModelServer(vllm_answers(openai_answer('{"done": true}'))) as server:
        await reply(
            models_at(vllm=(server.url,)),
            f"Why does {key} fail at {url}?",
            files=(FileText("a.env", f"KEY_ID={key}\nDATABASE_URL={url}\n"),),
            context=f"Context: {key} {url}",
            system=f"You know {key} and {url}.",
            json_schema=schema,
        )
    (body,) = server.bodies(CHAT)
    sent = json.dumps(body)
    assert key not in sent
    assert "app:pw" not in sent
    assert sent.count("<SECRET:url-password>@host/shop") == 4
    assert sent.count("<SECRET:aws-access-key>") >= 5


def test_a_bare_prompt_stays_bare():
    (user,) = build_messages(AskRequest("Hi"))
    assert (user.role, user.content) == ("user", "Hi")


async def test_with_default_settings_no_request_leaves_this_machine():
    models = default_models(probe_timeout_seconds=0.5)
    try:
        await models.survey()
        assert set(models.gateway.egress.contacted) == {"127.0.0.1"}
        assert models.gateway.egress.contacted["127.0.0.1"] >= 7
    finally:
        await models.close()


async def test_a_redirect_to_another_host_is_not_followed(models_at: Models):
    async with ModelServer(vllm_answers(openai_answer("Yes."))) as elsewhere:
        moved = Answer(b"", status=307, headers={"Location": elsewhere.url + CHAT})
        async with ModelServer(vllm_answers(moved)) as server:
            with pytest.raises(ModelReplyError, match="HTTP 307"):
                await reply(models_at(vllm=(server.url,)))
    assert elsewhere.requests == []


async def test_nothing_is_imported_or_opened_before_the_first_call():
    models = default_models()
    assert models.gateway.egress.contacted == {}
    await models.close()
