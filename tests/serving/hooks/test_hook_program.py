"""The program that Claude Code runs: it hands the event on, and never breaks a session."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hybrid_coordinator.home import Home
from hybrid_coordinator.learning.capture.events import read_event
from tests.support.hooks import HOOK, Telling, hook_command, run_hook
from tests.support.stdio import processes_of, wait_until

STOP = Telling().payload("Stop", last_assistant_message="done ü", prompt_id="p1")
PROMPT = Telling().payload("UserPromptSubmit", prompt="fix it", prompt_id="p1")


def inbox(home: Path) -> list[Path]:
    return sorted((home / "inbox").iterdir())


def call(home: Path) -> None:
    """Connect to the coordinator, and hang up."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.connect(str(Home(home).socket_path))
        client.shutdown(socket.SHUT_WR)
        while client.recv(1 << 16):
            pass


@contextmanager
def a_coordinator_that(home: Path, answers: bytes) -> Iterator[list[bytes]]:
    """A socket in the place of the coordinator's. It takes a connection up, says ``answers`` and
    hangs up, or hangs where there are none; what it was told is in the list at the end."""
    place = Home(home).socket_path
    place.parent.mkdir(parents=True, mode=0o700)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(place))
    listener.listen()
    listener.settimeout(60)
    told: list[bytes] = []

    def serve() -> None:
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            return  # the machine was so busy that the hook gave up before it called
        with connection, connection.makefile("rb") as lines:
            if answers:
                connection.sendall(answers)
                connection.shutdown(socket.SHUT_WR)
            told.extend(lines)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield told
    finally:
        thread.join(120)
        listener.close()


def test_without_a_coordinator_the_event_is_in_the_inbox_whole(tmp_path: Path) -> None:
    done = run_hook(tmp_path, "note", STOP)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    (file,) = inbox(tmp_path)
    carried = json.loads(file.read_bytes())
    assert carried["event"] == STOP
    assert file.name == f"{carried['key']}.json"
    event = read_event(file.read_bytes(), str)
    assert event is not None
    assert event.content["response"] == "done ü"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_events_of_one_instant_get_names_of_their_own(tmp_path: Path) -> None:
    running = [
        subprocess.Popen(hook_command(tmp_path, "note"), stdin=subprocess.PIPE) for _ in range(8)
    ]
    for each in running:
        each.communicate(json.dumps(STOP).encode(), timeout=60)
    assert len(inbox(tmp_path)) == 8


@pytest.mark.parametrize(
    "told",
    [b"", b"  \n", b"garbage \xff\x00", b'{"session_id": 1}', b'{\n  "pretty": true\r\n}\n'],
)
@pytest.mark.parametrize("word", ["note", "ask"])
def test_whatever_it_is_told_it_ends_well_and_says_nothing(
    tmp_path: Path, told: bytes, word: str
) -> None:
    home = tmp_path / "home"
    (home / "inbox").mkdir(parents=True)
    with a_coordinator_that(home, b""):
        done = run_hook(home, word, told, seconds=0.5)
        if not told.strip():
            call(home)  # it said nothing
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert len(inbox(home)) == bool(told.strip())
    assert all(file.read_bytes().count(b"\n") == 1 for file in inbox(home))


