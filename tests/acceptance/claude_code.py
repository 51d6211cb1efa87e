"""Claude Code, the real one, in a home of its own and with a scripted model behind it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.hooks.plugin import WAIT_SECONDS, plugin_dir
from tests.support.stdio import CHECKOUT, SERVER, command

NAME = "hybrid-coordinator"
TOOL_PREFIX = f"mcp__{NAME}__"
_BINARY = CHECKOUT / "tests" / "clients" / "node_modules" / ".bin" / "claude"


class ClaudeCode:
    """One installation: its HOME under ``directory``, at work in ``project``.

    Nothing of the machine's environment but PATH reaches it; nothing it does leaves loopback.
    """

    def __init__(self, directory: Path, project: Path, hybrid_home: Path, api: str) -> None:
        self._project = project
        self._hybrid_home = hybrid_home
        directory.mkdir()
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "CLAUDE_CONFIG_DIR": str(directory / ".claude"),
            "XDG_CONFIG_HOME": str(directory / ".config"),
            "XDG_CACHE_HOME": str(directory / ".cache"),
            "XDG_DATA_HOME": str(directory / ".local" / "share"),
            "XDG_STATE_HOME": str(directory / ".local" / "state"),
            "ANTHROPIC_BASE_URL": api,
            "ANTHROPIC_API_KEY": "sk-ant-for-nobody",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_ERROR_REPORTING": "1",
            "DISABLE_TELEMETRY": "1",
            # The first turn waits for the server, however busy the machine is.
            "MCP_CONNECTION_NONBLOCKING": "0",
        }

    def run(self, *arguments: str, timeout: float = 120.0) -> str:
        """Run `claude` with the arguments; its standard output."""
        done = subprocess.run(
            [str(_BINARY), *arguments],
            cwd=self._project,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, f"claude {arguments}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def add_server(self) -> None:
        """What the README tells people to run."""
        home = f"HYBRID_HOME={self._hybrid_home}"
        self.run("mcp", "add", NAME, "--env", home, "--", str(SERVER))

    def install_plugin(self) -> None:
        """`hybrid-coordinator install claude-code`; its hooks wait for however busy the machine
        is."""
        self.hybrid("install", "--yes")
        marketplace = plugin_dir(Home(self._hybrid_home))
        hooks = marketplace / "plugin" / "hooks" / "hooks.json"
        text = hooks.read_text()
        assert f" {WAIT_SECONDS}" in text
        hooks.write_text(
            text.replace(f" {WAIT_SECONDS}", " 60").replace('"timeout": 5', '"timeout": 90')
        )

    def uninstall_plugin(self) -> None:
        """`hybrid-coordinator uninstall claude-code`."""
        self.hybrid("uninstall", "--yes")

    def hybrid(self, what: str, *more: str) -> None:
        """`hybrid-coordinator WHAT claude-code`, of the same user."""
        ours = {name: self._environment[name] for name in ("HOME", "CLAUDE_CONFIG_DIR")}
        done = command(self._hybrid_home, what, "claude-code", *more, **ours)
        assert done.returncode == 0, done.stderr

    def prompt(
        self, text: str, *more: str, allowed: Sequence[str] = (f"{TOOL_PREFIX}*",)
    ) -> dict[str, Any]:
        """Run one prompt to its end; the client's own account of it."""
        tools = ",".join(allowed)
        arguments = ("-p", text, "--output-format", "json", "--allowedTools", tools, *more)
        return json.loads(self.run(*arguments))

    def converse(self, prompts: Sequence[str], *, allowed: Sequence[str]) -> list[str]:
        """One session in one process: each prompt once the one before it is answered; the
        answers."""
        stream = ("--input-format", "stream-json", "--output-format", "stream-json", "--verbose")
        with subprocess.Popen(
            [str(_BINARY), "-p", *stream, "--allowedTools", ",".join(allowed)],
            cwd=self._project,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            answers: list[str] = []
            for prompt in prompts:
                message = {"role": "user", "content": [{"type": "text", "text": prompt}]}
                process.stdin.write(json.dumps({"type": "user", "message": message}) + "\n")
                process.stdin.flush()
                results = (told for told in map(json.loads, process.stdout) if "result" in told)
                answers.append(next(results)["result"])
            process.stdin.close()
            assert process.wait(60) == 0
        return answers
