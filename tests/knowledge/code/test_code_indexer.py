"""Indexing trees, on the real engines: what is stored, what is kept in step, what survives."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.errors import NotFoundError, StorageError
from hybrid_coordinator.knowledge.code.indexer import CodeIndexer
from hybrid_coordinator.knowledge.code.pieces import MAX_CHUNK_CHARACTERS
from hybrid_coordinator.stamps import stamp_of
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from hybrid_coordinator.storage.vectors.protocol import (
    CollectionSpec,
)
from tests.knowledge.code.sources import FATAL, ONE_MORE_LANGUAGE, PYTHON
from tests.knowledge.code.test_code_walk import write
from tests.knowledge.code.workbench import (
    COLLECTION,
    DIMENSION,
    InterruptedRunError,
    TrippedIndex,
    Workbench,
    counts,
)


async def test_what_is_stored(bench: Workbench, root: Path) -> None:
    report = await bench.indexer.index(root, "p")

    assert counts(report) == (3, 0, 0)
    assert report.skipped == {"binary": 1}
    assert report.notices == ()
    points = {(p.payload["file_path"], p.payload["symbol"]): p for p in await bench.points()}
    assert report.chunks == len(points) == 6
    payload = dict(points["src/store.py", "Store.save"].payload)
    text = str(payload.pop("code_snippet"))
    digest = str(payload.pop("content_hash"))
    start = PYTHON[: PYTHON.index(text)].count("\n") + 1
    assert text.startswith("    async def save(")
    assert len(digest) == 64
    assert payload == {
        "project": "p",
        "root": str(root),
        "file_path": "src/store.py",
        "title": "Store.save",
        "source": f"src/store.py:{start}-{start + text.count(chr(10))}",
        "language": "python",
        "framework": None,
        "purpose": "async def save(self, things: list[str]) -> None:",
        "start_line": start,
        "end_line": start + text.count("\n"),
        "symbol": "Store.save",
        "kind": "method",
        "parent": "Store",
        "signature": "async def save(self, things: list[str]) -> None:",
        "context": ["class Store(Base):"],
        "defines": ["save"],
        "access_count": 0,
        "success_rate": None,
        "last_accessed": None,
    }
    await bench.check(root)


async def test_it_is_found_by_meaning_and_by_words(bench: Workbench, root: Path) -> None:
    await bench.indexer.index(root, "p")
    query = "save things to the store"
    [dense] = await bench.embedder.embed([query])

    for hits in (
        await bench.index.nearest(COLLECTION, dense, where={"project": "p"}, limit=1),
        await bench.index.matching(COLLECTION, Bm25Encoder().query(query), where={}, limit=1),
    ):
        assert [hit.payload["symbol"] for hit in hits] == ["Store.save"]


async def test_a_second_run_does_nothing(bench: Workbench, root: Path) -> None:
    await bench.indexer.index(root, "p")
    bench.embedder.texts.clear()
    bench.trip.calls.clear()

    report = await bench.indexer.index(root, "p")

    assert (counts(report), report.chunks) == ((0, 3, 0), 0)
    assert (bench.embedder.texts, bench.trip.calls) == ([], [])
    await bench.check(root)


async def test_changed_renamed_and_deleted_files(bench: Workbench, root: Path) -> None:
    write(root, "a.py", text="def a():\n    return 'one'\n")
    write(root, "b.py", text="def b():\n    return 'two'\n")
    await bench.indexer.index(root, "p")
    write(root, "a.py", text="# first\ndef a():\n    return 'three'\n")
    (root / "b.py").rename(root / "c.py")
    (root / "src/store.py").unlink()

    report = await bench.indexer.index(root, "p")

    assert counts(report) == (2, 2, 2)
    assert await bench.snippets("a.py") == ["# first\ndef a():\n    return 'three'"]
    assert await bench.snippets("b.py") == await bench.snippets("src/store.py") == []
    assert await bench.snippets("c.py") == ["def b():\n    return 'two'"]
    await bench.check(root)


async def test_a_file_that_is_ignored_or_unreadable_now_is_removed(
    bench: Workbench, root: Path
) -> None:
    write(root, "a.py", "b.py", "c.py")
    await bench.indexer.index(root, "p")
    write(root, ".ignore", text="a.py\n")
    (root / "b.py").write_bytes(b"\0")

    report = await bench.indexer.index(root, "p")

    assert report.removed == 2
    assert report.skipped == {"binary": 2, "ignored": 1}
    assert await bench.snippets("a.py") == await bench.snippets("b.py") == []
    await bench.check(root)


async def test_projects_and_roots_are_kept_apart(
    bench: Workbench, root: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    write(other, "a.py")
    first = await bench.indexer.index(root, "p")
    await bench.indexer.index(root, "q")
    await bench.indexer.index(other, "p")
    (root / "src/store.py").unlink()

    await bench.indexer.index(root, "q")

    held = await bench.index.facet(COLLECTION, "project", where={})
    assert held == {"p": first.chunks + 1, "q": 1}


async def test_a_part_of_an_indexed_tree_is_a_part_of_it(bench: Workbench, root: Path) -> None:
    await bench.indexer.index(root, "p")
    write(root, "src/new.py", "new.py")
    (root / "src/empty.py").unlink()
    (root / "README.md").unlink()

    report = await bench.indexer.index(root / "src", "p")
    assert counts(report) == (1, 1, 1)
    assert await bench.files.roots() == [("p", str(root))]
    assert len(await bench.snippets("README.md")) == 1

    write(root, "src/new.py", text="y = 2\n")
    report = await bench.indexer.index(root / "src/new.py", "p")
    assert counts(report) == (1, 0, 0)
    assert await bench.snippets("src/new.py") == ["y = 2"]
    await bench.check(root)


async def test_what_the_walk_does_not_get_to_is_a_tree_of_its_own(
    bench: Workbench, root: Path
) -> None:
    write(root, "build/a.py")
    await bench.indexer.index(root, "p")

    assert counts(await bench.indexer.index(root / "build", "p")) == (1, 0, 0)
    assert counts(await bench.indexer.index(root, "p")) == (0, 3, 0)
    await bench.check(root, root / "build")


async def test_a_tree_takes_over_the_trees_inside_it(bench: Workbench, root: Path) -> None:
    write(root, "build/a.py")
    await bench.indexer.index(root / "src", "p")
    await bench.indexer.index(root / "README.md", "q")
    # What the walk of the outer tree does not get to stays a tree of its own.
    await bench.indexer.index(root / "build", "p")
    before = await bench.snippets("a.py")

    await bench.indexer.index(root, "p")

    assert await bench.files.roots() == [
        ("p", str(root)),
        ("p", str(root / "build")),
        ("q", str(root)),
    ]
    assert before == await bench.snippets("a.py") == ["x = 1"]
    assert await bench.snippets("store.py") == []
    await bench.indexer.index(root / "build", "p")
    assert len(await bench.files.roots()) == 3


async def test_what_cannot_be_indexed(bench: Workbench, root: Path) -> None:
    write(root, ".env")

    with pytest.raises(NotFoundError, match="nowhere"):
        await bench.indexer.index(root / "nowhere", "p")
    report = await bench.indexer.index(root / ".env", "p")

    assert (report.files, report.skipped) == (0, {"secret": 1})
    assert await bench.points() == []


async def test_progress_is_told_to_the_end(bench: Workbench, root: Path) -> None:
    for number in range(40):
        write(root, f"many/{number}.py", text="\n\n".join(["x" * MAX_CHUNK_CHARACTERS] * 30))
    told = []

    async def progress(done: int, total: int) -> None:
        told.append((done, total))

    await bench.indexer.index(root, "p", progress)

    assert [total for _, total in told] == [44] * len(told)
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert len(told) > 2
    assert told[-1] == (44, 44)


async def test_without_an_embedder_words_are_found_and_the_next_run_embeds(
    bench: Workbench, root: Path
) -> None:
    bench.embedder.down = True
    report = await bench.indexer.index(root, "p")

    assert counts(report) == (3, 0, 0)
    [notice] = report.notices
    assert notice.startswith("3 files can be found by their words only")
    assert "nothing answers at the endpoint" in notice
    query = Bm25Encoder().query("save things")
    [hit] = await bench.index.matching(COLLECTION, query, where={}, limit=1)
    assert hit.payload["symbol"] == "Store.save"

    bench.embedder.down = False
    report = await bench.indexer.index(root, "p")

    assert (counts(report), report.notices) == ((3, 0, 0), ())
    [dense] = await bench.embedder.embed(["anything"])
    hits = await bench.index.nearest(COLLECTION, dense, where={}, limit=100)
    assert len(hits) == report.chunks
    await bench.check(root)


async def test_files_that_were_cut_in_another_way_are_indexed_anew(
    bench: Workbench, root: Path
) -> None:
    await bench.indexer.index(root, "p")
    manifest = await bench.files.manifest("p", str(root))
    content = hashlib.sha256((root / "README.md").read_bytes()).hexdigest()
    stamp = stamp_of((root / "README.md").stat())
    made_otherwise = replace(manifest["README.md"], content_hash=content, stamp=stamp)
    await bench.files.put("p", str(root), [made_otherwise])

    assert counts(await bench.indexer.index(root, "p")) == (1, 2, 0)
    after = await bench.files.manifest("p", str(root))
    assert after["README.md"].content_hash == manifest["README.md"].content_hash
    await bench.check(root)


@pytest.mark.parametrize("part", ["", "src"])
async def test_a_dropped_collection_is_filled_again(
    bench: Workbench, root: Path, part: str
) -> None:
    await bench.indexer.index(root, "p")
    await bench.index.drop(COLLECTION)
    await bench.index.create(CollectionSpec(COLLECTION, DIMENSION))

    report = await bench.indexer.index(root / part, "p")

    assert counts(report) == (3, 0, 0)
    assert report.notices == (
        "The index had lost 6 of the chunks that were recorded; all files were indexed again.",
    )
    await bench.check(root)


async def test_text_whose_syntax_is_not_heeded_is_told(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "tree/a.kdl", "tree/b.kdl", "tree/c.py")
    write(tmp_path, "no-directory")
    monkeypatch.setenv("SEMBLE_GRAMMARS_CACHE_DIR", str(tmp_path / "no-directory"))

    report = await bench.indexer.index(tmp_path / "tree", "p")

    assert report.files == report.chunks == 3
    [notice] = [each for each in report.notices if "kdl" in each]
    assert notice.startswith("2 files cut by lines, not by syntax: the grammar of kdl cannot be")


async def test_a_file_that_crashes_its_grammar_is_told_and_not_tried_again(
    bench: Workbench, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "site/sitecustomize.py", text=ONE_MORE_LANGUAGE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    write(root, "a.fatal", text=FATAL)

    report = await bench.indexer.index(root, "p")

    assert counts(report) == (4, 0, 0)
    assert report.notices == (
        "1 file cut by lines, not by syntax: it ended the process that parsed it, twice.",
    )
    assert "\n".join(await bench.snippets("a.fatal")) == FATAL.rstrip("\n")
    assert counts(await bench.indexer.index(root, "p")) == (0, 4, 0)
    await bench.check(root)


async def test_two_at_once_do_it_once(bench: Workbench, root: Path) -> None:
    reports = await asyncio.gather(*(bench.indexer.index(root, "p") for _ in range(3)))

    assert sorted(counts(report) for report in reports) == [(0, 3, 0), (0, 3, 0), (3, 0, 0)]
    await bench.check(root)


async def _history(bench: Workbench, root: Path) -> None:
    """The first state of a tree is indexed; its second is on disk, and meant to be indexed."""
    write(root, "gone.py", text="def gone():\n    pass\n")
    await bench.indexer.index(root, "p")
    write(root, "src/store.py", text=f"# changed\n{PYTHON}")
    write(root, "new.py", text="def new():\n    pass\n")
    (root / "gone.py").unlink()
    bench.trip.calls.clear()


async def test_a_run_that_is_cut_off_anywhere_is_put_right_by_the_next(
    bench: Workbench, root: Path
) -> None:
    await _history(bench, root)
    await bench.indexer.index(root, "p")
    steps = list(bench.trip.calls)
    assert steps == ["put", "upsert", "delete", "put", "delete", "remove"]
    states: list[Callable[[], None]] = [
        lambda: write(root, "src/store.py", text=f"# changed again\n{PYTHON}"),
        lambda: write(root, "src/store.py", text=PYTHON),  # back to what was indexed first
        lambda: (root / "src/store.py").unlink(),
    ]

    for fails_at in range(1, len(steps) + 1):
        for change in states:
            bench.trip.fails_at = None
            await _history(bench, root)
            bench.trip.fails_at = fails_at
            with pytest.raises(InterruptedRunError):
                await bench.indexer.index(root, "p")
            bench.trip.fails_at = None
            change()

            await bench.indexer.index(root, "p")

            await bench.check(root)
            expected = (root / "src/store.py").exists()
            assert bool(await bench.snippets("src/store.py")) == expected
            assert await bench.snippets("new.py") == ["def new():\n    pass"]
            (root / "new.py").unlink()
            write(root, "src/store.py", text=PYTHON)


async def test_an_index_that_refuses_is_said(bench: Workbench, root: Path) -> None:
    await bench.index.drop(COLLECTION)

    with pytest.raises((NotFoundError, StorageError), match=COLLECTION):
        await bench.indexer.index(root, "p")

    await bench.index.create(CollectionSpec(COLLECTION, DIMENSION))
    assert counts(await bench.indexer.index(root, "p")) == (3, 0, 0)
    await bench.check(root)


async def test_secrets_in_files_reach_neither_index_nor_embedder(
    bench: Workbench, root: Path
) -> None:
    key = "AKIA" + "Q3EGRXVZ7PLM2TWB"
    url = "postgresql://app:pw@host/shop"
    pem = ["-----BEGIN RSA PRIVATE KEY-----", *["MIIEpAIBAAKCAQEA7bq" * 4] * 30]
    lines = [
        "def connect_to_store():",
        f'    """Connects with {key}."""',
        f'    return open_store("{url}")',
        "",
        "",
        'PEM = """',
        *pem,
        "-----END RSA PRIVATE KEY-----",
        '"""',
        "",
        "",
        "def after_the_key():",
        '    """Stands at its line."""',
        f'    return {{"{key}": 1}}',
    ]
    text = "\n".join(lines)
    write(root, "src/secrets_in.py", text=text)
    write(root, "notes.md", text=f"# Token {key}\n\nWords about {url} here.\n")

    await bench.indexer.index(root, "p")

    points = await bench.points()
    seen = "\n".join([*(str(point.payload) for point in points), *bench.embedder.texts])
    for secret in (key, "app:pw@", "MIIEpAIBAAKCAQEA7bq"):
        assert secret not in seen
    assert "postgresql://app:<SECRET:url-password>@host/shop" in seen
    assert "Connects with <SECRET:aws-access-key>." in seen
    (last,) = (p.payload for p in points if "after_the_key" in str(p.payload["code_snippet"]))
    snippet = str(last["code_snippet"]).split("\n")
    assert snippet[-3] == "def after_the_key():"
    assert (last["end_line"], last["start_line"]) == (len(lines), len(lines) - len(snippet) + 1)


