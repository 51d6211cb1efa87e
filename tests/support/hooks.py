"""Events as Claude Code 2.1.329 tells them to its hooks, and the program that it runs for them."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.stdio import CHECKOUT

HOOK = CHECKOUT / "hybrid_coordinator" / "serving" / "hooks" / "hook.py"
START = 1_790_000_000_000_000_000
SECOND = 1_000_000_000


@dataclass
class Telling:
    """The events of one session, each a second after the one before."""

    session_id: str = "2f7c"
    cwd: str = "/"
    transcript: str = "/nowhere.jsonl"
    clock: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def payload(self, name: str, **more: Any) -> dict[str, Any]:
        return {
            "session_id": self.session_id,
            "transcript_path": self.transcript,
            "cwd": self.cwd,
            "hook_event_name": name,
            **more,
        }

    def line(self, name: str, *, key: str = "", at: int | None = None, **more: Any) -> bytes:
        """What the hook program makes of an event."""
        second = next(self.clock)
        carried = {
            "key": key or f"{self.session_id}-{second}",
            "at": START + (second if at is None else at) * SECOND,
            "tick": second * SECOND,
            "event": self.payload(name, **more),
        }
        return json.dumps(carried).encode() + b"\n"

    def prompt(self, text: str, prompt_id: str = "p1", **more: Any) -> bytes:
        return self.line("UserPromptSubmit", prompt=text, prompt_id=prompt_id, **more)

    def command(
        self, command: str, exit_code: int = 0, output: str = "", prompt_id: str = "p1", **more: Any
    ) -> bytes:
        tool = {"tool_name": "Bash", "tool_input": {"command": command}, "prompt_id": prompt_id}
        if exit_code:
            error = f"Exit code {exit_code}\n{output}"
            return self.line("PostToolUseFailure", error=error, is_interrupt=False, **tool, **more)
        answer = {"stdout": output, "stderr": "", "interrupted": False}
        return self.line("PostToolUse", tool_response=answer, **tool, **more)

    def stop(self, answer: str, prompt_id: str = "p1", **more: Any) -> bytes:
        return self.line("Stop", last_assistant_message=answer, prompt_id=prompt_id, **more)

    def end(self, **more: Any) -> bytes:
        return self.line("SessionEnd", reason="other", **more)


def hook_command(home: Path, word: str, seconds: float = 60.0) -> list[str]:
    """As in the plugin's hooks.json."""
    return [sys.executable, "-I", "-S", str(HOOK), str(home), word, str(seconds)]


def run_hook(
    home: Path, word: str, event: Mapping[str, Any] | bytes, *, seconds: float = 60.0
) -> subprocess.CompletedProcess[bytes]:
    """Run the hook program to its end. It waits so long for the coordinator, and no less than the
    machine may take."""
    told = event if isinstance(event, bytes) else json.dumps(event).encode()
    return subprocess.run(
        hook_command(home, word, seconds),
        input=told,
        capture_output=True,
        timeout=120,
        check=False,
        env={"PATH": os.environ["PATH"]},
    )
