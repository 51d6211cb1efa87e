"""Walking trees: what is listed, what is read, and what is left out for which reason."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hybrid_coordinator.errors import InvalidArgumentError, NotFoundError
from hybrid_coordinator.home import Home
from hybrid_coordinator.knowledge.code.read import (
    LONGEST_LINE_CHARACTERS,
    MAX_FILE_BYTES,
    SkipReason,
    SourceText,
    read_source,
)
from hybrid_coordinator.knowledge.code.walk import MAX_DEPTH, list_files, reaches, resolve_root


@contextmanager
def as_nobody() -> Iterator[None]:
    """As a user who may not read everything; root's files do not stop root."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def write(root: Path, *paths: str, text: str = "x = 1\n") -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def read(root: Path, path: str) -> SourceText:
    source = read_source(root, path)
    assert isinstance(source, SourceText), source
    return source


def test_files_are_listed_in_order_with_posix_paths(tmp_path: Path) -> None:
    write(tmp_path, "b/z.py", "b/a.py", "a.py", "c/d/e.py", "Z.py")

    listing = list_files(tmp_path)

    assert listing.paths == ("Z.py", "a.py", "b/a.py", "b/z.py", "c/d/e.py")
    assert listing.skipped == {}


@pytest.mark.parametrize(
    "folder",
    [
        *(".git", "node_modules", ".venv", "venv", "__pycache__", ".mypy_cache", ".tox", "Pods"),
        *("build", "dist", "target", "coverage", "pkg.egg-info", ".next", ".env", "site-packages"),
    ],
)
def test_what_is_not_source_is_not_entered(tmp_path: Path, folder: str) -> None:
    write(tmp_path, f"{folder}/a.py", f"deep/{folder}/b.py", "kept.py")

    listing = list_files(tmp_path)

    assert listing.paths == ("kept.py",)
    assert listing.skipped == {SkipReason.IGNORED: 2}


def test_an_ignore_file_cannot_take_back_what_is_always_left_out(tmp_path: Path) -> None:
    write(tmp_path, "node_modules/a.js", ".env", "package-lock.json")
    write(tmp_path, ".gitignore", text="!node_modules/\n!.env\n!package-lock.json\n")

    assert list_files(tmp_path).paths == (".gitignore",)


def test_output_names_are_source_in_source_folders_and_packages(tmp_path: Path) -> None:
    write(tmp_path, "src/build/a.py", "coverage/__init__.py", "coverage/b.py", "build/c.py")

    paths = list_files(tmp_path).paths

    assert paths == ("coverage/__init__.py", "coverage/b.py", "src/build/a.py")


@pytest.mark.parametrize("marker", ["pyvenv.cfg", "CACHEDIR.TAG", Home(Path()).lock_file.name])
def test_marked_environments_and_caches_are_not_entered(tmp_path: Path, marker: str) -> None:
    write(tmp_path, "any/sub/a.py", f"any/{marker}", "kept.py")

    listing = list_files(tmp_path)

    assert listing.paths == ("kept.py",)
    assert listing.skipped == {SkipReason.IGNORED: 1}


def test_a_root_is_walked_whatever_its_name(tmp_path: Path) -> None:
    write(tmp_path, "node_modules/pkg/a.js", "node_modules/CACHEDIR.TAG")

    assert "pkg/a.js" in list_files(tmp_path / "node_modules").paths


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        *((name, SkipReason.SECRET) for name in (".env", ".env.local", ".ENV", "prod.env")),
        *((name, SkipReason.SECRET) for name in ("server.pem", "a.key", "id_rsa", "id_ed25519")),
        *((name, SkipReason.SECRET) for name in (".npmrc", ".netrc", "credentials", "x.tfvars")),
        *((name, SkipReason.SECRET) for name in ("credentials.json", "app-secrets.yaml", "k.p12")),
        *((name, SkipReason.IGNORED) for name in ("uv.lock", "package-lock.json", "go.sum")),
        *((name, SkipReason.IGNORED) for name in ("app.min.js", "main.bundle.js", "x.js.map")),
        *((name, SkipReason.BINARY) for name in ("a.png", "b.pyc", "c.so", "d.zip", "e.woff2")),
        *((name, SkipReason.DATA) for name in ("a.csv", "b.log", "c.svg", "d.jsonl")),
    ],
)
def test_files_left_out_by_name(tmp_path: Path, name: str, reason: SkipReason) -> None:
    write(tmp_path, name)

    listing = list_files(tmp_path)

    assert (listing.paths, listing.skipped) == ((), {reason: 1})
    # A file that is named itself is no exception.
    assert list_files(tmp_path, tmp_path / name).skipped == {reason: 1}


