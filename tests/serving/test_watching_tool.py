"""The index keeps up, as agents and people at a terminal see it: through the bridge and the CLI."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stdio import (
    Json,
    RpcError,
    StdioSession,
    ToolError,
    command,
    kill,
    owner_of,
    session,
    wait_until,
)

FILES = 1_500


def function(name: str) -> str:
    return f"def {name}(value):\n    return value\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "package").mkdir(parents=True)
    (root / "package/first.py").write_text(function("walrus"))
    return root


@pytest.fixture
def opened(shared_home: Path, tree: Path) -> Iterator[StdioSession]:
    with session(shared_home, cwd=tree) as one:
        yield one


@pytest.fixture
def killed(home: Path, tree: Path) -> Iterator[StdioSession]:
    """A session whose coordinator may be killed."""
    with session(home, cwd=tree) as one:
        yield one


def found(opened: StdioSession, word: str, **where: str) -> list[Json]:
    """The pieces of code that hold a word."""
    items = opened.tool(
        "search_knowledge", query=word, collection="codebase-context", limit=50, **where
    )["items"]
    return [item for item in items if word in item["text"]]


def comes(opened: StdioSession, word: str, **where: str) -> None:
    wait_until(lambda: bool(found(opened, word, **where)), what=f"for {word}")


def goes(opened: StdioSession, word: str, **where: str) -> None:
    wait_until(lambda: not found(opened, word, **where), what=f"for {word} to go")


def test_a_watched_tree_is_followed_by_this_coordinator_and_the_next(
    killed: StdioSession, home: Path, tree: Path
) -> None:
    report = killed.tool("index_codebase", path=".", watch=True)
    assert report["files"] == 1

    (tree / "package/second.py").write_text(function("narwhal"))
    comes(killed, "narwhal")
    # Indexing once more, without a word of watching, leaves it watched.
    killed.tool("index_codebase", path=".")
    (tree / "package/second.py").write_text(function("beluga"))
    comes(killed, "beluga")
    assert found(killed, "narwhal") == []

    kill(owner_of(home))
    (tree / "package/second.py").write_text(function("dugong"))
    (tree / "package/first.py").unlink()
    wait_until(lambda: _answers(killed))
    comes(killed, "dugong")
    goes(killed, "walrus")
    (tree / "package/third.py").write_text(function("manatee"))
    comes(killed, "manatee")


def _answers(opened: StdioSession) -> bool:
    try:
        opened.tool("search_knowledge", query="anything")
    except (RpcError, ToolError):
        return False
    return True


def test_watching_is_switched_at_the_terminal(shared_home: Path, tree: Path) -> None:
    home = shared_home

    def watched() -> str:
        report = json.loads(command(home, "doctor", "--json").stdout)
        (part,) = (part for part in report["parts"] if part["name"] == "watching")
        assert part["ok"]
        return part["detail"]

    assert str(tree) not in watched()
    done = command(home, "index", str(tree), "--watch")
    assert done.returncode == 0, done.stderr
    assert str(tree) in watched()
    command(home, "index", str(tree))
    assert str(tree) in watched()
    command(home, "index", str(tree), "--no-watch")
    assert str(tree) not in watched()


def test_a_file_cannot_be_watched(opened: StdioSession) -> None:
    with pytest.raises(ToolError, match="watch: .* is a file; watch its directory"):
        opened.tool("index_codebase", path="package/first.py", watch=True)


def test_who_asks_is_told_that_a_watched_tree_is_gone(opened: StdioSession, tree: Path) -> None:
    opened.tool("index_codebase", path="package", watch=True)
    (tree / "package").rename(tree.parent / "elsewhere")

    notices: list[str] = []

    def told() -> bool:
        notices.extend(opened.tool("search_knowledge", query="walrus")["notices"])
        return any("watched no longer" in notice for notice in notices)

    wait_until(told)
    assert notices[-1] == f"{tree / 'package'} is gone, so it is watched no longer."
    assert notices[-1] not in opened.tool("search_knowledge", query="walrus")["notices"]


def test_projects_side_by_side(opened: StdioSession, tree: Path, tmp_path: Path) -> None:
    """Two copies of a tree, both watched: what changes in one is not seen in the other."""
    other = tmp_path / "other"
    (other / "package").mkdir(parents=True)
    (other / "package/first.py").write_text(function("walrus"))
    opened.tool("index_codebase", path=".", watch=True, project="mine")
    opened.tool("index_codebase", path=str(other), watch=True, project="theirs")

    (tree / "package/first.py").write_text(function("axolotl"))
    (other / "package/new.py").write_text(function("capybara"))
    comes(opened, "axolotl", project="mine")
    comes(opened, "capybara", project="theirs")

    assert [len(found(opened, "walrus", project=name)) for name in ("mine", "theirs")] == [0, 1]
    assert found(opened, "axolotl", project="theirs") == []
    assert found(opened, "capybara", project="mine") == []
    assert found(opened, "capybara") == []


def test_a_coordinator_that_is_killed_while_it_indexes_goes_on_where_it_was(
    killed: StdioSession, home: Path, tree: Path
) -> None:
    for number in range(FILES):
        file = tree / f"many{number % 30}" / f"m{number}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(function(f"function{number}") * 20)
    number = killed.begin(
        "tools/call",
        {
            "name": "index_codebase",
            "arguments": {"path": "."},
            "_meta": {"progressToken": "t"},
        },
    )
    wait_until(
        lambda: any(each.get("method") == "notifications/progress" for each in killed.messages)
    )
    kill(owner_of(home))
    with pytest.raises(RpcError):
        killed.result(number)

    # Nobody asks for it: the next coordinator finishes by itself.
    def files() -> int:
        return json.loads(command(home, "stats", "--json").stdout)["files"]

    wait_until(lambda: files() == FILES + 1, timeout=60, what="for the rest")
    report = killed.tool("index_codebase", path=".")
    assert (report["files"], report["unchanged"]) == (0, FILES + 1)
    assert len(found(killed, f"function{FILES - 1}")) == 1


def git(root: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=n", "-c", "user.email=e@x", *arguments],
        cwd=root,
        check=True,
        capture_output=True,
    )


def test_a_switch_of_branches_is_followed_by_the_next_index(
    opened: StdioSession, tree: Path
) -> None:
    git(tree, "init", "-b", "main")
    git(tree, "add", ".")
    git(tree, "commit", "-m", "one")
    git(tree, "switch", "-c", "other")
    git(tree, "mv", "package/first.py", "package/moved.py")
    (tree / "package/first.py").write_text(function("lemur"))
    git(tree, "add", ".")
    git(tree, "commit", "-m", "two")
    opened.tool("index_codebase", path=".")
    assert [item["source"] for item in found(opened, "walrus")] == ["package/moved.py:1-2"]

    git(tree, "switch", "main")
    report = opened.tool("index_codebase", path=".")

    assert (report["files"], report["removed"]) == (1, 1)
    assert [item["source"] for item in found(opened, "walrus")] == ["package/first.py:1-2"]
    assert found(opened, "lemur") == []


def test_one_changed_file_is_found_at_once(opened: StdioSession, tree: Path) -> None:
    for number in range(300):
        (tree / f"package/m{number}.py").write_text(function(f"function{number}"))
    opened.tool("index_codebase", path=".")
    seconds = []
    for number in range(5):
        (tree / "package/m7.py").write_text(function(f"novelty{number}"))
        began = time.perf_counter()
        opened.tool("index_codebase", path=".")
        seconds.append(time.perf_counter() - began)
        assert len(found(opened, f"novelty{number}")) == 1
    assert min(seconds) < 0.3
