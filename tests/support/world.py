"""Everything that can answer, and one home: its settings are edited under a lasting session."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.background import Background, in_background
from tests.support.model_server import ModelServer, Scripted, as_json
from tests.support.model_wire import (
    anthropic_answer,
    lmstudio_v1_model,
    ollama_answers,
    ollama_done,
    ollama_line,
    ollama_model,
    ollama_stream,
    openai_answer,
)
from tests.support.stdio import Json, StdioSession, command, session

SMALL, LARGE, BEST, OTHER = "qwen2.5-coder:3b", "qwen2.5-7b:2", "claude-sonnet-5", "gpt-6-sol"
KEYS = ("Zq9xW4vT7mKp2Lr8", "Nb3cJ6hG1fDs5AeY")
"""Keys that look like nothing in particular: only their being configured tells them."""
REMOTE = (f"anthropic/{BEST}", f"openai/{OTHER}")
SIMPLE = "What is a mutex?"
KINDS = ("llama_cpp", "ollama", "lmstudio", "vllm", "docker_model_runner")


def by_ollama(text: str) -> Scripted:
    return ollama_stream(ollama_line(text), ollama_done())


@dataclass
class World:
    """Every kind of server, a home, and a session that lasts through all edits of its settings."""

    home: Path
    opened: StdioSession
    servers: Mapping[str, Background[ModelServer]]
    said: list[str] = field(default_factory=list)
    """What commands have printed."""
    _edits: int = 0

    def url(self, name: str) -> str:
        return self.servers[name].server.url

    def answer(
        self,
        *,
        ollama: str = "A lock for one thread at a time.",
        lmstudio: Scripted | list[Scripted] | None = None,
        anthropic: Scripted | None = None,
        openai: Scripted | None = None,
    ) -> None:
        """What the servers answer from now on."""
        answers: dict[str, Mapping[str, Scripted | list[Scripted]]] = {
            "ollama": ollama_answers(by_ollama(ollama), models=[ollama_model(SMALL)]),
            "lmstudio": {
                "GET /api/v1/models": as_json(
                    {
                        "models": [
                            lmstudio_v1_model(LARGE.removesuffix(":2"), "7B", loaded_length=4096)
                        ]
                    }
                ),
                "POST /v1/chat/completions": lmstudio or openai_answer("It excludes others."),
            },
            "anthropic": {"POST /v1/messages": anthropic or anthropic_answer("Use a lock.")},
            "openai": {"POST /v1/chat/completions": openai or openai_answer("Take turns.")},
        }
        for name, beside in self.servers.items():
            beside.server.answers = answers[name]
            beside.server.requests.clear()
            beside.do(ModelServer.hold)

    def edit(self, *, remote: Mapping[str, Any] | None = None, **local: str) -> None:
        """Write hybrid.yaml: these local servers and no others, these settings of remote ones."""
        inference: dict[str, Any] = {kind: [] for kind in KINDS}
        inference |= {kind: [url] for kind, url in local.items()}
        routing = {"learn": False, "cache_hours": 0, "preset": "strong"}
        content = {"inference": inference, "remote": remote or {}, "routing": routing}
        self.home.mkdir(mode=0o700, exist_ok=True)
        file = self.home / "hybrid.yaml"
        file.write_text(json.dumps(content))
        self._edits += 1
        stamp = file.stat().st_mtime_ns + self._edits * 10_000_000
        os.utime(file, ns=(stamp, stamp))

    def remote(self, **more: Any) -> dict[str, Any]:
        """Settings with which every remote model may be asked."""
        return {
            "models": list(REMOTE),
            "anthropic_api_key": KEYS[0],
            "anthropic_base_url": self.url("anthropic"),
            "openai_api_key": KEYS[1],
            "openai_base_url": self.url("openai"),
            **more,
        }

    def everything(self, **more: Any) -> None:
        """Two local models, and remote ones."""
        here = {name: self.url(name) for name in ("ollama", "lmstudio")}
        self.edit(remote=self.remote(**more), **here)

    def ask(self, prompt: str = SIMPLE, **options: Any) -> Json:
        return self.opened.tool("ask_local_llm", prompt=prompt, use_context=False, **options)

    def route(self, query: str, agent_type: str = "remote") -> Json:
        return self.opened.tool("augment_query", query=query, agent_type=agent_type)["route"]

    def command(self, *arguments: str) -> tuple[int, str, str]:
        """The exit status, stdout and stderr."""
        done = command(self.home, *arguments)
        self.said += (done.stdout, done.stderr)
        return done.returncode, done.stdout, done.stderr

    def doctor(self) -> dict[str, Json]:
        """Its lines, by the name of the part."""
        status, printed, _ = self.command("doctor", "--json")
        assert status == 0
        return {part["name"]: part for part in json.loads(printed)["parts"]}

    def asked(self, name: str) -> list[Json]:
        """What was posted to a server since ``answer``."""
        return [each.body for each in self.servers[name].server.requests if each.method == "POST"]


@contextmanager
def every_server(home: Path) -> Iterator[World]:
    """The servers, and a session at ``home``."""
    with ExitStack() as stack:
        names = ("ollama", "lmstudio", "anthropic", "openai")
        servers = {name: stack.enter_context(in_background(ModelServer({}))) for name in names}
        yield World(home, stack.enter_context(session(home)), servers)
