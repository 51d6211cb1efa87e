"""An MCP client over the pipes of a real bridge process, with bounded waits."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

CHECKOUT = Path(__file__).resolve().parents[2]
SERVER = CHECKOUT / "server.py"
Json = dict[str, Any]


class RpcError(Exception):
    """The server answered a request with a JSON-RPC error."""

    def __init__(self, error: Json) -> None:
        super().__init__(error["message"])
        self.code = error["code"]


class ToolError(Exception):
    """A tool raised: the result had ``isError``."""


def environment(home: Path, **extra: str) -> dict[str, str]:
    """The environment of a process of ours: its own home, and no setting of the machine's."""
    ours = (
        *("HYBRID_", "QDRANT_", "DATABASE_URL", "LLAMA_", "OLLAMA_", "LMSTUDIO_", "XDG_"),
        *("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "LOCAL_CONFIDENCE_", "HIGH_VALUE_"),
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "HYBRID_HOME": str(home), "HOME": str(home.parent), **extra}


class StdioSession:
    """One agent session. Every line of stdout must be a JSON-RPC message."""

    def __init__(self, home: Path, *, cwd: Path | None = None, **extra: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(SERVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd or home.parent,
            env=environment(home, **extra),
        )
        self.messages: list[Json] = []
        self._answers: dict[int, queue.Queue[Json]] = {}
        self._next = 0
        self._lock = threading.Lock()
        self.bad_lines: list[bytes] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            try:
                message = json.loads(line)
                assert message["jsonrpc"] == "2.0"
            except (ValueError, KeyError, TypeError, AssertionError):
                self.bad_lines.append(line)
                continue
            self.messages.append(message)
            waiting = self._answers.get(message.get("id"))
            if waiting is not None and "method" not in message:
                waiting.put(message)

    def send_line(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def begin(self, method: str, params: Json | None = None) -> int:
        """Send a request without waiting; returns its id."""
        message = {"jsonrpc": "2.0", "id": "ID", "method": method, "params": params or {}}
        return self.begin_raw(json.dumps(message).replace('"ID"', "ID", 1))

    def begin_raw(self, line: str) -> int:
        """Send a request as it is written, its id in the place of ID; returns the id."""
        with self._lock:
            self._next += 1
            number = self._next
            self._answers[number] = queue.Queue()
            self.send_line(line.replace("ID", str(number), 1).encode() + b"\n")
        return number

    def result(self, number: int, timeout: float = 60.0) -> Json:
        answer = self._answers[number].get(timeout=timeout)
        if "error" in answer:
            raise RpcError(answer["error"])
        return answer["result"]

    def answers_waiting(self, number: int) -> int:
        """How many answers to a request have come and not been taken."""
        return self._answers[number].qsize()

    def request(self, method: str, params: Json | None = None, timeout: float = 60.0) -> Json:
        return self.result(self.begin(method, params), timeout)

    def initialize(self) -> Json:
        result = self.request(
            "initialize",
            {
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": {"name": "test", "version": "1"},
            },
        )
        self.send_line(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
        return result

    def tool(self, name: str, timeout: float = 60.0, **arguments: Any) -> Json:
        """Call a tool; its structured result, or ToolError."""
        result = self.request("tools/call", {"name": name, "arguments": arguments}, timeout)
        if result.get("isError"):
            raise ToolError("\n".join(part["text"] for part in result["content"]))
        return result["structuredContent"]

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        if not self.process.stdin.closed:
            with suppress(BrokenPipeError):
                self.process.stdin.close()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self._reader.join(timeout=10)
            self.process.stdout.close()
            self.process.stderr.close()
        assert not self.bad_lines, f"not JSON-RPC on stdout: {self.bad_lines[:3]}"


@contextmanager
def session(home: Path, *, cwd: Path | None = None, **extra: str) -> Iterator[StdioSession]:
    """An initialised session; closed, and its stdout checked, at the end."""
    opened = StdioSession(home, cwd=cwd, **extra)
    try:
        opened.initialize()
        yield opened
    finally:
        opened.close()


def command(
    home: Path, *arguments: str, timeout: float = 120.0, cwd: Path | None = None, **extra: str
) -> Any:
    """Run `hybrid-coordinator` and return the finished process (text mode)."""
    return subprocess.run(
        [sys.executable, "-m", "hybrid_coordinator.serving.cli", *arguments],
        env=environment(home, **extra),
        cwd=cwd or home.parent,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def owner_of(home: Path) -> int:
    """The process id in the lock file."""
    return int((home / "coordinator.lock").read_text())


def processes_of(home: Path) -> list[str]:
    """Command lines of living processes that mention the home or were started for it."""
    found = []
    for process in psutil.process_iter():
        try:
            arguments = " ".join(process.cmdline())
            variables = process.environ()
        except (psutil.Error, OSError):
            continue  # it ended while we looked, or is not ours to look at
        ours = variables.get("HYBRID_HOME") == str(home) and "hybrid_coordinator" in arguments
        if str(home) in arguments or ours:
            found.append(f"{process.pid} {arguments}")
    return found


def wait_until(condition: Callable[[], bool], *, timeout: float = 30.0, what: str = "") -> None:
    """Look again and again, with a bound."""
    deadline = time.monotonic() + timeout
    tick = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout:.0f} s in vain {what}"
        tick.wait(0.01)


def kill(process_id: int, number: int = signal.SIGKILL) -> None:
    os.kill(process_id, number)
