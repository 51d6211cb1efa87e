"""Following directories on a real file system: what changes is in the index soon after."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path

import pytest

from hybrid_coordinator.errors import InvalidArgumentError
from hybrid_coordinator.knowledge.code.indexer import CodeIndexer
from hybrid_coordinator.knowledge.code.refreshing import Refresher
from hybrid_coordinator.knowledge.code.watching import Watches, WatchLimits
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.watched import WatchedDirectories
from hybrid_coordinator.storage.vectors.protocol import CollectionSpec
from tests.knowledge.code.test_code_walk import write
from tests.knowledge.code.workbench import COLLECTION, DIMENSION, Workbench
from tests.support.coordinators import engines_on
from tests.support.stdio import CHECKOUT


class Listening(Refresher):
    """A refresher that remembers what it was told."""

    def __init__(self, indexer: CodeIndexer) -> None:
        super().__init__(indexer)
        self.heard: set[str] = set()

    def add(self, project: str, root: str, paths: Iterable[str]) -> None:
        self.heard.update(paths)
        super().add(project, root, paths)


class Following:
    """Watches on a workbench, and waiting for what they do."""

    def __init__(
        self, bench: Workbench, database: Database, limits: WatchLimits | None = None
    ) -> None:
        self.bench = bench
        self.records = WatchedDirectories(database, "home")
        self.refresher = Listening(bench.indexer)
        self.watches = Watches(self.records, self.refresher, limits)
        self.task = asyncio.create_task(self.refresher.run())

    async def start(self, root: Path, project: str = "p") -> None:
        """As index_codebase with watch does it."""
        await self.bench.indexer.index(root, project)
        await self.watches.add(project, root)

    async def close(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.watches.close()

    async def until(self, condition: Callable[[], Awaitable[object]], what: str = "") -> None:
        deadline = time.monotonic() + 20
        while not await condition():
            assert time.monotonic() < deadline, f"waited in vain {what}"
            await asyncio.sleep(0.01)

    async def becomes(self, path: str, *snippets: str) -> None:
        async def so() -> bool:
            return await self.bench.snippets(path) == list(snippets)

        await self.until(so, f"for {path} to be {snippets}")


@pytest.fixture
async def following(bench: Workbench, database: Database) -> AsyncIterator[Following]:
    following = Following(bench, database)
    yield following
    await following.close()


def git(root: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=n", "-c", "user.email=e@x", *arguments],
        cwd=root,
        check=True,
        capture_output=True,
        env=os.environ | {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"},
    )


async def test_files_that_come_change_and_go(following: Following, root: Path) -> None:
    await following.start(root)

    write(root, "src/new.py", text="new = 1\n")
    await following.becomes("src/new.py", "new = 1")
    write(root, "src/new.py", text="new = 2\n")
    await following.becomes("src/new.py", "new = 2")
    (root / "src/new.py").rename(root / "moved.py")
    await following.becomes("moved.py", "new = 2")
    await following.becomes("src/new.py")
    (root / "moved.py").unlink()
    await following.becomes("moved.py")

    await following.refresher.settled()
    await following.bench.check(root)


async def test_each_coordinator_looks_after_what_its_own_home_watches(
    following: Following, database: Database, root: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "of-another-machine"
    other = WatchedDirectories(database, "other")
    await other.add("p", str(elsewhere))
    await other.add("p", str(root))

    await following.watches.resume()

    assert following.watches.directories() == []
    assert await other.all() == [("p", str(elsewhere)), ("p", str(root))]
    assert not await following.watches.remove("p", root)
    assert len(await other.all()) == 2

    await following.watches.remove_all("p")
    assert await other.all() == []


async def test_a_coordinator_takes_up_its_own_watches_and_no_others(
    dsn: str, root: Path, tmp_path: Path
) -> None:
    async with engines_on(dsn, tmp_path / "one") as engines:
        await (await engines.get()).index(root, project="p", watch=True)
    for home, watched in (("two", []), ("one", [str(root)])):
        async with engines_on(dsn, tmp_path / home) as engines:
            running = await engines.running()
            await running.catch_up()
            assert running.coordinator.watches.directories() == watched
            assert await running.coordinator.unwatch(root, project="p") == bool(watched)


async def test_what_was_watched_before_homes_were_told_apart_is_whose_it_is(
    following: Following, database: Database, root: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "of-another-machine"
    for directory in (root, elsewhere):
        await database.execute(
            "INSERT INTO watched_directories (project, directory) VALUES ('p', $1)", str(directory)
        )

    await following.watches.resume()

    assert following.watches.directories() == [str(root)]
    assert await following.records.all() == [("p", str(root))]
    other = WatchedDirectories(database, "other")
    assert await other.of_nobody() == [("p", str(elsewhere))]
    elsewhere.mkdir()
    watches = Watches(other, following.refresher)
    await watches.resume()
    assert watches.directories() == [str(elsewhere)]
    await watches.close()


async def test_as_editors_save(following: Following, root: Path) -> None:
    """A new file that takes the place of the old one, and one that is written in two pieces."""
    write(root, "a.py", text="a = 1\n")
    await following.start(root)

    write(root, ".a.py.swp", text="a = 2\n")
    (root / "a.py").rename(root / "a.py~")
    (root / ".a.py.swp").rename(root / "a.py")
    await following.becomes("a.py", "a = 2")
    (root / "a.py~").unlink()

    with (root / "b.py").open("w") as stream:
        stream.write("def half(")
        stream.flush()
        await following.becomes("b.py", "def half(")
        stream.write("):\n    return 'whole'\n")
    await following.becomes("b.py", "def half():\n    return 'whole'")


async def test_directories_that_come_and_go(following: Following, root: Path) -> None:
    await following.start(root)

    write(root, "deep/er/a.py", text="a = 1\n")
    await following.becomes("deep/er/a.py", "a = 1")
    write(root, "deep/er/b.py", text="b = 1\n")
    await following.becomes("deep/er/b.py", "b = 1")
    (root / "deep").rename(root / "other")
    await following.becomes("other/er/b.py", "b = 1")
    await following.becomes("deep/er/b.py")
    write(root, "other/er/b.py", text="b = 2\n")
    await following.becomes("other/er/b.py", "b = 2")
    shutil.rmtree(root / "other")
    await following.becomes("other/er/b.py")

    await following.refresher.settled()
    await following.bench.check(root)


async def test_ignore_rules_hold_and_their_changes_count(following: Following, root: Path) -> None:
    write(root, "left/a.py", "node_modules/m/index.js", "kept/k.py")
    write(root, ".gitignore", text="left/\n")
    await following.start(root)
    following.bench.trip.calls.clear()

    write(root, "left/a.py", "left/b.py", "node_modules/m/index.js", ".git/index", text="y = 2\n")
    write(root, "kept/k.py", text="k = 2\n")
    await following.becomes("kept/k.py", "k = 2")
    assert await following.bench.snippets("left/a.py") == []

    write(root, ".gitignore", text="kept/\n")
    await following.becomes("left/b.py", "y = 2")
    await following.becomes("kept/k.py")
    write(root, "left/b.py", text="z = 3\n")
    await following.becomes("left/b.py", "z = 3")
    assert await following.bench.snippets("node_modules/m/index.js") == []


async def test_nothing_is_done_for_what_is_left_out(following: Following, root: Path) -> None:
    write(root, ".gitignore", text="*.out\n")
    write(root, "node_modules/m/index.js")
    await following.start(root)
    write(root, "first.py")
    await following.becomes("first.py", "x = 1")
    await following.refresher.settled()
    following.refresher.heard.clear()
    for number in range(50):
        write(root, "program.out", "app.log", f"node_modules/m/{number}.js", text=str(number))
    write(root, "__pycache__/a.pyc", ".git/index.lock")
    write(root, "last.py")
    await following.becomes("last.py", "x = 1")

    assert following.refresher.heard == {"last.py"}


async def test_a_branch_switch_of_many_files(following: Following, root: Path) -> None:
    git(root, "init", "-b", "main")
    for number in range(300):
        write(root, f"package{number % 10}/m{number}.py", text=f"branch = 'main {number}'\n")
    git(root, "add", ".")
    git(root, "commit", "-m", "main")
    git(root, "switch", "-c", "other")
    shutil.rmtree(root / "package3")
    for number in range(300):
        if number % 10 != 3:
            write(root, f"package{number % 10}/m{number}.py", text=f"branch = 'other {number}'\n")
    write(root, "only/here.py")
    git(root, "add", ".")
    git(root, "commit", "-m", "other")
    await following.start(root)

    git(root, "switch", "main")
    await following.becomes("package3/m293.py", "branch = 'main 293'")
    await following.becomes("package9/m299.py", "branch = 'main 299'")
    await following.becomes("only/here.py")
    await following.refresher.settled()
    texts = [str(point.payload["code_snippet"]) for point in await following.bench.points()]
    assert not [text for text in texts if "'other" in text]
    await following.bench.check(root)


async def test_what_changed_while_nobody_looked_is_caught_up(
    following: Following, root: Path, database: Database
) -> None:
    await following.start(root)
    await following.close()
    write(root, "README.md", text="# Later\n")
    (root / "src/store.py").unlink()
    (root / "src/empty.py").rename(root / "full.py")

    again = Following(following.bench, database)
    await again.watches.resume()
    await again.becomes("README.md", "# Later")
    await again.becomes("src/store.py")
    assert again.watches.directories() == [str(root)]
    write(root, "full.py", text="y = 1\n")
    await again.becomes("full.py", "y = 1")
    await again.close()


async def test_a_directory_that_disappears_is_watched_no_longer(
    following: Following, root: Path
) -> None:
    await following.start(root)
    root.rename(root.with_name("elsewhere"))

    async def told() -> bool:
        return bool(following.watches._news)

    await following.until(told)

    assert following.watches.take_news("q") == ()
    (news,) = following.watches.take_news("p")
    assert news == f"{root} is gone, so it is watched no longer."
    assert following.watches.take_news("p") == ()
    assert following.watches.directories() == []

    async def forgotten() -> bool:
        return await following.records.all() == []

    await following.until(forgotten)
    write(root, "a.py")
    await following.start(root)
    write(root, "a.py", text="a = 2\n")
    await following.becomes("a.py", "a = 2")


async def test_what_is_watched_no_longer_is_left_alone(following: Following, root: Path) -> None:
    await following.start(root)
    write(root, "a.py")
    await following.becomes("a.py", "x = 1")

    assert await following.watches.remove("p", root)
    assert not await following.watches.remove("p", root)
    write(root, "a.py", text="a = 2\n")
    await following.start(root.parent / "root" / "src")
    write(root, "src/b.py")
    await following.becomes("src/b.py", "x = 1")

    assert await following.bench.snippets("a.py") == ["x = 1"]
    assert await following.records.all() == [("p", str(root / "src"))]


async def test_projects_do_not_leak_into_another(
    following: Following, root: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    write(other, "o.py")
    await following.start(root, "p")
    await following.start(other, "q")

    write(root, "same.py", text="of = 'p'\n")
    write(other, "same.py", text="of = 'q'\n")

    async def both() -> bool:
        return len(await following.bench.snippets("same.py")) == 2

    await following.until(both)
    held = {
        (point.payload["project"], point.payload["root"], point.payload["code_snippet"])
        for point in await following.bench.points()
        if point.payload["file_path"] == "same.py"
    }
    assert held == {("p", str(root), "of = 'p'"), ("q", str(other), "of = 'q'")}


async def test_too_many_directories_are_looked_at_now_and_then(
    bench: Workbench, root: Path, database: Database
) -> None:
    following = Following(bench, database, WatchLimits(followed=1, look_seconds=0.05))
    await following.start(root)
    write(root, "a.py")
    await following.becomes("a.py", "x = 1")
    write(root, "a.py", text="a = 2\n")
    await following.becomes("a.py", "a = 2")

    (news,) = following.watches.take_news("p")
    assert news == f"{root} is looked at every few seconds only: it has more than 1 directories"
    shutil.rmtree(root)

    async def gone() -> bool:
        return following.watches.directories() == []

    await following.until(gone)
    await following.close()


async def test_where_the_system_has_no_watches_left_it_is_looked_at(
    following: Following, root: Path
) -> None:
    await following.bench.indexer.index(root, "p")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    spare = os.dup(0)
    resource.setrlimit(resource.RLIMIT_NOFILE, (spare + 1, before[1]))
    os.close(spare)
    try:
        await following.watches.add("p", root)

        async def told() -> bool:
            return bool(following.watches._news)

        await following.until(told)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    (news,) = following.watches.take_news("p")
    assert news.startswith(f"{root} is looked at every few seconds only: ")
    assert following.watches.directories() == [str(root)]


def test_too_few_watches_for_all_directories_are_too_few(tmp_path: Path) -> None:
    script = [sys.executable, "-m", "tests.support.no_watches", str(tmp_path)]
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", *script],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.startswith("OS file watch limit reached"), done.stderr


async def test_what_cannot_be_watched(bench: Workbench, root: Path, database: Database) -> None:
    following = Following(bench, database, WatchLimits(watched=1))
    with pytest.raises(InvalidArgumentError, match="watch its directory"):
        await following.watches.add("p", root / "README.md")
    await following.watches.add("p", root / "src")
    await following.watches.add("p", root / "src")
    with pytest.raises(InvalidArgumentError, match="--no-watch"):
        await following.watches.add("p", root)
    assert await following.records.all() == [("p", str(root / "src"))]
    await following.close()


async def test_an_idle_watch_costs_next_to_nothing(following: Following, root: Path) -> None:
    await following.start(root)
    write(root, "a.py")
    await following.becomes("a.py", "x = 1")
    await following.refresher.settled()

    began = time.process_time()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), 1.0)

    assert time.process_time() - began < 0.05


async def test_a_store_that_fails_is_tried_again(following: Following, root: Path) -> None:
    await following.start(root)
    await following.refresher.settled()
    await following.bench.index.drop(COLLECTION)
    write(root, "a.py", text="a = 2\n")

    async def heard() -> bool:
        return "a.py" in following.refresher.heard

    await following.until(heard)
    await following.bench.index.create(CollectionSpec(COLLECTION, DIMENSION))

    await following.becomes("a.py", "a = 2")
