"""A home for each test, and proof that nothing of it is left running."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stdio import command, processes_of


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A fresh HYBRID_HOME. Its coordinator is stopped at the end, and must leave no process."""
    path = tmp_path / "home"
    yield path
    stopped = command(path, "stop")
    assert stopped.returncode == 0, stopped.stderr
    assert processes_of(path) == []
