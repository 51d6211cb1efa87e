"""What a hook costs a session: from its start as a process to its end."""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.routing.tables import Table
from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.client import connected
from hybrid_coordinator.serving.hooks import hook
from hybrid_coordinator.serving.hooks.plugin import WAIT_SECONDS
from hybrid_coordinator.serving.launch import interpreter

ROUNDS = 60
GOAL_MS = 50
_PAUSE_SECONDS = 0.3
"""After a turn: somebody reads the answer and types, while the turn is recorded."""

QUESTION = "How is the invoice total rounded when half a cent is left?"
_EVENTS: tuple[tuple[str, str, Mapping[str, object]], ...] = (
    ("SessionStart", "wake", {"source": "startup"}),
    ("UserPromptSubmit", "ask", {"prompt": QUESTION}),
    (
        "PostToolUse",
        "note",
        {
            "tool_name": "Bash",
            "tool_input": {"command": "pytest -q"},
            "tool_response": {"stdout": "1 passed\n" * 300, "stderr": "", "interrupted": False},
        },
    ),
    ("Stop", "note", {"last_assistant_message": "It is rounded to even. " * 20}),
)


def measure(_: Path | None) -> Table:
    """Milliseconds of each hook, with the coordinator up and down."""
    with tempfile.TemporaryDirectory(prefix="hooks-") as folder:
        project = Path(folder) / "shop"
        project.mkdir()
        with _running(Home(Path(folder) / "up"), project) as home:
            rows = _turns(home, project, "up")
        rows += _turns(Path(folder) / "down", project, "down")
    alone = [interpreter(), "-I", "-S", "-c", "pass"]
    times = [_run(alone, b"")[0] for _ in range(ROUNDS)]
    rows.append(["-", "Python alone", *_shown(times), "-"])
    return Table(
        f"A hook, as a process (goal: {GOAL_MS} ms)",
        ["coordinator", "event", "p50, ms", "p95", "over the goal", "with context"],
        rows,
        f"{ROUNDS} turns of four events. 'With context': how many prompts got it in time, and for "
        "each there is one. Down: the event goes to the inbox, and no coordinator is started.",
    )


def _turns(home: Path, project: Path, state: str) -> list[list[str]]:
    taken: dict[str, list[tuple[float, bytes]]] = {name: [] for name, _, _ in _EVENTS}
    for number in range(ROUNDS):
        for name, usual, more in _EVENTS:
            event = {
                "session_id": f"session-{number}",
                "cwd": str(project),
                "hook_event_name": name,
                "prompt_id": f"prompt-{number}",
                **more,
            }
            # So that nothing is started beside what is measured.
            word = "note" if state == "down" else usual
            command = [interpreter(), "-I", "-S", hook.__file__, str(home), word, str(WAIT_SECONDS)]
            taken[name].append(_run(command, json.dumps(event).encode()))
        time.sleep(_PAUSE_SECONDS)
    rows = []
    for name, runs in taken.items():
        with_context = f"{sum(bool(printed) for _, printed in runs)}/{len(runs)}"
        asked = state == "up" and name == "UserPromptSubmit"
        times = [milliseconds for milliseconds, _ in runs]
        rows.append([state, name, *_shown(times), with_context if asked else "-"])
    return rows


def _run(command: Sequence[str], told: bytes) -> tuple[float, bytes]:
    """Milliseconds of a process, and what it printed."""
    began = time.perf_counter()
    done = subprocess.run(command, input=told, capture_output=True, check=True)
    return (time.perf_counter() - began) * 1000, done.stdout


def _shown(milliseconds: Sequence[float]) -> list[str]:
    p95 = statistics.quantiles(milliseconds, n=20)[-1]
    over = sum(each > GOAL_MS for each in milliseconds)
    return [f"{statistics.median(milliseconds):.1f}", f"{p95:.1f}", f"{over}/{len(milliseconds)}"]


@contextmanager
def _running(home: Home, project: Path) -> Iterator[Path]:
    """A coordinator with something to say to the question; stopped at the end."""
    with connected(home, project) as client:
        client.tool(
            "store_knowledge",
            {
                "collection": "best-practices",
                "title": "Round invoice totals with banker's rounding",
                "content": "Round half a cent of an invoice total to even: ROUND_HALF_EVEN.",
            },
        )
        while not client.tool("search_knowledge", {"query": QUESTION})["items"]:
            time.sleep(_PAUSE_SECONDS)
        yield home.root
        client.request("hybrid/stop")
    while home.socket_path.exists():
        time.sleep(_PAUSE_SECONDS)