_INDEX_AND_DIE = """
import asyncio, os, signal, sys
from pathlib import Path
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.knowledge.code.indexer import CodeIndexer
from hybrid_coordinator.knowledge.embedding.static import StaticEmbedder
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.knowledge.code.worker import Workshop
from hybrid_coordinator.storage.postgres.source_files import SourceFiles
from hybrid_coordinator.storage.vectors.edge import EdgeIndex

dsn, directory, root = sys.argv[1:]

class Index(EdgeIndex):
    async def delete(self, collection, ids):
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    database = await Database.connect(dsn, timeout=10)
    index = await Index.open(Path(directory))
    indexer = CodeIndexer(index, StaticEmbedder(), Workshop(), SourceFiles(database), Scrubber())
    await indexer.index(Path(root), "p")

asyncio.run(main())
"""


async def test_a_killed_process_leaves_what_the_next_puts_right(
    bench: Workbench, root: Path, dsn: str, tmp_path: Path
) -> None:
    await _history(bench, root)
    await bench.index.close()
    arguments = [dsn, str(tmp_path / "index"), str(root)]
    killed = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", _INDEX_AND_DIE, *arguments],
        env=os.environ | {"HYBRID_HOME": str(tmp_path / "home")},
        capture_output=True,
        timeout=60,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr

    bench.index = await TrippedIndex.open(tmp_path / "index")
    bench.index.trip = bench.trip
    indexer = CodeIndexer(bench.index, bench.embedder, bench.workshop, bench.files, Scrubber())
    assert len(await bench.snippets("src/store.py")) > len(PYTHON) // MAX_CHUNK_CHARACTERS + 3
    write(root, "src/store.py", text=PYTHON)

    await indexer.index(root, "p")

    assert await bench.snippets("gone.py") == []
    assert "# changed" not in "".join(await bench.snippets("src/store.py"))
    await bench.check(root)
    await bench.index.close()


