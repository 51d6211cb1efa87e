"""`export knowledge` on one machine and `import knowledge` on another, through real processes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.stdio import command, session

TOKEN = "ghp_aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5"


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Path]:
    """The home of another machine."""
    path = tmp_path / "other" / "home"
    path.parent.mkdir()
    yield path
    assert command(path, "stop").returncode == 0


def store(home: Path, title: str, content: str, **more: Any) -> None:
    with session(home) as opened:
        opened.tool(
            "store_knowledge",
            **{"collection": "error-solutions", "title": title, "content": content, **more},
        )


def brought_in(home: Path, *arguments: str, status: int = 0) -> dict[str, Any]:
    done = command(home, "import", "knowledge", *arguments, "--json")
    assert done.returncode == status, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_what_one_machine_knows_is_found_on_another(
    home: Path, other: Path, tmp_path: Path
) -> None:
    for number in range(3):
        store(home, f"Import error {number}", f"Install package {number}.", project="shop")
    store(home, "For all", "Pin versions.", project="global", collection="best-practices")
    file = tmp_path / "known.jsonl"
    exported = command(home, "export", "knowledge", "--output", str(file))
    assert (exported.returncode, exported.stdout) == (0, ""), exported.stderr
    lines = file.read_text().splitlines()
    assert command(home, "export", "knowledge").stdout.splitlines() == lines
    assert len(lines) == 4
    some = command(
        home, "export", "knowledge", "--project", "shop", "--collection", "error-solutions"
    )
    assert len(some.stdout.splitlines()) == 3
    assert command(home, "export", "knowledge", "--since", "2999-01-01").stdout == ""

    nothing = {"created": 0, "merged": 0, "unchanged": 0, "refused": [], "filed_as": {}}
    nothing["unknown"] = ["shop"]
    planned = brought_in(other, str(file), "--dry-run")
    assert planned == {**nothing, "created": 4, "dry_run": True}
    done = brought_in(other, str(file))
    assert done == {**nothing, "created": 4, "dry_run": False}
    assert brought_in(other, str(file)) == {**nothing, "unchanged": 4, "dry_run": False}
    with session(other) as opened:
        found = opened.tool("search_knowledge", query="import error 2", project="shop")["items"]
        assert found[0]["title"] == "Import error 2"
        assert "Pin versions." in {
            item["text"]
            for item in opened.tool("search_knowledge", query="for all pin versions")["items"]
        }
    listed = json.loads(command(other, "memory", "list", "--json").stdout)["rows"]
    assert {row["origin"] for row in listed} == {"import"}
    shown = json.loads(command(other, "memory", "show", listed[0]["id"], "--json").stdout)
    assert len(shown["elsewhere"]) == 1
    assert brought_in(other, str(file), "--project", "mine")["created"] == 4


def test_bad_lines_are_told_and_the_good_ones_are_there(
    home: Path, other: Path, tmp_path: Path
) -> None:
    for title in ("First", "Second"):
        store(home, title, "text", project="shop")
    first, second = command(home, "export", "knowledge").stdout.splitlines()
    file = tmp_path / "known.jsonl"
    long = json.dumps({"content": "x" * 900_000})
    torn, no_text = second.encode()[:100], b'{"a": "\xff"}'
    content = [first.encode(), b"", b"not JSON", torn, no_text, long.encode()]
    file.write_bytes(b"\n".join([*content, second.encode()]))

    done = command(other, "import", "knowledge", str(file))

    assert done.returncode == 1
    assert done.stdout.splitlines()[0] == "2 created, 0 merged, 0 unchanged, 4 refused"
    report = brought_in(other, str(file), status=1)
    assert report["unchanged"] == 2
    assert [each["line"] for each in report["refused"]] == [3, 4, 5, 6]
    assert "400000 characters" in report["refused"][-1]["reason"]
    for wrong, problem in ((tmp_path, "FILE"), (tmp_path / "none", "No such file")):
        refused = command(other, "import", "knowledge", str(wrong))
        assert refused.returncode == 1
        assert problem in refused.stderr


def test_what_was_learned_in_a_directory_of_this_name_is_found_in_it(
    home: Path, other: Path, tmp_path: Path
) -> None:
    here = tmp_path / "shop"
    here.mkdir()
    there = "shop-0a1b2c3d"
    store(home, "Import error", "Install it.", project=there)
    store(home, "Another", "Wait.", project="store-0a1b2c3d")
    file = tmp_path / "known.jsonl"
    assert command(home, "export", "knowledge", "--output", str(file)).returncode == 0

    done = command(other, "import", "knowledge", str(file), cwd=here)

    assert done.returncode == 0, done.stderr
    assert f"entries of {there} were filed under shop-" in done.stdout
    assert "nobody works under these names here: store-0a1b2c3d" in done.stdout
    with session(other, cwd=here) as opened:
        found = opened.tool("search_knowledge", query="import error")["items"]
        assert [item["title"] for item in found] == ["Import error"]


def test_an_export_of_training_and_usage_is_no_knowledge(home: Path, tmp_path: Path) -> None:
    store(home, "First", f"use {TOKEN}", project="shop")
    file = tmp_path / "all.jsonl"
    assert command(home, "export", "--output", str(file)).returncode == 0
    report = brought_in(home, str(file), status=1)
    assert [each["line"] for each in report["refused"]] == [1]
    assert TOKEN not in command(home, "export", "knowledge").stdout
