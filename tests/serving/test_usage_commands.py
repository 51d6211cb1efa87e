"""`stats`, `export usage` and `simulate-cost` over calls that were really made."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.background import in_background
from tests.support.model_server import ModelServer
from tests.support.model_wire import openai_answer, vllm_answers
from tests.support.stdio import command, session

FORMULA = '=HYPERLINK("http://x","y")'
"""A model's name may be anything that its server says."""
REFUSAL = "I'm sorry, but I can't help with that."


@pytest.fixture(scope="module")
def used(shared_home: Path) -> Iterator[Path]:
    """A home with four calls: two good answers, one that is not, and one from the cache."""
    answers = [openai_answer("It is blue."), openai_answer("It is green."), openai_answer(REFUSAL)]
    server = ModelServer(vllm_answers(answers, model=FORMULA))
    settings = {f"HYBRID_INFERENCE_{kind}": "," for kind in ("LLAMA_CPP", "OLLAMA", "LMSTUDIO")}
    settings["HYBRID_ROUTING_LEARN"] = "false"  # which draws the order
    with in_background(server) as beside:
        url = beside.server.url
        with session(shared_home, HYBRID_INFERENCE_VLLM=url, **settings) as opened:
            for colour in ("blue", "green", "red", "blue"):
                prompt = f"What is {colour}?"
                opened.tool("ask_local_llm", prompt=prompt, project="sky", use_context=False)
            yield shared_home


def shown(home: Path, *arguments: str) -> str:
    done = command(home, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_stats_show_routes_models_and_money(used: Path) -> None:
    usage = json.loads(shown(used, "stats", "--json"))["usage"]
    total = usage["total"]
    assert (total["calls"], total["local"], total["passed"], total["failed"]) == (4, 4, 3, 0)
    assert total["cached"] == 1
    assert [one["name"] for one in usage["tiers"]] == ["LOCAL_FAST"]
    (model,) = usage["models"]
    assert (model["model"], model["attempts"], model["passed"]) == (FORMULA, 3, 2)
    assert model["latency_p95_ms"] >= model["latency_p50_ms"] >= 0
    money = usage["money"]
    assert (money["today_usd"], money["spent"], money["daily_budget_usd"]) == (0, [], 10)
    assert 0 < money["saved_usd"] < 0.01

    text = shown(used, "stats", "--days", "7")
    assert "4 calls of models in the last 7 days" in text
    assert f"saved: {money['saved_usd']:.6f} USD, the tokens of local answers at claude-" in text
    table = text[text.index("calls  share") :].splitlines()
    assert table[1].split() == ["all", "4", "100%", "100%", "0%", "0%", "75%", "0%", "25%"]
    assert "no model was asked" in shown(used, "stats", "--project", "elsewhere")


def test_the_log_is_exported_as_a_table_without_formulas(used: Path, tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(shown(used, "export", "usage", "--project", "sky"))))
    assert [row["outcome"] for row in rows] == ["ok", "ok", "low_confidence", "cached"]
    assert {row["model"] for row in rows} == {f"'{FORMULA}"}
    assert [row["remote"] for row in rows] == ["false"] * 4
    assert {"check_format", "check_coherence"} < rows[0].keys()
    assert rows[2]["cost_usd"] == "0.0"

    file = tmp_path / "usage.jsonl"
    done = command(used, "export", "usage", "--format", "jsonl", "--output", str(file))
    assert (done.returncode, done.stdout) == (0, "")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["model"] for line in lines] == [FORMULA] * 4
    assert list(tmp_path.iterdir()) == [file]

    since = lines[1]["created_at"]
    later = shown(used, "export", "usage", "--format", "jsonl", "--since", since)
    assert [json.loads(line)["id"] for line in later.splitlines()] == [
        line["id"] for line in lines[1:]
    ]
    assert shown(used, "export", "usage", "--since", "2100-01-01").count("\n") == 1
    refused = command(used, "export", "usage", "--since", "yesterday")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("error: --since: yesterday is no date")


def test_costs_are_projected_from_given_usage(used: Path) -> None:
    given = "--requests-per-day 1000 --tokens-in 1000 --tokens-out 500 --model claude-sonnet-5-5"
    found = json.loads(shown(used, "simulate-cost", *given.split(), "--mix", "5,2,3", "--json"))
    month, year = found["spans"]
    assert found["request_usd"] == pytest.approx(0.007)  # 2 and 10 USD for a million
    assert month["all_remote"] == {"usd": pytest.approx(210), "low": None, "high": None}
    assert month["with_routing"]["usd"] == pytest.approx(63)
    assert month["saved_share"] == pytest.approx(0.7)
    assert year["saved"]["usd"] == pytest.approx(365 * 4.9)
    text = shown(used, "simulate-cost", *given.split(), "--local-share", "0.7")
    (line,) = [line for line in text.splitlines() if line.startswith("a month")]
    assert line.split() == ["a", "month", "210.00", "USD", "63.00", "USD", "147.00", "USD", "70%"]


def test_costs_are_projected_from_the_record(used: Path) -> None:
    found = json.loads(shown(used, "simulate-cost", "--project", "sky", "--json"))
    assert (found["mix"]["requests"], found["mix"]["local_share"]) == (4, 1)
    assert found["recorded_days"] == 1
    month = found["spans"][0]
    assert month["saved"] == month["all_remote"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--project", "elsewhere"), "requests_per_day: is needed"),
        (("--model", "nobody/knows"), "model: the price of nobody/knows is unknown"),
    ],
)
def test_what_cannot_be_projected_is_said(used: Path, arguments: Any, problem: str) -> None:
    refused = command(used, "simulate-cost", *arguments)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith(f"error: {problem}")


@pytest.mark.parametrize(
    "arguments", [("--mix", "0,0,0"), ("--mix", "1,2"), ("--local-share", "1.5"), ("--days", "0")]
)
def test_a_value_out_of_bounds_is_a_usage_error(used: Path, arguments: Any) -> None:
    assert command(used, "simulate-cost", *arguments).returncode == 2
