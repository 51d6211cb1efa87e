"""The command line: `hybrid-coordinator COMMAND`, one module a group of commands."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from hybrid_coordinator import __version__
from hybrid_coordinator.errors import HybridError

_GROUPS = (
    "process",
    "dashboard",
    "access",
    "checkup",
    "knowledge",
    "skills",
    "memory",
    "models",
    "routes",
    "usage",
    "costs",
    "jobs",
    "keeping",
    "exports",
    "install",
    "imports",
)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; each module adds its own."""
    parser = argparse.ArgumentParser(
        prog="hybrid-coordinator",
        description="A learning memory and a local co-processor for coding agents, over MCP.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for group in _GROUPS:
        module = importlib.import_module(f"hybrid_coordinator.serving.cli.{group}")
        module.add_commands(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0 done, 1 failed, 2 called wrongly."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given == ["mcp"]:
        # The agent's path: nothing but the bridge may be loaded.
        from hybrid_coordinator.serving.bridge import main as bridge

        return bridge()
    options = build_parser().parse_args(given)
    try:
        status: int = options.run(options)
    except HybridError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output has seen enough (`| head`): not an error. The descriptor is
        # replaced so that the interpreter's flush at exit does not complain.
        import os

        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status
