"""How soon the dashboard is there, and how much is sent for it, at a hundred thousand interactions:
each page in a real Chromium that has nothing of it yet; and how long a scrape takes there."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser

from benchmarks.routing.tables import Table
from tests.support.browser import Watched, chromium
from tests.support.large_record import INTERACTIONS, fill

_PAGES = ("/", "/routing", "/learning", "/knowledge", "/interactions", "/models", "/datasets")
_TIMES = 7
_SCRAPES = 50
_TIMEOUT = 300
_FIGURES = """() => {
    const painted = performance.getEntriesByName("first-contentful-paint")[0];
    const all = [...performance.getEntriesByType("navigation"),
                 ...performance.getEntriesByType("resource")];
    return {
        paint: painted.startTime,
        ready: performance.now(),
        bytes: all.reduce((sum, entry) => sum + entry.transferSize, 0),
    };
}"""


def measure() -> Table:
    """Milliseconds from the start of the navigation to the first paint, and until all figures are
    there, and of a scrape until its last byte; kilobytes as they were transferred."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory) / "home"
        fill(home, INTERACTIONS)
        url = json.loads(_command(home, "dashboard", "--no-open", "--json"))["url"].rstrip("/")
        try:
            scrapes = _scraped(url)
            with chromium() as browser:
                _opened(browser, url)  # the browser and the coordinator are warm from here on
                pages = [
                    _row(path, [_opened(browser, url + path) for _ in range(_TIMES)])
                    for path in _PAGES
                ]
        finally:
            _command(home, "stop")
    return Table(
        title="How soon is the dashboard there?",
        note=f"{INTERACTIONS:,} interactions. A page: {_TIMES} openings with an empty cache, each "
        "until its first paint; goal for what is sent: under 300 kB. `/metrics`: "
        f"{_SCRAPES} scrapes one after the other on one connection, each until its last byte, "
        "after the first one, which waits for the engines to start.",
        header=[
            *("what", "goal, ms", "median, ms", "slowest, ms", "the first, ms"),
            *("all figures, ms, median", "kB"),
        ],
        rows=[*pages, _scrape_row(scrapes)],
    )


def _scraped(url: str) -> list[tuple[float, int]]:
    """Milliseconds and bytes of each scrape, the coordinator's first one at the head."""
    with httpx.Client(timeout=_TIMEOUT) as prometheus:
        return [_scrape(prometheus, f"{url}/metrics") for _ in range(1 + _SCRAPES)]


def _scrape(prometheus: httpx.Client, url: str) -> tuple[float, int]:
    began = time.perf_counter()
    answer = prometheus.get(url)
    took = (time.perf_counter() - began) * 1000
    assert answer.status_code == 200, answer.text
    return took, len(answer.content)


def _scrape_row(scrapes: list[tuple[float, int]]) -> list[str]:
    (first, _), *warm = scrapes
    took = [each for each, _ in warm]
    return [
        "/metrics",
        "20",
        f"{statistics.median(took):.1f}",
        f"{max(took):.1f}",
        f"{first:.0f}",
        "",
        f"{max(size for _, size in warm) / 1000:.0f}",
    ]


def _opened(browser: Browser, url: str) -> dict[str, float]:
    context = browser.new_context()
    try:
        seen = Watched(context.new_page())
        seen.go(url)
        found: dict[str, float] = seen.page.evaluate(_FIGURES)
        return found
    finally:
        context.close()


def _row(path: str, opened: list[dict[str, float]]) -> list[str]:
    def of(name: str) -> list[float]:
        return [each[name] for each in opened]

    return [
        path,
        "500",
        f"{statistics.median(of('paint')):.0f}",
        f"{max(of('paint')):.0f}",
        "",
        f"{statistics.median(of('ready')):.0f}",
        f"{max(of('bytes')) / 1000:.0f}",
    ]


def _command(home: Path, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "hybrid_coordinator.serving.cli", *arguments],
        env={**os.environ, "HYBRID_HOME": str(home), "HYBRID_SERVING_DASHBOARD_PORT": "0"},
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
