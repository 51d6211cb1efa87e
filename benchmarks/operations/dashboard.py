"""How soon the dashboard is there, and how much is sent for it, at a hundred thousand interactions:
each page in a real Chromium that has nothing of it yet."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from benchmarks.routing.tables import Table
from tests.support.browser import Watched, chromium
from tests.support.large_record import INTERACTIONS, fill

_PAGES = ("/", "/routing", "/learning", "/knowledge", "/interactions", "/models", "/datasets")
_TIMES = 7
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
    there; kilobytes as they were transferred."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory) / "home"
        fill(home, INTERACTIONS)
        url = json.loads(_command(home, "dashboard", "--no-open", "--json"))["url"].rstrip("/")
        try:
            with chromium() as browser:
                _opened(browser, url)  # the browser and the coordinator are warm from here on
                rows = [
                    _row(path, [_opened(browser, url + path) for _ in range(_TIMES)])
                    for path in _PAGES
                ]
        finally:
            _command(home, "stop")
    return Table(
        title="How soon is the dashboard there?",
        note=f"{INTERACTIONS:,} interactions, {_TIMES} openings of each page with an empty cache; "
        "goal: first paint within 500 ms, under 300 kB.",
        header=["page", "first paint, ms, median", "slowest", "all figures, ms, median", "kB"],
        rows=rows,
    )


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
        f"{statistics.median(of('paint')):.0f}",
        f"{max(of('paint')):.0f}",
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
