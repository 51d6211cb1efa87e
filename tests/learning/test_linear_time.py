"""Whatever reads texts that anybody may have written takes time linear in their length.

Time is that of the thread's own work, and is compared with that of other work on this machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

import pytest

from hybrid_coordinator.domain.checks_run import checks_of
from hybrid_coordinator.domain.citations import Citable, cited
from hybrid_coordinator.domain.effort import complexity
from hybrid_coordinator.domain.error_signatures import signatures
from hybrid_coordinator.domain.injected import OPENING, without_injected
from hybrid_coordinator.domain.personal import without_personal_data
from hybrid_coordinator.domain.recurrence import same_task, similarity
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.domain.shell import simple_commands
from hybrid_coordinator.domain.task_words import literal_words
from hybrid_coordinator.domain.templates import fenced
from hybrid_coordinator.domain.turns import Action, ActionKind, tracked_by_agent
from hybrid_coordinator.domain.words import words
from hybrid_coordinator.learning.failures.wording import same_solution
from hybrid_coordinator.learning.patterns.pattern import hollow
from hybrid_coordinator.learning.sessions.trivial import is_clients_own, only_goes_on, own_prompt
from hybrid_coordinator.learning.sessions.user_words import verdict
from hybrid_coordinator.learning.training.minhash import shingles

ITEMS = [
    Citable("00000000-0000-7000-8000-000000000001", "Use a lock around it", "src/app/a.py:10-20"),
    Citable("00000000-0000-7000-8000-000000000002", "fetchAll", "a.py:1-2"),
]


def printed(text: str) -> object:
    return checks_of([Action(ActionKind.COMMAND, "pytest -q", True, None, text)])


def tracked(text: str) -> object:
    return tracked_by_agent(
        [Action(ActionKind.TOOL, "mcp__hybrid__track_interaction {}", True, None, text)]
    )


READERS: dict[str, Callable[[str], object]] = {
    "secrets": Scrubber(["hunter2-hunter2"]).scrub,
    "personal": without_personal_data,
    "injected": without_injected,
    "errors": signatures,
    "commands": simple_commands,
    "checks": printed,
    "tracked": tracked,
    "cited": lambda text: cited(text, ITEMS),
    "asked": lambda text: cited("a lock around it", ITEMS, text),
    "effort": lambda text: complexity(text, text),
    "words": words,
    "literal words": literal_words,
    "similarity": lambda text: similarity(text, f"{text} again"),
    "same task": lambda text: same_task(text, f"{text} again"),
    "same solution": lambda text: same_solution(text, f"{text} again"),
    "fenced": fenced,
    "hollow": hollow,
    "verdict": verdict,
    "own prompt": lambda text: (own_prompt(text), is_clients_own(text), only_goes_on(text)),
    "shingles": shingles,
}
HOSTILE = (
    *("a", "A", "0", "_", "-", ".", "/", ":", "=", "(", "[", "{", "<", '"', "'", "`", "\\", "@"),
    *(" ", "\n", "\r", "\n ", " \n", "\t\n", "界", "界A", "é", "aA", "a1", "a.", "A.", "a-", "a/"),
    *("a=", "a:", "a;", "a&&b|", "(a", "'a", '"a', "\\'", "\\n", "$(", "<<a\n", "<<'a'\n", "sudo "),
    *("token:", "token=", "token: ", "api_key:", "secret=", "password: ", "--token ", "-a ", "://"),
    *("://a:", "://a@", "http://a:b", "curl ", "curl -u a:", "curl a -u ", "authorization: "),
    *("bearer ", "cookie: a=", "-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "-----END "),
    *(f"{'A' * 60}\n", f"{'A' * 60}\n-----END ", "sk-a", "eyJaaaaaaaa.", "xoxb-", "pypi-", "ghp_"),
    *("a@", "a@a.", "+1 (", "tel: 1", "4111 ", "DE12 ", "1.", "2001:", "/home/", "C:\\Users\\"),
    *("error: ", "Error", "\nError", "a.b.Error", "Caused by: ", "\nE   ", "exit code ", "a:1:1: "),
    *("undefined reference to ", "not found\n", "Traceback (most recent call last):\n", "\x1b["),
    *("1 passed", "1 passing\n", "1 failed ", "Tests:\n", "running 0 tests\n", "ok \n", "=", "1 "),
    *("```\n", "~~~", "> ", "- ", "1. ", OPENING, "<system-reminder>", "<ide_selection ", "sorry "),
    *('"interaction_id": "', "00000000-", "deadbeef", "lorem ipsum ", "\u201c", "`a` "),
    "running 0 tests\n" * 1000 + "running 1 test\n",
)
SIZE = 10_000
"""Characters; some readers pass over longer texts."""
MOST = 250
"""Times what it takes to look for the secrets in ordinary prose of this length."""
QUICK = 20
"""Times of that: what is as quick needs no comparison of lengths."""
GROWTH = 8
"""Of the time, where the length grows to the fourfold: twice what is linear."""
ATTEMPTS = 5
"""Another program may have the caches for itself."""

PROSE = "The import failed, since the module had been renamed; see docs/notes.md for the rest.\n"


def hostile(unit: str, size: int) -> str:
    return (unit * (size // len(unit) + 1))[:size]


def cost(reader: Callable[[str], object], text: str) -> float:
    """Seconds of the thread's work."""
    started = time.thread_time()
    reader(text)
    return time.thread_time() - started


@cache
def ordinary() -> float:
    prose = hostile(PROSE, SIZE)
    return min(cost(READERS["secrets"], prose) for _ in range(ATTEMPTS))


def is_linear(reader: Callable[[str], object], unit: str) -> bool:
    whole = cost(reader, hostile(unit, SIZE))
    if whole <= QUICK * ordinary():
        return True
    part = cost(reader, hostile(unit, SIZE // 4))
    return whole <= min(MOST * ordinary(), GROWTH * part)


@pytest.mark.parametrize("name", READERS)
def test_no_text_takes_more_than_linear_time(name: str) -> None:
    reader = READERS[name]
    reader(hostile(PROSE, SIZE))  # what is read or built once
    slow = [unit for unit in HOSTILE if not any(is_linear(reader, unit) for _ in range(ATTEMPTS))]
    assert slow == []
