"""Reading what the hook program hands over: one JSON line an event, as Claude Code told it.

What is kept of an event (``content``) is small, and holds neither secrets nor the context that was
injected:

    session_start   source: startup, resume, clear, compact or fork
    prompt, message prompt, transcript (the session file's path)
    action          kind, subject, ok, exit_code, detail; and of the start of a subagent: starts
                    (its agent_id), task
    stop, failed,   response, transcript, agent (its type), running (how many tasks are at work in
    subagent_stop   the background)
    session_end     reason
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hybrid_coordinator.domain.captured import CapturedEvent, EventKind
from hybrid_coordinator.domain.clipping import Clean
from hybrid_coordinator.domain.injected import without_injected
from hybrid_coordinator.domain.knowledge import JsonValue
from hybrid_coordinator.domain.turns import prompt_digest
from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.knowledge.projects import project_of
from hybrid_coordinator.learning.sessions.tool_calls import action_of
from hybrid_coordinator.learning.sessions.trivial import is_clients_own

Json = Mapping[str, JsonValue]

_KINDS = {
    "SessionStart": EventKind.SESSION_START,
    "UserPromptSubmit": EventKind.PROMPT,
    "PostToolUse": EventKind.ACTION,
    "PostToolUseFailure": EventKind.ACTION,
    "Stop": EventKind.STOP,
    "StopFailure": EventKind.FAILED,
    "SubagentStop": EventKind.SUBAGENT_STOP,
    "SessionEnd": EventKind.SESSION_END,
}
_MACHINE_SOURCES = ("system", "poll_event")
_STARTING_TOOLS = ("Agent", "Task")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_NANOSECONDS = 1 << 62
_MAX_NAME = 200


def read_event(line: bytes, scrub: Clean) -> CapturedEvent | None:
    """The event of a line; None if it is of a kind that nothing is learned from.

    Args:
        scrub: takes the secrets out of a text.

    Raises:
        InvalidArgumentError: the line is no event.
    """
    try:
        carried = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidArgumentError("event", "is no JSON; give what the hook program sends") from (
            error
        )
    event = carried.get("event") if isinstance(carried, dict) else None
    if not isinstance(event, dict):
        raise InvalidArgumentError("event", "is no object; give what the hook program sends")
    name = _name(event, "hook_event_name")
    agent = event.get("agent_type")
    # A subagent without a type is Claude Code's own: it sums a conversation up.
    if name not in _KINDS or (name == "SubagentStop" and not agent):
        return None
    kind, prompt = _KINDS[name], _prompt(event)
    if kind is EventKind.PROMPT and _by_machine(event, prompt or ""):
        kind = EventKind.MESSAGE
    at = _EPOCH + timedelta(microseconds=_nanoseconds(carried, "at") // 1000)
    return CapturedEvent(
        key=_name(carried, "key"),
        session_id=_name(event, "session_id"),
        kind=kind,
        at=at,
        tick=_nanoseconds(carried, "tick"),
        project=project_of(Path(_string(event.get("cwd")) or Path.home())).name,
        prompt_id=_optional(event, "prompt_id"),
        agent_id=_optional(event, "agent_id"),
        digest=None if prompt is None else prompt_digest(prompt),
        content=_content(kind, event, at, lambda text: scrub(without_injected(_unicode(text)))),
    )


def _prompt(event: Json) -> str | None:
    """What a person, or with the start of a subagent the agent, has asked for."""
    given = event.get("tool_input") if event.get("tool_name") in _STARTING_TOOLS else event
    prompt = given.get("prompt") if isinstance(given, dict) else None
    return prompt if isinstance(prompt, str) else None


def _by_machine(event: Json, prompt: str) -> bool:
    return event.get("source") in _MACHINE_SOURCES or is_clients_own(prompt)


def _content(kind: EventKind, event: Json, at: datetime, clean: Clean) -> dict[str, JsonValue]:
    transcript = _string(event.get("transcript_path"))
    match kind:
        case EventKind.SESSION_START:
            return {"source": _string(event.get("source"))}
        case EventKind.SESSION_END:
            return {"reason": _string(event.get("reason"))}
        case EventKind.PROMPT | EventKind.MESSAGE:
            return {"prompt": clean(_prompt(event) or ""), "transcript": transcript}
        case EventKind.ACTION:
            return _action(event, at, clean)
        case EventKind.STOP | EventKind.FAILED | EventKind.SUBAGENT_STOP:
            return {
                "response": clean(_string(event.get("last_assistant_message"))),
                "transcript": _string(event.get("agent_transcript_path")) or transcript,
                "agent": _string(event.get("agent_type")),
                "running": _running(event),
            }


def _action(event: Json, at: datetime, clean: Clean) -> dict[str, JsonValue]:
    tool, given = _string(event.get("tool_name")), event.get("tool_input")
    answer, failed = event.get("tool_response"), event["hook_event_name"] == "PostToolUseFailure"
    arguments = given if isinstance(given, dict) else {}
    result = {"is_error": failed, "content": event.get("error") if failed else answer}
    action = asdict(action_of(tool, arguments, result, answer, at, clean))
    del action["at"]  # the event's own
    action |= {name: clean(action[name]) for name in ("subject", "detail")}
    if tool in _STARTING_TOOLS and isinstance(answer, dict):
        task = clean(_prompt(event) or "")
        action |= {"starts": _string(answer.get("agentId")), "task": task}
    return action


def _running(event: Json) -> int:
    """Tasks in the background: a message tells of their end, and the turn goes on with it."""
    tasks = event.get("background_tasks")
    return sum(
        isinstance(task, dict) and task.get("status") == "running"
        for task in (tasks if isinstance(tasks, list) else ())
    )


def _string(value: JsonValue) -> str:
    return _unicode(value) if isinstance(value, str) else ""


def _unicode(text: str) -> str:
    """Postgres holds no NUL, and UTF-8 no half of a surrogate pair."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


def _name(values: Json, field: str) -> str:
    value = _optional(values, field)
    if value is None:
        raise InvalidArgumentError(field, f"must be a string of 1 to {_MAX_NAME} characters")
    return value


def _optional(values: Json, field: str) -> str | None:
    value = values.get(field)
    return _unicode(value) if isinstance(value, str) and 0 < len(value) <= _MAX_NAME else None


def _nanoseconds(values: Json, field: str) -> int:
    value = values.get(field)
    if not isinstance(value, int) or not 0 <= value < _MAX_NANOSECONDS:
        raise InvalidArgumentError(field, "must be a number of nanoseconds")
    return value
