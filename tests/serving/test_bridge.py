"""The bridge and the owner process: one owner, sessions that outlive it, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.support.stdio import (
    SERVER,
    RpcError,
    StdioSession,
    command,
    environment,
    kill,
    owner_of,
    processes_of,
    session,
    wait_until,
)


def test_the_handshake_and_the_list_work_at_once(home: Path) -> None:
    with session(home) as opened:
        names = [tool["name"] for tool in opened.request("tools/list")["tools"]]
    assert "augment_query" in names


def test_four_sessions_at_the_same_instant_share_one_owner(home: Path) -> None:
    sessions = [StdioSession(home) for _ in range(4)]
    try:
        answers: list[object] = []
        threads = [
            threading.Thread(target=lambda each=each: answers.append(each.initialize()))
            for each in sessions
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert len(answers) == 4
        owners = {each.request("hybrid/status")["connections"] for each in sessions}
        assert owners == {4}
        daemons = [line for line in processes_of(home) if "serving.daemon" in line]
        assert len(daemons) == 1
    finally:
        for each in sessions:
            each.close()


def test_a_killed_owner_is_started_again_by_the_next_request(home: Path) -> None:
    with session(home) as opened:
        first = owner_of(home)
        kill(first)
        wait_until(lambda: not _alive(first))
        assert opened.request("tools/list")["tools"]
        assert owner_of(home) != first
        initializations = [m for m in opened.messages if "serverInfo" in m.get("result", {})]
        assert len(initializations) == 1, (
            "the replayed handshake's answer must not reach the client"
        )


def test_requests_in_flight_are_answered_with_an_error_that_says_so(home: Path) -> None:
    with session(home) as opened:
        owner = owner_of(home)
        kill(owner, signal.SIGSTOP)
        numbers = [opened.begin("tools/list") for _ in range(3)]
        kill(owner)
        for number in numbers:
            with pytest.raises(RpcError, match="in flight"):
                opened.result(number)
            assert opened.answers_waiting(number) == 0
        assert opened.request("tools/list")["tools"]


def test_an_initialize_that_meets_a_hanging_owner_is_answered_once_it_is_dead(
    home: Path,
) -> None:
    with session(home):
        owner = owner_of(home)
        opened = StdioSession(home)
        try:
            kill(owner, signal.SIGSTOP)
            number = opened.begin(
                "initialize",
                {
                    "protocolVersion": "2025-06-18",
                    "capabilities": {},
                    "clientInfo": {"name": "t", "version": "1"},
                },
            )
            kill(owner)
            assert opened.result(number)["serverInfo"]["name"] == "hybrid-coordinator"
        finally:
            opened.close()


def test_a_stale_socket_and_a_stale_lock_are_taken_over(home: Path) -> None:
    (home / "run").mkdir(parents=True)
    stale = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stale.bind(str(home / "run" / "coordinator.sock"))
    stale.close()
    (home / "coordinator.lock").write_text("999999999\n")
    with session(home) as opened:
        assert opened.request("tools/list")["tools"]
    assert owner_of(home) != 999999999


def test_a_second_serve_is_refused_with_the_owner_named(home: Path) -> None:
    with session(home):
        second = command(home, "serve")
        assert second.returncode == 3
        assert str(owner_of(home)) in second.stderr
        assert "hybrid-coordinator stop" in second.stderr


def test_a_home_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    opened = StdioSession(blocked / "home", cwd=tmp_path)
    try:
        with pytest.raises(RpcError, match="cannot be written.*HYBRID_HOME"):
            opened.initialize()
    finally:
        opened.close()


def test_a_broken_settings_file_is_named_to_the_client(home: Path) -> None:
    home.mkdir()
    (home / "hybrid.yaml").write_text("learning:\n  high_value_threshold: 7\n")
    opened = StdioSession(home)
    try:
        with pytest.raises(RpcError, match=r"hybrid\.yaml: learning\.high_value_threshold"):
            opened.initialize()
    finally:
        opened.close()


def test_the_coordinator_leaves_when_idle_and_leaves_nothing(home: Path) -> None:
    with session(home, HYBRID_SERVING_IDLE_EXIT_SECONDS="0.2") as opened:
        owner = owner_of(home)
        opened.request("ping")
    wait_until(lambda: not _alive(owner), what="for the idle coordinator to leave")
    assert not (home / "run" / "coordinator.sock").exists()
    wait_until(lambda: processes_of(home) == [])


def test_stop_leaves_no_process(home: Path) -> None:
    with session(home) as opened:
        opened.request("ping")
    stopped = command(home, "stop")
    assert (stopped.returncode, stopped.stdout) == (0, "stopped\n")
    assert processes_of(home) == []
    again = command(home, "stop")
    assert (again.returncode, again.stdout) == (0, "not running\n")


def test_a_deep_home_has_its_socket_in_tmp_whatever_the_environment(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-directory-with-a-long-name"] * 5) / "home"
    with session(deep, cwd=tmp_path, XDG_RUNTIME_DIR=str(tmp_path)) as opened:
        assert opened.request("tools/list")["tools"]
        place = Path(json.loads(command(deep, "status", "--json").stdout)["socket"])
        assert place.parent == Path(f"/tmp/hybrid-coordinator-{os.getuid()}")
        assert place.parent.stat().st_mode & 0o777 == 0o700
        with session(deep, cwd=tmp_path) as second:
            assert second.request("hybrid/status")["connections"] == 2
    assert command(deep, "stop").returncode == 0
    assert not place.exists()


def test_requests_piped_in_at_once_are_all_answered(home: Path) -> None:
    lines = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": {"name": "pipe", "version": "1"}}},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
        {"jsonrpc": "2.0", "id": "3", "method": "ping"},
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, str(SERVER)],
        input="".join(json.dumps(line) + "\n" for line in lines),
        env=environment(home),
        cwd=home.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    answered = [json.loads(line)["id"] for line in done.stdout.splitlines()]
    assert sorted(answered, key=str) == [1, 2, "3"]


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        (b"this is no JSON", -32700, "not JSON"),
        (b"[1, 2]", -32600, "not a JSON-RPC"),
        (b'{"jsonrpc": "2.0", "id": 7, "method": 5}', -32600, "not a JSON-RPC"),
        (
            (
                b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"augment_query",'
                b'"arguments":{"query":"half a \\ud83d pair"}}}'
            ),
            -32602,
            "params.arguments.query",
        ),
        (b'{"jsonrpc": "2.0", "id": 7, "method": "no/such"}', -32601, "not found"),
        (
            b'{"jsonrpc":"2.0","id":7,"method":"ping","params":'
            + b"[" * 50_000
            + b"]" * 50_000
            + b"}",
            -32700,
            "not JSON we can read",
        ),
    ],
    ids=["no JSON", "an array", "no method name", "half a pair", "no such method", "nested"],
)
def test_a_malformed_line_is_answered_and_the_session_goes_on(
    home: Path, line: bytes, code: int, words: str
) -> None:
    with session(home) as opened:
        before = len(opened.messages)
        opened.send_line(line + b"\n")
        wait_until(lambda: len(opened.messages) > before)
        error = opened.messages[before]["error"]
        assert error["code"] == code
        assert words in error["message"]
        assert opened.request("tools/list")["tools"]


def test_the_bridge_stays_small(home: Path) -> None:
    with session(home) as opened:
        opened.request("ping")
        assert _proportional_memory(opened.process.pid) <= 20_000_000


def _alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def _proportional_memory(process_id: int) -> int:
    import psutil

    return int(psutil.Process(process_id).memory_full_info().pss)
