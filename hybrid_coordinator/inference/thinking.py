"""Models that think before they answer: which ones do, the room they need, and telling the
thinking from the answer where a server leaves both in one text."""

from __future__ import annotations

import re
from typing import Literal

from hybrid_coordinator.inference.chat import Piece

THINKING_TOKENS = 8192
"""What a thinking model may generate beyond an answer's ``max_tokens``. On short tasks most stay
below half of it; a model that needs more has usually lost its way."""

_OPENING, _CLOSING = "<think>", "</think>"
_THINKING_NAME = re.compile(
    r"deepseek-?r\d|(?<![a-z])r1(?![a-z0-9])|qwq|qwen-?3|gpt-?oss|magistral|phi-?4-(mini-)?reason"
    r"|think|reason|glm-?(z1|4\.[5-9]|[5-9])|exaone-deep|nemotron|minimax-?m\d|kimi-k2\.|smollm3"
    r"|cogito|granite-?3\.[23]|gemma-?4"
)
_NOT_THINKING_NAME = re.compile(r"qwen-?3-?(coder|.*instruct)|non-?think|no-?think|embed")
_REASONS_AT_OPENAI = re.compile(r"^(ft:)?(o\d|gpt-[5-9])")


def thinks_by_name(name: str) -> bool | None:
    """Whether a model of an open family thinks, as far as its name tells: True, or None."""
    lowered = name.lower()
    if _NOT_THINKING_NAME.search(lowered) is not None:
        return None
    return True if _THINKING_NAME.search(lowered) is not None else None


def reasons_at_openai(name: str) -> bool:
    """Whether OpenAI lists a model of its own as a reasoning model: the o series, and GPT from 5
    on. These take no ``temperature``."""
    return _REASONS_AT_OPENAI.search(name.lower()) is not None and "-chat" not in name.lower()


def split_thinking(text: str) -> tuple[str, str]:
    """The answer and the thinking before it, where a server leaves ``<think>`` in the text.

    Some chat templates write the opening tag into the prompt, so a closing tag alone counts.
    """
    opened = text.lstrip().startswith(_OPENING)
    before, closed, after = text.partition(_CLOSING)
    if closed and (opened or _OPENING not in before):
        return after.strip(), before.replace(_OPENING, "", 1)
    if opened:
        return "", text.lstrip().removeprefix(_OPENING)
    return text, ""


class ThinkingSplitter:
    """``split_thinking`` for text that is still arriving.

    With ``unopened`` the model's template may have opened the tag in the prompt, so text is held
    back until a tag, or the end, tells what it was. Without it text is an answer from the first
    character that is no tag, and a closing tag that comes alone is left in it.
    """

    def __init__(self, *, unopened: bool = False) -> None:
        self._unopened = unopened
        self._state: Literal["start", "thinking", "answer", "plain"] = "start"
        self._begun = False
        self._held = ""

    def plain(self) -> Piece | None:
        """What was held back: the server sends thinking apart, so all text is the answer."""
        if self._state != "start":
            return None
        self._state = "plain"
        return self._release()

    def feed(self, text: str) -> Piece | None:
        """What is certain now."""
        self._held += text
        if self._state == "start":
            return self._begin()
        if self._state == "thinking":
            return self._think()
        if self._state == "answer":
            return _piece(self._answer())
        return self._release()

    def finish(self) -> Piece | None:
        """What was held back until the end."""
        if self._state == "answer":
            return None  # only spaces after the answer are left
        if self._state == "thinking":
            return _piece(thinking=self._take())
        return self._release()

    def _begin(self) -> Piece | None:
        seen = self._held.lstrip()
        if seen.startswith(_OPENING):
            self._held = seen.removeprefix(_OPENING)
            self._state = "thinking"
            return self._think()
        if _OPENING.startswith(seen):
            return None  # it may become the tag
        if not self._unopened or (
            _OPENING in self._held and _CLOSING not in self._held.partition(_OPENING)[0]
        ):
            self._state = "plain"
            return self._release()
        return self._think() if _CLOSING in self._held else None

    def _think(self) -> Piece | None:
        thinking, closed, after = self._held.partition(_CLOSING)
        if closed:
            self._state = "answer"
            self._held = after
            return _piece(self._answer(), thinking)
        certain = len(self._held) - _overlap(self._held, _CLOSING)
        thinking, self._held = self._held[:certain], self._held[certain:]
        return _piece(thinking=thinking)

    def _answer(self) -> str:
        """What is held, without spaces at the answer's beginning, and at what may be its end."""
        held = self._held if self._begun else self._held.lstrip()
        text = held.rstrip()
        self._begun = self._begun or bool(text)
        self._held = held[len(text) :]
        return text

    def _release(self) -> Piece | None:
        return _piece(self._take())

    def _take(self) -> str:
        held, self._held = self._held, ""
        return held


def _piece(text: str = "", thinking: str = "") -> Piece | None:
    return Piece(text, thinking) if text or thinking else None


def _overlap(text: str, tag: str) -> int:
    """How many characters at the end of ``text`` may be the beginning of ``tag``."""
    return next((n for n in range(len(tag) - 1, 0, -1) if text.endswith(tag[:n])), 0)
