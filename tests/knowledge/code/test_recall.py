"""What is shown of files that have changed since they were indexed."""

from __future__ import annotations

import asyncio
import shutil
import statistics
import time
from pathlib import Path

import pytest

from hybrid_coordinator.domain.injected import CLOSING, OPENING
from hybrid_coordinator.domain.secrets import Scrubber
from hybrid_coordinator.errors import UnavailableError
from hybrid_coordinator.knowledge.code.points import Draft, Drafter, Work
from hybrid_coordinator.knowledge.code.recall import FreshSources, Recalled
from hybrid_coordinator.storage.vectors.bm25 import Bm25Encoder
from hybrid_coordinator.storage.vectors.protocol import ScoredHit
from tests.knowledge.code.sources import PYTHON
from tests.knowledge.code.test_code_walk import write


class Tree:
    """A tree, the hits that its files gave when they were indexed, and who was told of changes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.told: list[tuple[str, str, str]] = []
        self.notices: list[str] = []
        self.drafted: list[str] = []
        self.sources = FreshSources(Scrubber(), lambda *key: self.told.append(key), self.draft)

    def drafts(self, *paths: str) -> list[Draft]:
        work = Work(self.root, "p", Scrubber(), paths, {})
        batches = list(Drafter(work, Bm25Encoder()).batches(paths))
        return [draft for batch in batches for file in batch.changed for draft in file.drafts]

    async def draft(self, project: str, root: str, path: str) -> list[Draft]:
        assert (project, root) == ("p", str(self.root))
        self.drafted.append(path)
        return self.drafts(path)

    def hits(self, *paths: str) -> list[ScoredHit]:
        return [ScoredHit(draft.id, 1.0, draft.payload) for draft in self.drafts(*paths)]

    def hit(self, path: str, symbol: str) -> ScoredHit:
        (hit,) = (each for each in self.hits(path) if each.payload["symbol"] == symbol)
        return hit

    async def check(self, *hits: ScoredHit) -> list[Recalled | None]:
        return await self.sources.check(hits, self.notices)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    root = tmp_path / "root"
    write(root, "store.py", text=PYTHON)
    return Tree(root)


def place(recalled: Recalled | None) -> tuple[int | None, int | None]:
    assert recalled is not None
    return recalled.start_line, recalled.end_line


async def test_what_has_not_changed_is_as_stored(tree: Tree) -> None:
    hits = tree.hits("store.py")

    recalled = await tree.check(*hits)

    assert len(recalled) == len(hits) > 2
    for hit, each in zip(hits, recalled, strict=True):
        assert each is not None
        assert each.text == hit.payload["code_snippet"]
        assert place(each) == (hit.payload["start_line"], hit.payload["end_line"])
        assert each.lines(*place(each)) == each.text
    assert (tree.told, tree.notices) == ([], [])


async def test_a_touched_file_has_not_changed(tree: Tree) -> None:
    hit = tree.hit("store.py", "Store.save")
    (tree.root / "store.py").write_text(PYTHON)

    (recalled,) = await tree.check(hit)

    assert recalled is not None
    assert tree.told == []


async def test_what_moved_is_shown_where_it_stands_now(tree: Tree) -> None:
    hit = tree.hit("store.py", "Store.save")
    write(tree.root, "store.py", text=f"# one\n# two\n{PYTHON}")

    recalled, again = await tree.check(hit, hit)

    assert recalled == again
    assert recalled is not None
    assert recalled.text == hit.payload["code_snippet"]
    assert place(recalled) == (
        int(str(hit.payload["start_line"])) + 2,
        int(str(hit.payload["end_line"])) + 2,
    )
    assert recalled.lines(*place(recalled)) == recalled.text
    assert recalled.lines(1, 2) == "# one\n# two"
    assert tree.told == [("p", str(tree.root), "store.py")]
    assert tree.drafted == []


async def test_of_equal_pieces_the_nearest_is_shown(tree: Tree) -> None:
    text = "".join(f"# {word}\ndef same():\n    return 1\n\n\n" for word in ("a", "b", "c"))
    write(tree.root, "same.py", text=text)
    hit = ScoredHit(
        "1",
        1.0,
        {
            "project": "p",
            "root": str(tree.root),
            "file_path": "same.py",
            "content_hash": "another",
            "start_line": 8,
            "end_line": 9,
            "symbol": "same",
            "code_snippet": "def same():\n    return 1",
        },
    )

    (recalled,) = await tree.check(hit)

    assert place(recalled) == (7, 8)


async def test_a_definition_that_changed_is_shown_as_it_is_now(tree: Tree) -> None:
    hit = tree.hit("store.py", "Store.save")
    changed = PYTHON.replace("self.count += 1", "self.count += 2  # twice")
    write(tree.root, "store.py", text=f"# above\n{changed}")

    (recalled,) = await tree.check(hit)

    assert recalled is not None
    assert "self.count += 2  # twice" in recalled.text
    assert recalled.text.startswith("    async def save(")
    assert recalled.lines(*place(recalled)) == recalled.text
    assert tree.told == [("p", str(tree.root), "store.py")]


@pytest.mark.parametrize("left", ["x = 1\n", "", "\0", "-----BEGIN PRIVATE KEY-----\nabc\n"])
async def test_what_is_no_longer_there_is_dropped(tree: Tree, left: str) -> None:
    hits = tree.hits("store.py")
    write(tree.root, "store.py", text=left)

    assert await tree.check(*hits) == [None] * len(hits)
    assert tree.told == [("p", str(tree.root), "store.py")]


async def test_a_question_does_not_wait_for_a_file_that_cannot_be_cut_now(tree: Tree) -> None:
    hit = next(each for each in tree.hits("store.py") if "self" in str(each.payload))
    write(tree.root, "store.py", text=PYTHON.replace("self", "this"))

    async def never(*_: str) -> list[Draft]:
        await asyncio.Event().wait()
        raise AssertionError

    async def nowhere(*_: str) -> list[Draft]:
        raise UnavailableError("no process can be started")

    for draft in (never, nowhere):
        sources = FreshSources(Scrubber(), lambda *key: tree.told.append(key), draft)
        assert await asyncio.wait_for(sources.check([hit]), timeout=30) == [None]
    assert tree.told == [("p", str(tree.root), "store.py")] * 2


async def test_of_a_file_that_is_gone_nothing_is_shown(tree: Tree, tmp_path: Path) -> None:
    hits = tree.hits("store.py")
    write(tmp_path, "elsewhere.py", text=PYTHON)
    (tree.root / "store.py").unlink()
    assert await tree.check(*hits) == [None] * len(hits)

    # A link that took its place is not followed.
    (tree.root / "store.py").symlink_to(tmp_path / "elsewhere.py")
    assert await tree.check(*hits) == [None] * len(hits)
    assert set(tree.told) == {("p", str(tree.root), "store.py")}
    assert tree.notices == []


async def test_a_root_that_is_gone_is_told_once_a_question(tree: Tree) -> None:
    hits = tree.hits("store.py")
    shutil.rmtree(tree.root)

    assert await tree.check(*hits) == [None] * len(hits)
    assert tree.notices == [f"{tree.root}, which was indexed, is gone: left out."]
    assert tree.told == []


async def test_what_was_stored_by_hand_passes(tree: Tree) -> None:
    hit = ScoredHit("1", 1.0, {"project": "p", "file_path": "no.py", "code_snippet": "as told"})

    assert await tree.check(hit) == [Recalled("as told")]
    assert Recalled("as told").lines(1, 9) == ""


async def test_neither_secrets_nor_injected_context_are_shown(tree: Tree) -> None:
    key = "AKIA" + "Q3EGRXVZ7PLM2TWB"
    lines = ["def f():", "    return 1", OPENING, "old context", CLOSING, f"K = '{key}'", "z = 1"]
    write(tree.root, "f.py", text="\n".join(lines))
    hit = tree.hits("f.py")[0]
    write(tree.root, "f.py", text="\n".join(["# new", *lines]))

    (recalled,) = await tree.check(hit)

    assert recalled is not None
    whole = recalled.lines(1, 99)
    assert key not in whole
    assert "old context" not in whole
    assert recalled.lines(8, 8) == "z = 1"


async def test_order_and_files_are_kept_apart(tree: Tree) -> None:
    write(tree.root, "other.py", text="def other():\n    return 2\n")
    write(tree.root, "gone.py", text="def gone():\n    return 3\n")
    hits = tree.hits("gone.py", "other.py", "store.py", "gone.py")
    (tree.root / "gone.py").unlink()
    write(tree.root, "other.py", text="\ndef other():\n    return 2\n")

    recalled = await tree.check(*hits)

    assert recalled[0] is recalled[-1] is None
    assert place(recalled[1]) == (2, 3)
    assert recalled[2] is not None
    assert tree.told == [("p", str(tree.root), "gone.py"), ("p", str(tree.root), "other.py")]


async def test_ten_files_cost_little(tree: Tree) -> None:
    names = [f"copy{number}.py" for number in range(10)]
    for name in names:
        write(tree.root, name, text=PYTHON * 3)
    hits = [tree.hits(name)[0] for name in names]
    await tree.check(*hits)

    async def milliseconds() -> float:
        began = time.perf_counter()
        await tree.check(*hits)
        return (time.perf_counter() - began) * 1000

    assert statistics.median([await milliseconds() for _ in range(50)]) < 5.0
