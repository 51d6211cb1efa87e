"""What the tests of code share: grammars, unpacked once; an indexer; a small tree."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.knowledge.code.grammars import unpack_grammars_into
from hybrid_coordinator.knowledge.code.indexer import CodeIndexer
from hybrid_coordinator.knowledge.code.worker import Workshop
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.vectors.protocol import CollectionSpec, IndexKind
from tests.knowledge.code.sources import PYTHON
from tests.knowledge.code.test_code_walk import write
from tests.knowledge.code.workbench import (
    COLLECTION,
    DIMENSION,
    CountingEmbedder,
    Trip,
    TrippedFiles,
    TrippedIndex,
    Workbench,
)


@pytest.fixture(scope="session", autouse=True)
def _grammars(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before = os.environ.get("SEMBLE_GRAMMARS_CACHE_DIR")
    unpack_grammars_into(tmp_path_factory.mktemp("grammars"))
    yield
    if before is None:
        del os.environ["SEMBLE_GRAMMARS_CACHE_DIR"]
    else:
        os.environ["SEMBLE_GRAMMARS_CACHE_DIR"] = before


@pytest.fixture
async def bench(tmp_path: Path, database: Database) -> AsyncIterator[Workbench]:
    index = await TrippedIndex.open(tmp_path / "index")
    await index.create(CollectionSpec(COLLECTION, DIMENSION, {"project": IndexKind.KEYWORD}))
    files = TrippedFiles(database)
    trip = index.trip = files.trip = Trip()
    embedder, workshop = CountingEmbedder(), Workshop()
    indexer = CodeIndexer(index, embedder, workshop, files, Scrubber())
    yield Workbench(index, files, embedder, workshop, indexer, trip)
    await workshop.close()
    await index.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    write(root, "src/store.py", text=PYTHON)
    write(root, "src/empty.py", text="")
    write(root, "README.md", text="# Title\n\nWords.\n")
    (root / "bad.py").write_bytes(b"\0\1")
    return root
