"""Which questions have no answer in an index: about another package, or about no code at all."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.search.data import Question

SUBJECTS = (
    {"fastapi", "starlette", "httpx", "requests"},
    {"fastapi", "pydantic"},
)
"""Packages on one subject: one may well answer a question about another."""

SMALL_TALK = (
    "what is for dinner",
    "weather in Paris",
    "tell me a joke",
    "who won the football match yesterday",
    "book a flight to Tokyo",
    "best pizza recipe",
    "how tall is mount everest",
    "hello",
    "thanks!",
    "write a poem about autumn leaves",
    "what time is it",
    "capital of Mongolia",
    "how do I knit a scarf",
    "my cat is sick, what should I do",
)

TASK = (
    "A colleague reported that something strange happens after the last deployment. We believe it "
    "has to do with this: {query}. Reproduce it first, then write down the root cause in two "
    "sentences and fix it. Afterwards update the changelog, and keep the public interface stable."
)
"""How a question looks inside a task for an agent."""


def foreign(question: Question, packages: Iterable[str]) -> list[str]:
    """Packages that cannot answer the question."""
    return [
        other
        for other in packages
        if other != question.package
        and not any({other, question.package} <= subject for subject in SUBJECTS)
    ]
