"""The scripts as people run them: what they store is found, a second run changes nothing."""

from __future__ import annotations

import dataclasses
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from hybrid_coordinator.domain.items import CollectionName
from hybrid_coordinator.knowledge.collections import load_seeds
from hybrid_coordinator.serving.mcp.contract import TOOLS
from tests.support.stdio import CHECKOUT, environment, session


def run(home: Path, name: str, *arguments: str) -> str:
    """What a script prints; it must end well and say nothing on stderr."""
    done = subprocess.run(
        [sys.executable, str(CHECKOUT / "scripts" / name), *arguments],
        env=environment(home),
        cwd=home.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def test_seeds_are_stored_once_and_found_from_every_project(home: Path, tmp_path: Path) -> None:
    seeds = {name: load_seeds(name) for name in CollectionName}
    sizes = {name.value: len(entries) for name, entries in seeds.items() if entries}
    first = run(home, "seed_best_practices.py").splitlines()
    assert first == [f"{name}: {size} created" for name, size in sizes.items()]
    again = run(home, "seed_best_practices.py").splitlines()
    assert again == [f"{name}: {size} unchanged" for name, size in sizes.items()]

    with session(home, cwd=tmp_path) as opened:
        for name in sizes:
            entry = seeds[CollectionName(name)][0]
            (best,) = opened.tool("search_knowledge", query=entry.title, collection=name, limit=1)[
                "items"
            ]
            assert best["title"] == entry.title


def test_seeds_of_a_project_are_its_own(home: Path, tmp_path: Path) -> None:
    run(home, "seed_best_practices.py", "--project", "shop")
    title = load_seeds(CollectionName.BEST_PRACTICES)[0].title
    with session(home, cwd=tmp_path) as opened:
        found = {
            project: opened.tool("search_knowledge", query=title, project=project)["items"]
            for project in ("shop", "another")
        }
    assert found["shop"][0]["title"] == title
    assert found["another"] == []


def test_directories_are_indexed_into_their_own_projects(home: Path, tmp_path: Path) -> None:
    trees = {"shop": "invoice_total", "game": "move_player"}
    for name, function in trees.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "code.py").write_text(f"def {function}(value):\n    return value\n")
    paths = [str(tmp_path / name) for name in trees]
    first = run(home, "seed_codebase.py", *paths).splitlines()
    assert first == [f"{path}: 1 files, 1 chunks, 0 unchanged, 0 skipped" for path in paths]
    again = run(home, "seed_codebase.py", *paths).splitlines()
    assert again == [f"{path}: 0 files, 0 chunks, 1 unchanged, 0 skipped" for path in paths]

    one_file = str(tmp_path / "shop" / "code.py")
    alone = run(home, "seed_codebase.py", one_file)
    assert alone == f"{one_file}: 0 files, 0 chunks, 1 unchanged, 0 skipped\n"

    for name, function in trees.items():
        with session(home, cwd=tmp_path / name) as opened:
            found = opened.tool("search_knowledge", query=function)["items"]
        assert [(item["source"], item["title"]) for item in found] == [("code.py:1-2", function)]


def test_a_directory_that_is_not_there_fails_with_its_name(home: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(CHECKOUT / "scripts" / "seed_codebase.py"), str(tmp_path / "nowhere")],
        env=environment(home),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: "), "not a traceback"
    assert "nowhere" in done.stderr


def test_the_reference_pages_are_what_the_code_says(home: Path) -> None:
    run(home, "generate_docs.py", "--check")


def test_the_page_of_tools_says_what_may_destroy(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location(
        "generate_docs", CHECKOUT / "scripts" / "generate_docs.py"
    )
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    tool = dataclasses.replace(TOOLS["store_knowledge"], destructive=True)
    monkeypatch.setattr(script, "TOOLS", {tool.name: tool})
    page = script.tools_page()
    assert "Writes; may destroy." in page
    assert "destroys nothing" not in page
