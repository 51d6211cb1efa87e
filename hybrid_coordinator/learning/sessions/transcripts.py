"""Reading Claude Code's session files: one line a time, into turns, every line accounted for.

The format is documented nowhere; it is what the versions 1.0 to 2.1.329 write. A file is a list of
JSON objects, one a line: prompts and tool results (``user``), answers a content block a line
(``assistant``), and the client's bookkeeping. Subagents have files of their own, or stand in the
session's (``isSidechain``). A session that is forked begins with a copy of the other's lines.
"""

from __future__ import annotations

import json
import re
from collections import Counter, deque
from collections.abc import Iterator, MutableSet, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from hybrid_coordinator.domain.clipping import Clean, clean_and_clipped
from hybrid_coordinator.domain.turns import Action, Turn, prompt_digest, turn_key
from hybrid_coordinator.learning.sessions.tool_calls import Json, action_of, is_noted, text_of
from hybrid_coordinator.learning.sessions.trivial import (
    INTERRUPTION,
    is_clients_own,
    only_goes_on,
    own_prompt,
)

MAX_LINE = 16_000_000
"""Bytes of a line; what is longer is an image or a file that was pasted."""

_MAX_ACTIONS = 1_000
"""Of a turn; the recorder keeps fewer. The last ones tell how it went."""

_MAX_TEXT = 200_000
_MAX_ID = 200
"""Characters; Claude Code's are UUIDs, and the record's indexes hold no books."""

_FUTURE = timedelta(minutes=5)
_TYPE = re.compile(r"[a-z][a-z-]{0,40}")

BOOKKEEPING = frozenset(
    {
        *("agent-color", "agent-name", "agent-setting", "ai-title", "api-request"),
        *("api-request-blob", "api-request-shape", "atis-latch", "attachment"),
        *("attribution-snapshot", "content-replacement", "cost-state", "custom-title"),
        *("file-history-snapshot", "last-prompt", "mode", "permission-mode", "pr-link"),
        *("progress", "queue-operation", "summary", "system", "tag", "task-summary"),
        *("tools-used", "worktree-state"),
    }
)
"""Types of lines that hold nothing of a turn."""


@dataclass
class Account:
    """What became of each line of a file: ``used`` in a turn, or left out for a reason."""

    used: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def lines(self) -> int:
        """All of them."""
        return self.used + self.left_out.total()


