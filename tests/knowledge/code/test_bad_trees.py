"""Trees with all that can be wrong with one: each thing is counted, and the rest is indexed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.knowledge.code.points import Drafter, Work
from hybrid_coordinator.knowledge.code.walk import list_files
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from tests.knowledge.code.test_code_walk import as_nobody, write
from tests.knowledge.code.workbench import Workbench, counts


def git(root: Path, *arguments: str, check: bool = True) -> None:
    subprocess.run(
        ["git", "-c", "user.name=n", "-c", "user.email=e@x", *arguments],
        cwd=root,
        check=check,
        capture_output=True,
        env=os.environ | {"GIT_EDITOR": "true"},
    )


async def test_everything_at_once(bench: Workbench, tmp_path: Path, monkeypatch) -> None:
    root = tmp_path / "root"
    write(root, "good.py", text="def good():\n    return 1\n")
    (root / "binary.py").write_bytes(b"\x7fELF\x02\x01\x01\0" + bytes(range(256)) * 40)
    (root / "huge.c").write_bytes(b"int x;\n" * 7_200_000)  # 50 MB
    (root / "bundle.js").write_text("var a=1;" * 60_000)
    (root / "wide.py").write_bytes("wide = 'Größe'\n".encode("utf-16"))
    (root / "broken.py").write_bytes(b"x = '\xc3\x28 \xff'\n")
    (root / "loop").symlink_to(root)
    (root / "self.py").symlink_to("self.py")
    (root / "a").mkdir()
    (root / "a/up").symlink_to("..")
    os.mkfifo(root / "pipe.py")
    monkeypatch.chdir(root)  # the path of a socket may have some 100 bytes only
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.py")
    os.mkdir(os.fsencode(root) + b"/\xff")  # noqa: PTH102
    (Path(os.fsdecode(os.fsencode(root) + b"/\xff")) / "named.py").write_text("x = 1\n")

    report = await bench.indexer.index(root, "p")

    assert counts(report) == (2, 0, 0)
    assert report.skipped == {
        "bad_name": 1,
        "binary": 1,
        "link": 3,
        "minified": 1,
        "not_a_file": 2,
        "not_text": 1,
        "too_large": 1,
    }
    assert await bench.snippets("good.py") == ["def good():\n    return 1"]
    assert await bench.snippets("wide.py") == ["wide = 'Größe'"]
    assert counts(await bench.indexer.index(root, "p")) == (0, 2, 0)
    await bench.check(root)


async def test_a_directory_of_ten_thousand_files(bench: Workbench, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    for number in range(10_000):
        (root / f"data{number}.bin").touch()
    write(root, *(f"m{number}.py" for number in range(0, 10_000, 100)))
    listing = list_files(root)
    assert (len(listing.paths), sum(listing.skipped.values())) == (100, 10_000)

    for number in range(10_000):
        (root / f"data{number}.bin").rename(root / f"data{number}.py")
    report = await bench.indexer.index(root, "p")

    assert counts(report) == (10_100, 0, 0)
    assert report.chunks == 100
    await bench.check(root)


async def test_files_that_go_while_others_are_indexed(bench: Workbench, tmp_path: Path) -> None:
    root = tmp_path / "root"
    for number in range(1_500):
        write(root, f"d{number // 100}/m{number}.py", text=f"value = {number}\n")

    async def remove_the_last(done: int, total: int) -> None:
        shutil.rmtree(root / "d14", ignore_errors=True)

    report = await bench.indexer.index(root, "p", remove_the_last)

    assert report.files + report.skipped.get("vanished", 0) == 1_500
    assert counts(await bench.indexer.index(root, "p")) == (0, 1_400, report.files - 1_400)
    await bench.check(root)


async def test_a_repository_in_the_middle_of_a_rebase(bench: Workbench, tmp_path: Path) -> None:
    root = tmp_path / "root"
    write(root, "a.py", text="def value():\n    return 'base'\n")
    write(root, "b.py", text="def untouched():\n    return 1\n")
    git(root, "init", "-b", "main")
    git(root, "add", ".")
    git(root, "commit", "-m", "base")
    git(root, "switch", "-c", "topic")
    write(root, "a.py", text="def value():\n    return 'topic'\n")
    git(root, "commit", "-am", "topic")
    git(root, "switch", "main")
    write(root, "a.py", text="def value():\n    return 'main'\n")
    git(root, "commit", "-am", "main")
    git(root, "switch", "topic")
    git(root, "rebase", "main", check=False)
    assert (root / ".git/rebase-merge").is_dir()
    assert "<<<<<<<" in (root / "a.py").read_text()

    report = await bench.indexer.index(root, "p")
    assert (counts(report), report.skipped) == ((2, 0, 0), {"ignored": 1})  # .git
    conflict = "\n".join(await bench.snippets("a.py"))
    assert "'main'" in conflict
    assert "'topic'" in conflict

    git(root, "rebase", "--abort")
    assert counts(await bench.indexer.index(root, "p")) == (1, 1, 0)
    assert await bench.snippets("a.py") == ["def value():\n    return 'topic'"]
    await bench.check(root)


def test_what_may_not_be_read_is_counted_and_the_rest_is_drafted() -> None:
    # Not below pytest's directory, which only its owner may enter.
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        root.chmod(0o755)
        write(root, "open.py", "closed.py", "shut/inside.py")
        work = Work(root, "p", Scrubber(), ("open.py",), {})
        # What is imported on the way may be closed to nobody.
        assert list(Drafter(work, Bm25Encoder()).batches(work.paths))
        (root / "closed.py").chmod(0)
        (root / "shut").chmod(0)
        try:
            with as_nobody():
                listing = list_files(root)
                work = Work(root, "p", Scrubber(), listing.paths, {})
                batches = list(Drafter(work, Bm25Encoder()).batches(work.paths))
        finally:
            (root / "shut").chmod(0o755)

    assert [file.path for batch in batches for file in batch.changed] == ["open.py"]
    left_out = Counter(listing.skipped)
    for batch in batches:
        left_out.update(batch.skipped)
    assert left_out == {"no_permission": 2}
    assert not [each for each in listing.directories if each.endswith("shut")]