def test_a_call_with_wrong_arguments_ends_well_and_says_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(HOOK)], input=b"{}", capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_home_that_cannot_be_made_breaks_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = run_hook(tmp_path / "file" / "home", "note", STOP)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_full_disk_breaks_nothing_and_leaves_no_half_of_a_file(tmp_path: Path) -> None:
    # RLIMIT_FSIZE stands in for the disk: the write ends short, or with an error.
    limited = f"ulimit -f 1; exec {shlex.join(hook_command(tmp_path, 'note'))}"
    event = json.dumps(STOP | {"last_assistant_message": "x" * 100_000}).encode()
    done = subprocess.run(["bash", "-c", limited], input=event, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert inbox(tmp_path) == []


def test_a_coordinator_that_hangs_costs_the_wait_and_no_event(tmp_path: Path) -> None:
    with a_coordinator_that(tmp_path, b"") as told:
        done = run_hook(tmp_path, "ask", PROMPT, seconds=5)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert len(told) == 2
    (file,) = inbox(tmp_path)
    assert file.read_bytes() == told[1]


GREETING = b'{"hybrid_coordinator": {"version": "1"}}\n'
OUTPUT = b'{"hookSpecificOutput": {"additionalContext": "use a lock"}}\n'


def test_what_is_stored_is_not_left_in_the_inbox_too(tmp_path: Path) -> None:
    with a_coordinator_that(tmp_path, GREETING + b"stored\n"):
        done = run_hook(tmp_path, "note", STOP)
    assert done.stdout == b""
    assert not (tmp_path / "inbox").exists()


def test_context_is_printed_and_its_printing_told(tmp_path: Path) -> None:
    with a_coordinator_that(tmp_path, GREETING + b"stored\n" + OUTPUT) as told:
        done = run_hook(tmp_path, "ask", PROMPT)
    assert done.stdout == OUTPUT
    assert told[2:] == [b"shown\n"]


def test_half_of_a_context_is_none(tmp_path: Path) -> None:
    with a_coordinator_that(tmp_path, GREETING + b"stored\n" + OUTPUT[:-9]) as told:
        done = run_hook(tmp_path, "ask", PROMPT)
    assert done.stdout == b""
    assert len(told) == 2


def test_a_coordinator_of_another_version_that_knows_no_hooks_stores_nothing(
    tmp_path: Path,
) -> None:
    refusal = b'{"jsonrpc": "2.0", "id": null, "error": {"code": -32600, "message": "no"}}\n'
    with a_coordinator_that(tmp_path, GREETING + refusal):
        done = run_hook(tmp_path, "ask", PROMPT)
    assert done.stdout == b""
    assert len(inbox(tmp_path)) == 1


@pytest.mark.parametrize("depth", [0, 12])
def test_it_knows_where_the_coordinator_listens(tmp_path: Path, depth: int) -> None:
    home = tmp_path.joinpath(*["a-directory"] * depth) / "hö me"
    ask = f"import sys; sys.path.insert(0, {str(HOOK.parent)!r}); import hook"
    printed = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"{ask}; print(hook.socket_path({str(home)!r}))"],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONUTF8": "1", "LC_ALL": "C.UTF-8"},
    )
    assert printed.stdout.strip() == str(Home(home).socket_path)


def test_a_socket_in_a_directory_that_others_can_write_is_not_spoken_to(tmp_path: Path) -> None:
    with a_coordinator_that(tmp_path, GREETING + b"stored\n"):
        folder = Home(tmp_path).socket_path.parent
        folder.chmod(0o777)
        run_hook(tmp_path, "note", STOP)
        folder.chmod(0o700)
        call(tmp_path)
    assert len(inbox(tmp_path)) == 1


def test_a_session_that_starts_wakes_the_coordinator_and_does_not_wait_for_it(home: Path) -> None:
    done = run_hook(home, "wake", Telling().payload("SessionStart", source="startup"))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    wait_until(
        lambda: any("serving.daemon" in line for line in processes_of(home)),
        timeout=60,
        what="for a coordinator",
    )
    wait_until(
        lambda: not list((home / "inbox").glob("*.json")), timeout=60, what="for the inbox to empty"
    )


def test_no_project_can_put_a_module_in_the_programs_way(tmp_path: Path) -> None:
    (tmp_path / "os.py").write_text("raise SystemExit(7)")
    (tmp_path / "time.py").write_text("raise SystemExit(7)")
    done = subprocess.run(
        hook_command(tmp_path / "home", "note"),
        input=json.dumps(STOP).encode(),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONHOME": ""},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(inbox(tmp_path / "home")) == 1


def test_it_loads_nothing_of_the_package_and_little_of_the_library() -> None:
    ask = f"import sys; sys.path.insert(0, {str(HOOK.parent)!r}); import hook; print(*sys.modules)"
    printed = subprocess.run(
        [sys.executable, "-I", "-S", "-c", ask], capture_output=True, text=True, check=True
    )
    loaded = set(printed.stdout.split())
    assert not loaded & {"hybrid_coordinator", "json", "re", "socket", "pathlib", "enum"}
