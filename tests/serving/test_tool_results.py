"""What each tool answers with, over stdio, against the contract: names, types, allowed values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

import jsonschema
import pytest
from pydantic import BaseModel, ConfigDict, Field

from tests.support.llama_server import LlamaServer
from tests.support.stdio import Json, StdioSession, session

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Words = Annotated[str, Field(min_length=1)]
Collection = Literal[
    "codebase-context",
    "skills-patterns",
    "error-solutions",
    "best-practices",
    "interaction-history",
]
Tier = Literal["LOCAL_FAST", "LOCAL_QUALITY", "API_FALLBACK"]
TaskType = Literal[
    "template", "format", "edit", "generation", "analysis", "planning", "debugging",
    "multi-file", "extraction", "classification", "question",
]  # fmt: skip
Complexity = Literal["simple", "moderate", "complex"]


class Shape(BaseModel):
    """Every field must be there with this very type; more fields may be."""

    model_config = ConfigDict(strict=True)


class Item(Shape):
    id: UUID
    collection: Collection
    title: Words
    text: Words
    source: Words
    score: float
    why: Annotated[str, Field(pattern=r"^[^\n]+$")]
    uses: Count
    success_rate: Share | None


class Route(Shape):
    target: Literal["local", "remote"]
    tier: Tier
    task_type: TaskType
    complexity: Complexity
    confidence: Share
    reason: Words


class Augmentation(Shape):
    augmented_prompt: Words
    context_ids: list[UUID]
    codebase_context: list[Item]
    skills_patterns: list[Item]
    error_solutions: list[Item]
    best_practices: list[Item]
    interaction_history: list[Item]
    tokens: Count
    abstained: bool
    route: Route
    notices: list[str]


class Checks(Shape):
    format: Share
    completeness: Share
    coherence: Share
    self_critique: Share | None


class Attempt(Shape):
    model: Words
    tier: Tier
    latency_ms: Count
    confidence: Share | None
    outcome: Words


class Answer(Shape):
    response: Words
    interaction_id: UUID
    model: Words
    endpoint: Words
    tier: Tier
    task_type: TaskType
    complexity: Complexity
    confidence: Share
    checks: Checks
    attempts: Annotated[list[Attempt], Field(min_length=1)]
    tokens_in: Count
    tokens_out: Count
    tokens_per_second: float | None
    first_token_ms: Count | None
    latency_ms: Count
    cost_usd: float | None
    cached: bool
    notices: list[str]


class Tracked(Shape):
    interaction_id: UUID


class Components(Shape):
    outcome: Share
    feedback: Share
    reusability: Share
    complexity: Share
    novelty: Share


class Scored(Shape):
    interaction_id: UUID
    value_score: Share
    components: Components
    high_value: bool
    queued: list[str]


class Paths(Shape):
    train: Words
    validation: Words
    test: Words


class SplitCounts(Shape):
    train: Count
    validation: Count
    test: Count


class Dataset(Shape):
    paths: Paths
    counts: SplitCounts
    dropped: dict[str, Count]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Found(Shape):
    items: Annotated[list[Item], Field(min_length=1)]


class Stored(Shape):
    id: UUID
    action: Literal["created", "merged", "unchanged"]


class Indexed(Shape):
    files: Count
    chunks: Count
    unchanged: Count
    skipped: dict[str, Count]
    seconds: float


SHAPES: dict[str, type[Shape]] = {
    "augment_query": Augmentation,
    "ask_local_llm": Answer,
    "track_interaction": Tracked,
    "update_outcome": Scored,
    "generate_training_data": Dataset,
    "search_knowledge": Found,
    "store_knowledge": Stored,
    "index_codebase": Indexed,
}
LISTS = {name.replace("-", "_"): name for name in get_args(Collection)}
QUESTION = "invoice_total rounding: decimal.InvalidOperation when an invoice total is rounded"
JUNK = "zxqv wpfk blorptangle quuxification"
ENTRIES = {
    "skills-patterns": ("Round an invoice total late", "Sum decimals, then round the total once."),
    "error-solutions": (
        "decimal.InvalidOperation when an invoice total is rounded",
        "Raise the precision of the decimal context before rounding the invoice total.",
    ),
    "best-practices": ("Test invoice rounding", "Test the rounding of each invoice total."),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A module, and a file that indexing skips."""
    root = tmp_path_factory.mktemp("shop")
    (root / "invoice.py").write_text(
        "from decimal import Decimal, InvalidOperation\n\n\n"
        'def invoice_total(lines, rate):\n    """The invoice total, after rounding."""\n'
        "    return sum(lines, Decimal()) * (1 + rate)\n"
    )
    (root / "blob.bin").write_bytes(bytes(range(256)) * 16)
    return root


