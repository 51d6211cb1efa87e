"""What a home is known by to others."""

from __future__ import annotations

from pathlib import Path

from hybrid_coordinator.home import Home


def test_a_home_keeps_its_identity_wherever_it_lies(tmp_path: Path) -> None:
    home = Home(tmp_path / "one")
    known = home.identity()
    assert known == Home(home.root).identity()
    assert known != Home(tmp_path / "other").identity()
    assert known == Home(home.root.rename(tmp_path / "moved")).identity()


def test_an_identity_that_was_not_written_to_the_end_is_made_anew(tmp_path: Path) -> None:
    home = Home(tmp_path)
    (tmp_path / "id").write_text("")
    assert home.identity()
    assert home.identity() == Home(tmp_path).identity()
