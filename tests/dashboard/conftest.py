"""Dashboards of a real coordinator in a real browser, on a record of a hundred thousand
interactions."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.support.browser import Dashboard, Watched, apart, chromium
from tests.support.large_record import fill
from tests.support.stdio import command, processes_of

Visit = Callable[..., Watched]


def opened(home: Path) -> Dashboard:
    """The dashboard of a home, whose coordinator is started for it."""
    answer = command(home, "dashboard", "--no-open", "--json", HYBRID_SERVING_DASHBOARD_PORT="0")
    assert answer.returncode == 0, answer.stderr
    return Dashboard(home, json.loads(answer.stdout)["url"].rstrip("/"))


def shop(directory: Path) -> Path:
    """A git repository of two modules, to be indexed."""
    root = directory / "shop"
    root.mkdir()
    (root / "total.py").write_text(
        'def invoice_total(lines):\n    """Sum."""\n    return sum(lines)\n'
    )
    (root / "mail.py").write_text(
        'def send_reminder(address):\n    """Mail."""\n    return address\n'
    )
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    return root


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[Dashboard]:
    """A dashboard that asks who is there."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "hybrid.yaml").write_text("serving: {require_token: true}\n")
    yield opened(home)
    stopped = command(home, "stop")
    assert stopped.returncode == 0, stopped.stderr
    assert processes_of(home) == []


def token(dashboard: Dashboard, *wanted: str) -> Any:
    """A new token as `tokens create` prints it."""
    made = command(dashboard.home, "tokens", "create", "laptop", *wanted, "--json")
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout)


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """The dashboard of a home with a hundred thousand interactions and an indexed project. Tests
    may decide, change and delete single things in it."""
    home = tmp_path_factory.mktemp("large") / "home"
    apart(fill, home)
    dashboard = opened(home)
    indexed = command(home, "index", str(shop(home.parent)))
    assert indexed.returncode == 0, indexed.stderr
    dashboard.settle()
    yield dashboard
    stopped = command(home, "stop")
    assert stopped.returncode == 0, stopped.stderr
    assert processes_of(home) == []


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser a module: what it needs of asyncio is in the way of asynchronous tests."""
    with chromium() as started:
        yield started


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Opens an address in a browser of its own kind: ``dark``, and so many pixels ``wide``. What
    goes wrong on a page fails the test at its end."""
    watched: list[Watched] = []

    def open_page(url: str, *, dark: bool = False, wide: int = 1280, tall: int = 900) -> Watched:
        context = browser.new_context(
            color_scheme="dark" if dark else "light",
            viewport={"width": wide, "height": tall},
            locale="en-US",
            timezone_id="Europe/Berlin",
            reduced_motion="reduce",
            accept_downloads=True,
        )
        seen = Watched(context.new_page())
        watched.append(seen)
        seen.go(url)
        return seen

    yield open_page
    for each in watched:
        each.check()
        each.page.context.close()
