"""The command line by hand: what each command prints, as text and as JSON, and its exit status."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from hybrid_coordinator import composition
from hybrid_coordinator.errors import OwnershipError, UnavailableError
from hybrid_coordinator.home import Home
from hybrid_coordinator.serving import cli
from hybrid_coordinator.serving.cli import checkup, demo
from hybrid_coordinator.serving.client import Client
from hybrid_coordinator.serving.ownership import Ownership
from tests.support.stdio import command, owner_of, processes_of, session


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    root.mkdir()
    (root / "invoice.py").write_text(
        'def invoice_total(lines, rate):\n    """The amount due with tax."""\n'
        "    return sum(lines) * (1 + rate)\n"
    )
    return root


def printed_json(done: object) -> object:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_index_and_search(home: Path, project: Path) -> None:
    first = printed_json(command(home, "index", str(project), "--json"))
    assert (first["files"], first["unchanged"]) == (1, 0)
    again = command(home, "index", str(project))
    assert again.stdout.startswith("0 files indexed into 0 chunks, 1 unchanged")
    assert again.stderr == "", "no progress bar in a pipe"

    (project / "mail.py").write_text("def send_reminder(address):\n    return address\n")
    found = printed_json(
        command(home, "search", "send a reminder", "--path", str(project), "--json", "--limit", "1")
    )
    assert [item["source"] for item in found["items"]] == ["mail.py:1-2"]
    shown = command(home, "search", "invoice_total", "--path", str(project))
    assert "invoice.py:1-3" in shown.stdout
    assert "    def invoice_total(lines, rate):" in shown.stdout

    missing = command(home, "index", str(project / "nowhere"))
    assert (missing.returncode, missing.stdout) == (1, "")
    assert missing.stderr.startswith("error: PATH: ")


def test_stats_export_and_collections(home: Path, tmp_path: Path) -> None:
    with session(home) as opened:
        tracked = opened.tool(
            "track_interaction",
            query="fix the parser",
            response="done",
            agent_type="remote",
            model_used="m",
            tokens_used=7,
        )
        opened.tool("update_outcome", **tracked, outcome="partial", evidence="pytest: 1 failed")
        opened.tool(
            "store_knowledge", collection="best-practices", title="Test first", content="Do."
        )
        opened.tool("search_knowledge", query="anything")  # waits for the projection
    totals = printed_json(command(home, "stats", "--json"))
    assert totals["interactions"] == 1
    assert totals["outcomes"]["partial"] == 1
    assert totals["tokens_remote"] == 7
    assert "interactions" in command(home, "stats").stdout

    output = tmp_path / "export.jsonl"
    assert command(home, "export", "--output", str(output)).returncode == 0
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row["type"] for row in rows] == ["interaction", "knowledge"]
    assert rows[0]["outcome"] == {
        "kind": "partial",
        "feedback": 0,
        "evidence": "pytest: 1 failed",
        "source": "stated",
        "confidence": 1.0,
    }
    refused = command(home, "export", "--output", str(tmp_path / "no" / "such" / "file"))
    assert (refused.returncode, refused.stdout) == (1, "")

    listed = printed_json(command(home, "collections", "--json"))["collections"]
    points = {one["name"]: one["points"] for one in listed}
    assert points["interaction-history"] == points["best-practices"] == 1
    assert "best-practices" in command(home, "collections").stdout


def test_route_needs_no_model(home: Path, tmp_path: Path) -> None:
    decision = printed_json(command(home, "route", "format this JSON", "--json"))
    assert set(decision) >= {"target", "tier", "task_type", "complexity", "score", "reason"}
    assert decision["tier"] in command(home, "route", "format this JSON").stdout

    file = tmp_path / "prompts.jsonl"
    rows = [
        {"id": "a", "prompt": "hi"},
        {"id": 2, "messages": [{"role": "user", "content": "Design a distributed database"}]},
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = command(home, "route", "--jsonl", str(file))
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["id"] for line in lines] == ["a", 2]
    assert all(set(line) == {"id", "score", "tier", "task_type", "complexity"} for line in lines)
    assert all(0 <= line["score"] <= 1 for line in lines)

    file.write_bytes('{"id": "\u2028", "prompt": "a\u2028b\x85c"}\r\n'.encode())
    assert printed_json(command(home, "route", "--jsonl", str(file)))["id"] == "\u2028"

    for bad in ('{"prompt": "no id"}', "[" * 100_000):
        file.write_text(f'{{"id": 1, "prompt": "fine"}}\n{bad}\n')
        refused = command(home, "route", "--jsonl", str(file))
        assert refused.returncode == 1
        assert refused.stderr.startswith("error: --jsonl: line 2 ")


def test_ask_without_a_model_says_what_was_probed_and_how_to_start_one(home: Path) -> None:
    nobody = {
        "HYBRID_INFERENCE_LLAMA_CPP": "http://127.0.0.1:9",
        "OLLAMA_BASE_URL": "http://127.0.0.1:9",
    }
    asked = command(home, "ask", "hello", **nobody)
    assert asked.returncode == 1
    assert "http://127.0.0.1:9 [llama.cpp]: down" in asked.stderr
    assert "Start one: " in asked.stderr


def test_doctor_tells_a_working_installation_from_a_broken_one(home: Path) -> None:
    healthy = printed_json(command(home, "doctor", "--json"))
    assert healthy["ok"]
    parts = {part["name"]: part for part in healthy["parts"]}
    for name in ("home", "coordinator", "postgres", "qdrant", "embedder", "collections"):
        assert parts[name]["ok"], parts[name]
    assert parts["routing rules"]["ok"]
    assert parts["remote models"]["detail"] == "off: remote.models names none"
    assert "claude mcp add hybrid-coordinator -- " in parts["claude code"]["remedy"]
    assert command(home, "stop").returncode == 0

    (home / "hybrid.yaml").write_text("embedding: {provider: none-such}\n")
    broken = command(home, "doctor")
    assert broken.returncode == 1
    assert "FAIL  coordinator" in broken.stdout
    assert "embedding.provider" in broken.stdout
    (home / "hybrid.yaml").unlink()


def test_doctor_sees_the_server_of_the_plugin_and_that_it_is_there_twice(home: Path) -> None:
    settings = home.parent / "claude"
    settings.mkdir()
    there = {"CLAUDE_CONFIG_DIR": str(settings)}

    def claude_code() -> Any:
        parts = printed_json(command(home, "doctor", "--json", **there))["parts"]
        (found,) = (part for part in parts if part["name"] == "claude code")
        return found

    (settings / ".claude.json").write_text("{}")
    assert "claude mcp add" in claude_code()["remedy"]
    assert command(home, "install", "claude-code", "--yes", **there).returncode == 0
    assert claude_code()["ok"]
    entry = {"mcpServers": {"hybrid-coordinator": {"command": sys.executable}}}
    (settings / ".claude.json").write_text(json.dumps(entry))
    found = claude_code()
    assert not found["ok"]
    assert found["remedy"] == "claude mcp remove hybrid-coordinator"
    assert command(home, "uninstall", "claude-code", "--yes", **there).returncode == 0
    assert claude_code()["ok"]


def test_status(home: Path) -> None:
    stopped = command(home, "status", "--json")
    assert (stopped.returncode, json.loads(stopped.stdout)["running"]) == (1, False)
    with session(home) as opened:
        opened.tool("search_knowledge", query="anything")
        running = printed_json(command(home, "status", "--json"))
        assert (running["running"], running["connections"], running["engines"]) == (True, 1, "up")


def test_a_wrong_call_is_a_usage_error(home: Path) -> None:
    for arguments in ((), ("no-such-command",), ("search",), ("route",)):
        assert command(home, *arguments).returncode == 2


def test_a_coordinator_whose_socket_is_gone_is_named_and_stopped(home: Path) -> None:
    with session(home) as opened:
        opened.tool("search_knowledge", query="anything")
        owner = owner_of(home)
        (home / "run" / "coordinator.sock").unlink()
        status = command(home, "status")
        assert status.returncode == 1
        assert f"process {owner} owns it but does not answer" in status.stdout
    found = json.loads(command(home, "status", "--json").stdout)
    assert (found["running"], found["silent_owner"]) == (False, owner)
    stopped = command(home, "stop")
    assert (stopped.returncode, stopped.stdout) == (0, "stopped\n")
    assert processes_of(home) == []
    assert command(home, "status").stdout.startswith("not running")


def test_nobody_can_take_a_home_while_its_leftovers_are_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def stop_leftovers(home: Home) -> bool:
        with pytest.raises(OwnershipError):
            Ownership.take(home)
        asked.append(home.root)
        return False

    monkeypatch.setenv("HYBRID_HOME", str(tmp_path))
    monkeypatch.setattr(composition, "stop_leftovers", stop_leftovers)
    assert cli.main(["stop"]) == 0
    assert asked == [tmp_path]
    Ownership.take(Home(tmp_path)).release()


def test_half_a_line_of_a_dying_coordinator_is_its_end() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b'{"jsonrpc": "2.0", "id"')
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(UnavailableError, match="closed the connection"):
            Client(ours)


def test_the_demo_does_not_use_the_engines_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_BASE_URL", "http://model")
    engines = ("DATABASE_URL", "QDRANT_URL", "HYBRID_STORAGE_QDRANT_URL")
    for name in (*engines, "HYBRID_EMBEDDING_API_KEY"):
        monkeypatch.setenv(name, "the user's")
    environment = demo.environment_of("/throw-away")
    assert "the user's" not in environment.values()
    assert environment["OLLAMA_BASE_URL"] == "http://model"
    assert environment["HYBRID_HOME"] == "/throw-away"


def test_a_path_with_spaces_stays_one_argument(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package = tmp_path / "my code" / "hybrid_coordinator" / "serving" / "cli"
    monkeypatch.setattr(checkup, "__file__", str(package / "checkup.py"))
    monkeypatch.setattr(sys, "executable", "/my tools/python")
    assert checkup.server_command() == ["/my tools/hybrid-coordinator", "mcp"]
    server = tmp_path / "my code" / "server.py"
    server.parent.mkdir()
    server.touch()
    assert checkup.server_command() == [str(server)]

    monkeypatch.setenv("HYBRID_HOME", "/proc/no-home")
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path))
    cli.main(["doctor"])
    assert f"-- '{server}'\n" in capsys.readouterr().out