@pytest.mark.parametrize(
    "name",
    ["environment.py", "key.py", "credentials.py", "secrets.py", "id.py", "env.ts", "lock.c"],
)
def test_source_that_is_only_about_secrets_is_read(tmp_path: Path, name: str) -> None:
    write(tmp_path, name)

    assert list_files(tmp_path).paths == (name,)


_REPORT_OPENED = """
import sys
from pathlib import Path
from hybrid_coordinator.knowledge.code.read import read_source
from hybrid_coordinator.knowledge.code.walk import list_files

opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
root = Path(sys.argv[1])
for path in list_files(root).paths:
    read_source(root, path)
print(*opened, sep="\\n")
"""


def test_secret_files_are_never_opened(tmp_path: Path) -> None:
    write(tmp_path, ".env", "sub/id_rsa", ".ssh/config", "kept.py")

    done = subprocess.run(
        [sys.executable, "-c", _REPORT_OPENED, str(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )

    opened = {line for line in done.stdout.splitlines() if line.startswith(str(tmp_path))}
    assert str(tmp_path / "kept.py") in opened
    assert not [path for path in opened if re.search(r"env|id_rsa|ssh", Path(path).name)]


def test_a_private_key_of_any_name_is_not_kept(tmp_path: Path) -> None:
    write(tmp_path, "deploy.txt", text="-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n")

    assert read_source(tmp_path, "deploy.txt") is SkipReason.SECRET


def test_links_are_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    write(root, "a/b.py")
    write(outside, "secret.py")
    (root / "loop").symlink_to(root)
    (root / "a/up").symlink_to("..")
    (root / "me").symlink_to("me")
    (root / "out").symlink_to(outside)
    (root / "out.py").symlink_to(outside / "secret.py")
    (root / "in.py").symlink_to("a/b.py")
    (root / "dangling.py").symlink_to("nowhere")

    listing = list_files(root)

    assert listing.paths == ("a/b.py",)
    assert listing.skipped == {SkipReason.LINK: 7}


def test_a_file_that_became_a_link_is_not_read(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write(tmp_path, "root/a.py", "outside.py")
    paths = list_files(root).paths
    (root / "a.py").unlink()
    (root / "a.py").symlink_to(tmp_path / "outside.py")

    assert [read_source(root, path) for path in paths] == [SkipReason.LINK]


def test_a_link_to_a_root_is_that_root(tmp_path: Path) -> None:
    write(tmp_path, "real/a.py")
    (tmp_path / "link").symlink_to("real")

    assert resolve_root(tmp_path / "link") == (tmp_path / "real").resolve()


def test_what_may_not_be_read_is_counted() -> None:
    # Not below pytest's directory, which only its owner may enter.
    with tempfile.TemporaryDirectory() as made:
        root = Path(made)
        root.chmod(0o755)
        write(root, "open.py", "closed.py", "closed/a.py")
        (root / "closed.py").chmod(0)
        (root / "closed").chmod(0)
        try:
            with as_nobody():
                listing = list_files(root)
                sources = {path: read_source(root, path) for path in listing.paths}
                with pytest.raises(InvalidArgumentError, match="cannot be listed"):
                    list_files(root / "closed")
        finally:
            (root / "closed").chmod(0o755)

    assert listing.skipped == {SkipReason.NO_PERMISSION: 1}
    assert sources["closed.py"] is SkipReason.NO_PERMISSION
    assert isinstance(sources["open.py"], SourceText)


def test_what_is_no_file_is_counted_and_nothing_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "socket.py"))

        listing = list_files(tmp_path)

    assert (listing.paths, listing.skipped) == ((), {SkipReason.NOT_A_FILE: 2})
    assert read_source(tmp_path, "pipe.py") is SkipReason.NOT_A_FILE
    assert read_source(tmp_path, "socket.py") is SkipReason.NOT_A_FILE


def test_a_file_that_is_deleted_meanwhile_has_vanished(tmp_path: Path) -> None:
    write(tmp_path, "a.py", "b.py", "sub/c.py")
    found = []
    for path in list_files(tmp_path).paths:
        found.append(read_source(tmp_path, path))
        (tmp_path / "b.py").unlink(missing_ok=True)
        (tmp_path / "sub/c.py").unlink(missing_ok=True)
        if (tmp_path / "sub").exists():
            (tmp_path / "sub").rmdir()

    assert found[1:] == [SkipReason.VANISHED, SkipReason.VANISHED]


def test_a_tree_that_never_ends_is_left_at_some_depth(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(MAX_DEPTH + 5):
        folder /= "d"
    folder.mkdir(parents=True)

    assert list_files(tmp_path).skipped == {SkipReason.TOO_DEEP: 1}


def test_a_name_that_is_not_utf8_is_counted(tmp_path: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.py"))).write_text("x = 1")

    assert list_files(tmp_path).skipped == {SkipReason.BAD_NAME: 1}


def test_paths_that_cannot_be_indexed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")

    with pytest.raises(NotFoundError, match="gone"):
        resolve_root(tmp_path / "gone")
    for name in ("pipe", "loop"):
        with pytest.raises(InvalidArgumentError, match=name):
            resolve_root(tmp_path / name)


def test_a_part_of_a_root(tmp_path: Path) -> None:
    write(tmp_path, "a/b.py", "a/c/d.py", "e.py", "build/x.py", "left/y.py")
    write(tmp_path, ".gitignore", text="left/\n")

    assert list_files(tmp_path, tmp_path / "a").paths == ("a/b.py", "a/c/d.py")
    assert list_files(tmp_path, tmp_path / "a/b.py").paths == ("a/b.py",)
    assert list_files(tmp_path, tmp_path / "left/y.py").skipped == {SkipReason.IGNORED: 1}
    assert [reaches(tmp_path, tmp_path / part) for part in ("a/c", "build", "left/y.py")] == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"x = 1\n\0\n", SkipReason.BINARY),
        (b"x = 1\n" * 5_000 + b"\0", SkipReason.BINARY),
        (b"\x7fELF\x02\x01\x01\0\xff\xfe" + bytes(100), SkipReason.BINARY),
        ("a = '\0'".encode("utf-16"), SkipReason.BINARY),
        ("é".encode("latin-1"), SkipReason.NOT_TEXT),
        (b"\xff\xfe\x00\xd8", SkipReason.NOT_TEXT),  # half of a surrogate pair
        (b"x" * (MAX_FILE_BYTES + 1), SkipReason.TOO_LARGE),
        (b"a=1;" * 2_000, SkipReason.MINIFIED),
        (b"a\n" * 50_000 + b"b" * (LONGEST_LINE_CHARACTERS + 1), SkipReason.MINIFIED),
    ],
)
def test_content_that_is_left_out(tmp_path: Path, data: bytes, reason: SkipReason) -> None:
    (tmp_path / "a.py").write_bytes(data)

    assert read_source(tmp_path, "a.py") is reason


