"""Files of a home are put in the place of others: all of them or none, wherever it is killed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hybrid_coordinator.home import Home
from hybrid_coordinator.keeping import swapping

AT = "20261121T200000Z"
NAMES = ("postgres", "qdrant", "hybrid.yaml", "rules.yaml")
FORMER = {"postgres/a": "old", "qdrant/b": "old", "hybrid.yaml": "old", "keep.me": "kept"}
RESTORED = {"postgres/a": "new", "hybrid.yaml": "new", "rules.yaml": "new"}


@pytest.fixture
def kept(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    write(home.root, FORMER)
    return home


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def found(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): file.read_text()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def aside() -> dict[str, str]:
    gone = {name: text for name, text in FORMER.items() if name != "keep.me"}
    return {f"replaced-{AT}/{name}": text for name, text in gone.items()}


def test_what_is_staged_takes_the_place_and_the_former_is_kept(kept: Home) -> None:
    write(swapping.stage(kept), RESTORED)
    assert swapping.swap(kept, NAMES, AT) == kept.root / f"replaced-{AT}"
    assert found(kept.root) == {**RESTORED, "keep.me": "kept", **aside()}
    assert swapping.set_aside(kept) == [kept.root / f"replaced-{AT}"]


def test_a_fresh_home_has_nothing_to_keep(tmp_path: Path) -> None:
    home = Home(tmp_path)
    write(swapping.stage(home), RESTORED)
    assert swapping.swap(home, NAMES, AT) is None
    assert found(tmp_path) == RESTORED


def test_killed_before_the_journal_stands_nothing_has_happened(kept: Home) -> None:
    write(swapping.stage(kept), RESTORED)
    swapping.finish(kept)
    assert found(kept.root) == FORMER


@pytest.mark.parametrize("made", range(7))
def test_killed_between_the_moves_the_next_one_goes_on(kept: Home, made: int) -> None:
    write(swapping.stage(kept), RESTORED)
    former = f"replaced-{AT}"
    moves = [(name, f"{former}/{name}") for name in ("postgres", "qdrant", "hybrid.yaml")]
    staged = ("hybrid.yaml", "postgres", "rules.yaml")
    moves += [(f"restoring/{name}", name) for name in staged]
    (kept.root / former).mkdir()
    swapping.write_whole(kept.root / "restoring.json", json.dumps(moves))
    for source, target in moves[:made]:
        (kept.root / source).rename(kept.root / target)

    swapping.finish(kept)

    assert found(kept.root) == {**RESTORED, "keep.me": "kept", **aside()}
    swapping.finish(kept)
    assert found(kept.root) == {**RESTORED, "keep.me": "kept", **aside()}


def test_the_moves_above_are_those_that_are_made(kept: Home) -> None:
    write(swapping.stage(kept), RESTORED)
    (kept.root / "hybrid.yaml").unlink()
    (kept.root / "hybrid.yaml").mkdir()  # cannot be taken for the file
    swapping.swap(kept, NAMES, AT)
    assert (kept.root / f"replaced-{AT}" / "hybrid.yaml").is_dir()
    assert found(kept.root)["hybrid.yaml"] == "new"
