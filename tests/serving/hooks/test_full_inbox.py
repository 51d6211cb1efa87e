"""An inbox that nobody empties: it stops growing, the oldest goes first, and that is counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybrid_coordinator.learning.capture.inbox import Inbox
from hybrid_coordinator.serving.hooks import hook

LINE = b'{"event": {}}\n'


def leave(folder: Path, count: int, size: int = 0) -> None:
    folder.mkdir(exist_ok=True)
    for number in range(count):
        (folder / f"{number:020}-1-abc.json").write_bytes(b"x" * size)


def names(folder: Path) -> list[str]:
    return [file.name for file in Inbox(folder).files()]


def test_an_inbox_within_its_bounds_is_left_alone(tmp_path: Path) -> None:
    leave(tmp_path / "inbox", 50)
    hook.bound(str(tmp_path / "inbox"))
    assert len(names(tmp_path / "inbox")) == 50
    assert Inbox(tmp_path / "inbox").dropped() == 0


def test_the_oldest_of_too_many_events_go(tmp_path: Path) -> None:
    folder = tmp_path / "inbox"
    leave(folder, hook.MAX_INBOX_FILES + 1)
    hook.bound(str(folder))
    left = names(folder)
    assert len(left) == hook.MAX_INBOX_FILES * 9 // 10
    assert left[-1] == f"{hook.MAX_INBOX_FILES:020}-1-abc.json"
    assert Inbox(folder).dropped() == hook.MAX_INBOX_FILES + 1 - len(left)


def test_events_go_also_by_what_they_take(tmp_path: Path) -> None:
    folder = tmp_path / "inbox"
    leave(folder, 17, size=4 << 20)
    hook.bound(str(folder))
    assert len(names(folder)) == 13
    leave(folder, 17, size=4 << 20)
    hook.bound(str(folder))
    assert Inbox(folder).dropped() == 8


def test_what_waits_beside_events_is_none(tmp_path: Path) -> None:
    folder = tmp_path / "inbox"
    leave(folder, 3)
    Inbox(folder).tidy()
    (folder / "dropped").write_bytes(b"...")
    Inbox(folder).tidy()
    assert len(names(folder)) == 3
    assert Inbox(folder).dropped() == 3


@pytest.mark.parametrize("chance", ["00", "40", "80", "c0"])
def test_now_and_then_whoever_writes_looks(tmp_path: Path, chance: str) -> None:
    folder = tmp_path / "inbox"
    leave(folder, hook.MAX_INBOX_FILES)
    hook.keep(str(tmp_path), f"{99:020}-1-a1", LINE)
    assert len(names(folder)) == hook.MAX_INBOX_FILES + 1
    hook.keep(str(tmp_path), f"{99:020}-1-{chance}", LINE)
    assert len(names(folder)) == hook.MAX_INBOX_FILES * 9 // 10


def test_what_cannot_be_read_is_kept_up_to_a_bound(tmp_path: Path) -> None:
    folder = tmp_path / "inbox"
    leave(folder, 230)
    inbox = Inbox(folder)
    for file in inbox.files():
        inbox.set_aside(file, "half of one")
    assert inbox.unreadable() == 200
    assert not (inbox.aside / f"{29:020}-1-abc.json").exists()
