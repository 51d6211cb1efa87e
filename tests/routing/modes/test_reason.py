"""Plan, solve, criticise, correct: bounded, visible, never worse than the first answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from hybrid_coordinator.domain.ask import AskRequest, FileText
from hybrid_coordinator.errors import InvalidArgumentError, ModelReplyError, ModelUnavailableError
from hybrid_coordinator.routing.modes.reason import read_faults, reason
from tests.support.asking import Server, ServerAsk, answering
from tests.support.llama_server import MODEL, LlamaServer
from tests.support.model_server import Request, Scripted, Stream, as_json
from tests.support.model_wire import DONE, openai_delta, openai_usage

AskTo = Callable[..., ServerAsk]
TASK = AskRequest("Name the capital of Australia and say why.", max_tokens=600)
WRONG = "The capital is Sydney, since it is the largest city."
RIGHT = "The capital is Canberra, chosen as a compromise between Sydney and Melbourne."
BROKEN = as_json({"error": {"message": "slot crashed"}}, 500)
NOTHING = json.dumps({"faults": [], "missing": []})
FAULT = json.dumps(
    {"faults": [{"quote": "capital is Sydney", "fault": "it is Canberra"}], "missing": ["dates"]}
)


@dataclass
class Steps:
    """Answers by step; the last one of a step stays."""

    plan: str | Scripted = "1. Recall it. 2. Give the reason."
    solve: str | Scripted = WRONG
    criticise: Sequence[str | Scripted] = (FAULT, NOTHING)
    correct: Sequence[str | Scripted] = (RIGHT,)
    seen: list[tuple[str, str, Request]] = field(default_factory=list)

    def __call__(self, prompt: str, request: Request) -> str | Scripted:
        system = request.body["messages"][0]["content"]
        if "Write a plan" in prompt:
            return self._said("plan", [self.plan], prompt, request)
        if "Look for faults" in prompt:
            return self._said("criticise", self.criticise, prompt, request)
        if 'the file "review"' in system:
            return self._said("correct", self.correct, prompt, request)
        return self._said("solve", [self.solve], prompt, request)

    def _said(
        self, step: str, answers: Sequence[str | Scripted], prompt: str, request: Request
    ) -> str | Scripted:
        before = sum(name == step for name, _, _ in self.seen)
        self.seen.append((step, prompt, request))
        return answers[min(before, len(answers) - 1)]

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.seen]


async def test_a_fault_is_corrected_and_every_step_is_told(ask_to: AskTo):
    steps = Steps()
    async with answering(steps) as server:
        ask = ask_to(Server(server.url))
        answer = await reason(ask, TASK)
    assert steps.names == ["plan", "solve", "criticise", "correct", "criticise"]
    assert answer.text == RIGHT
    assert [notice.split(":")[0] for notice in answer.notices] == [
        "step 1, plan",
        "step 2, solve",
        "step 3, criticise",
        "step 4, correct",
        "step 5, criticise",
    ]
    assert '2 found: "capital is Sydney": it is Canberra' in answer.notices[2]
    assert answer.notices[3].endswith("(kept)")
    assert answer.notices[4].endswith("nothing found")
    assert ask.words == [f"step {at}: {name}" for at, name in enumerate(steps.names, 1)]
    assert len(answer.attempts) == 5
    assert answer.tokens_out == sum(attempt.tokens_out for attempt in ask.attempts)
    (correction,) = [prompt for name, prompt, _ in steps.seen if name == "correct"]
    assert WRONG in correction
    assert "- missing: dates" in correction
    assert correction.endswith(TASK.prompt)


async def test_it_stops_when_the_criticism_finds_nothing(ask_to: AskTo):
    steps = Steps(solve=RIGHT, criticise=[NOTHING])
    async with answering(steps) as server:
        answer = await reason(ask_to(Server(server.url)), TASK)
    assert steps.names == ["plan", "solve", "criticise"]
    assert answer.text == RIGHT


async def test_a_fault_that_quotes_what_is_not_there_is_none():
    invented = {"faults": [{"quote": "the capital is Perth", "fault": "wrong"}], "missing": [" "]}
    assert read_faults(json.dumps(invented), WRONG) == []
    quoted = {"faults": [{"quote": "Capital  is Sydney...", "fault": "no"}], "missing": []}
    assert read_faults(f"```json\n{json.dumps(quoted)}\n```", WRONG) == [
        '"Capital  is Sydney...": no'
    ]
    for garbage in ("", "[]", '{"faults": 3, "missing": {}}', '{"faults": [3, {"quote": 1}]}'):
        assert read_faults(garbage, WRONG) == []


async def test_a_correction_that_reads_worse_is_not_taken(ask_to: AskTo):
    steps = Steps(correct=["I'm sorry, but I can't help with that."])
    async with answering(steps) as server:
        answer = await reason(ask_to(Server(server.url)), TASK)
    assert answer.text == WRONG
    assert steps.names[-1] == "correct"
    assert "the answer before is surer, and kept" in answer.notices[3]


async def test_calls_are_bounded(ask_to: AskTo):
    changing = [f"{WRONG} Version {number}." for number in range(9)]
    for bound, names in ((6, 6), (4, 4), (3, 2), (2, 2)):
        steps = Steps(criticise=[FAULT], correct=changing)
        async with answering(steps) as server:
            await reason(ask_to(Server(server.url)), TASK, max_calls=bound)
        assert len(steps.names) == names


async def test_tokens_are_bounded(ask_to: AskTo):
    long = " ".join(f"word{number}" for number in range(300))
    steps = Steps(solve=f"{long} capital is Sydney.", criticise=[FAULT], correct=[f"{long}."])
    async with answering(steps) as server:
        answer = await reason(ask_to(Server(server.url)), AskRequest("Say it.", max_tokens=100))
    assert steps.names == ["plan", "solve"]
    assert answer.tokens_out < 400
    assert [request.body["max_tokens"] for _, _, request in steps.seen] == [400, 100]


async def test_a_short_answer_leaves_plan_and_criticism_their_room(ask_to: AskTo):
    """As for a figure: neither fits what its answer may take, nor is it taken off that."""
    plan = " ".join(f"step{number}" for number in range(300))
    faults = {
        "faults": [{"quote": "it is 41", "fault": "carry " * 40} for _ in range(5)],
        "missing": ["unit " * 40],
    }
    steps = Steps(
        plan=plan, solve="it is 41", criticise=[json.dumps(faults), NOTHING], correct=["it is 42"]
    )
    async with answering(steps) as server:
        answer = await reason(ask_to(Server(server.url)), AskRequest("6 x 7?", max_tokens=64))
    assert answer.text == "it is 42"
    assert [(name, request.body["max_tokens"]) for name, _, request in steps.seen] == [
        ("plan", 400),
        ("solve", 64),
        ("criticise", 500),
        ("correct", 64),
        ("criticise", 500),
    ]


def refusing(steps: Steps, *refused: str) -> Callable[[str, Request], str | Scripted]:
    """As llama-server refuses a prompt with one of these texts in it, for being too long."""
    error = {
        "code": 400,
        "message": "the request exceeds the available context size, try increasing it",
        "type": "exceed_context_size_error",
        "n_prompt_tokens": 4224,
        "n_ctx": 4096,
    }

    def reply(prompt: str, request: Request) -> str | Scripted:
        too_long = any(text in prompt for text in refused)
        return as_json({"error": error}, 400) if too_long else steps(prompt, request)

    return reply


async def test_what_a_plan_leaves_no_room_for_is_solved_without_one(ask_to: AskTo):
    steps = Steps(solve=RIGHT, criticise=[NOTHING])
    async with answering(refusing(steps, "1. Recall it.")) as server:
        ask = ask_to(Server(server.url))
        answer = await reason(ask, TASK)
    assert answer.text == RIGHT
    assert ask.steps == ["reason: plan", "reason: solve", "reason: solve", "reason: criticise"]
    assert answer.notices[1].startswith("solved without the plan: prompt: ")
    assert "4224" in answer.notices[1]
    assert answer.notices[2].startswith("step 2, solve: ")


async def test_what_leaves_no_room_for_planning_is_solved_all_the_same(ask_to: AskTo):
    steps = Steps(solve=RIGHT, criticise=[NOTHING])
    async with answering(refusing(steps, "Write a plan")) as server:
        answer = await reason(ask_to(Server(server.url)), TASK)
    assert answer.text == RIGHT
    assert answer.notices[0].startswith("no plan: prompt: ")
    async with answering(refusing(Steps(), TASK.prompt)) as server:
        with pytest.raises(InvalidArgumentError, match="4224"):
            await reason(ask_to(Server(server.url)), TASK)


async def test_a_failing_step_costs_no_answer(ask_to: AskTo):
    steps = Steps(plan=BROKEN, criticise=[BROKEN])
    async with answering(steps) as server:
        answer = await reason(ask_to(Server(server.url)), TASK)
    assert answer.text == WRONG
    told = " | ".join(answer.notices)
    assert "no plan: m-7b at" in told
    assert "ended there: m-7b at" in told
    async with answering(Steps(correct=[BROKEN])) as server:
        assert (await reason(ask_to(Server(server.url)), TASK)).text == WRONG
    async with answering(Steps(solve=BROKEN)) as server:
        with pytest.raises(ModelReplyError, match="slot crashed"):
            await reason(ask_to(Server(server.url)), TASK)
    with pytest.raises(ModelUnavailableError):
        await reason(ask_to(Server("http://127.0.0.1:9")), TASK)


def thinking(text: str) -> Stream:
    """As llama-server streams a reasoning model, and as one whose template leaves tags in."""
    return Stream(
        [
            openai_delta(role="assistant", content=""),
            openai_delta(reasoning_content="SECRET first, "),
            openai_delta(content="<think>SECRET then"),
            openai_delta(content="</think>"),
            openai_delta(content=text),
            openai_delta("stop"),
            openai_usage(20, 30),
            DONE,
        ]
    )


async def test_thinking_is_in_no_later_prompt_and_not_in_the_answer(ask_to: AskTo):
    steps = Steps(
        plan=thinking("1. Recall it."),
        solve=thinking(WRONG),
        criticise=[thinking(FAULT), thinking(NOTHING)],
        correct=[thinking(RIGHT)],
    )
    async with answering(steps) as server:
        answer = await reason(ask_to(Server(server.url)), TASK)
    assert answer.text == RIGHT
    assert len(steps.names) == 5
    assert not any("SECRET" in json.dumps(request.body) for _, _, request in steps.seen)
    assert "SECRET" not in " ".join(answer.notices)


async def test_a_schema_is_asked_of_the_answers_alone(ask_to: AskTo):
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    steps = Steps(
        solve='{"city": "capital is Sydney"}', correct=['{"city": "Canberra"}'],
        criticise=[FAULT, NOTHING],
    )  # fmt: skip
    request = AskRequest("Capital?", json_schema=schema, files=(FileText("a.txt", "Australia"),))
    async with answering(steps) as server:
        answer = await reason(ask_to(Server(server.url)), request)
    assert answer.text == '{"city": "Canberra"}'
    asked = [
        call.body.get("response_format", {}).get("json_schema", {}).get("schema", {})
        for _, _, call in steps.seen
    ]
    assert [each.get("required") for each in asked] == [
        None,
        ["city"],
        ["faults", "missing"],
        ["city"],
        ["faults", "missing"],
    ]
    assert all("File a.txt:\n```\nAustralia\n```" in prompt for _, prompt, _ in steps.seen)


async def test_the_real_llama_server_goes_through_the_steps(
    ask_to: AskTo, llama_server: LlamaServer
):
    """Its model writes noise, so that no fault can quote its answer; but all is in form."""
    schema = {
        "type": "object",
        "properties": {"done": {"type": "boolean"}},
        "required": ["done"],
        "additionalProperties": False,
    }
    ask = ask_to(Server(llama_server.url, MODEL, context_length=2048))
    answer = await reason(ask, AskRequest("Done?", json_schema=schema, max_tokens=200), max_calls=4)
    assert set(json.loads(answer.text)) == {"done"}
    assert ask.steps[:2] == ["reason: plan", "reason: solve"]
    assert answer.tokens_out == sum(attempt.tokens_out for attempt in ask.attempts)
