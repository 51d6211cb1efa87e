"""Progress notifications over stdio: to whom asked for them, rising, before the answer."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.support.background import in_background
from tests.support.model_server import HANG, ModelServer, Stream
from tests.support.model_wire import DONE, openai_delta, openai_usage, vllm_answers
from tests.support.stdio import Json, StdioSession, session, wait_until

FILES = 300


@pytest.fixture(scope="module")
def opened(shared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StdioSession]:
    with session(shared_home, cwd=tmp_path_factory.mktemp("elsewhere")) as one:
        yield one


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A few hundred small files, no two of them alike."""
    root = tmp_path / "tree"
    for number in range(FILES):
        file = root / f"package{number % 10}" / f"module{number}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"def function{number}(value):\n    return value + {number}\n")
    return root


def begin(opened: StdioSession, method: str, token: object = None, **params: Any) -> int:
    """Send a request that asks for progress if a token is given; returns its id."""
    meta = {} if token is None else {"_meta": {"progressToken": token}}
    return opened.begin(method, params | meta)


def index(opened: StdioSession, tree: Path, token: object = None) -> int:
    arguments = {"path": str(tree), "project": str(tree)}
    return begin(opened, "tools/call", token, name="index_codebase", arguments=arguments)


def told(messages: list[Json]) -> list[Json]:
    return [each["params"] for each in messages if each.get("method") == "notifications/progress"]


def before_the_answer(messages: list[Json], number: int) -> list[Json]:
    """The messages that came before the answer to a request."""
    return messages[: next(i for i, each in enumerate(messages) if each.get("id") == number)]


def rises(values: list[float]) -> bool:
    return all(earlier < later for earlier, later in pairwise(values))


@pytest.mark.parametrize("token", ["index-1", 17, 0])
def test_indexing_tells_how_far_it_is(opened: StdioSession, tree: Path, token: object) -> None:
    start = len(opened.messages)
    number = index(opened, tree, token)
    report = opened.result(number)
    assert report["structuredContent"]["files"] == FILES
    # What comes on this connection after the answer comes before the answer to a ping.
    opened.request("ping")
    messages = opened.messages[start:]
    heard = told(before_the_answer(messages, number))
    assert heard
    assert heard == told(messages), "progress came after the answer"
    assert [each["progressToken"] for each in heard] == [token] * len(heard)
    assert {each["total"] for each in heard} == {FILES}
    assert rises([each["progress"] for each in heard])
    assert heard[-1]["progress"] == FILES
    assert all(each["message"] for each in heard)


def test_without_a_token_nothing_is_told(opened: StdioSession, tree: Path) -> None:
    start = len(opened.messages)
    opened.result(index(opened, tree))
    opened.result(begin(opened, "hybrid/reindex"))
    opened.request("ping")
    assert told(opened.messages[start:]) == []


def test_reindexing_tells_how_far_it_is(opened: StdioSession, tree: Path) -> None:
    opened.result(index(opened, tree))
    start = len(opened.messages)
    number = begin(opened, "hybrid/reindex", "again")
    counted = {one["name"]: one["points"] for one in opened.result(number)["collections"]}
    assert counted["codebase-context"] >= FILES
    opened.request("ping")
    messages = opened.messages[start:]
    heard = told(before_the_answer(messages, number))
    assert heard
    assert heard == told(messages), "progress came after the answer"
    assert {each["progressToken"] for each in heard} == {"again"}
    assert rises([each["progress"] for each in heard])
    assert len({each["total"] for each in heard}) == 1
    assert heard[-1]["progress"] == heard[-1]["total"]


def test_asking_a_slow_model_tells_that_the_work_goes_on(home: Path, tmp_path: Path) -> None:
    slow = Stream(
        [
            openai_delta(role="assistant", content="The sky"),
            HANG,
            openai_delta(content=" is blue."),
            openai_delta("stop"),
            openai_usage(),
            DONE,
        ]
    )
    call = {"prompt": "What colour has the sky?", "use_context": False}
    with (
        in_background(ModelServer(vllm_answers(slow))) as beside,
        session(home, cwd=tmp_path, HYBRID_INFERENCE_VLLM=beside.server.url) as opened,
    ):
        number = begin(opened, "tools/call", "ask-1", name="ask_local_llm", arguments=call)
        wait_until(lambda: bool(told(opened.messages)), what="for a sign of life")
        assert opened.answers_waiting(number) == 0
        # While a model is waited for, other requests are answered.
        assert opened.request("tools/list")["tools"]
        beside.do(ModelServer.release)
        answer = opened.result(number)["structuredContent"]
        assert answer["response"] == "The sky is blue."
        heard = told(before_the_answer(opened.messages, number))
        assert {each["progressToken"] for each in heard} == {"ask-1"}
        assert rises([each["progress"] for each in heard])
        assert all(each["message"] for each in heard)


def test_writing_training_data_tells_how_much_it_has_read(
    opened: StdioSession, tmp_path: Path
) -> None:
    tracked = opened.tool(
        "track_interaction",
        query="Fix the rounding of the invoice total",
        response="Use banker's rounding.",
        agent_type="remote",
        model_used="m",
    )
    opened.tool("update_outcome", **tracked, outcome="success")
    start = len(opened.messages)
    arguments = {"min_value": 0.0, "output_dir": str(tmp_path / "data")}
    number = begin(opened, "tools/call", "data", name="generate_training_data", arguments=arguments)
    counts = opened.result(number)["structuredContent"]["counts"]
    assert sum(counts.values()) == 1
    heard = told(before_the_answer(opened.messages[start:], number))
    assert [(each["progressToken"], each["progress"]) for each in heard] == [("data", 1)]
