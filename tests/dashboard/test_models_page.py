"""Models: what is served where, and a prompt that is answered as it is written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.dashboard.conftest import Visit, opened
from tests.support.background import Background, in_background
from tests.support.browser import Dashboard, Watched
from tests.support.model_server import HANG, Answer, ModelServer, Scripted, Stream
from tests.support.model_wire import (
    DONE,
    openai_answer,
    openai_delta,
    openai_usage,
    vllm_answers,
)
from tests.support.page_words import cells, duration, fact, number, percent, short
from tests.support.stdio import command, processes_of, wait_until

REFUSAL = "I'm sorry, but I can't help with that."
HOSTILE = "<img src=x onerror='window.hurt=1'>"


def written(*chunks: bytes | str) -> Stream:
    return Stream([*chunks, openai_delta("stop"), openai_usage(), DONE])


@dataclass(frozen=True)
class Models:
    """A dashboard, and the two model servers behind it: the second is asked where the first falls
    short."""

    dashboard: Dashboard
    first: Background[ModelServer]
    second: Background[ModelServer]

    def say(self, first: Scripted, second: Scripted | None = None) -> None:
        """What they answer from now on."""
        for beside, name, answer in ((self.first, "one", first), (self.second, "two", second)):
            beside.server.answers = vllm_answers(answer or openai_answer("Not asked."), model=name)
            beside.do(ModelServer.hold)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    home: Path = tmp_path_factory.mktemp("models") / "home"
    home.mkdir()
    answers = [vllm_answers(openai_answer("Yes."), model=name) for name in ("one", "two")]
    with (
        in_background(ModelServer(answers[0])) as first,
        in_background(ModelServer(answers[1])) as second,
    ):
        kinds = ("llama_cpp", "ollama", "lmstudio", "docker_model_runner")
        urls = [first.server.url, second.server.url]
        inference = {name: [] for name in kinds} | {"vllm": urls}
        settings = {
            "inference": inference,
            "learning": {"pattern_extraction": False},
            "routing": {"learn": False},  # the first is asked first, however it did
        }
        (home / "hybrid.yaml").write_text(json.dumps(settings))  # JSON is YAML
        yield Models(opened(home), first, second)
        stopped = command(home, "stop")
        assert stopped.returncode == 0, stopped.stderr
    assert processes_of(home) == []


def ask(seen: Watched, prompt: str) -> Locator:
    """Have it answered; the part of the page that the answer comes to."""
    part = seen.section("Try a prompt")
    part.get_by_label("Prompt").fill(prompt)
    part.get_by_role("button", name="Ask").click()
    return part.locator(".answer")


def test_servers_are_shown_with_their_models(models: Models, visit: Visit) -> None:
    models.say(openai_answer("Yes."))
    seen = visit(models.dashboard.at("/models"))
    servers = seen.section("Servers").get_by_role("listitem")
    expect(servers).to_have_count(2)
    for server, url, name in zip(
        servers.all(),
        (models.first.server.url, models.second.server.url),
        ("one", "two"),
        strict=True,
    ):
        expect(server).to_contain_text(url)
        expect(server).to_contain_text("ready")
        expect(server).to_contain_text("closed: it is asked as usual")
        expect(server.get_by_role("rowheader")).to_have_text(name)


def test_an_answer_appears_while_it_is_written(models: Models, visit: Visit) -> None:
    models.say(written(openai_delta(content="It is "), HANG, openai_delta(content=HOSTILE)))
    seen = visit(models.dashboard.at("/models"))
    answer = ask(seen, "What colour has the sky?")
    expect(answer.locator("pre")).to_have_text("It is")
    expect(answer.get_by_role("status")).to_have_text("Writing…")
    models.first.do(ModelServer.release)
    expect(answer.locator("pre")).to_have_text(f"It is {HOSTILE}")
    expect(answer).to_contain_text(f"one at {models.first.server.url}")
    answer.get_by_role("link", name="See the interaction").click()
    expect(seen.section("What was asked")).to_contain_text("What colour has the sky?")
    expect(seen.section("What was answered")).to_contain_text(HOSTILE)
    expect(seen.section("Which models were tried").get_by_role("row")).to_have_count(2)


def test_a_stronger_model_steps_in_and_says_why(models: Models, visit: Visit) -> None:
    models.say(written(openai_delta(content=REFUSAL)), written(openai_delta(content="Blue.")))
    seen = visit(models.dashboard.at("/models"))
    answer = ask(seen, "Which colour has the sky at noon?")
    parts = answer.get_by_role("article")
    expect(parts).to_have_count(2)
    expect(parts.nth(0)).to_contain_text(REFUSAL)
    expect(parts.nth(1)).to_contain_text("asked since the answer before did not stand")
    expect(parts.nth(1).locator("pre")).to_have_text("Blue.")
    expect(answer).to_contain_text(f"two at {models.second.server.url}")


def test_a_model_can_be_named(models: Models, visit: Visit) -> None:
    models.say(written(openai_delta(content="Red.")), written(openai_delta(content=REFUSAL)))
    seen = visit(models.dashboard.at("/models"))
    part = seen.section("Try a prompt")
    choice = part.get_by_role("combobox", name="Model")
    expect(choice.locator("option")).to_have_text(["By the router's choice", "one", "two"])
    choice.select_option(label="two")
    expect(part.get_by_label("By the best model there is")).to_be_disabled()
    answer = ask(seen, "Which colour has the sky in the evening?")
    # It alone is asked, though the other one would do better.
    expect(answer).to_contain_text(f"two at {models.second.server.url}")
    expect(answer.get_by_role("article")).to_have_count(1)
    expect(answer.locator("pre")).to_have_text(REFUSAL)


def test_a_named_model_that_is_gone_is_said(models: Models, visit: Visit) -> None:
    models.say(openai_answer("Not asked."))
    seen = visit(models.dashboard.at("/models"))
    seen.page.clock.install()
    seen.page.reload()
    part = seen.section("Try a prompt")
    choice = part.get_by_role("combobox", name="Model")
    choice.select_option(label="two")
    models.second.server.answers = vllm_answers(openai_answer("Yes."), model="three")
    wait_until(lambda: "'three'" in str(models.dashboard.api("/api/models")), what="for its news")
    seen.page.clock.fast_forward(10_000)  # it looks again now and then
    expect(choice.locator("option")).to_have_text(
        ["By the router's choice", "one", "three", "two (not ready)"]
    )
    answer = ask(seen, "Who is there?")
    expect(answer.get_by_role("alert")).to_have_text(
        f"two at {models.second.server.url} is not ready any more: name another model, "
        "or leave the choice to the router"
    )


def test_an_answer_can_be_stopped(models: Models, visit: Visit) -> None:
    models.say(Stream([openai_delta(content="It is "), HANG]))
    dropped = models.first.server.dropped
    seen = visit(models.dashboard.at("/models"))
    answer = ask(seen, "Who painted the sky?")
    expect(answer.locator("pre")).to_have_text("It is")
    seen.section("Try a prompt").get_by_role("button", name="Stop").click()
    expect(answer.get_by_role("alert")).to_have_text("You stopped it.")
    wait_until(lambda: models.first.server.dropped > dropped, what="for the model to be let alone")


def answered(seen: Watched, prompt: str) -> None:
    """Have it answered by whichever model."""
    expect(ask(seen, prompt).get_by_role("link", name="See the interaction")).to_be_visible()


def state_of(models: Models) -> str:
    """What the coordinator knows of the first server."""
    listed = models.dashboard.api("/api/models")["endpoints"]
    return str(next(e["state"] for e in listed if e["url"] == models.first.server.url))


def breaker(models: Models) -> str:
    """The state of the first server's breaker."""
    listed = models.dashboard.api("/api/models")["endpoints"]
    of_first = next(each for each in listed if each["url"] == models.first.server.url)
    return str(of_first["breaker"]["state"])


