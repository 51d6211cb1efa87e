"""Session files as Claude Code writes them, line by line."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
Line = dict[str, Any]


@dataclass
class SessionFile:
    """Lines of one session, each a second after the one before."""

    session_id: str = "11111111-aaaa-4bbb-8ccc-000000000001"
    cwd: str = "/nowhere/shop"
    agent: str | None = None
    at: datetime = START
    lines: list[Line] = field(default_factory=list)

    def line(self, kind: str, **fields: Any) -> Line:
        """Add a line of any type."""
        self.at += timedelta(seconds=1)
        made: Line = {
            "parentUuid": self.lines[-1].get("uuid") if self.lines else None,
            "isSidechain": self.agent is not None,
            "type": kind,
            "uuid": str(uuid.uuid4()),
            "timestamp": self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "cwd": self.cwd,
            "sessionId": self.session_id,
            "version": "2.1.329",
        }
        if self.agent is not None:
            made["agentId"] = self.agent
        self.lines.append(made | fields)
        return self.lines[-1]

    def prompt(self, text: str, **fields: Any) -> Line:
        """What the user typed."""
        return self.line("user", message={"role": "user", "content": text}, **fields)

    def answer(self, *blocks: Line | str, message_id: str | None = None, **fields: Any) -> None:
        """One answer of the model, a line a block as Claude Code writes it."""
        identity = message_id or f"msg_{uuid.uuid4().hex}"
        for block in blocks:
            content = {"type": "text", "text": block} if isinstance(block, str) else block
            message = {
                "id": identity,
                "role": "assistant",
                "model": "claude-opus-5-5",
                "content": [content],
                "usage": {
                    "input_tokens": 100,
                    "cache_creation_input_tokens": 10,
                    "cache_read_input_tokens": 5000,
                    "output_tokens": 20,
                },
            }
            self.line("assistant", message=message, **fields)

    def call(
        self, name: str, result: str, *, error: bool = False, told: Any = None, **given: Any
    ) -> None:
        """A call of a tool and its result."""
        use = f"toolu_{uuid.uuid4().hex[:8]}"
        self.answer({"type": "tool_use", "id": use, "name": name, "input": given})
        block = {"type": "tool_result", "tool_use_id": use, "content": result, "is_error": error}
        self.line("user", message={"role": "user", "content": [block]}, toolUseResult=told)

    def bash(self, command: str, code: int = 0, printed: str = "") -> None:
        """A command."""
        if code:
            text = f"Exit code {code}\n{printed}"
            self.call("Bash", text, error=True, told=f"Error: {text}", command=command)
        else:
            told = {"stdout": printed, "stderr": "", "interrupted": False}
            self.call("Bash", printed, told=told, command=command)

    def edit(self, path: str = "/nowhere/shop/a.py") -> None:
        """A change of a file."""
        told = {"filePath": path, "structuredPatch": [{"lines": ["-x = 1", "+x = 2"]}]}
        self.call(
            "Edit", "updated", told=told, file_path=path, old_string="x = 1", new_string="x = 2"
        )

    def turn(self, prompt: str, answer: str = "Done.") -> None:
        """A prompt with its answer."""
        self.prompt(prompt)
        self.answer(answer)

    def write(self, path: Path) -> Path:
        """Write the file; the path."""
        path.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in self.lines)
        path.write_text(text, encoding="utf-8")
        return path
