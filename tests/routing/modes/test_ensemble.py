"""Several models or voices at once: who is asked, what becomes of dissent, and of the lost."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from hybrid_coordinator.domain.ask import AskRequest
from hybrid_coordinator.domain.route import TaskType, Tier
from hybrid_coordinator.errors import ModelReplyError, ModelUnavailableError
from hybrid_coordinator.routing.modes.ensemble import ensemble
from hybrid_coordinator.templating import voices
from tests.support.asking import Server, ServerAsk, answering
from tests.support.llama_server import MODEL, LlamaServer
from tests.support.model_server import Request, Scripted, as_json

AskTo = Callable[..., ServerAsk]
QUESTION = AskRequest("How many eggs are left?", task_type=TaskType.QUESTION)


def always(text: str) -> Callable[[str, Request], str | Scripted]:
    return lambda _, __: text


def by_voice(**answers: str | Scripted) -> Callable[[str, Request], str | Scripted]:
    """Answers by a word of the system prompt."""

    def reply(_: str, request: Request) -> str | Scripted:
        system = request.body["messages"][0]["content"]
        return next(answer for word, answer in answers.items() if word in system)

    return reply


async def test_one_model_answers_in_three_voices_that_fit_the_task(ask_to: AskTo):
    reply = by_voice(exactly="18", step="The answer is 18.", trap="#### 20")
    async with answering(reply) as server:
        ask = ask_to(Server(server.url, slots=3))
        answer = await ensemble(ask, QUESTION, voices())
    assert ask.steps == ["ensemble: literal", "ensemble: methodical", "ensemble: sceptic"]
    assert ask.most_at_once == 3
    assert answer.text in ("18", "The answer is 18.")
    agreed, dissent = answer.notices[:2]
    assert agreed.startswith("literal, methodical of literal, methodical, sceptic agree (agreement")
    assert dissent == "dissent: sceptic: 20 (not 18)"
    assert 0.7 < answer.confidence < 0.9
    assert len(answer.attempts) == 3
    assert answer.tokens_out == 1 + 4 + 2  # a word a token
    assert ask.words[-1] == "3 of 3 voices have answered"


async def test_voices_wait_for_slots(ask_to: AskTo):
    async with answering(always("18")) as server:
        ask = ask_to(Server(server.url, slots=1))
        answer = await ensemble(ask, QUESTION, voices())
    assert ask.most_at_once == 1
    assert answer.confidence > 0.95


async def test_agreement_makes_sure_and_dissent_unsure(ask_to: AskTo):
    reply = by_voice(exactly="18", step="19", trap="20")
    async with answering(reply) as server:
        answer = await ensemble(ask_to(Server(server.url)), QUESTION, voices())
    assert answer.confidence < 0.7
    assert sum(notice.startswith("dissent: ") for notice in answer.notices) == 2


async def test_several_models_speak_for_themselves(ask_to: AskTo):
    async with answering(always("18")) as one, answering(always("20")) as two:
        ask = ask_to(Server(one.url, "qwen"), Server(two.url, "llama"))
        answer = await ensemble(ask, QUESTION, voices())
        assert [request.body["model"] for request in (*one.requests, *two.requests)] == [
            "qwen",
            "qwen",
            "llama",
        ]
    # The best one takes the third seat, in a voice.
    assert ask.steps == ["ensemble: qwen", "ensemble: llama", "ensemble: literal"]
    assert answer.text == "18"
    assert "dissent: llama: 20 (not 18)" in answer.notices


async def test_a_remote_model_is_not_paid_for_what_is_best_done_here(ask_to: AskTo):
    async with answering(always("18")) as here, answering(always("18")) as elsewhere:
        local = Server(here.url, "qwen")
        remote = Server(elsewhere.url, "large", tier=Tier.API_FALLBACK)
        ask = ask_to(local, remote)
        await ensemble(ask, QUESTION, voices())
        assert elsewhere.requests == []
        assert [step.split()[-1] for step in ask.steps] == ["literal", "methodical", "sceptic"]


async def test_local_models_do_not_outvote_the_remote_one_that_is_best(ask_to: AskTo):
    async with answering(always("18")) as elsewhere, answering(always("20")) as here:
        remote = Server(elsewhere.url, "large", tier=Tier.API_FALLBACK)
        weak = Server(here.url, "qwen"), Server(here.url, "llama", tier=Tier.LOCAL_QUALITY)
        ask = ask_to(remote, *weak)
        answer = await ensemble(ask, QUESTION, voices())
        assert here.requests == []
    assert ask.steps == ["ensemble: literal", "ensemble: methodical", "ensemble: sceptic"]
    assert (answer.text, answer.model) == ("18", "large")


async def test_remote_models_sit_together_where_one_of_them_is_best(ask_to: AskTo):
    async with answering(always("18")) as elsewhere, answering(always("20")) as here:
        remote = [
            Server(elsewhere.url, name, tier=Tier.API_FALLBACK) for name in ("large", "other")
        ]
        ask = ask_to(remote[0], Server(here.url, "qwen"), remote[1])
        await ensemble(ask, QUESTION, voices())
        assert here.requests == []
    assert ask.steps == ["ensemble: large", "ensemble: other", "ensemble: literal"]


async def test_a_lost_voice_is_told_and_the_others_decide(ask_to: AskTo):
    broken = as_json({"error": {"message": "slot crashed"}}, 500)
    async with answering(by_voice(exactly="18", step=broken, trap="18")) as server:
        answer = await ensemble(ask_to(Server(server.url)), QUESTION, voices())
    assert answer.text == "18"
    assert any(n.startswith("methodical failed: ") and "crashed" in n for n in answer.notices)


async def test_a_single_answer_is_as_sure_as_it_is_by_itself(ask_to: AskTo):
    broken = as_json({"error": {"message": "slot crashed"}}, 500)
    async with answering(by_voice(exactly=broken, step=broken, trap="18")) as server:
        answer = await ensemble(ask_to(Server(server.url)), QUESTION, voices())
    assert answer.text == "18"
    assert answer.notices[0] == "only sceptic answered: nothing to compare it with"
    assert answer.confidence == answer.attempts[0].confidence


async def test_when_all_fail_the_error_has_every_cause(ask_to: AskTo):
    async with answering(by_voice(
        exactly=as_json({"error": {"message": "out of memory"}}, 500),
        step=as_json({"error": {"message": "slot crashed"}}, 500),
        trap="",
    )) as server:  # fmt: skip
        with pytest.raises(ModelReplyError, match="every voice failed: ") as failed:
            await ensemble(ask_to(Server(server.url)), QUESTION, voices())
    assert all(said in str(failed.value) for said in ("out of memory", "crashed", "empty answer"))
    with pytest.raises(ModelUnavailableError):
        await ensemble(ask_to(Server("http://127.0.0.1:9")), QUESTION, voices())


async def test_the_real_llama_server_fills_a_schema_field_by_field(
    ask_to: AskTo, llama_server: LlamaServer
):
    """A model of noise: that what comes out matches is the doing of the combining."""
    schema = {
        "type": "object",
        "properties": {"done": {"type": "boolean"}, "size": {"enum": ["s", "m", "l"]}},
        "required": ["done", "size"],
        "additionalProperties": False,
    }
    ask = ask_to(Server(llama_server.url, MODEL))
    request = AskRequest("Is it done?", json_schema=schema, temperature=1.5, max_tokens=64)
    answer = await ensemble(ask, request, voices())
    value = json.loads(answer.text)
    assert isinstance(value["done"], bool)
    assert value["size"] in ("s", "m", "l")
    assert len(answer.attempts) == 3
