"""dashboard: open it in a browser; a coordinator is started if none runs."""

from __future__ import annotations

import argparse
import os
import sys
import webbrowser

from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.cli.output import add_json_flag, print_json
from hybrid_coordinator.serving.client import connected


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register this group."""
    dashboard = commands.add_parser("dashboard", help="open the dashboard in a browser")
    dashboard.add_argument("--no-open", action="store_true", help="only print its address")
    add_json_flag(dashboard)
    dashboard.set_defaults(run=_dashboard)


def _dashboard(options: argparse.Namespace) -> int:
    with connected(Home.from_environment()) as client:
        opened = client.request("hybrid/dashboard")
    if options.json:
        print_json(opened)
        return 0
    print(opened["url"])
    if not options.no_open and _has_screen():
        webbrowser.open(opened["url"])
    return 0


def _has_screen() -> bool:
    """Whether a browser would have a window: one in the terminal would take it over."""
    return sys.platform == "darwin" or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
