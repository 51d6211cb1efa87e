"""install, uninstall: the plugin for a coding agent."""

from __future__ import annotations

import argparse
import sys

from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.cli.checkup import server_command
from hybrid_coordinator.serving.cli.live import printable
from hybrid_coordinator.serving.hooks.installation import Installation, Plan
from hybrid_coordinator.serving.hooks.plugin import plugin_dir
from hybrid_coordinator.serving.launch import interpreter


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register this group."""
    for name, run, words in (
        ("install", _install, "put the plugin into a coding agent, so that it remembers by itself"),
        ("uninstall", _uninstall, "take the plugin out again, and restore the agent's settings"),
    ):
        command = commands.add_parser(name, help=words, description=f"{words.capitalize()}.")
        command.add_argument("agent", choices=("claude-code",), help="which agent")
        command.add_argument("--yes", action="store_true", help="do not ask")
        command.set_defaults(run=run)


def _install(options: argparse.Namespace) -> int:
    installation = Installation.of_user(Home.from_environment())
    plan = installation.plan(interpreter(), server_command())
    if not plan.changes:
        print("installed already; nothing to change")
        return 0
    if not _agreed(plan, yes=options.yes):
        return 1
    installation.apply(plan)
    print("installed; sessions that start from now on are remembered")
    print("  undo: hybrid-coordinator uninstall claude-code")
    return 0


def _uninstall(options: argparse.Namespace) -> int:
    home = Home.from_environment()
    installation = Installation.of_user(home)
    plan = installation.removal()
    if not plan.changes and not plugin_dir(home).exists():
        print("not installed; nothing to change")
        return 0
    if not _agreed(plan, yes=options.yes):
        return 1
    installation.remove(plan)
    print("uninstalled; what was learned is still there")
    return 0


def _agreed(plan: Plan, *, yes: bool) -> bool:
    """Show what is to be changed, and ask."""
    for change in plan.changes:
        print(printable(change.diff()), end="")
    if plan.notice:
        print(f"note: {printable(plan.notice)}")
    if yes:
        return True
    try:
        answer = input("Make these changes? [y/N] ")
    except EOFError:
        answer = ""
    if answer.strip().lower() in ("y", "yes"):
        return True
    print("nothing was changed; --yes makes the changes without asking", file=sys.stderr)
    return False
