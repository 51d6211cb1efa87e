"""import: what was there before this program was, and what other machines know."""

from __future__ import annotations

import argparse
import os
from datetime import UTC, datetime
from pathlib import Path

from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.cli.ages import age
from hybrid_coordinator.serving.cli.knowledge_files import add_knowledge_command
from hybrid_coordinator.serving.cli.output import (
    add_json_flag,
    print_json,
    print_table,
    progress_bar,
)
from hybrid_coordinator.serving.client import Json, connected


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register this group."""
    group = commands.add_parser(
        "import",
        help="learn from sessions of coding agents of the past, and from other machines",
    )
    agents = group.add_subparsers(dest="agent", metavar="SOURCE", required=True)
    add_knowledge_command(agents)
    claude = agents.add_parser(
        "claude-code",
        help="the session files that Claude Code keeps",
        description="Read Claude Code's session files into the record: each turn once, however "
        "often this runs, and on from where it was when it was broken off.",
    )
    claude.add_argument(
        "--since", metavar="WHEN", help="from a day on (2026-11-21), or for the last 12h, 7d, 4w"
    )
    claude.add_argument(
        "--path",
        type=Path,
        metavar="DIR",
        help="where the files are, instead of projects/ in CLAUDE_CONFIG_DIR or ~/.claude",
    )
    claude.add_argument("--project", metavar="NAME", help="one project only")
    add_json_flag(claude)
    claude.set_defaults(run=_import_claude_code)


def _import_claude_code(options: argparse.Namespace) -> int:
    directory = options.path or _claude_code_home() / "projects"
    if not directory.is_dir():
        of_environment = options.path is None and os.environ.get("CLAUDE_CONFIG_DIR")
        named = "CLAUDE_CONFIG_DIR" if of_environment else "--path"
        raise InvalidArgumentError(
            named, f"{directory} is no directory; give the one with the session files by --path"
        )
    params: Json = {"path": str(directory.resolve()), "project": options.project}
    if options.since is not None:
        params["since"] = since_when(options.since, datetime.now(UTC)).isoformat()
    with connected(Home.from_environment()) as client, progress_bar("importing") as bar:
        report = client.request("hybrid/import_sessions", params, bar)
    if options.json:
        print_json(report)
    else:
        _print_report(report)
    return 1 if report["unreadable"] else 0


def _claude_code_home() -> Path:
    configured = os.environ.get("CLAUDE_CONFIG_DIR")
    return Path(configured).expanduser() if configured else Path.home() / ".claude"


def since_when(text: str, now: datetime) -> datetime:
    """The time that a day (``2026-01-31``), a time, or an age (``7d``) names.

    Raises:
        InvalidArgumentError: it names none.
    """
    since = age(text)
    if since is not None:
        return now - since
    try:
        given = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidArgumentError(
            "--since", f"{text} is neither a day (2026-11-21) nor an age (12h, 7d, 4w, 1y)"
        ) from error
    return given if given.tzinfo else given.astimezone()


def _print_report(report: Json) -> None:
    rows: list[tuple[str, object]] = [
        ("session files read", report["files"]),
        ("  unchanged since the last import", report["unchanged"]),
        ("turns imported", report["turns"]),
        ("  completed", report["completed"]),
        ("  known already", report["known"]),
        *_counted("  skipped", report["skipped"]),
        ("lines that are part of a turn", report["used_lines"]),
        *_counted("  others", report["lines"]),
        ("outcomes inferred", sum(report["outcomes"].values())),
        *_counted("  of them", report["outcomes"]),
    ]
    print_table(("import of Claude Code's sessions", ""), rows, numbers_from=1)
    for path, reason in sorted(report["unreadable"].items()):
        print(f"  cannot be read: {path}: {reason}")
    print(f"{report['seconds']:.1f} s")


def _counted(label: str, counts: Json) -> list[tuple[str, object]]:
    """A row a reason, the most frequent first."""
    return [
        (f"{label}: {reason}", count)
        for reason, count in sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    ]
