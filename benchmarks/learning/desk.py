"""A coordinator in a home of its own, and sessions of agents that work with it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.main_job import fresh_home
from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.client import Client, connected
from hybrid_coordinator.storage.postgres.server import PostgresServer

ENGINES = ("embedded", "external")
"""Of the record: the coordinator's own Postgres, and one that runs already (`DATABASE_URL`)."""


@dataclass(frozen=True, slots=True)
class Desk:
    """A home, and where its agents work."""

    home: Path
    folder: Path

    def configure(self, **learning: Any) -> None:
        """Put these settings of learning in force. No model is looked for."""
        settings = {"learning": learning, "inference": {"enabled": False}}
        (self.home / "hybrid.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")

    @contextmanager
    def agent(self) -> Iterator[Client]:
        """A session of an agent, by the coordinator's socket."""
        with connected(Home(self.home), self.folder) as opened:
            yield opened


@contextmanager
def desk(engine: str = "embedded", **learning: Any) -> Iterator[Desk]:
    """A fresh home, whose coordinator is stopped at the end."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="hc-agents-"))
        if engine == "external":
            place = stack.enter_context(tempfile.TemporaryDirectory(prefix="hc-record-"))
            server = PostgresServer(Path(place) / "postgres")
            server.start()
            stack.callback(server.stop)
            stack.enter_context(_environment({"DATABASE_URL": server.dsn}))
        home = stack.enter_context(fresh_home())
        made = Desk(home, Path(folder))
        made.configure(**learning)
        yield made


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def use(agent: Client, project: str, question: str, ids: list[str], outcome: str) -> None:
    """Report an answer to the question with these items, and how it went."""
    report = {
        "project": project,
        "query": question,
        "response": "Done.",
        "agent_type": "remote",
        "model_used": "simulated",
        "context_ids": ids,
    }
    interaction = agent.tool("track_interaction", report)["interaction_id"]
    agent.tool("update_outcome", {"interaction_id": interaction, "outcome": outcome})