def test_a_server_that_fails_is_left_alone_and_tried_again(models: Models, visit: Visit) -> None:
    # What it asks for decides how long it is left alone, and no clock of a machine under load.
    busy = Answer(b"overloaded", status=503, headers={"retry-after": "3600"})
    well = written(openai_delta(content="Violet, by all that is known of it."))
    models.say(busy, well)
    seen = visit(models.dashboard.at("/models"))
    card = seen.section("Servers").locator("li.card").filter(has_text=models.first.server.url)
    answered(seen, "Which colour has the sky on Mars?")
    seen.go(models.dashboard.at("/models"))
    said = fact(card, "Breaker")
    expect(said).to_have_text(re.compile(r"^\s*open\b"))
    expect(said).to_contain_text(
        re.compile(r"left alone after 1 failure, tried again in 3,[0-9]{3} s")
    )
    expect(said).to_contain_text("overloaded (HTTP 503)")

    # It goes away and comes back: then the next call is its trial.
    models.first.server.answers = {}
    wait_until(lambda: state_of(models) != "ready", what="for it to be seen away")
    models.say(well, well)
    wait_until(lambda: breaker(models) == "half-open", what="for it to be seen again")
    seen.go(models.dashboard.at("/models"))
    expect(said).to_contain_text("half-open")
    expect(said).to_contain_text("tried again by the next call")
    answered(seen, "Which colour has the sky on Venus?")
    seen.go(models.dashboard.at("/models"))
    expect(said).to_have_text("closed: it is asked as usual")


def test_each_model_has_its_figures(models: Models, visit: Visit) -> None:
    models.say(written(openai_delta(content="Black, as there is no air.")))
    seen = visit(models.dashboard.at("/models"))
    answered(seen, "Which colour has the sky on the moon?")
    seen.go(models.dashboard.at("/models"))
    used = models.dashboard.sql(
        "SELECT model, count(*) AS asked, count(*) FILTER (WHERE outcome = 'ok') AS passed, "
        "percentile_disc(0.5) WITHIN GROUP (ORDER BY first_token_ms) AS first, "
        "percentile_cont(0.5) WITHIN GROUP (ORDER BY tokens_per_second) AS speed "
        "FROM route_attempts WHERE model IN ('one', 'two') AND outcome <> 'cached' "
        "GROUP BY model ORDER BY model"
    )
    assert used[0]["asked"] > 0
    shown = {row[0]: row for row in cells(seen.section("Servers"))}
    for each in used:
        assert shown[each["model"]] == [
            each["model"],
            "yes",
            "\u2013",
            "4,096",
            number(each["asked"]),
            percent(each["passed"] / each["asked"]),
            "\u2013" if each["first"] is None else duration(each["first"]),
            "\u2013" if each["speed"] is None else short(each["speed"]),
        ]


def test_what_cannot_be_asked_is_said(models: Models, visit: Visit) -> None:
    broken = Answer(b"out of memory", status=500)
    models.say(broken, broken)
    seen = visit(models.dashboard.at("/models"))
    answer = ask(seen, "Does anybody answer?")
    expect(answer.get_by_role("alert")).to_be_visible()
    expect(seen.section("Try a prompt").get_by_role("button", name="Ask")).to_be_enabled()
