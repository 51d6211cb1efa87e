"""Training examples: their formats, what counts as the same, and the split that a key leads to."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.domain.training import SPLITS, Answer
from hybrid_coordinator.domain.turns import Action, ActionKind

_SPLIT_ENDS = dict(zip(SPLITS, (80, 90, 100), strict=True))

# JSON may hold these as they are, but tools that read "lines" break at them.
_LINE_BREAKS = {ord(mark): f"\\u{ord(mark):04x}" for mark in "\u0085\u2028\u2029"}

_TOOLS = {
    ActionKind.COMMAND: ("run_command", "Run a command line.", "the command line"),
    ActionKind.EDIT: ("edit_file", "Change a file.", "the path of the file"),
    ActionKind.TOOL: ("use_tool", "Call another tool.", "the name and the arguments of the tool"),
}
"""What a step is a call of: the record knows its kind and its subject. All have one parameter of
one name, since Arrow, which TRL reads with, gives all rows the fields of each."""


class DatasetFormat(StrEnum):
    """What trainers read: chat messages, ShareGPT turns, preference pairs."""

    OPENAI = "openai"
    SHAREGPT = "sharegpt"
    DPO = "dpo"


@dataclass(frozen=True, slots=True)
class Example:
    """A task with a good answer; ``rejected`` is a bad answer to it, for preference pairs."""

    task: str
    answer: Answer
    rejected: Answer | None = None

    def texts(self) -> Iterator[str]:
        """All that is in it."""
        yield self.task
        for answer in (self.answer, self.rejected):
            if answer is not None:
                yield from answer_texts(answer)


def answer_texts(answer: Answer) -> Iterator[str]:
    """The steps and the words of an answer."""
    for step in answer.steps:
        yield step.action.subject
        yield step.action.detail
    yield answer.text


def task_key(task: str) -> bytes:
    """What two tasks share that differ in case, width, or spacing only."""
    return _digest(unicodedata.normalize("NFKC", task).casefold())


def example_key(example: Example) -> bytes:
    """What two examples share that differ in spacing only."""
    return _digest(*example.texts())


def split_of(key: bytes) -> str:
    """train, validation or test, about 80 to 10 to 10, by a hash such as ``task_key``."""
    share = int.from_bytes(key[:8]) % 100
    return next(name for name, end in _SPLIT_ENDS.items() if share < end)


def render(example: Example, layout: DatasetFormat) -> str:
    """The example as one line of JSON without its line break.

    Messages are those of OpenAI's fine-tuning files and of TRL's conversational datasets, DPO is
    TRL's explicit-prompt preference format, and ShareGPT has LLaMA-Factory's turns of tools. What
    was done before an answer becomes calls of tools and what came back; nothing else is made up:
    no system prompt is in the record, so none is written.
    """
    text = json.dumps(_record(example, layout), ensure_ascii=False)
    return text if text.isascii() else text.translate(_LINE_BREAKS)


def _record(example: Example, layout: DatasetFormat) -> Mapping[str, JsonValue]:
    tools = _tools(example)
    if layout is DatasetFormat.SHAREGPT:
        turns: list[JsonValue] = [{"from": "human", "value": example.task}]
        turns += _turns(example.answer)
        return {"conversations": turns} | ({"tools": json.dumps(tools)} if tools else {})
    question: JsonValue = {"role": "user", "content": example.task}
    offered: Mapping[str, JsonValue] = {"tools": tools} if tools else {}
    if layout is DatasetFormat.OPENAI:
        return {"messages": [question, *_messages(example.answer)], **offered}
    rejected = [] if example.rejected is None else _messages(example.rejected)
    return {
        "prompt": [question],
        "chosen": _messages(example.answer),
        "rejected": rejected,
        **offered,
    }


def _messages(answer: Answer) -> list[JsonValue]:
    messages: list[JsonValue] = []
    for number, step in enumerate(answer.steps, 1):
        call: JsonValue = {
            "id": f"call_{number}",
            "type": "function",
            "function": {"name": _name(step.action), "arguments": _arguments(step.action)},
        }
        messages += [
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": f"call_{number}", "content": _result(step.action)},
        ]
    return [*messages, {"role": "assistant", "content": answer.text}]


def _turns(answer: Answer) -> list[JsonValue]:
    turns: list[JsonValue] = []
    for step in answer.steps:
        call = {"name": _name(step.action), "arguments": {"input": step.action.subject}}
        turns += [
            {"from": "function_call", "value": json.dumps(call, ensure_ascii=False)},
            {"from": "observation", "value": _result(step.action)},
        ]
    return [*turns, {"from": "gpt", "value": answer.text}]


def _name(action: Action) -> str:
    return _TOOLS[action.kind][0]


def _arguments(action: Action) -> str:
    return json.dumps({"input": action.subject}, ensure_ascii=False)


def _result(action: Action) -> str:
    """What came back: what the record has of the output, and how it went."""
    ended = "done" if action.ok else "failed"
    if action.exit_code is not None:
        ended = f"exit code {action.exit_code}"
    return f"{action.detail}\n{ended}" if action.detail else ended


def _tools(example: Example) -> list[JsonValue]:
    """The functions that are called in an example, in the order of their kinds."""
    answers = [answer for answer in (example.answer, example.rejected) if answer is not None]
    used = {step.action.kind for answer in answers for step in answer.steps}
    return [_function(*_TOOLS[kind]) for kind in ActionKind if kind in used]


def _function(name: str, description: str, given: str) -> JsonValue:
    parameter: JsonValue = {"type": "string", "description": given}
    required: Sequence[JsonValue] = ["input"]
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": description,
            "parameters": {
                "type": "object",
                "properties": {"input": parameter},
                "required": list(required),
            },
        },
    }


def _digest(*texts: str) -> bytes:
    # Stored texts hold no NUL, so ("a", "bc") and ("ab", "c") differ.
    folded = "\0".join(" ".join(text.split()) for text in texts)
    return hashlib.sha256(folded.encode()).digest()
