"""index, search, collections, reindex: what is known."""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path

from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.home import Home
from hybrid_coordinator.serving.cli.output import (
    add_json_flag,
    print_json,
    print_table,
    progress_bar,
)
from hybrid_coordinator.serving.client import Client, Json, connected

_TEXT_LINES = 12


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register this group."""
    index = commands.add_parser("index", help="index a directory, or bring its index up to date")
    index.add_argument("path", metavar="PATH", type=Path)
    index.add_argument(
        "--watch",
        action=argparse.BooleanOptionalAction,
        help="index its changes from now on as they are made, or do so no longer",
    )
    add_json_flag(index)
    index.set_defaults(run=_index)

    search = commands.add_parser("search", help="find code and knowledge")
    search.add_argument("query", metavar="QUERY")
    search.add_argument("--path", type=Path, help="index what has changed under PATH first")
    search.add_argument("--limit", type=int, default=5)
    add_json_flag(search)
    search.set_defaults(run=_search)

    collections = commands.add_parser("collections", help="the collections and their sizes")
    add_json_flag(collections)
    collections.set_defaults(run=_collections)

    reindex = commands.add_parser(
        "reindex",
        help="rebuild the index as the settings want it, while the former one serves",
    )
    add_json_flag(reindex)
    reindex.set_defaults(run=_reindex)


def _existing(path: Path) -> Path:
    if not path.exists():
        raise InvalidArgumentError("PATH", f"{path} does not exist")
    return path.resolve()


def _index_path(client: Client, path: Path, *, watch: bool = False) -> Json:
    with progress_bar("indexing") as bar:
        return client.tool("index_codebase", {"path": str(path), "watch": watch}, bar)


def _index(options: argparse.Namespace) -> int:
    path = _existing(options.path)
    with connected(Home.from_environment(), path if path.is_dir() else path.parent) as client:
        report = _index_path(client, path, watch=options.watch is True)
        was_watched = (
            options.watch is False
            and client.request("hybrid/unwatch", {"path": str(path)})["was_watched"]
        )
    if options.json:
        print_json(report)
        return 0
    print(
        f"{report['files']} files indexed into {report['chunks']} chunks, "
        f"{report['unchanged']} unchanged, {report['removed']} removed, {report['seconds']:.1f} s"
    )
    if options.watch:
        print("  its changes are indexed as they are made, while the coordinator runs")
    elif was_watched:
        print("  its changes are no longer indexed as they are made")
    elif options.watch is False:
        print("  it was not watched; `hybrid-coordinator doctor` lists what is")
    for reason, count in sorted(report["skipped"].items()):
        print(f"  skipped {count}: {reason}")
    for notice in report["notices"]:
        print(f"  note: {notice}")
    return 0


def _search(options: argparse.Namespace) -> int:
    path = None if options.path is None else _existing(options.path)
    directory = path if path is None or path.is_dir() else path.parent
    with connected(Home.from_environment(), directory) as client:
        if path is not None:
            _index_path(client, path)
        found = client.tool("search_knowledge", {"query": options.query, "limit": options.limit})
    if options.json:
        print_json(found)
        return 0
    for item in found["items"]:
        _print_item(item)
    if not found["items"]:
        print("nothing found")
    for notice in found["notices"]:
        print(f"note: {notice}")
    return 0


def _visible(text: str) -> str:
    """The text without characters that a terminal would obey."""
    return "".join(each if each.isprintable() or each == "\t" else "\ufffd" for each in text)


def _print_item(item: Json) -> None:
    learned = "" if item["collection"] == CollectionName.CODEBASE_CONTEXT else item["collection"]
    print(_visible("  ".join(part for part in (item["source"], item["title"], learned) if part)))
    print(f"  {item['why']}")
    lines = textwrap.dedent(item["text"]).splitlines()
    for line in lines[:_TEXT_LINES]:
        print(f"    {_visible(line)}".rstrip())
    if len(lines) > _TEXT_LINES:
        print(f"    ... {len(lines) - _TEXT_LINES} more lines")
    print()


def _print_collections(answer: Json, options: argparse.Namespace) -> None:
    if options.json:
        print_json(answer)
        return
    print_table(
        ("collection", "points", "embedded by", "for"),
        (
            (one["name"], one["points"], one["embedder"], one["purpose"])
            for one in answer["collections"]
        ),
    )
    if answer["rebuild"]:
        print(f"note: {answer['rebuild']['words']}")


def _collections(options: argparse.Namespace) -> int:
    with connected(Home.from_environment()) as client:
        _print_collections(client.request("hybrid/collections"), options)
    return 0


def _reindex(options: argparse.Namespace) -> int:
    with connected(Home.from_environment()) as client, progress_bar("reindexing") as bar:
        answer = client.request("hybrid/reindex", on_progress=bar)
    if not options.json:
        waited = ", by a rebuild that was under way" if answer["was_under_way"] else ""
        print(f"rebuilt{waited}:")
    _print_collections(answer, options)
    return 0
