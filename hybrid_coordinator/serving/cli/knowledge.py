"""index, search, collections, reindex: what is known."""

from __future__ import annotations

import argparse
from pathlib import Path

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


def _index_path(client: Client, path: Path) -> Json:
    with progress_bar("indexing") as bar:
        return client.tool("index_codebase", {"path": str(path)}, bar)


def _index(options: argparse.Namespace) -> int:
    path = _existing(options.path)
    with connected(Home.from_environment(), path if path.is_dir() else path.parent) as client:
        report = _index_path(client, path)
    if options.json:
        print_json(report)
        return 0
    print(
        f"{report['files']} files indexed into {report['chunks']} chunks, "
        f"{report['unchanged']} unchanged, {report['removed']} removed, {report['seconds']:.1f} s"
    )
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
        print(f"{item['source']}  {item['title']}  ({item['collection']}, {item['score']:.3f})")
        print(f"  {item['why']}")
        lines = item["text"].splitlines()
        for line in lines[:_TEXT_LINES]:
            print(f"    {line}")
        if len(lines) > _TEXT_LINES:
            print(f"    ... {len(lines) - _TEXT_LINES} more lines")
        print()
    if not found["items"]:
        print("nothing relevant found")
    for notice in found["notices"]:
        print(f"note: {notice}")
    return 0


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
