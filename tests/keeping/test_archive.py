"""The file of a backup: whole or refused, and never half there."""

from __future__ import annotations

import os
import stat
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hybrid_coordinator.errors import InvalidArgumentError, StorageError
from hybrid_coordinator.keeping import archive
from hybrid_coordinator.storage.postgres.snapshot import Contents, Table
from tests.support.limited import limited_files

HELD = Contents((("0001_one", "abc"),), (Table("one", ("a", "b"), 2, "17"),), {"one_id_seq": 2})
ROWS = b"1\tx\n2\ty\n"


def manifest(form: int = archive.FORMAT) -> archive.Manifest:
    made_at = datetime(2026, 11, 21, 20, 0, 0, 123456, tzinfo=UTC)
    return archive.Manifest(form, "0.9", made_at, HELD, {"hybrid.yaml": ("remote.api_key",)})


def write(file: Path, *, form: int = archive.FORMAT, rows: bytes = ROWS) -> Path:
    with archive.writing(file) as writer:
        with writer.rows("one") as member:
            member.write(rows)
        writer.add("hybrid.yaml", "routing:\n  learn: false\n")
        writer.finish(manifest(form))
    return file


def test_what_was_written_is_read(tmp_path: Path) -> None:
    file = write(tmp_path / "a.zip")
    with archive.reading(file) as found:
        assert found.manifest == manifest()
        assert b"".join(found.rows("one")) == ROWS
        assert found.text("hybrid.yaml") == "routing:\n  learn: false\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["a.zip"]
    assert zipfile.ZipFile(file).testzip() is None


def test_backups_that_are_made_at_once_leave_each_other_alone(tmp_path: Path) -> None:
    with archive.writing(tmp_path / "a.zip") as writer:
        archive.remove_partial(tmp_path)  # another one, which tidies up first
        with (
            pytest.raises(InvalidArgumentError, match=r"another backup writes .*a\.zip"),
            archive.writing(tmp_path / "a.zip"),
        ):
            pass
        with writer.rows("one") as member:
            member.write(ROWS)
        writer.finish(manifest())
    archive.verify(tmp_path / "a.zip")


def test_one_changed_byte_anywhere_is_seen(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.zip").read_bytes()
    other = tmp_path / "b.zip"
    for position in range(len(whole)):
        other.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        with pytest.raises(InvalidArgumentError, match=r"b\.zip is no whole backup"):
            archive.verify(other)


@pytest.mark.parametrize("left", [0, 1, 63, 64, 65, 200, -1])
def test_a_torn_file_is_refused(tmp_path: Path, left: int) -> None:
    file = write(tmp_path / "a.zip")
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(InvalidArgumentError, match="torn or altered"), archive.reading(file):
        pass


@pytest.mark.parametrize("more", [b"x", b"\0" * 100])
def test_a_file_with_more_at_its_end_is_refused(tmp_path: Path, more: bytes) -> None:
    file = write(tmp_path / "a.zip")
    file.write_bytes(file.read_bytes() + more)
    with pytest.raises(InvalidArgumentError, match="torn or altered"), archive.reading(file):
        pass


def test_another_format_is_named(tmp_path: Path) -> None:
    file = write(tmp_path / "a.zip", form=2)
    with (
        pytest.raises(InvalidArgumentError, match="its format is 2, and this program knows 1"),
        archive.reading(file),
    ):
        pass


def test_what_is_there_is_not_written_over(tmp_path: Path) -> None:
    file = write(tmp_path / "a.zip")
    before = file.read_bytes()
    with pytest.raises(InvalidArgumentError, match=r"a\.zip is there already"):
        write(file)
    assert file.read_bytes() == before


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(StorageError, match="gone"),
        archive.writing(tmp_path / "a.zip") as writer,
        writer.rows("one") as member,
    ):
        member.write(ROWS)
        raise StorageError("the record is gone")
    assert list(tmp_path.iterdir()) == []


def test_what_was_killed_is_swept_away(tmp_path: Path) -> None:
    (tmp_path / ".a.zip.partial").write_bytes(b"half")
    (tmp_path / ".b.zip.partial").write_bytes(b"half")
    write(tmp_path / "a.zip")
    archive.remove_partial(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["a.zip"]


def test_a_file_that_cannot_grow_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    with limited_files(4096), pytest.raises(StorageError, match=r"a\.zip cannot be written"):
        write(tmp_path / "a.zip", rows=os.urandom(100_000))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file or directory"):
        write(tmp_path / "none" / "a.zip")
    with pytest.raises(InvalidArgumentError, match="cannot be read"):
        archive.verify(tmp_path / "none")
