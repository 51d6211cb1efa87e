"""What the tests of the face share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.llama_server import llama_server, tiny_model
from tests.support.stdio import command, processes_of

__all__ = ["llama_server", "tiny_model"]  # fixtures


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A HYBRID_HOME for tests of a module that do not disturb each other. Its coordinator is
    stopped at the end, and must leave no process."""
    path = tmp_path_factory.mktemp("shared") / "home"
    yield path
    stopped = command(path, "stop")
    assert stopped.returncode == 0, stopped.stderr
    assert processes_of(path) == []
