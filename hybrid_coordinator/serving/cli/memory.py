"""memory: list, show, edit, retire and delete what is remembered."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.cli.ages import age
from hybrid_coordinator.serving.cli.live import printable
from hybrid_coordinator.serving.cli.output import (
    add_json_flag,
    positive,
    print_json,
    print_table,
    progress_bar,
)
from hybrid_coordinator.serving.client import Json, connected

_COLLECTIONS = [name.value for name in CollectionName if name != CollectionName.CODEBASE_CONTEXT]
_TITLE = 60


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register this group."""
    memory = commands.add_parser(
        "memory", help="list, show, edit, retire and delete what is remembered"
    )
    actions = memory.add_subparsers(dest="action", metavar="ACTION", required=True)

    listed = actions.add_parser("list", help="interactions and entries, the latest first")
    _add_selection(listed)
    listed.add_argument("--limit", type=positive, default=50, metavar="N", help="at most N (50)")
    add_json_flag(listed)
    listed.set_defaults(run=_list)

    show = actions.add_parser("show", help="all that is on record of an id")
    show.add_argument("id", metavar="ID")
    add_json_flag(show)
    show.set_defaults(run=_show)

    edit = actions.add_parser("edit", help="change an entry's content and fields")
    edit.add_argument("id", metavar="ID")
    content = edit.add_mutually_exclusive_group()
    content.add_argument("--content", metavar="TEXT", help="the new content, or response")
    content.add_argument("--file", type=Path, help="a file that holds it")
    edit.add_argument(
        "--field",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="another value of a field, JSON where it is no text; NAME= takes it away",
    )
    add_json_flag(edit)
    edit.set_defaults(run=_edit)

    retire = actions.add_parser("retire", help="take an entry out of use, and not learn it anew")
    retire.add_argument("id", metavar="ID")
    retire.add_argument("--reason", required=True, help="why, for whoever wonders later")
    retire.set_defaults(run=_retire)

    delete = actions.add_parser(
        "delete",
        help="delete by id, or all of a project, a collection, an age",
        description=_DELETE,
    )
    delete.add_argument("ids", metavar="ID", nargs="*")
    _add_selection(delete)
    delete.add_argument("--yes", action="store_true", help="do not ask")
    add_json_flag(delete)
    delete.set_defaults(run=_delete)


_DELETE = (
    "Delete from every store. --project alone deletes all of it, its indexed code included. "
    "An entry that was learned from deleted interactions alone goes with them."
)


def _add_selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--collection", choices=_COLLECTIONS, metavar="NAME", help="one collection")
    parser.add_argument("--project", metavar="NAME", help="one project")
    parser.add_argument(
        "--older-than", metavar="AGE", help="made (entries: changed) before that: 12h, 90d, 2w, 1y"
    )
    parser.add_argument("--query", metavar="TEXT", help="what has this in its texts")


def _selection(options: argparse.Namespace) -> Json:
    given: Json = {
        "collection": options.collection,
        "project": options.project,
        "before": None if options.older_than is None else _before(options.older_than),
        "words": options.query,
    }
    return {name: value for name, value in given.items() if value is not None}


def _before(text: str) -> str:
    older = age(text)
    if older is None:
        raise InvalidArgumentError("--older-than", f"{text!r} is no age; write 12h, 90d, 2w or 1y")
    return (datetime.now(UTC) - older).isoformat()


def _list(options: argparse.Namespace) -> int:
    with connected(Home.from_environment()) as client:
        listing = client.request(
            "hybrid/memory_list", {**_selection(options), "limit": options.limit}
        )
    if options.json:
        print_json(listing)
        return 0
    rows, total = listing["rows"], sum(listing["counts"].values())
    print_table(
        ("id", "collection", "project", "state", "origin", "changed", "title"),
        (
            (
                row["id"],
                row["collection"],
                _line(row["project"]),
                row["state"],
                row["origin"],
                row["changed_at"][:10],
                _line(row["title"]),
            )
            for row in rows
        ),
    )
    if total > len(rows):
        print(f"{len(rows)} of {total}; --limit shows more")
    return 0