def test_a_directory_where_a_file_was_means_that_the_file_has_gone(tmp_path: Path) -> None:
    (tmp_path / "a.py").mkdir()

    assert read_source(tmp_path, "a.py") is SkipReason.VANISHED


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.py").open("wb") as stream:
        stream.truncate(50_000_000_000)  # takes no space

    assert read_source(tmp_path, "a.py") is SkipReason.TOO_LARGE


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = "# Größe 尺寸 🙂\nx = 1\n"
    mark = "\ufeff" if encoding.endswith(("le", "be")) else ""
    data = (mark + text).encode(encoding)
    (tmp_path / "a.py").write_bytes(data)

    source = read(tmp_path, "a.py")

    assert source == SourceText("a.py", text, hashlib.sha256(data).hexdigest())


def test_line_breaks_are_made_one_kind(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"a\r\nb\rc\n")

    assert read(tmp_path, "a.py").text == "a\nb\nc\n"


def test_empty_and_long_but_readable_files_are_read(tmp_path: Path) -> None:
    write(tmp_path, "empty.py", text="")
    write(tmp_path, "long.py", text="x = 1  # short\n" * 60_000)
    write(tmp_path, "prose.md", text=("word " * 200 + "\n\n") * 20)

    assert read(tmp_path, "empty.py").text == ""
    assert len(read(tmp_path, "long.py").text) == 900_000
    assert read(tmp_path, "prose.md").path == "prose.md"
