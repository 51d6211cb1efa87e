"""Datasets on disk: whole or not at all, whatever ends the writer."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hybrid_coordinator.errors import InvalidArgumentError, StorageError
from hybrid_coordinator.learning.training.files import DatasetWriter

SPLITS = ("train", "validation", "test")

WRITER = """
import sys
from pathlib import Path
from hybrid_coordinator.learning.training.files import DatasetWriter
writer = DatasetWriter(Path(sys.argv[1]), ("train", "validation", "test"))
for number in range(20_000):
    writer.write("train", f"line {number}")
"""


def write(parent: Path, *lines: str) -> tuple[Path, str]:
    writer = DatasetWriter(parent, SPLITS)
    try:
        for line in lines:
            writer.write("train", line)
        digest = writer.finish().splits
        return writer.commit("openai", digest), digest
    finally:
        writer.close()


def test_files_appear_under_a_name_made_of_their_content(tmp_path: Path) -> None:
    target, digest = write(tmp_path / "new" / "out", "one", "two")
    assert digest == hashlib.sha256(b"one\ntwo\n").hexdigest()
    assert target == tmp_path / "new" / "out" / f"openai-{digest[:12]}"
    assert {file.name: file.read_bytes() for file in target.iterdir()} == {
        "train.jsonl": b"one\ntwo\n",
        "validation.jsonl": b"",
        "test.jsonl": b"",
    }
    assert list(target.parent.iterdir()) == [target]


def test_the_same_content_comes_to_the_same_directory(tmp_path: Path) -> None:
    target, _ = write(tmp_path, "one")
    inode = (target / "train.jsonl").stat().st_ino
    assert write(tmp_path, "one")[0] == target
    assert (target / "train.jsonl").stat().st_ino == inode
    other, _ = write(tmp_path, "two")
    assert sorted(tmp_path.iterdir()) == sorted([target, other])


def test_a_directory_that_was_changed_is_not_overwritten(tmp_path: Path) -> None:
    target, _ = write(tmp_path, "one")
    (target / "train.jsonl").write_text("mine\n")
    with pytest.raises(StorageError, match=r"was changed.*move it away"):
        write(tmp_path, "one")
    assert (target / "train.jsonl").read_text() == "mine\n"
    assert list(tmp_path.iterdir()) == [target]


def test_nothing_is_left_when_the_body_fails(tmp_path: Path) -> None:
    writer = DatasetWriter(tmp_path, SPLITS)
    writer.write("train", "one")
    writer.close()
    assert list(tmp_path.iterdir()) == []


def test_a_killed_writer_leaves_no_set_and_the_next_one_tidies_up(tmp_path: Path) -> None:
    lingering = f"{WRITER}\nprint('written', flush=True)\nsys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", lingering, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        # A second writer leaves the first one's directory alone while it lives.
        other, _ = write(tmp_path, "one")
        assert len(list(tmp_path.iterdir())) == 2
        os.kill(process.pid, signal.SIGKILL)
    assert [path for path in tmp_path.iterdir() if not path.name.startswith(".")] == [other]
    target, _ = write(tmp_path, "two")
    assert sorted(tmp_path.iterdir()) == sorted([other, target])


@pytest.mark.parametrize("limit", [0, 8_192, 65_536])
def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path, limit: int) -> None:
    # A limit on the size of files fails as a full disk does: the write is cut short, with an
    # error from the kernel.
    limited = (
        f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "from hybrid_coordinator.errors import StorageError\n"
        f"try:{WRITER.replace(chr(10), chr(10) + '    ')}\n"
        "    writer.commit('openai', writer.finish().splits)\n"
        "except StorageError as error:\n"
        "    print(error)\n"
        "    writer.close()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", limited, tmp_path], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    assert "output_dir" in ended.stdout
    assert str(tmp_path) in ended.stdout
    assert "nothing was written" in ended.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for place in (file, file / "below", Path("/proc/none/here")):
        with pytest.raises(InvalidArgumentError, match=f"^output_dir: {place}"):
            DatasetWriter(place, SPLITS)
    assert list(tmp_path.iterdir()) == [file]
