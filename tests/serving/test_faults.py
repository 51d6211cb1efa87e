"""What breaks under a running system; nothing that was acknowledged is lost."""

from __future__ import annotations

import json
import shutil
import signal
import threading
from pathlib import Path

import psutil
import pytest

from tests.support.stdio import (
    RpcError,
    StdioSession,
    ToolError,
    command,
    kill,
    owner_of,
    session,
    wait_until,
)


def track(opened: StdioSession, label: str) -> str:
    return opened.tool(
        "track_interaction",
        query=f"task {label}",
        response=f"done {label}",
        agent_type="remote",
        model_used="m",
    )["interaction_id"]


def exported(home: Path, kind: str = "interaction") -> list[dict[str, object]]:
    done = command(home, "export")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return [row for row in rows if row["type"] == kind]


def kill_owner(home: Path) -> None:
    owner = psutil.Process(owner_of(home))
    owner.kill()
    owner.wait(timeout=10)


def postgres_of(home: Path) -> psutil.Process:
    return psutil.Process(int((home / "postgres" / "postmaster.pid").read_text().split()[0]))


def test_a_killed_owner_loses_nothing_that_four_writing_sessions_were_told(home: Path) -> None:
    per_session = 25
    acknowledged: list[tuple[str, str]] = []
    uncertain: list[str] = []
    half = threading.Barrier(5, timeout=120)

    def write(number: int) -> None:
        with session(home) as opened:
            for turn in range(per_session):
                if turn == per_session // 2:
                    half.wait()
                label = f"{number}-{turn}"
                try:
                    acknowledged.append((label, track(opened, label)))
                except RpcError:
                    uncertain.append(label)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    half.wait()
    kill(owner_of(home))
    for thread in threads:
        thread.join(timeout=120)
        assert not thread.is_alive()

    rows = {str(row["id"]): row["query"] for row in exported(home)}
    assert len(acknowledged) + len(uncertain) == 4 * per_session
    assert len(acknowledged) >= 4 * per_session - 8, "the sessions went on after the kill"
    for label, identifier in acknowledged:
        assert rows[identifier] == f"task {label}"
    queries = list(rows.values())
    assert len(set(queries)) == len(queries), "an interaction was recorded twice"


def test_a_killed_postgres_comes_back_with_everything(home: Path) -> None:
    with session(home) as opened:
        first = track(opened, "before")
        server = postgres_of(home)
        server.kill()
        server.wait(timeout=10)
        second = track(opened, "after")
        assert opened.tool("update_outcome", interaction_id=first, outcome="success")
    assert {row["id"] for row in exported(home)} == {first, second}


def test_an_owner_killed_leaves_a_postgres_that_the_next_one_adopts(home: Path) -> None:
    with session(home) as opened:
        track(opened, "one")
        server = postgres_of(home)
        kill_owner(home)
        track(opened, "two")
        assert postgres_of(home).pid == server.pid
    assert len(exported(home)) == 2


def test_stop_after_a_killed_owner_stops_its_postgres(home: Path) -> None:
    with session(home) as opened:
        track(opened, "one")
    server = postgres_of(home)
    kill_owner(home)
    assert command(home, "stop").stdout == "stopped\n"
    assert not server.is_running()


def test_a_corrupt_shard_is_set_aside_and_rebuilt_from_the_record(
    home: Path, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "parser.py").write_text("def parse_invoice(text):\n    return text.split()\n")
    with session(home, cwd=project) as opened:
        opened.tool("index_codebase", path=".")
        track(opened, "rotate the invoice signing keys")
        assert opened.tool("search_knowledge", query="parse_invoice")["items"]
    assert command(home, "stop").returncode == 0
    for collection in ("codebase-context", "interaction-history"):
        for file in (home / "qdrant" / collection).rglob("*"):
            if file.is_file():
                file.write_bytes(b"garbage")
    with session(home, cwd=project) as opened:
        # Rebuilt in the background: soon, and without anybody's doing.
        def code_is_back() -> bool:
            return bool(opened.tool("search_knowledge", query="parse_invoice")["items"])

        wait_until(code_is_back, what="for the code to be found again")
        found = opened.tool("search_knowledge", query="rotate the invoice signing keys")
        assert found["items"][0]["collection"] == "interaction-history"


def test_a_damaged_cluster_is_named_and_nothing_pretends_to_work(home: Path) -> None:
    with session(home) as opened:
        track(opened, "one")
    assert command(home, "stop").returncode == 0
    shutil.rmtree(home / "postgres" / "global")
    with session(home) as opened:
        with pytest.raises(ToolError, match="postgres"):
            track(opened, "two")
        assert opened.request("tools/list")["tools"]
    checked = command(home, "doctor")
    assert checked.returncode == 1
    assert "FAIL" in checked.stdout


def test_a_terminated_owner_takes_its_postgres_along(home: Path) -> None:
    with session(home) as opened:
        track(opened, "one")
    owner, server = psutil.Process(owner_of(home)), postgres_of(home)
    owner.send_signal(signal.SIGTERM)
    owner.wait(timeout=30)
    assert not server.is_running()
    assert command(home, "stop").stdout == "not running\n"