async def test_a_long_run_that_is_cut_off_is_known_to_be_unfinished(
    bench: Workbench, root: Path
) -> None:
    for number in range(600):
        write(root, f"many/m{number}.py", text=f"value = {number}\n")
    bench.trip.fails_at = 5  # the first of two batches is stored

    with pytest.raises(InterruptedRunError):
        await bench.indexer.index(root, "p")

    assert bench.trip.calls[1:4] == ["put", "upsert", "put"]
    assert await bench.files.unfinished_roots() == [("p", str(root))]
    bench.trip.fails_at = None
    report = await bench.indexer.index(root, "p")
    assert report.files + report.unchanged == 603
    assert report.unchanged > 0
    assert report.removed == 0
    assert await bench.files.unfinished_roots() == []
    await bench.check(root)


async def test_a_part_does_not_finish_a_long_run_over_the_whole(
    bench: Workbench, root: Path
) -> None:
    for number in range(300):
        write(root, f"many/m{number}.py", text=f"value = {number}\n")
        write(root, f"more/m{number}.py", text=f"value = {number}\n")
    bench.trip.fails_at = 2  # all that is recorded is that it has begun
    with pytest.raises(InterruptedRunError):
        await bench.indexer.index(root, "p")
    bench.trip.fails_at = None

    assert (await bench.indexer.index(root / "many", "p")).files > 256

    assert await bench.files.unfinished_roots() == [("p", str(root))]
    await bench.indexer.index_again(str(root), "p")
    assert await bench.files.unfinished_roots() == []
    assert len(await bench.files.manifest("p", str(root))) == 603
    # One that is begun and ended leaves nothing behind.
    for number in range(300):
        write(root, f"many/m{number}.py", text=f"value = {number} + 1\n")
    bench.trip.calls.clear()
    assert (await bench.indexer.index(root / "many", "p")).files == 300
    assert bench.trip.calls[-1] == "remove"
    assert await bench.files.unfinished_roots() == []
    await bench.check(root)


