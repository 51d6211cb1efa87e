"""What only the session file tells of a turn."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hybrid_coordinator.learning.capture.transcripts import Spent, first_prompt, spent

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def answer(seconds: int, identifier: str, text: str, model: str = "claude-x") -> str:
    at = NOON + timedelta(seconds=seconds)
    usage = {"input_tokens": 100, "output_tokens": 20, "cache_read_input_tokens": 9000}
    message = {
        "id": identifier,
        "model": model,
        "usage": usage,
        "content": [{"type": "text", "text": text}],
    }
    return json.dumps(
        {
            "type": "assistant",
            "timestamp": at.isoformat().replace("+00:00", "Z"),
            "message": message,
        }
    )


def test_the_answers_of_a_turn_are_counted_once_each(tmp_path: Path) -> None:
    file = tmp_path / "session.jsonl"
    lines = [
        answer(-9, "m0", "of the turn before"),
        "",
        "[1]",
        '{"type": "assistant", "message": {}, "timestamp": "never"}',
        answer(1, "m1", "Let me look."),
        answer(2, "m1", "Looking."),
        answer(3, "m2", "Done.", "claude-y"),
        answer(4, "m3", "API error", "<synthetic>"),
        answer(99, "m4", "of the next turn"),
        '{"half',
    ]
    file.write_text("\n".join(lines))
    took = spent(str(file), NOON, NOON + timedelta(seconds=10))
    assert took == Spent("claude-y", 360, "API error")


def test_a_file_that_is_not_there_tells_nothing(tmp_path: Path) -> None:
    assert spent(str(tmp_path / "none"), NOON, NOON) == Spent()
    assert spent("a\0b", NOON, NOON) == Spent()
    assert first_prompt(str(tmp_path / "none")) == ""


def test_the_first_prompt_is_what_a_subagent_was_asked(tmp_path: Path) -> None:
    file = tmp_path / "agent.jsonl"
    entries = [
        {"type": "system"},
        {"type": "user", "message": {"content": "look for it"}},
        {"type": "user", "message": {"content": [{"type": "text", "text": "more"}]}},
    ]
    file.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    assert first_prompt(str(file)) == "look for it"