@dataclass
class _OpenTurn:
    """A turn that is being read."""

    key: str
    prompt: str
    started_at: datetime
    cwd: str
    session_id: str
    agent: str | None
    copied: bool
    last_at: datetime
    model: str = ""
    response: str = ""
    response_message: str = ""
    interrupted: bool = False
    tokens: dict[str, int] = field(default_factory=dict)
    actions: deque[Action] = field(default_factory=lambda: deque(maxlen=_MAX_ACTIONS))
    calls: dict[str, tuple[str, Json, datetime]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReadTurn:
    """A turn of a file, whose project is not known yet: ``cwd`` is where the agent worked, empty
    where that was not told. ``copied`` says that it stood in a file that was read before."""

    turn: Turn
    cwd: str
    copied: bool


class TranscriptReader:
    """Reads one file. ``account`` is complete once all turns were taken."""

    def __init__(
        self, path: Path, seen: MutableSet[str], clean: Clean, agent: str | None = None
    ) -> None:
        """
        Args:
            clean: what a text goes through before it is cut; the others come as they are.
            seen: ids of lines with a prompt that were read before, in other files too.
            agent: the kind of subagent whose file it is.
        """
        self.account = Account()
        self.bytes_read = 0
        """Of the file, up to now."""
        self._path = path
        self._seen = seen
        self._clean = clean
        self._own: set[str] = set()
        self._agent = agent
        self._threads: dict[str, _OpenTurn] = {}
        self._thread_of: dict[str, str] = {}
        self._occurrences: Counter[tuple[str, str]] = Counter()
        self._latest: datetime | None = None
        self._now = datetime.now(UTC)

    def turns(self) -> Iterator[ReadTurn]:
        """The turns in the order of their prompts' lines; several threads' are interleaved.

        Raises:
            OSError: the file cannot be read.
        """
        with self._path.open("rb") as file:
            for line in _lines(file):
                self.bytes_read = file.tell()
                entry, reason = _entry(line)
                if entry is None:
                    self.account.left_out[reason] += 1
                    continue
                finished, reason = self._take(entry)
                if reason:
                    self.account.left_out[reason] += 1
                else:
                    self.account.used += 1
                if finished is not None:
                    yield self._finish(finished)
        for turn in self._threads.values():
            yield self._finish(turn)
        self._threads.clear()

    def _take(self, entry: Json) -> tuple[_OpenTurn | None, str]:
        """Take a line in: the turn that it ends, and why it was left out, "" if it was not."""
        kind = _string(entry.get("type"))
        if kind in BOOKKEEPING:
            return None, kind
        if kind not in ("user", "assistant"):
            return None, f"unknown type {kind}" if _TYPE.fullmatch(kind) else "unknown type"
        message = entry.get("message")
        if not isinstance(message, dict):
            return None, "no message"
        content = message.get("content")
        if not isinstance(content, str | list):
            return None, "no content"
        if self._repeats(entry):
            return None, "duplicate"
        self._note_time(entry)
        if kind == "assistant":
            return None, self._answer(entry, message, content)
        return self._user(entry, content)

    def _repeats(self, entry: Json) -> bool:
        """Whether a line of this id was read in this file."""
        uuid = entry.get("uuid")
        if not isinstance(uuid, str) or not uuid:
            return False
        if uuid in self._own:
            return True
        self._own.add(uuid)
        return False

    def _note_time(self, entry: Json) -> None:
        at = _time(entry.get("timestamp"))
        if at is not None:
            self._latest = at

    def _at(self) -> datetime:
        """The time of the line, or of the last one that has one."""
        if self._latest is None:
            changed = datetime.fromtimestamp(self._path.stat().st_mtime, UTC)
            self._latest = changed
        return min(self._latest, self._now + _FUTURE)

    def _thread(self, entry: Json) -> str:
        """What the line belongs to: "" for the session's own turns, else the subagent's id."""
        if entry.get("isSidechain") is not True:
            return ""
        agent = entry.get("agentId")
        if isinstance(agent, str) and agent:
            return agent[:_MAX_ID]
        # Before subagents had ids: the line that a chain of answers goes back to.
        uuid, parent = entry.get("uuid"), entry.get("parentUuid")
        thread = self._thread_of.get(parent, "") if isinstance(parent, str) else ""
        if not thread and isinstance(uuid, str):
            thread = uuid[:_MAX_ID]
        if isinstance(uuid, str):
            self._thread_of[uuid] = thread
        return thread or "subagent"

    def _user(self, entry: Json, content: str | list[Any]) -> tuple[_OpenTurn | None, str]:
        thread = self._thread(entry)
        results = [
            block
            for block in (content if isinstance(content, list) else ())
            if isinstance(block, dict) and block.get("type") == "tool_result"
        ]
        if results:
            return None, self._results(entry, thread, results)
        if entry.get("isMeta") is True:
            return None, "meta"
        if entry.get("isCompactSummary") is True:
            return None, "compact summary"
        prompt = _prompt(content)
        if INTERRUPTION.fullmatch(prompt.strip()):
            turn = self._threads.get(thread)
            if turn is None:
                return None, "interruption of no turn"
            turn.interrupted = True
            return None, ""
        if not own_prompt(prompt):
            return None, "no prompt"
        if is_clients_own(prompt):  # what it tells belongs to the turn that goes on
            return None, "the client's own message"
        if only_goes_on(prompt) and self._goes_on(entry, thread):
            return None, ""
        return self._open(entry, thread, prompt), ""

    def _goes_on(self, entry: Json, thread: str) -> bool:
        """Let the turn that is open go on: "continue" is none of its own. False if none is."""
        turn, uuid = self._threads.get(thread), _string(entry.get("uuid"))
        if turn is None or turn.copied != (uuid in self._seen):
            return False
        self._seen.add(uuid)
        turn.interrupted = False
        return True

    def _open(self, entry: Json, thread: str, prompt: str) -> _OpenTurn | None:
        """Begin a turn; the one that it ends."""
        before = self._threads.pop(thread, None)
        session_id = _string(entry.get("sessionId"))[:_MAX_ID] or self._path.stem
        uuid = _string(entry.get("uuid"))
        copied = uuid in self._seen
        if uuid:
            self._seen.add(uuid)
        given = (thread, prompt_digest(prompt))
        if not copied:
            self._occurrences[given] += 1
        # Hooks tell of a subagent's turns under the same name, and of the whole of a long prompt.
        session = f"{session_id}/{thread}" if thread else session_id
        started = self._at()
        if before is not None and started <= before.started_at:
            # A clock that went back must not turn the order around.
            started = before.started_at + timedelta(milliseconds=1)
        self._threads[thread] = _OpenTurn(
            key=turn_key(session, prompt, self._occurrences[given]),
            prompt=clean_and_clipped(prompt, _MAX_TEXT, 0, self._clean),
            started_at=started,
            cwd=_string(entry.get("cwd")),
            session_id=session_id,
            agent=(self._agent or thread) if thread else None,
            copied=copied,
            last_at=started,
        )
        return before

    def _results(self, entry: Json, thread: str, results: Sequence[Json]) -> str:
        turn = self._threads.get(thread)
        if turn is None:
            return "result without a prompt"
        told = entry.get("toolUseResult")
        known = False
        for result in results:
            call = turn.calls.pop(_string(result.get("tool_use_id")), None)
            if call is not None:
                known = True
                name, given, _ = call
                action = action_of(name, given, result, told, self._at(), self._clean)
                _act(turn, name, action)
        turn.last_at = max(turn.last_at, self._at())
        return "" if known else "result without its call"

    def _answer(self, entry: Json, message: Json, content: str | list[Any]) -> str:
        turn = self._threads.get(self._thread(entry))
        if turn is None:
            return "answer without a prompt"
        turn.last_at = max(turn.last_at, self._at())
        if entry.get("isApiErrorMessage") is True:
            return "API error"
        message_id = _string(message.get("id")) or _string(entry.get("uuid"))
        model = _string(message.get("model"))
        if model and not model.startswith("<"):
            turn.model = model
        turn.tokens[message_id] = _tokens(message.get("usage"))
        text = text_of(content).strip()
        if text:
            same = turn.response_message == message_id and turn.response
            turn.response = f"{turn.response}\n\n{text}" if same else text
            turn.response_message = message_id
        for block in content if isinstance(content, list) else ():
            if isinstance(block, dict) and block.get("type") == "tool_use":
                given = block.get("input")
                call = (_string(block.get("name")), given if isinstance(given, dict) else {})
                turn.calls[_string(block.get("id"))] = (*call, self._at())
        return ""

    def _finish(self, turn: _OpenTurn) -> ReadTurn:
        for name, given, at in turn.calls.values():
            _act(turn, name, action_of(name, given, None, None, at, self._clean))
        elapsed = (turn.last_at - turn.started_at) / timedelta(milliseconds=1)
        return ReadTurn(
            Turn(
                key=turn.key,
                session_id=turn.session_id,
                project="",
                prompt=turn.prompt,
                response=clean_and_clipped(
                    turn.response, _MAX_TEXT // 2, _MAX_TEXT // 2, self._clean
                ),
                model=turn.model,
                started_at=turn.started_at,
                actions=tuple(turn.actions),
                tokens_used=sum(turn.tokens.values()),
                latency_ms=int(max(elapsed, 0)),
                agent=turn.agent,
                interrupted=turn.interrupted,
            ),
            turn.cwd,
            turn.copied,
        )


def _act(turn: _OpenTurn, name: str, action: Action) -> None:
    if is_noted(name, action):
        turn.actions.append(action)


def _lines(file: BinaryIO) -> Iterator[bytes | None]:
    """The lines of a file without their ends; None for one of more than ``MAX_LINE`` bytes."""
    while line := file.readline(MAX_LINE + 1):
        if len(line) <= MAX_LINE or line.endswith(b"\n"):
            yield line
            continue
        while (rest := file.readline(MAX_LINE)) and not rest.endswith(b"\n"):
            pass
        yield None


def _entry(line: bytes | None) -> tuple[Json | None, str]:
    """The JSON object of a line, or why there is none."""
    if line is None:
        return None, "too long"
    if not line.strip():
        return None, "blank"
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        # The last line of a file may be one that is being written, or was when the machine died.
        return None, "malformed" if line.endswith(b"\n") else "torn"
    return (entry, "") if isinstance(entry, dict) else (None, "no object")


def _prompt(content: str | list[Any]) -> str:
    """What the user typed: text blocks but those that the client added."""
    if isinstance(content, str):
        return content
    texts = [
        block.get("text")
        for block in content
        if isinstance(block, dict) and block.get("type") == "text"
    ]
    strings = [text for text in texts if isinstance(text, str)]
    return "\n".join(text for text in strings if own_prompt(text))


def _tokens(usage: object) -> int:
    """Tokens in both directions. What was read from the cache was counted when it was written."""
    counted = usage if isinstance(usage, dict) else {}
    names = ("input_tokens", "output_tokens", "cache_creation_input_tokens")
    values = (counted.get(name) for name in names)
    return sum(value for value in values if isinstance(value, int) and 0 < value < 2**31)


def _time(value: object) -> datetime | None:
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
        if time is None:
            return None
        return (time.replace(tzinfo=UTC) if time.tzinfo is None else time).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""
