"""What kind of task a text is and how hard it looks, from the text alone, without a model.

The score has one scale for everything, 0 to 1, and one reading: how much the strongest model is
needed. For a task it is the prior's judgement of simple (1/6), moderate (1/2) or complex (5/6).
For a problem that has one right answer it follows how much more often a strong model solves such a
problem than a weak one: a gain of 15 points is moderate, and from 45 on it is complex. Below that
a weak model is worth asking first, since its answer will be checked. For a step of an agent the
tools that it has used decide, and the request only helps.
"""

from __future__ import annotations

from dataclasses import dataclass

from hybrid_coordinator.domain.route import Complexity, TaskType
from hybrid_coordinator.routing.classification.conversation import (
    Conversation,
    Prompt,
    read_prompt,
)
from hybrid_coordinator.routing.classification.features import (
    Form,
    Shape,
    choice_measures,
    problem_measures,
    shape,
    task_measures,
)
from hybrid_coordinator.routing.classification.grams import buckets
from hybrid_coordinator.routing.classification.keywords import keywords
from hybrid_coordinator.routing.classification.kinds import kind
from hybrid_coordinator.routing.classification.prior import Question, load_prior

__all__ = ["Classification", "Prompt", "classify"]

_FILES, _ERROR = 0.10, 0.05
"""What four files and a shown error add to a task; they hardly occur in the prior's data."""

_MODERATE_GAIN, _GAIN_TO_SIMPLE, _GAIN_TO_COMPLEX = 0.15, 0.10, 0.30
_IN_CODE, _IN_CHORE, _OPENING, _GROUNDED = 0.85, 0.3, 0.15, 0.2

_REASONING_FROM = 0.5
_READING = frozenset({TaskType.QUESTION, TaskType.EXTRACTION, TaskType.CLASSIFICATION})


@dataclass(frozen=True, slots=True)
class Classification:
    """``score`` is the need of the strongest tier in 0-1, ``confidence`` (0.5-1) grows with its
    distance from the nearest bound between two complexities, ``reason`` is one line.

    ``tokens`` is the estimated size of everything that was given and ``files`` counts the names
    of files in the request. ``keywords`` are those of security, performance and architecture
    that it is about. ``tool_turns`` counts an agent's messages that use a tool. ``reasoning``
    says that a proof or a derivation is wanted.
    """

    task_type: TaskType
    complexity: Complexity
    score: float
    confidence: float
    reason: str
    tokens: int = 0
    files: int = 0
    keywords: frozenset[str] = frozenset()
    tool_turns: int = 0
    reasoning: bool = False

    @property
    def points(self) -> float:
        """The score in 0-10, with one digit."""
        return round(10 * self.score, 1)


def classify(prompt: Prompt) -> Classification:
    """Judge a prompt or a list of messages. Never raises; takes well under 1 ms."""
    told = read_prompt(prompt)
    seen = shape(told.text, grounded=told.grounded)
    task_type = kind(seen) if seen.form is Form.TASK else TaskType.QUESTION
    score, reasoning = _need(seen)
    score = min(max(_in_conversation(score, told, task_type), 0.0), 1.0)
    if score < 1 / 3:
        complexity = Complexity.SIMPLE
    elif score < 2 / 3:
        complexity = Complexity.MODERATE
    else:
        complexity = Complexity.COMPLEX
    margin = min(abs(score - 1 / 3), abs(score - 2 / 3))
    return Classification(
        task_type=task_type,
        complexity=complexity,
        score=score,
        confidence=0.5 + 1.5 * margin,
        reason=_reason(seen, told),
        tokens=told.tokens,
        files=seen.files,
        keywords=keywords(seen.request),
        tool_turns=told.tool_turns,
        reasoning=reasoning,
    )


def _need(seen: Shape) -> tuple[float, bool]:
    """The need of the strongest model for the request alone, and whether it wants a proof."""
    prior = load_prior()
    if seen.form is not Form.TASK:
        if seen.form is Form.CHOICE:
            gain = prior[Question.CHOICE].judge(choice_measures(seen), buckets(seen.excerpt))
        else:
            gain = prior[Question.PROBLEM].judge(problem_measures(seen), [])
        above = gain - _MODERATE_GAIN
        return 0.5 + above / (_GAIN_TO_COMPLEX if above > 0 else _GAIN_TO_SIMPLE) / 6, False
    measures, grams = task_measures(seen), buckets(seen.request)
    need = prior[Question.TASK].judge(measures, grams)
    need += _FILES * min(seen.files, 4) / 4 + _ERROR * seen.error
    reasoning = prior[Question.REASONING].judge(measures, grams) >= _REASONING_FROM
    return 1 / 6 + need * 2 / 3, reasoning


def _in_conversation(score: float, told: Conversation, task_type: TaskType) -> float:
    """The need of the next step, given the need of the request."""
    if told.tool_turns:
        return _IN_CODE if told.code_work else _IN_CHORE
    if told.opening:
        # The first step of an agent only looks around.
        return _OPENING
    if told.grounded and task_type in _READING:
        return min(score, _GROUNDED)
    return score


def _reason(seen: Shape, told: Conversation) -> str:
    signs = [cue.name for cue in seen.cues]
    if seen.form is not Form.TASK:
        signs = [f"a {seen.form} with one right answer"]
    if told.tool_turns:
        signs.append(f"{told.tool_turns} tool turns")
    if told.opening:
        signs.append("an agent's first step")
    if told.grounded:
        signs.append("what to read is given")
    if seen.files:
        signs.append(f"{seen.files} files named")
    if seen.error:
        signs.append("an error is shown")
    return ", ".join(signs) or "no cue words"