async def test_parts_are_refreshed_by_themselves(bench: Workbench, root: Path) -> None:
    await bench.indexer.index(root, "p")
    write(root, "src/new.py", text="new = 1\n")
    write(root, "README.md", text="# Other\n")
    (root / "src/store.py").unlink()

    report = await bench.indexer.refresh(root, "p", ["src", "never.py", "bad.py"])

    assert (counts(report), report.skipped) == ((1, 1, 1), {"binary": 1})
    assert await bench.snippets("README.md") == ["# Title\n\nWords."]
    write(root, "src/new.py", text="new = 2\n")
    report = await bench.indexer.refresh(root / "src", "p", ["new.py"])
    assert counts(report) == (1, 0, 0)
    assert await bench.snippets("src/new.py") == ["new = 2"]
    await bench.check(root)


async def test_a_refresh_does_not_go_where_the_walk_does_not(
    bench: Workbench, root: Path, tmp_path: Path
) -> None:
    write(root, "venv/pyvenv.cfg", "venv/lib/a.py", "node_modules/b.js", "left/c.py")
    write(root, ".ignore", text="left/\n")
    write(tmp_path, "outside/d.py")
    (root / "linked").symlink_to(tmp_path / "outside")
    (root / "e.py").symlink_to(tmp_path / "outside/d.py")
    await bench.indexer.index(root, "p")
    before = len(await bench.points())

    names = ["venv", "venv/lib/a.py", "node_modules/b.js", "left", "left/c.py"]
    report = await bench.indexer.refresh(root, "p", [*names, "linked", "linked/d.py", "e.py"])

    assert report.files == 0
    assert sum(report.skipped.values()) == 8
    assert len(await bench.points()) == before
    await bench.check(root)


