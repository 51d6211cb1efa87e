"""What kind of task a text is and how hard it looks, from the text alone, without a model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hybrid_coordinator.domain.route import Complexity, TaskType
from hybrid_coordinator.routing.classification.features import Shape, shape

# Weights beside those of the cue words, fitted together with them by ridge regression on the
# labels SIMPLE 0, MEDIUM 0.5, COMPLEX and REASONING 1. Files, items and errors hardly occur in
# that data; theirs are set by hand. Prompt length is the strongest single sign.
_LENGTH = 0.95
_ENUMERATION = 0.56
_QUESTION = -0.14
_ITEMS = 0.10
_FILES = 0.10
_ERROR = 0.05
_TOOL_HISTORY = 0.50
"""For the steps of an agent the tool history decides, not the words of the last message."""

_SIMPLE_BELOW, _MODERATE_BELOW = 0.19, 0.60
"""Thresholds on the weighted sum, from the same labels."""

_MIDDLE = (_SIMPLE_BELOW + _MODERATE_BELOW) / 2
_SLOPE = 2 * math.log(2) / (_MODERATE_BELOW - _SIMPLE_BELOW)
"""Makes the thresholds 1/3 and 2/3 on the score."""

_MANY_FILES = 3
_CODE_WORK = frozenset({TaskType.GENERATION, TaskType.EDIT, TaskType.DEBUGGING})

Prompt = str | Sequence[Mapping[str, object]]
"""A prompt, or a chat's messages as OpenAI or Anthropic have them."""


@dataclass(frozen=True, slots=True)
class Classification:
    """``score`` is the need of the strongest tier in 0-1, ``confidence`` (0.5-1) grows with its
    distance from the nearest bound between two complexities, ``reason`` is one line."""

    task_type: TaskType
    complexity: Complexity
    score: float
    confidence: float
    reason: str


def classify(prompt: Prompt) -> Classification:
    """Judge a prompt or a list of messages. Never raises; takes well under 1 ms."""
    text, tool_turns = (prompt, 0) if isinstance(prompt, str) else _read_messages(prompt)
    seen = shape(text)
    score = 1 / (1 + math.exp(-_SLOPE * (_weigh(seen, tool_turns) - _MIDDLE)))
    if score < 1 / 3:
        complexity = Complexity.SIMPLE
    elif score < 2 / 3:
        complexity = Complexity.MODERATE
    else:
        complexity = Complexity.COMPLEX
    margin = min(abs(score - 1 / 3), abs(score - 2 / 3))
    return Classification(
        task_type=_task_type(seen),
        complexity=complexity,
        score=score,
        confidence=0.5 + 1.5 * margin,
        reason=_reason(seen, tool_turns),
    )


def _weigh(seen: Shape, tool_turns: int) -> float:
    return (
        sum(cue.weight for cue in seen.cues)
        + _LENGTH * seen.length
        + _ENUMERATION * seen.enumeration
        + _ITEMS * seen.items
        + _FILES * min(seen.files, 4) / 4
        + _ERROR * seen.error
        + _QUESTION * seen.question
        + _TOOL_HISTORY * (tool_turns > 0)
    )


def _task_type(seen: Shape) -> TaskType:
    wanted = next((cue.task_type for cue in seen.cues if cue.task_type is not None), None)
    if wanted is None:
        wanted = TaskType.QUESTION
    kinds = {cue.name for cue in seen.cues}
    # "How do I fix ..." is a question about a fault, "what is a leak" is not.
    if wanted is TaskType.QUESTION and (seen.error or {"debug", "explain"} <= kinds):
        wanted = TaskType.DEBUGGING
    if wanted in _CODE_WORK and (seen.files >= _MANY_FILES or "multi-file" in kinds):
        return TaskType.MULTI_FILE
    return wanted


def _reason(seen: Shape, tool_turns: int) -> str:
    signs = [cue.name for cue in seen.cues]
    if tool_turns:
        signs.append(f"{tool_turns} tool turns")
    if seen.files:
        signs.append(f"{seen.files} files named")
    if seen.error:
        signs.append("an error is shown")
    return ", ".join(signs) or "no cue words"


def _read_messages(messages: Sequence[Mapping[str, object]]) -> tuple[str, int]:
    """The last text of the user, and how many turns used a tool."""
    text = ""
    tool_turns = 0
    for message in messages:
        content = message.get("content")
        parts = _parts(content)
        uses_tool = bool(message.get("tool_calls")) or message.get("role") == "tool"
        if uses_tool or any(part.get("type") in ("tool_use", "tool_result") for part in parts):
            tool_turns += 1
        if message.get("role") == "user":
            text = (content if isinstance(content, str) else _text_of(parts)) or text
    return text, tool_turns


def _parts(content: object) -> list[Mapping[object, object]]:
    if not isinstance(content, list | tuple):
        return []
    return [part for part in content if isinstance(part, Mapping)]


def _text_of(parts: Sequence[Mapping[object, object]]) -> str:
    texts = [part.get("text") for part in parts if part.get("type") == "text"]
    return "\n".join(text for text in texts if isinstance(text, str))
