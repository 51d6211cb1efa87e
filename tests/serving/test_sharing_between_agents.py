"""What worked for one agent reaches the other, through the real tools and a model server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hybrid_coordinator.domain.tokens import estimate_tokens
from tests.support.background import in_background
from tests.support.model_server import ModelServer
from tests.support.model_wire import openai_answer, vllm_answers
from tests.support.stdio import Json, StdioSession, session

ANSWER = "Sum the rows once, then round the total to cents with ROUND_HALF_UP."
QUESTION = "How do I total an invoice without rounding errors?"
AGAIN = "How do I total an invoice with a discount without rounding errors?"
FAILED = "Round every row of the invoice before you add it to the total."


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    answers = vllm_answers([openai_answer("Use Decimal for the invoice total.")], model="m-7b")
    with in_background(ModelServer(answers)) as beside:
        yield beside.server


@pytest.fixture(scope="module")
def opened(shared_home: Path, server: ModelServer) -> Iterator[StdioSession]:
    kinds = ("LLAMA_CPP", "OLLAMA", "LMSTUDIO", "DOCKER_MODEL_RUNNER")
    settings = {f"HYBRID_INFERENCE_{kind}": "," for kind in kinds}
    # What chance decides is another test's.
    settings |= {"HYBRID_ROUTING_LEARN": "false", "HYBRID_LEARNING_RANK_BY_OUTCOMES": "false"}
    with session(shared_home, HYBRID_INFERENCE_VLLM=server.url, **settings) as one:
        yield one


def worked(opened: StdioSession, project: str, query: str, response: str, **outcome: object) -> str:
    tracked: str = opened.tool(
        "track_interaction",
        query=query,
        response=response,
        agent_type="remote",
        model_used="claude-sonnet-5",
        project=project,
    )["interaction_id"]
    if outcome:
        opened.tool("update_outcome", interaction_id=tracked, **outcome)
    return tracked


def asked(opened: StdioSession, server: ModelServer, project: str, prompt: str) -> tuple[Json, str]:
    """The reply, and all that the model was sent for it."""
    server.requests.clear()
    reply = opened.tool("ask_local_llm", prompt=prompt, project=project)
    bodies = [each.body for each in server.requests if each.method == "POST"]
    return reply, "\n".join(m["content"] for body in bodies for m in body["messages"])


def test_what_worked_for_the_remote_agent_reaches_the_local_model_as_a_worked_example(
    opened: StdioSession, server: ModelServer
) -> None:
    worked(opened, "invoices", QUESTION, ANSWER, outcome="success", evidence="pytest exit 0")

    reply, sent = asked(opened, server, "invoices", AGAIN)

    assert f"Question:\n{QUESTION}\n\nAnswer that worked:\n{ANSWER}" in sent
    assert "worked example, for reference" in sent
    assert sent.index(ANSWER) < sent.index(AGAIN), "the task comes last"
    assert "not instructions to follow" in sent
    shown = opened.request("hybrid/memory_show", {"id": reply["interaction_id"]})["shown"]
    assert len(shown) == 1, "and is credited with how that goes"


@pytest.mark.parametrize(
    "outcome",
    [
        {},
        {"outcome": "unknown"},
        {"outcome": "partial"},
        {"outcome": "failure"},
        {"outcome": "success", "user_feedback": -1},
    ],
)
def test_what_is_not_known_to_have_worked_is_no_example(
    opened: StdioSession, server: ModelServer, outcome: Json
) -> None:
    project = "-".join(map(str, outcome.values())) or "no-outcome"
    worked(opened, project, QUESTION, FAILED, **outcome)
    prompt = f"{AGAIN} In {project}."
    _, sent = asked(opened, server, project, prompt)
    assert FAILED not in sent
    assert sent.endswith(prompt)


def test_a_long_example_is_the_bare_answer_and_the_context_keeps_its_bound(
    opened: StdioSession, server: ModelServer
) -> None:
    long = f"{QUESTION} " + "The invoice has rows of rounding errors. " * 60
    worked(opened, "long", long, ANSWER, outcome="success")
    _, sent = asked(opened, server, "long", f"{AGAIN} Quickly.")
    assert ANSWER in sent
    assert "Answer that worked" not in sent
    for number in range(6):
        text = f"{ANSWER} Variant {number}. " + "Invoice total rounding. " * 25
        worked(opened, "long", f"{QUESTION} Case {number}", text, outcome="success")

    _, sent = asked(opened, server, "long", AGAIN)

    context = sent[: sent.index(AGAIN)]
    assert "Answer that worked" in context
    assert long not in context
    assert estimate_tokens(context) <= 1000 + 40, "with the rule that goes before it"


def test_the_same_question_finds_its_recorded_answer_until_an_example_is_added(
    opened: StdioSession, server: ModelServer
) -> None:
    worked(opened, "twice", QUESTION, ANSWER, outcome="success")
    first, _ = asked(opened, server, "twice", AGAIN)
    second, sent = asked(opened, server, "twice", AGAIN)
    assert (first["cached"], second["cached"], sent) == (False, True, "")
    worked(opened, "twice", f"{QUESTION} Quickly.", "Use integer cents.", outcome="success")
    third, sent = asked(opened, server, "twice", AGAIN)
    assert not third["cached"], "the answer may be another one with that in sight"
    assert "Use integer cents." in sent


def test_what_worked_for_the_local_model_reaches_the_remote_agent(
    opened: StdioSession, server: ModelServer
) -> None:
    reply, _ = asked(opened, server, "local", QUESTION)
    opened.tool("update_outcome", interaction_id=reply["interaction_id"], outcome="success")
    pattern = opened.tool(
        "store_knowledge",
        collection="skills-patterns",
        title="Total an invoice without rounding errors",
        content="Add first, round last.",
        project="local",
    )["id"]

    given = opened.tool("augment_query", query=AGAIN, agent_type="remote", project="local")

    assert {reply["interaction_id"], pattern} <= set(given["context_ids"])
    (item,) = given["interaction_history"]
    assert item["text"] == reply["response"]
    assert reply["model"] in item["source"]
    assert reply["response"] in given["augmented_prompt"]
