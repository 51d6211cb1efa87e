"""`ask` at a terminal and in a pipe: streaming, escalation, Ctrl-C, stdin, options."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.background import Background, in_background
from tests.support.model_server import HANG, ModelServer, Scripted, Stream
from tests.support.model_wire import (
    DONE,
    openai_answer,
    openai_delta,
    openai_usage,
    vllm_answers,
)
from tests.support.stdio import command, environment, session, wait_until
from tests.support.terminal import at_terminal

CHAT = "/v1/chat/completions"
REFUSAL = "I'm sorry, but I can't help with that."
PROMPT = "What colour has the sky?"


def written(*chunks: bytes | str) -> Stream:
    return Stream([*chunks, openai_delta("stop"), openai_usage(), DONE])


class Models:
    """Two model servers: the second is asked where the first falls short."""

    def __init__(self, first: Background[ModelServer], second: Background[ModelServer]) -> None:
        self.first, self.second = first, second

    def say(self, first: Scripted, second: Scripted | None = None) -> None:
        """What they answer from now on."""
        for beside, name, answer in ((self.first, "one", first), (self.second, "two", second)):
            beside.server.answers = vllm_answers(answer or openai_answer("Not asked."), model=name)
            beside.do(ModelServer.hold)

    @property
    def asked(self) -> dict[str, Any]:
        return self.first.server.bodies(CHAT)[-1]


@pytest.fixture(scope="module")
def both(shared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    answers = [vllm_answers(openai_answer("Yes."), model=name) for name in ("one", "two")]
    with (
        in_background(ModelServer(answers[0])) as first,
        in_background(ModelServer(answers[1])) as second,
    ):
        urls = f"{first.server.url},{second.server.url}"
        settings = {f"HYBRID_INFERENCE_{kind}": "," for kind in ("LLAMA_CPP", "OLLAMA", "LMSTUDIO")}
        settings["HYBRID_ROUTING_LEARN"] = "false"  # which draws the order
        settings["HYBRID_ROUTING_CACHE_HOURS"] = "0"
        with session(shared_home, HYBRID_INFERENCE_VLLM=urls, **settings) as opened:
            opened.tool("search_knowledge", query="is it up?")
            yield Models(first, second)


def ask(home: Path, *arguments: str, stdin: bytes | None = None) -> Any:
    return subprocess.run(
        [sys.executable, "-m", "hybrid_coordinator.serving.cli", "ask", "--no-context", *arguments],
        env=environment(home),
        cwd=home.parent,
        capture_output=True,
        timeout=60,
        check=False,
        **({"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}),
    )


def test_at_a_terminal_the_answer_appears_as_it_is_written(both: Models, shared_home: Path) -> None:
    both.say(written(openai_delta(content="It is"), HANG, openai_delta(content=" blue.")))
    with at_terminal(shared_home, "ask", "--no-context", PROMPT) as terminal:
        seen = terminal.until("It is")
        assert "blue" not in seen
        both.first.do(ModelServer.release)
        assert terminal.end() == 0
    shown = terminal.screen
    assert shown.index("It is blue.\n") < shown.index("[one at ")
    assert "—" not in shown, "nothing was begun anew"


def test_thinking_is_dim_and_apart_and_an_escape_sequence_does_nothing(
    both: Models, shared_home: Path
) -> None:
    both.say(
        written(
            openai_delta(content="<thi"),
            openai_delta(content="nk>air scatters</think>"),
            openai_delta(content="It is \x1b[31mblue\x07."),
        )
    )
    with at_terminal(shared_home, "ask", "--no-context", PROMPT) as terminal:
        assert terminal.end() == 0
    assert "\x1b[2mair scatters\x1b[0m\nIt is [31mblue.\n" in terminal.screen
    assert "think>" not in terminal.screen


def test_at_a_terminal_a_better_model_begins_anew_below_a_mark(
    both: Models, shared_home: Path
) -> None:
    both.say(openai_answer(REFUSAL), openai_answer("It is blue."))
    with at_terminal(shared_home, "ask", "--no-context", PROMPT) as terminal:
        assert terminal.end() == 0
    shown = terminal.screen
    refusal, mark = shown.index(f"{REFUSAL}\n"), shown.index("\n— not good enough (0.")
    second = f"two at {both.second.server.url}"
    assert refusal < mark < shown.index(f"): asking {second} —\nIt is blue.\n")


def test_where_the_first_answer_was_the_better_one_it_comes_again_below_a_mark(
    both: Models, shared_home: Path
) -> None:
    both.say(openai_answer(REFUSAL), openai_answer("ab, cd; " * 60))
    with at_terminal(shared_home, "ask", "--no-context", PROMPT) as terminal:
        assert terminal.end() == 0
    assert f"— the answer —\n{REFUSAL}\n" in terminal.screen


def test_in_a_pipe_only_the_final_answer_is_printed(both: Models, shared_home: Path) -> None:
    both.say(openai_answer(REFUSAL), openai_answer("It is blue."))
    done = ask(shared_home, PROMPT)
    assert (done.returncode, done.stdout) == (0, b"It is blue.\n")
    assert done.stderr.startswith(b"[two at ")
    assert b"\x1b" not in done.stderr
    whole = json.loads(ask(shared_home, PROMPT, "--json").stdout)
    assert [attempt["model"] for attempt in whole["attempts"]] == ["one", "two"]
    assert whole["interaction_id"]


@pytest.mark.parametrize("ending", ["interrupt", "kill"])
def test_who_is_gone_is_not_answered_any_more(both: Models, shared_home: Path, ending: str) -> None:
    both.say(written(openai_delta(content="It is"), HANG))
    before = both.first.server.dropped
    with at_terminal(shared_home, "ask", "--no-context", PROMPT) as terminal:
        terminal.until("It is")
        if ending == "kill":
            terminal.process.kill()
        else:
            terminal.interrupt()
        status = terminal.end()
    assert status == (-9 if ending == "kill" else 130)
    assert "Traceback" not in terminal.screen
    wait_until(lambda: both.first.server.dropped == before + 1, what="for the model to be left")


def test_what_is_piped_in_goes_below_the_prompt(both: Models, shared_home: Path) -> None:
    both.say(openai_answer("Fine."))
    diff = "+ größe = 1\n"
    assert ask(shared_home, "review this", stdin=diff.encode()).returncode == 0
    assert f"review this\n\n{diff.strip()}" in both.asked["messages"][-1]["content"]
    assert ask(shared_home, "-", stdin=b"caf\xe9 or tea?").returncode == 0
    assert "caf\ufffd or tea?" in both.asked["messages"][-1]["content"]
    nothing = ask(shared_home, "-", stdin=b"\n")
    assert (nothing.returncode, nothing.stdout) == (1, b"")
    assert nothing.stderr.startswith(b"error: PROMPT: is empty")


def test_options_reach_the_model(both: Models, shared_home: Path, tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"blue": {"type": "boolean"}}}
    file = tmp_path / "schema.json"
    file.write_text(json.dumps(schema))
    both.say(openai_answer('{"blue": true}'))
    done = ask(
        shared_home, PROMPT, "--schema", str(file), "--system", "Be brief.", "--max-tokens", "77",
        "--task-type", "extraction", "--remote", "--json",
    )  # fmt: skip
    answer = json.loads(done.stdout)
    assert answer["task_type"] == "extraction"
    assert "Be brief." in json.dumps(both.asked["messages"])
    assert both.asked["max_tokens"] == 77
    assert "blue" in json.dumps(both.asked["response_format"])


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--file", "no-such-file"), "files: no-such-file"),
        (("--schema", "no-such-file"), "--schema: no-such-file cannot be read"),
        (("--max-tokens", "0"), "max_tokens: "),
    ],
)
def test_a_bad_value_is_named(
    both: Models, shared_home: Path, arguments: Sequence[str], problem: str
) -> None:
    refused = ask(shared_home, PROMPT, *arguments)
    assert (refused.returncode, refused.stdout) == (1, b"")
    assert refused.stderr.decode().startswith(f"error: {problem}")


def test_route_shows_whom_ask_would_ask_in_turn_and_asks_nobody(
    both: Models, shared_home: Path
) -> None:
    both.say(openai_answer("Yes."), openai_answer("Yes."))
    asked = [len(beside.server.bodies(CHAT)) for beside in (both.first, both.second)]
    decision = json.loads(command(shared_home, "route", PROMPT, "--json").stdout)
    here = decision["here"]
    assert [decision["tier"], here["tier"], here["target"]] == ["LOCAL_FAST", "LOCAL_FAST", "local"]
    assert ["one at http" in here["chain"][0], "two at http" in here["chain"][1]] == [True, True]
    assert 0 <= decision["complexity_score"] <= 10
    text = command(shared_home, "route", PROMPT).stdout
    assert f"   1. {here['chain'][0]}\n   2. {here['chain'][1]}\n" in text
    assert f"  rule        {decision['rule']}\n" in text
    hard = command(shared_home, "route", "Design a distributed database, prove it correct").stdout
    assert "  note: no remote model is configured: " in hard
    assert [len(beside.server.bodies(CHAT)) for beside in (both.first, both.second)] == asked
