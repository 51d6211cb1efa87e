"""What a model says of the pagination fix, as it should, and the server that says it."""

from __future__ import annotations

import json
from typing import Any

from tests.domain.task_examples import FIXES
from tests.support.model_server import Scripted
from tests.support.model_wire import openai_answer, vllm_answers
from tests.support.stdio import Json, StdioSession

TASK, WORK = FIXES["english"]

PAGINATION: dict[str, Any] = {
    "problem_type": "Pagination loses the last row",
    "solution_approach": (
        "Compute the number of pages by ceiling division, and test a total that is an exact"
        " multiple of the page size."
    ),
    "skills_used": ["ceiling division", "pytest"],
    "generalisable_pattern": (
        "A count of groups is the total divided by the group size and rounded up; rounding down"
        " drops the last, partly filled group."
    ),
    "when_to_use": "Items are split into pages or batches of a fixed size.",
    "when_not_to_use": "The source hands out a cursor to the next page and knows no total.",
}


def says(pattern: dict[str, Any] = PAGINATION, **changed: Any) -> Scripted:
    """A model's answer with that pattern, some of its fields changed."""
    return openai_answer(json.dumps({**pattern, **changed}))


def model(*answers: Scripted) -> dict[str, Scripted | list[Scripted]]:
    """A server with a model that answers so, the last one again and again."""
    return vllm_answers(list(answers))


def only(url: str | None) -> dict[str, str]:
    """Settings with a vLLM server at ``url``, or with no model at all, and no routing by chance."""
    kinds = ("LLAMA_CPP", "OLLAMA", "LMSTUDIO", "DOCKER_MODEL_RUNNER")
    settings = {f"HYBRID_INFERENCE_{kind}": "," for kind in kinds}
    return {
        **settings,
        "HYBRID_INFERENCE_VLLM": url or ",",
        "HYBRID_ROUTING_LEARN": "false",
        "HYBRID_ROUTING_CACHE_HOURS": "0",
    }


def solved(opened: StdioSession, task: str = TASK, work: str = WORK, **outcome: Any) -> Json:
    """The result of ``update_outcome`` for a task that was done, a success unless it says so."""
    tracked = opened.tool(
        "track_interaction", query=task, response=work, agent_type="remote", model_used="m"
    )
    given = {"outcome": "success", "user_feedback": 1, **outcome}
    return opened.tool("update_outcome", **tracked, **given)


def patterns(opened: StdioSession) -> list[Json]:
    """What `search_knowledge` finds in skills-patterns of the session's project, seeds left out."""
    rows = opened.request("hybrid/export", {"kind": "knowledge"})["rows"]
    learned = {row["id"] for row in rows if row["origin"] == "pattern"}
    found = opened.tool("search_knowledge", query=TASK, collection="skills-patterns", limit=20)[
        "items"
    ]
    return [item for item in found if item["id"] in learned]


def jobs(opened: StdioSession) -> Json:
    """The queue: its jobs, and in words."""
    return opened.request("hybrid/jobs")
