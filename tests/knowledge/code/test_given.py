"""Files and directories that a caller names are read whole, and nothing else is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hybrid_coordinator.domain.ask import FileText
from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.knowledge.code.given import read_given


def test_files_are_named_as_seen_from_the_root(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("a = 1\n")
    inside = tmp_path / "src"

    assert read_given(["a.py"], inside, tmp_path) == (FileText("src/a.py", "a = 1\n"),)
    assert read_given(["a.py"], inside, None) == (FileText("a.py", "a = 1\n"),)


def test_a_directory_is_all_that_would_be_indexed_of_it(tmp_path: Path) -> None:
    for name, content in {
        "src/a.py": b"a = 1\n",
        "src/deep/b.py": b"b = 2\n",
        "src/.env": b"KEY=1\n",
        "src/picture.png": b"\x89PNG\0",
        "src/node_modules/c.js": b"c\n",
        "other.py": b"o = 1\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    found = read_given(["src"], tmp_path, tmp_path)

    assert [text.path for text in found] == ["src/a.py", "src/deep/b.py"]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("../outside.txt", "outside the project"),
        ("link.txt", "outside the project"),
        (".env", "may hold secrets"),
        (".kube/config", "may hold secrets"),
        (".aws", "may hold secrets"),
        ("nothing.py", "No such file"),
        ("pipe", "not a regular file"),
        ("binary", "not text"),
        ("self", "cannot be followed|Too many levels"),
    ],
)
def test_what_is_refused_is_named(tmp_path: Path, said: str, words: str) -> None:
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "outside.txt").write_text("x")
    (root / "link.txt").symlink_to(tmp_path / "outside.txt")
    (root / ".env").write_text("KEY=1")
    for folder in (".kube", ".aws"):
        (root / folder).mkdir()
        (root / folder / "config").write_text("token: 1")
    os.mkfifo(root / "pipe")
    (root / "binary").write_bytes(b"\0\1")
    (root / "self").symlink_to(root / "self")

    with pytest.raises(InvalidArgumentError, match=f"^files: .*{said}.*({words})"):
        read_given([said], root, root)


def test_there_is_a_bound_on_one_file_and_on_all_together(
    tmp_path: Path,
) -> None:
    (tmp_path / "large.txt").write_bytes(b"x" * 8_000_001)
    with pytest.raises(InvalidArgumentError, match=r"large\.txt is over 8 MB"):
        read_given(["large.txt"], tmp_path, tmp_path)
    (tmp_path / "most.txt").write_bytes(b"x" * 7_000_000)
    with pytest.raises(InvalidArgumentError, match="over 32 million characters together"):
        read_given(["most.txt"] * 5, tmp_path, tmp_path)