def _line(text: str) -> str:
    line = " ".join(printable(text).split())
    return line if len(line) <= _TITLE else line[: _TITLE - 1] + "…"


def _show(options: argparse.Namespace) -> int:
    with connected(Home.from_environment()) as client:
        _print_history(client.request("hybrid/memory_show", {"id": options.id}), options)
    return 0


def _edit(options: argparse.Namespace) -> int:
    params: Json = {"id": options.id, "fields": dict(map(_field, options.field))}
    if options.file is not None:
        try:
            params["content"] = options.file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidArgumentError(
                "--file", f"{options.file} cannot be read: {error}"
            ) from error
    elif options.content is not None:
        params["content"] = options.content
    with connected(Home.from_environment()) as client:
        _print_history(client.request("hybrid/memory_edit", params), options)
    return 0


def _field(text: str) -> tuple[str, object]:
    """JSON but for strings, which nobody writes in quotation marks."""
    name, mark, value = text.partition("=")
    if not mark or not name:
        raise InvalidArgumentError("--field", f"{text!r} is no field; write NAME=VALUE")
    if not value:
        return name, None
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _print_history(history: Json, options: argparse.Namespace) -> None:
    if options.json:
        print_json(history)
        return
    of_entry = "item" in history
    thing = dict(history["item"] if of_entry else history["interaction"])
    texts = ("content",) if of_entry else ("query", "response")
    long = {name: thing.pop(name) for name in texts}
    for name, value in thing.items():
        if value not in (None, "", {}, []):
            print(f"{name.replace('_', ' '):16} {printable(_shown(value))}")
    for name, value in history.items():
        if isinstance(value, list) and value:
            print(f"{name:16} {len(value)}")
            for each in value:
                print(f"  {printable(_shown(each))}")
    for name, text in long.items():
        print(f"\n{name}:\n{printable(text)}")


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _retire(options: argparse.Namespace) -> int:
    with connected(Home.from_environment()) as client:
        client.request("hybrid/memory_retire", {"id": options.id, "reason": options.reason})
    print(f"{options.id} is out of use")
    return 0


def _delete(options: argparse.Namespace) -> int:
    chosen = _selection(options)
    if bool(options.ids) == bool(chosen):
        raise InvalidArgumentError(
            "ID", "give ids, or what to delete by: --project, --collection, --older-than, --query"
        )
    with connected(Home.from_environment()) as client:
        if options.ids:
            counts: Json = {"interactions or entries": len(set(options.ids))}
        else:
            counts = client.request("hybrid/memory_list", {**chosen, "limit": 1})["counts"]
        if counts and not options.yes and not _agreed(counts):
            print("nothing was deleted", file=sys.stderr)
            return 1
        params = {"ids": options.ids} if options.ids else chosen
        with progress_bar("deleting") as bar:
            deleted = client.request("hybrid/memory_delete", params, bar)
    _print_deleted(deleted, options)
    return 0


def _agreed(counts: Json) -> bool:
    """Ask, where there is somebody to answer.

    Raises:
        InvalidArgumentError: there is nobody.
    """
    words = _words(counts)
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise InvalidArgumentError("--yes", f"is needed where nobody can be asked: {words}")
    print(f"Delete {words} for good? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _words(counts: Json) -> str:
    return ", ".join(f"{count} of {name}" for name, count in counts.items()) or "nothing"


def _print_deleted(deleted: Json, options: argparse.Namespace) -> None:
    if options.json:
        print_json(deleted)
        return
    print(f"deleted: {_words(deleted['counts'])}")
    if deleted["files"]:
        print(f"  the code of {deleted['files']} files left the index")
    if deleted["learned"]:
        print(f"  {deleted['learned']} of them were learned from the deleted interactions alone")
    for entry in deleted["kept"]:
        print(f"  {entry} was learned from one of them, and from others: it stays without it")
    for path in deleted["copies"]:
        print(f"  may still be in {path}, which is yours to delete")
