"""Ignore files, compared with what git itself lists."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hybrid_coordinator.knowledge.code.ignore import RuleSet
from hybrid_coordinator.knowledge.code.walk import list_files

_NAMES = ("a", "b", "ab", "ba", "a.py", "b.txt", "foo", "bar", "a b", "-x", "A", "é", "[a]", "*")
_FOLDERS = ("", "a", "foo", "foo/bar", "foo/bar/foo", "d.py", "d.py/a b", "bar/a/b/c")


def _git(repository: Path, *arguments: str) -> bytes:
    home = {"HOME": str(repository.parent), "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ["PATH"]}
    done = subprocess.run(
        ["git", *arguments], cwd=repository, env=home, check=True, capture_output=True, timeout=30
    )
    return done.stdout


def _listed_by_git(repository: Path) -> set[str]:
    listed = _git(repository, "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    return {os.fsdecode(path) for path in listed.split(b"\0") if path}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git repository of many names, with nothing ignored yet."""
    top = tmp_path_factory.mktemp("git") / "repository"
    for folder in _FOLDERS:
        (top / folder).mkdir(parents=True, exist_ok=True)
    for folder in _FOLDERS:
        for name in _NAMES:
            if not (top / folder / name).is_dir():
                (top / folder / name).write_text(name)
    _git(top, "init", "--quiet")
    return top


_SEGMENT = st.one_of(
    st.sampled_from(_NAMES),
    st.sampled_from(("*", "**", "***", "?", "*.py", "a*", "*b", "*a*", "f?o", "b*r", "**a", "a**")),
    st.sampled_from(
        ("[ab]", "[!a]", "[^a]", "[a-f]oo", "[]a]", "[[:alpha:]]", "[[:nope:]]", "[b-a]")
    ),
    st.sampled_from((r"\a", r"\*", r"\[a]", r"a\ b", "[a", "[", "[!", "a\\", r"[\a]", "[--x]x")),
    st.text("ab*?[]!-^\\.: ", min_size=1, max_size=6),
)
_PATTERN = st.builds(
    lambda negated, rooted, segments, closing: negated + rooted + "/".join(segments) + closing,
    st.sampled_from(("", "", "!")),
    st.sampled_from(("", "", "/")),
    st.lists(_SEGMENT, min_size=1, max_size=4),
    st.sampled_from(("", "", "/", "/**", "/*", "  ", "\r", "//")),
)
_LINE = st.one_of(
    _PATTERN, _PATTERN, st.sampled_from(("", "# a", r"\#a", r"\!a", "!", "/", "*", "*/"))
)
_FILE = st.lists(_LINE, max_size=6).map("\n".join)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(_FILE, _FILE, _FILE, _FILE)
def test_the_same_files_as_git(
    repository: Path, top: str, inner: str, deep: str, excluded: str
) -> None:
    (repository / ".gitignore").write_text(top)
    (repository / "foo/.gitignore").write_text(inner)
    (repository / "foo/bar/.gitignore").write_text(deep)
    (repository / ".git/info/exclude").write_text(excluded)

    assert set(list_files(repository).paths) == _listed_by_git(repository)


@pytest.mark.parametrize(
    "rules",
    [
        "*\n!*/\n!*.py",
        "foo/**\n!foo/**/\n!foo/**/*.py",
        "/*\n!/foo\n/foo/*\n!/foo/bar",
        "foo/\n!foo/a.py",
        "**/bar\n!foo/bar",
        "a/**/c",
        "bar/**/b\n",
        "*.py\n!d.py/",
        "\ufeff*.py",
        "*.txt   \na\\ b",
        "[",
        "[z-a]\n*[",
        "**",
        "**/",
        "!**",
        "foo/*/\n",
    ],
)
def test_patterns_that_people_write(repository: Path, rules: str) -> None:
    for file in ("foo/.gitignore", "foo/bar/.gitignore", ".git/info/exclude"):
        (repository / file).write_text("")
    (repository / ".gitignore").write_text(rules)

    assert set(list_files(repository).paths) == _listed_by_git(repository)


def test_a_pattern_of_many_stars_does_not_take_forever() -> None:
    rules = RuleSet(b"*a*a*a*a*a*a*a*a*a*b\n" + b"**/a*/" * 8 + b"b\n" + b"*/" * 50 + b"x*x*x*y")
    name = b"a" * 255
    began = time.perf_counter()

    assert rules.verdict(b"a/" * 150 + name, name, directory=False) is None
    assert time.perf_counter() - began < 1.0


def test_other_ignore_files_have_the_first_word(tmp_path: Path) -> None:
    for name in ("kept.py", "left.py", "both.py"):
        (tmp_path / name).write_text("x = 1")
    (tmp_path / ".gitignore").write_text("kept.py\nboth.py\n")
    (tmp_path / ".ignore").write_text("!kept.py\nleft.py\n")

    assert set(list_files(tmp_path).paths) == {".gitignore", ".ignore", "kept.py"}


def test_rules_above_the_root_hold_up_to_the_top_of_the_repository(tmp_path: Path) -> None:
    top = tmp_path / "top"
    inner = top / "one" / "two"
    inner.mkdir(parents=True)
    for name in ("a.py", "b.py", "c.py", "d.py"):
        (inner / name).write_text("x = 1")
    _git(top, "init", "--quiet")
    (tmp_path / ".gitignore").write_text("a.py\n")  # outside: says nothing
    (top / ".gitignore").write_text("/one/two/b.py\n")
    (top / "one" / ".gitignore").write_text("c.py\n")

    assert list_files(inner).paths == ("a.py", "d.py")


def test_a_linked_worktree_has_the_exclude_file_of_its_repository(tmp_path: Path) -> None:
    top, tree = tmp_path / "top", tmp_path / "tree"
    top.mkdir()
    _git(top, "init", "--quiet")
    _git(top, "-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "m", "--allow-empty")
    _git(top, "worktree", "add", "-q", str(tree))
    (top / ".git/info/exclude").write_text("left.py\n")
    (tree / "left.py").write_text("x = 1")
    (tree / "kept.py").write_text("x = 1")

    assert "kept.py" in list_files(tree).paths
    assert "left.py" not in list_files(tree).paths
