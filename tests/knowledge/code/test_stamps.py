"""When the file system's word is enough that a file has not changed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from hybrid_coordinator.knowledge.code.stamps import lasting_stamp
from hybrid_coordinator.stamps import stamp_of


def status(ctime_ns: int) -> os.stat_result:
    fields = {"st_ctime_ns": ctime_ns, "st_mtime_ns": 5}
    return os.stat_result((0o100644, 7, 0, 1, 0, 0, 42, 0, 0, 0), fields)


@pytest.mark.parametrize(
    ("age_ns", "lasts"),
    [(0, False), (10_000_000, False), (-3_600_000_000_000, False), (1_000_000_000, True)],
)
def test_a_fresh_change_could_be_followed_by_another(age_ns: int, lasts: bool) -> None:
    given = status((time.time_ns() - age_ns) // 1000 * 1000 + 1)
    assert lasting_stamp(given) == (stamp_of(given) if lasts else "")


def test_where_times_are_whole_seconds_it_takes_longer() -> None:
    second = 1_000_000_000
    now = time.time_ns() // second * second
    assert lasting_stamp(status(now - second)) == ""
    assert lasting_stamp(status(now - 4 * second)) != ""


def test_any_change_of_a_file_changes_its_stamp(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("one")
    stamps = {stamp_of(file.stat())}
    os.utime(file, ns=(1, 1))
    stamps.add(stamp_of(file.stat()))
    (tmp_path / "b").write_text("one")
    os.utime(tmp_path / "b", ns=(1, 1))
    (tmp_path / "b").rename(file)
    stamps.add(stamp_of(file.stat()))
    file.write_text("longer")
    stamps.add(stamp_of(file.stat()))
    assert len(stamps) == 4