@pytest.fixture(scope="module")
def opened(shared_home: Path, project: Path, llama_server: LlamaServer) -> Iterator[StdioSession]:
    """A session whose memory holds something of every collection."""
    with session(shared_home, cwd=project, LLAMA_CPP_BASE_URL=llama_server.url) as one:
        yield one


@pytest.fixture(scope="module")
def answers(opened: StdioSession) -> dict[str, Json]:
    """The whole answer to a call of each tool, every one of them a part of one job."""
    answers = {"index_codebase": call(opened, "index_codebase", path=".")}
    for collection, (title, content) in ENTRIES.items():
        answers["store_knowledge"] = call(
            opened, "store_knowledge", collection=collection, title=title, content=content
        )
    tracked = answers["track_interaction"] = call(
        opened,
        "track_interaction",
        query="fix decimal.InvalidOperation in the rounding of invoice_total",
        response="Raised the precision of the context before the invoice total is rounded.",
        agent_type="remote",
        model_used="m",
    )
    answers["update_outcome"] = call(
        opened,
        "update_outcome",
        **tracked["structuredContent"],
        outcome="success",
        user_feedback=1,
        evidence="pytest: exit code 0",
    )
    answers["augment_query"] = call(opened, "augment_query", query=QUESTION)
    answers["search_knowledge"] = call(opened, "search_knowledge", query=QUESTION, limit=20)
    answers["generate_training_data"] = call(
        opened, "generate_training_data", min_value=0.1, output_dir="datasets"
    )
    answers["ask_local_llm"] = call(
        opened, "ask_local_llm", prompt="Say hello.", max_tokens=40, use_context=False
    )
    return answers


def call(opened: StdioSession, name: str, **arguments: Any) -> Json:
    """The result of a call as it was sent, errors too."""
    return opened.request("tools/call", {"name": name, "arguments": arguments})


def items_of(augmented: Json) -> list[Json]:
    return [item for field in LISTS for item in augmented[field]]


@pytest.mark.parametrize("name", SHAPES)
def test_a_result_is_what_the_contract_says(answers: dict[str, Json], name: str) -> None:
    SHAPES[name].model_validate_json(json.dumps(answers[name]["structuredContent"]))


@pytest.mark.parametrize("name", SHAPES)
def test_the_text_is_the_structured_result_as_json(answers: dict[str, Json], name: str) -> None:
    answer = answers[name]
    assert not answer.get("isError", False)
    (part,) = answer["content"]
    assert part["type"] == "text"
    assert json.loads(part["text"]) == answer["structuredContent"]


def test_results_keep_to_the_output_schemas(opened: StdioSession, answers: dict[str, Json]) -> None:
    tools = opened.request("tools/list")["tools"]
    assert {tool["name"] for tool in tools} == set(SHAPES)
    for tool in tools:
        result = answers[tool["name"]]["structuredContent"]
        jsonschema.validate(result, tool["outputSchema"])
        assert set(tool["outputSchema"]["properties"]) <= set(result)


def test_every_list_holds_items_of_its_collection(
    opened: StdioSession, answers: dict[str, Json]
) -> None:
    augmented = answers["augment_query"]["structuredContent"]
    for field, collection in LISTS.items():
        of_field = {item["collection"] for item in augmented[field]}
        # Three learned items there are at most, and entries come before past tasks.
        assert of_field == (set() if field == "interaction_history" else {collection}), field
    (code,) = augmented["codebase_context"]
    assert code["source"] == "invoice.py:1-6"
    again = opened.tool("augment_query", query=QUESTION, collections=["interaction-history"])
    (past,) = again["interaction_history"]
    assert past["id"] == answers["track_interaction"]["structuredContent"]["interaction_id"]


def test_context_ids_are_the_ids_of_the_items(answers: dict[str, Json]) -> None:
    augmented = answers["augment_query"]["structuredContent"]
    listed = [item["id"] for item in items_of(augmented)]
    assert len(set(listed)) == len(listed) == len(LISTS) - 1
    assert sorted(augmented["context_ids"]) == sorted(listed)
    assert not augmented["abstained"]
    assert QUESTION in augmented["augmented_prompt"]
    assert all(item["text"] in augmented["augmented_prompt"] for item in items_of(augmented))