async def test_a_file_of_the_same_size_and_time_is_not_taken_for_unchanged(
    bench: Workbench, root: Path
) -> None:
    write(root, "a.py", text="a = 1\n")
    before = (root / "a.py").stat()
    await bench.indexer.index(root, "p")
    write(root, "a.py", text="a = 2\n")
    os.utime(root / "a.py", ns=(before.st_atime_ns, before.st_mtime_ns))

    assert counts(await bench.indexer.index(root, "p")) == (1, 3, 0)
    assert await bench.snippets("a.py") == ["a = 2"]


async def test_files_with_the_recorded_stamp_are_not_read(bench: Workbench, root: Path) -> None:
    await bench.indexer.index(root, "p")
    write(root, "README.md", text="# Other\n")
    stamp = stamp_of((root / "README.md").stat())
    await bench.files.stamp("p", str(root), {"README.md": stamp, "src/store.py": "another"})
    bench.trip.calls.clear()

    assert counts(await bench.indexer.index(root, "p")) == (0, 3, 0)
    assert await bench.snippets("README.md") == ["# Title\n\nWords."]
    # What was read for nothing is not read for nothing again.
    assert (await bench.files.manifest("p", str(root)))["src/store.py"].stamp != "another"
    assert bench.trip.calls == []


async def test_drafts_are_what_would_be_stored(bench: Workbench, root: Path) -> None:
    await bench.indexer.index(root, "p")
    drafts = await bench.indexer.draft("p", str(root), "src/store.py")

    stored = {p.id for p in await bench.points() if p.payload["file_path"] == "src/store.py"}
    assert {draft.id for draft in drafts} == stored
    assert await bench.indexer.draft("p", str(root), "bad.py") == ()
