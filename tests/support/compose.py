"""The compose files, set up in a directory of their own and read by the programs that run them."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.stdio import CHECKOUT

COMPOSE = CHECKOUT / "compose"
Json = dict[str, Any]
EVERYTHING = ("--profile", "cpu", "--profile", "gpu", "--profile", "replicas")
_BIN = Path(sys.executable).parent
_NAMES = re.compile(r"(?<!\$)\$\{([A-Z_]+)(?::(-|\?)([^}]*))?\}")


def used_variables() -> dict[str, set[str]]:
    """The variables of compose.yaml, with the defaults that they have there."""
    found: dict[str, set[str]] = {}
    for name, sign, default in _NAMES.findall((COMPOSE / "compose.yaml").read_text()):
        found.setdefault(name, set()).update([default] if sign == "-" else [])
    return found


def set_up(directory: Path) -> Path:
    """A copy of compose/ with its .env and secrets, as `setup.sh` makes them."""
    ignored = shutil.ignore_patterns(".env", "secrets", "models", "projects", "config")
    stack = Path(shutil.copytree(COMPOSE, directory / "compose", ignore=ignored))
    subprocess.run([str(stack / "setup.sh")], check=True, timeout=60, capture_output=True)
    return stack


def environment() -> dict[str, str]:
    """That of a shell in which nothing is set that compose reads."""
    ours = (*used_variables(), "COMPOSE_", "DOCKER_")
    return {name: text for name, text in os.environ.items() if not name.startswith(tuple(ours))}


def docker_compose(stack: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The real docker-compose, for what needs no engine."""
    found = importlib.util.find_spec("compose")
    if found is None or found.origin is None:
        pytest.skip("docker-compose comes as a wheel for Python 3.11 on x86-64 Linux only")
    program = Path(found.origin).with_name("docker-compose")
    return _run(stack, [str(program), *arguments])


def podman_compose(stack: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """podman-compose, with the real podman."""
    if shutil.which("podman") is None:
        pytest.skip("podman is not installed")
    return _run(stack, [str(_BIN / "podman-compose"), *arguments])


def _run(stack: Path, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=stack,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def resolved(stack: Path) -> Json:
    """compose.yaml as docker compose understands it, every profile included."""
    done = docker_compose(stack, *EVERYTHING, "config", "--format", "json")
    assert done.returncode == 0, done.stderr
    answer: Json = json.loads(done.stdout)
    return answer


def as_written() -> Json:
    """compose.yaml as YAML has it: anchors merged, variables left as they stand."""
    content: Json = yaml.safe_load((COMPOSE / "compose.yaml").read_text())
    return content


def health_command(service: str, replaced: Mapping[str, str] | None = None) -> list[str]:
    """The command of a service's health check, with parts of it replaced."""
    kind, *command = as_written()["services"][service]["healthcheck"]["test"]
    assert kind == "CMD"
    for old, new in (replaced or {}).items():
        assert any(old in part for part in command), (old, command)
        command = [part.replace(old, new) for part in command]
    return [part.replace("$$", "$") for part in command]
