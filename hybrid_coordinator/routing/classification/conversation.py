"""What a prompt or a chat's messages say: the request, and how far an agent has come with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

Prompt = str | Sequence[Mapping[str, object]]
"""A prompt, or a chat's messages as OpenAI or Anthropic have them."""

_FIRST, _LAST = 10, 200
"""Messages read from the start and from the end of a chat: it bounds the time."""

_EXCERPT = 2000
_CHARACTERS_PER_TOKEN = 4
_FOLLOW_UP = 2
"""Words up to which a message says nothing alone ("go on", "yes please")."""

_TOOLS = re.compile(r"\b(?:tools?|shell|functions?|commands?)\b", re.IGNORECASE)
_MATERIAL = r"(?:passages?|transcript|documents?|text|article|report|e-?mail|letter|notes|thread)"
_GROUNDS = re.compile(
    rf"\b(?:based|answer\w*|using|summari[sz]e|from|in)\b[^.\n]{{0,60}}\b{_MATERIAL}\b"
    rf"|\b{_MATERIAL} (?:above|below)\b",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"\b(?:bugs?|traceback|pull request|PR|repository|repo|code ?base|refactor\w*|compil\w+"
    r"|unit tests?|failing tests?|exceptions?|stack trace|regressions?|class|module|method)\b"
)


@dataclass(frozen=True, slots=True)
class Conversation:
    """``text`` is what was asked for last. ``tokens`` is the size of everything, estimated;
    ``tool_turns`` counts the messages that call a tool or bring its result.

    ``opening``: an agent with tools has not done anything yet. ``code_work``: the request is
    about the code of a project. ``grounded``: what the answer needs was given, as a text to read.
    """

    text: str
    tokens: int
    tool_turns: int = 0
    opening: bool = False
    code_work: bool = False
    grounded: bool = False


def read_prompt(prompt: object) -> Conversation:
    """Read a ``Prompt``. What is none is empty."""
    if isinstance(prompt, str):
        return Conversation(
            text=prompt,
            tokens=len(prompt) // _CHARACTERS_PER_TOKEN,
            grounded=_material(prompt),
        )
    if not isinstance(prompt, list | tuple):
        return Conversation(text="", tokens=0)
    return _read_messages(prompt)


def _read_messages(messages: Sequence[object]) -> Conversation:
    kept = messages
    if len(messages) > _FIRST + _LAST:
        kept = [*messages[:_FIRST], *messages[-_LAST:]]
    read = [_Message.of(each) for each in kept if isinstance(each, Mapping)]
    size = sum(message.size for message in read) * len(messages) // max(1, len(kept))
    asked = [message.text for message in read if message.role == "user" and message.text]
    text = asked[-1] if asked else ""
    if len(asked) > 1 and len(text.split(None, _FOLLOW_UP + 1)) <= _FOLLOW_UP:
        text = f"{asked[-2]}\n{text}"
    tool_turns = sum(message.uses_tool for message in read)
    answered = any(message.role == "assistant" for message in read)
    system = next((each.text for each in read if each.role in ("system", "developer")), "")
    return Conversation(
        text=text,
        tokens=size // _CHARACTERS_PER_TOKEN,
        tool_turns=tool_turns,
        opening=not answered and not tool_turns and _TOOLS.search(system[:_EXCERPT]) is not None,
        code_work=_CODE.search(text[:_EXCERPT]) is not None,
        grounded=not tool_turns
        and (_material(text) or _GROUNDS.search(system[:_EXCERPT]) is not None),
    )


def _material(text: str) -> bool:
    return len(text) > _EXCERPT // 2 and (
        _GROUNDS.search(text[:300]) is not None or _GROUNDS.search(text[-300:]) is not None
    )


@dataclass(frozen=True, slots=True)
class _Message:
    role: object
    text: str
    size: int
    uses_tool: bool

    @classmethod
    def of(cls, message: Mapping[object, object]) -> _Message:
        role, content = message.get("role"), message.get("content")
        parts = list(_parts(content))
        text = content if isinstance(content, str) else "\n".join(_texts(parts))
        uses_tool = role in ("tool", "function") or bool(message.get("tool_calls"))
        uses_tool = uses_tool or any(
            part.get("type") in ("tool_use", "tool_result") for part in parts
        )
        size = len(text)
        for part in parts:
            found = part.get("content") if part.get("type") == "tool_result" else None
            size += len(found) if isinstance(found, str) else sum(map(len, _texts(_parts(found))))
        return cls(role, text, size, uses_tool)


def _parts(content: object) -> Iterator[Mapping[object, object]]:
    if isinstance(content, list | tuple):
        yield from (part for part in content[-_LAST:] if isinstance(part, Mapping))


def _texts(parts: Iterable[Mapping[object, object]]) -> Iterator[str]:
    for part in parts:
        text = part.get("text")
        if part.get("type") == "text" and isinstance(text, str):
            yield text
