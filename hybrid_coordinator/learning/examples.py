"""Training examples: their formats, what counts as the same, and which split they belong to."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from hybrid_coordinator.domain.knowledge import JsonValue

_SPLIT_ENDS = (("train", 80), ("validation", 90), ("test", 100))
SPLITS = tuple(name for name, _ in _SPLIT_ENDS)

# JSON may hold these as they are, but tools that read "lines" break at them.
_LINE_BREAKS = {ord(mark): f"\\u{ord(mark):04x}" for mark in "\u0085\u2028\u2029"}


class DatasetFormat(StrEnum):
    """What trainers read: chat messages, ShareGPT turns, preference pairs."""

    OPENAI = "openai"
    SHAREGPT = "sharegpt"
    DPO = "dpo"


@dataclass(frozen=True, slots=True)
class Example:
    """A task with a good answer; ``rejected`` is a bad answer to it, for preference pairs."""

    task: str
    answer: str
    rejected: str | None = None


def task_key(task: str) -> bytes:
    """What two tasks share that differ in case, width, or spacing only."""
    return _digest(unicodedata.normalize("NFKC", task).casefold())


def example_key(example: Example) -> bytes:
    """What two examples share that differ in spacing only."""
    return _digest(example.task, example.answer, example.rejected or "")


def split_of(task: str) -> str:
    """train, validation or test, about 80 to 10 to 10: all examples of a task in one of them,
    and a task never moves when others are added."""
    share = int.from_bytes(task_key(task)[:8]) % 100
    return next(name for name, end in _SPLIT_ENDS if share < end)


def render(example: Example, layout: DatasetFormat) -> str:
    """The example as one line of JSON without its line break.

    Messages are those of OpenAI's fine-tuning files and of TRL's conversational datasets, DPO is
    TRL's explicit-prompt preference format.
    """
    text = json.dumps(_record(example, layout), ensure_ascii=False)
    return text.translate(_LINE_BREAKS)


def _record(example: Example, layout: DatasetFormat) -> Mapping[str, JsonValue]:
    question: JsonValue = {"role": "user", "content": example.task}
    answer: JsonValue = {"role": "assistant", "content": example.answer}
    if layout is DatasetFormat.OPENAI:
        return {"messages": [question, answer]}
    if layout is DatasetFormat.SHAREGPT:
        return {
            "conversations": [
                {"from": "human", "value": example.task},
                {"from": "gpt", "value": example.answer},
            ]
        }
    rejected: JsonValue = {"role": "assistant", "content": example.rejected}
    return {"prompt": [question], "chosen": [answer], "rejected": [rejected]}


def _digest(*texts: str) -> bytes:
    # Stored texts hold no NUL, so ("a", "bc") and ("ab", "c") differ.
    folded = "\0".join(" ".join(text.split()) for text in texts)
    return hashlib.sha256(folded.encode()).digest()
