"""The Containerfile: its steps, run here as they stand, and what its image runs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from hybrid_coordinator import __version__
from tests.operations.test_container_commands import free_port, until_healthy
from tests.support.compose import COMPOSE, as_written
from tests.support.stdio import CHECKOUT, environment

CONTAINERFILE = COMPOSE / "Containerfile"
BUILD, FINAL = 0, 1
READ_ONLY = """
mount --bind "$1" "$1" && mount -t tmpfs tmpfs /mnt && mount -o remount,bind,ro / || exit 90
touch "$2" 2>/dev/null && exit 91
shift 2
exec "$@"
"""
"""Runs a command where nothing can be written but its first argument and /mnt."""


def instructions(stage: int) -> list[tuple[str, str]]:
    """The instructions of a stage with their arguments, in order; continued lines joined."""
    text = re.sub(r"^#.*\n", "", CONTAINERFILE.read_text(), flags=re.MULTILINE)
    joined = text.replace("\\\n", " ")
    stages = re.split(r"^(?=FROM )", joined, flags=re.MULTILINE)[1:]
    parts = [line.partition(" ") for line in stages[stage].splitlines() if line.strip()]
    return [(name, re.sub(r" +", " ", rest)) for name, _, rest in parts]


def only(stage: int, name: str) -> str:
    (found,) = [rest for each, rest in instructions(stage) if each == name]
    return found


def health_command() -> list[str]:
    command: list[str] = json.loads(only(FINAL, "HEALTHCHECK").partition("CMD ")[2])
    return command


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """WORKDIR of the build stage once its commands have run. Dependencies are not installed a
    second time: those of this environment are put on the new one's path."""
    work = tmp_path_factory.mktemp("workdir")
    for name, rest in instructions(BUILD):
        if name == "COPY":
            *sources, target = rest.split()
            for source in sources:
                copy(CHECKOUT / source, work / target)
        elif name == "RUN":
            # Nothing but what pip installs and `python` may come from this environment.
            paths = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
            given = environment(work / "home", PATH=paths)
            if "venv/bin/python" in rest:
                given |= {"PIP_NO_DEPS": "1"}
            done = subprocess.run(
                ["sh", "-c", rest], cwd=work, env=given, capture_output=True, timeout=400, text=True
            )
            assert done.returncode == 0, done.stdout + done.stderr
    (site,) = work.glob("venv/lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + os.linesep)
    return work


def copy(source: Path, target: Path) -> None:
    """As COPY does, of what .dockerignore lets into the context."""
    allowed = [line[1:] for line in dockerignore() if line.startswith("!")]
    assert source.name in allowed, f"{source.name} is not in the context"
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def dockerignore() -> list[str]:
    lines = (CHECKOUT / ".dockerignore").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_the_linter_finds_nothing() -> None:
    program = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [str(program), str(CONTAINERFILE)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout


def test_the_context_is_what_is_named_and_nothing_else() -> None:
    first, *others = dockerignore()
    assert first == "*"
    copied = {
        source
        for name, rest in instructions(BUILD)
        if name == "COPY"
        for source in rest.split()[:-1]
    }
    assert {line.removeprefix("!") for line in others} == copied | {"**/__pycache__"}


def test_the_wheel_is_installed_whole_and_without_pip(built: Path) -> None:
    wheels = [file.name for file in (built / "dist").iterdir()]
    assert wheels == [f"hybrid_coordinator-{__version__}-py3-none-any.whl"]
    (site,) = built.glob("venv/lib/python*/site-packages")
    package = CHECKOUT / "hybrid_coordinator"
    expected = {
        str(file.relative_to(package))
        for file in package.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    held = {
        str(file.relative_to(site / "hybrid_coordinator"))
        for file in (site / "hybrid_coordinator").rglob("*")
        if file.is_file() and not {"__pycache__", "_collections"} & set(file.parts)
    }
    assert held == expected
    # Where the file system is read-only, byte code that is not there would be made at each start.
    assert list((site / "hybrid_coordinator" / "__pycache__").glob("coordinator.*.pyc"))
    assert not (site / "pip").exists()


def test_the_image_has_a_user_without_rights_and_no_source() -> None:
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", only(FINAL, "USER"))
    last_run = max(i for i, (name, _) in enumerate(instructions(FINAL)) if name == "RUN")
    names = [name for name, _ in instructions(FINAL)]
    assert names.index("USER") > last_run
    assert only(FINAL, "COPY") == "--from=build /opt/hybrid/venv /opt/hybrid/venv"
    # A virtual environment works at the place that it was made at.
    assert only(BUILD, "WORKDIR") == "/opt/hybrid"
    assert "HYBRID_HOME=/data" in only(FINAL, "ENV")


def test_both_check_health_alike() -> None:
    kind, *command = as_written()["services"]["coordinator"]["healthcheck"]["test"]
    assert (kind, command) == ("CMD", health_command())
    assert only(FINAL, "EXPOSE") == "8770"


@pytest.fixture
def in_container(
    built: Path, tmp_path: Path, dsn: str
) -> Iterator[tuple[dict[str, str], str, subprocess.Popen[bytes]]]:
    """The image's command in its environment (on another port and in another home), with the
    record that compose gives it, and a file system that is read-only but for its home and a
    place for temporary files: the environment, the port, and the process."""
    port, data = free_port(), tmp_path / "data"
    data.mkdir()
    (tmp_path / "database_url").write_text(dsn)
    service = as_written()["services"]["coordinator"]["environment"]
    assert service["DATABASE_URL_FILE"] == "/run/secrets/database_url"
    given = environment(
        data,
        DATABASE_URL_FILE=str(tmp_path / "database_url"),
        HYBRID_INFERENCE_ENABLED="false",
        PATH=f"{built / 'venv' / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin",
    )
    given |= dict(re.findall(r"(PYTHON\w+)=(\S+)", only(FINAL, "ENV")))
    command = [*json.loads(only(FINAL, "ENTRYPOINT")), *json.loads(only(FINAL, "CMD"))]
    command = [part.replace("8770", port) for part in command]
    command[0] = str(built / "venv" / "bin" / command[0])
    with subprocess.Popen(
        [*read_only(data, tmp_path / "touched"), *command],
        cwd=data,
        env=given | {"TMPDIR": "/mnt"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield given, port, process
        finally:
            process.terminate()
            assert process.wait(60) == 0


def read_only(home: Path, beside: Path) -> list[str]:
    """What a command is put behind to run as in a container whose file system is read-only."""
    if shutil.which("unshare") is None:
        pytest.skip("there are no mount namespaces here")
    rights = [] if os.geteuid() == 0 else ["--map-root-user"]
    own = ["unshare", "--mount", "--propagation", "private", *rights]
    return [*own, "sh", "-c", READ_ONLY, "sh", str(home), str(beside)]


def test_the_image_serves_and_gives_out_the_first_token(
    built: Path, in_container: tuple[dict[str, str], str, subprocess.Popen[bytes]]
) -> None:
    given, port, process = in_container
    check = [part.replace("8770", port) for part in health_command()]
    check[0] = str(built / "venv" / "bin" / check[0])
    until_healthy(check, process)
    inside = [str(built / "venv" / "bin" / "hybrid-coordinator")]
    done = subprocess.run(
        [*inside, *first_token()], env=given, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    secret = done.stdout.splitlines()[0]
    assert secret.startswith("hc_")


def first_token() -> list[str]:
    """What README.md has an operator run in the container."""
    page = (COMPOSE / "README.md").read_text()
    shown = r"exec -T coordinator hybrid-coordinator (tokens create .*?) \|"
    (arguments,) = re.findall(shown, page)
    return str(arguments).split()
