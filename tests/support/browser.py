"""A real headless Chromium, and pages that keep note of whatever a user's console would show."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import urlopen

from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Error,
    Locator,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

from tests.support.record import rows
from tests.support.stdio import wait_until

PATIENCE_MS = 60_000
"""How long anything that a page is waited for may take on a machine under load."""

_CLIENTS = Path(__file__).resolve().parents[1] / "clients"
_UNPACKED = _CLIENTS / "node_modules" / ".chromium"
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_LEFT = "net::ERR_ABORTED"
"""How a request ends whose page went elsewhere."""

T = TypeVar("T")
expect.set_options(timeout=PATIENCE_MS)


def apart(function: Callable[..., T], *arguments: object) -> T:
    """What a function returns that uses asyncio, from a thread of its own: in that of the browser
    a loop runs."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(function, *arguments).result()


@dataclass(frozen=True)
class Dashboard:
    """A running coordinator's dashboard, and the record behind it."""

    home: Path
    url: str

    def at(self, path: str) -> str:
        """The address of a page."""
        return self.url + path

    def sql(self, query: str, *arguments: object) -> list[dict[str, Any]]:
        """Rows of the record."""
        return apart(rows, self.home, query, *arguments)

    def value(self, query: str, *arguments: object) -> Any:
        """The only value of the only row."""
        (row,) = self.sql(query, *arguments)
        (value,) = row.values()
        return value

    def api(self, path: str) -> Any:
        """What a route answers."""
        with urlopen(self.at(path), timeout=60) as answer:
            return json.load(answer)

    def settle(self) -> None:
        """Return once the index has all that the record has for it."""
        wait_until(lambda: self.api("/api/index")["unprojected"] == 0, what="for the index")


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser that scripts/install_clients.sh installs. No asyncio runs in its thread until it
    is closed."""
    environment = {
        **os.environ,
        "LD_LIBRARY_PATH": str(_UNPACKED / "al2023" / "lib"),
        "FONTCONFIG_FILE": str(_CLIENTS / "fonts.conf"),
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_UNPACKED / "chromium", env=environment, timeout=PATIENCE_MS
        )
        yield browser
        browser.close()


@dataclass
class Watched:
    """What went wrong on a page: errors and warnings of its console, exceptions, requests that
    left this machine, failed, or were refused. ``expected`` are parts of those that a test provokes
    on purpose."""

    page: Page
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", self._console)
        self.page.on("pageerror", self._raised)
        self.page.on("request", self._request)
        self.page.on("requestfailed", self._failed)
        self.page.on("response", self._response)

    def go(self, url: str) -> None:
        """Open an address, and return once all of its page is there."""
        self.page.goto(url)
        self.ready()

    def ready(self) -> None:
        """Return once nothing of the page is being loaded any more."""
        expect(self.page.locator("h1")).to_be_visible()
        busy = self.page.locator("[aria-busy=true], .state-loading")
        expect(busy).to_have_count(0)

    def figure(self, label: str) -> Locator:
        """The figure of the tile with this label."""
        tile = self.page.locator(".tile").filter(has=self.page.get_by_text(label, exact=True))
        return tile.locator(".figure")

    def section(self, title: str) -> Locator:
        """The part of the page with this heading."""
        return self.page.get_by_role("region", name=title, exact=True)

    def says(self, words: str) -> None:
        """Wait for a message at the foot of the page."""
        said = self.page.locator(".toast").filter(has_text=words)
        expect(said.first).to_be_visible()

    def check(self) -> None:
        """Fail on what went wrong, and on a script that came with somebody's words."""
        unexpected = [
            each for each in self.problems if not any(part in each for part in self.expected)
        ]
        assert unexpected == []
        assert self.page.evaluate("window.hurt") is None

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"console: {message.text} {message.location['url']}")

    def _raised(self, error: Error) -> None:
        self.problems.append(f"exception: {error.message}")

    def _request(self, request: Request) -> None:
        self.requests.append(request.url)
        url = urlsplit(request.url)
        if url.hostname not in _LOOPBACK and url.scheme not in ("data", "blob"):
            self.problems.append(f"request off loopback: {request.url}")

    def _failed(self, request: Request) -> None:
        if request.failure != _LEFT:
            self.problems.append(f"request failed: {request.url} {request.failure}")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.problems.append(f"status {response.status}: {response.url}")


@cache
def _axe() -> str:
    return (_CLIENTS / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


_RUN_AXE = """async () => {
    const found = await axe.run(document, {
        runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
        resultTypes: ["violations"],
    });
    return found.violations;
}"""


def violations(page: Page) -> list[str]:
    """What axe finds against WCAG 2.2 AA and good practice, a line for each element."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_axe())
    found: list[dict[str, Any]] = page.evaluate(_RUN_AXE)
    return [
        f"{rule['id']}: {node['html']} {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]
