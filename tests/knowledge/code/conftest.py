"""Grammars are unpacked once for all tests of code."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from hybrid_coordinator.knowledge.code.grammars import unpack_grammars_into


@pytest.fixture(scope="session", autouse=True)
def _grammars(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before = os.environ.get("SEMBLE_GRAMMARS_CACHE_DIR")
    unpack_grammars_into(tmp_path_factory.mktemp("grammars"))
    yield
    if before is None:
        del os.environ["SEMBLE_GRAMMARS_CACHE_DIR"]
    else:
        os.environ["SEMBLE_GRAMMARS_CACHE_DIR"] = before
