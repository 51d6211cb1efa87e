"""Live: what happens elsewhere appears by itself, and who shows a stale page says so."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.dashboard.conftest import Visit
from tests.support.browser import Dashboard, Watched
from tests.support.stdio import command, processes_of, session


def unused_port() -> int:
    """A free port below those that the system gives to outgoing connections."""
    for port in random.sample(range(20_000, 30_000), 100):
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise AssertionError("no port is free")


@dataclass(frozen=True)
class Coming:
    """A coordinator that comes and goes, always at the same address."""

    home: Path
    port: int = field(default_factory=unused_port)

    def start(self) -> Dashboard:
        answer = command(
            self.home, "dashboard", "--json", HYBRID_SERVING_DASHBOARD_PORT=str(self.port)
        )
        assert answer.returncode == 0, answer.stderr
        url = json.loads(answer.stdout)["url"]
        assert url == f"http://127.0.0.1:{self.port}/"
        return Dashboard(self.home, url.rstrip("/"))

    def stop(self) -> None:
        stopped = command(self.home, "stop")
        assert stopped.returncode == 0, stopped.stderr

    def track(self, query: str) -> None:
        """As an agent does, over a connection of its own."""
        with session(self.home) as agent:
            agent.tool(
                "track_interaction",
                query=query,
                response="Done.",
                agent_type="remote",
                model_used="claude-sonnet-5-5",
            )


@pytest.fixture
def coming(tmp_path: Path) -> Iterator[Coming]:
    made = Coming(tmp_path / "home")
    yield made
    made.stop()
    assert processes_of(made.home) == []


def asked(seen: Watched) -> Locator:
    return seen.page.get_by_role("rowheader")


def state(seen: Watched) -> Locator:
    return seen.page.locator("#live").get_by_role("status")


def test_what_an_agent_does_appears_unless_it_is_paused(coming: Coming, visit: Visit) -> None:
    dashboard = coming.start()
    seen = visit(dashboard.at("/interactions"))
    expect(state(seen)).to_have_text("Live")
    expect(seen.page.get_by_text("Nothing was recorded yet.")).to_be_visible()
    coming.track("Lock the row")
    expect(asked(seen)).to_have_text(["Lock the row"])

    seen.page.get_by_role("button", name="Pause live updates").click()
    expect(state(seen)).to_have_text("Paused")
    coming.track("Write a test")
    witness = visit(dashboard.at("/interactions"))
    expect(asked(witness)).to_have_text(["Write a test", "Lock the row"])
    expect(asked(seen)).to_have_text(["Lock the row"])
    seen.page.get_by_role("button", name="Go on live updates").click()
    expect(state(seen)).to_have_text("Live")
    expect(asked(seen)).to_have_text(["Write a test", "Lock the row"])


def test_a_coordinator_that_is_gone_is_said_and_found_again(coming: Coming, visit: Visit) -> None:
    seen = visit(coming.start().at("/interactions"))
    expect(state(seen)).to_have_text("Live")
    seen.expected += ["ERR_", "/api/events"]
    coming.stop()
    expect(state(seen)).to_have_text("Coordinator gone")
    coming.start()
    coming.track("Lock the row")
    expect(state(seen)).to_have_text("Live")
    expect(asked(seen)).to_have_text(["Lock the row"])


PACED = """async () => {
    const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
    const { paced } = await import(loaded.find((name) => name.endsWith("/lib/view.js")));
    globalThis.looks = 0;
    globalThis.told = paced(async () => { globalThis.looks += 1; });
}"""


def test_dashboards_that_wait_look_together(coming: Coming, visit: Visit) -> None:
    """One that was told something while it rested looks when all are told again, or soon."""
    page = visit(coming.start().at("/interactions")).page
    page.evaluate(PACED)
    page.clock.install()

    def looks_after(milliseconds: int, *, told: bool = False) -> int:
        if told:
            page.evaluate("told()")
        page.clock.run_for(milliseconds)
        found: int = page.evaluate("looks")
        return found

    assert looks_after(500, told=True) == 1
    assert looks_after(1000, told=True) == 1  # it rests, and has rested
    assert looks_after(1400, told=True) == 2  # at once, with all others
    assert looks_after(5000) == 2  # and not once more
    assert looks_after(500, told=True) == 3
    assert looks_after(500, told=True) == 3
    assert looks_after(2400) == 3  # nothing is told any more
    assert looks_after(200) == 4