@pytest.mark.parametrize("max_tokens", [0, 1, 60, 150, 300, 1500])
def test_context_never_costs_more_than_was_allowed(
    opened: StdioSession, answers: dict[str, Json], max_tokens: int
) -> None:
    augmented = opened.tool("augment_query", query=QUESTION, max_tokens=max_tokens)
    listed = [item["id"] for item in items_of(augmented)]
    assert augmented["tokens"] <= max_tokens
    assert sorted(augmented["context_ids"]) == sorted(listed)
    assert (augmented["tokens"] > 0) is bool(listed)
    if not listed:
        assert augmented["augmented_prompt"] == QUESTION


def test_junk_gets_no_context(opened: StdioSession, answers: dict[str, Json]) -> None:
    augmented = opened.tool("augment_query", query=JUNK)
    assert augmented["abstained"]
    assert augmented["augmented_prompt"] == JUNK
    assert (augmented["context_ids"], items_of(augmented), augmented["tokens"]) == ([], [], 0)
    Augmentation.model_validate_json(json.dumps(augmented))


@pytest.mark.parametrize(("field", "collection"), LISTS.items())
def test_one_collection_can_be_asked_for(
    opened: StdioSession, answers: dict[str, Json], field: str, collection: str
) -> None:
    augmented = opened.tool("augment_query", query=QUESTION, collections=[collection])
    assert [name for name in LISTS if augmented[name]] == [field]
    found = opened.tool("search_knowledge", query=QUESTION, collection=collection)["items"]
    assert {item["collection"] for item in found} == {collection}


def test_search_gives_at_most_the_limit_best_first(
    opened: StdioSession, answers: dict[str, Json]
) -> None:
    every = answers["search_knowledge"]["structuredContent"]["items"]
    assert {item["collection"] for item in every} == set(LISTS.values())
    two = opened.tool("search_knowledge", query=QUESTION, limit=2)["items"]
    assert [item["id"] for item in two] == [item["id"] for item in every[:2]]


@pytest.mark.parametrize("agent_type", ["remote", "local"])
def test_the_route_is_told_to_both_kinds_of_agent(
    opened: StdioSession, answers: dict[str, Json], agent_type: str
) -> None:
    augmented = opened.tool("augment_query", query="Reformat this list", agent_type=agent_type)
    Route.model_validate_json(json.dumps(augmented["route"]))


def test_storing_again_says_what_it_did(opened: StdioSession, answers: dict[str, Json]) -> None:
    entry = {"collection": "skills-patterns", "title": "Name the unit", "content": "In the name."}
    done = [
        opened.tool("store_knowledge", **entry, **more)
        for more in ({}, {}, {"fields": {"usage_pattern": "seconds, not timeout"}})
    ]
    assert [one["action"] for one in done] == ["created", "unchanged", "merged"]
    assert len({one["id"] for one in done}) == 1


def test_indexing_again_finds_everything_unchanged(
    opened: StdioSession, answers: dict[str, Json]
) -> None:
    first = answers["index_codebase"]["structuredContent"]
    assert (first["files"], first["chunks"], first["unchanged"]) == (1, 1, 0)
    assert sum(first["skipped"].values()) == 1
    again = opened.tool("index_codebase", path="invoice.py")
    assert (again["files"], again["chunks"], again["unchanged"]) == (0, 0, 1)


def test_a_dataset_is_where_and_what_it_says(answers: dict[str, Json]) -> None:
    made = answers["generate_training_data"]["structuredContent"]
    digest = hashlib.sha256()
    for split in ("train", "validation", "test"):
        content = Path(made["paths"][split]).read_bytes()
        assert content.count(b"\n") == made["counts"][split]
        digest.update(content)
    assert digest.hexdigest() == made["sha256"]
    assert sum(made["counts"].values()) == 1
    assert made["dropped"] == {}


def test_what_makes_no_example_is_counted_by_reason(
    opened: StdioSession, answers: dict[str, Json]
) -> None:
    made = opened.tool("generate_training_data", format="dpo", min_value=0.0, output_dir="pairs")
    assert sum(made["counts"].values()) == 0
    assert made["dropped"] == {"no_pair": 1}
    Dataset.model_validate_json(json.dumps(made))


def test_an_outcome_is_valued_by_what_happened(answers: dict[str, Json]) -> None:
    scored = answers["update_outcome"]["structuredContent"]
    assert (
        scored["interaction_id"]
        == (answers["track_interaction"]["structuredContent"]["interaction_id"])
    )
    assert (scored["components"]["outcome"], scored["components"]["feedback"]) == (1.0, 1.0)
    assert scored["high_value"] is (scored["value_score"] >= 0.7)
