"""The project as a whole: the gates bite, and the wheel works where no checkout is."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from hybrid_coordinator import __version__
from tests.support.stdio import CHECKOUT, environment

PACKAGE = "hybrid_coordinator"


@pytest.fixture(scope="module")
def gates() -> ModuleType:
    """scripts/check_gates.py as a module."""
    spec = importlib.util.spec_from_file_location(
        "check_gates", CHECKOUT / "scripts" / "check_gates.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


OPENING = '"""What this is for."""\n'
LONG_FUNCTION = "def f() -> None:\n" + "    print()\n" * 80
SWALLOWED = "try:\n    print()\nexcept Exception:\n    print()\n"
PADDING = "print()\n" * 400
"""Enough lines for what is counted by the thousand."""


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("print()\n" + OPENING, "docstring"),
        ("\n" + OPENING, "docstring"),
        (OPENING + "print()\n" * 600, "601 lines"),
        (OPENING + LONG_FUNCTION, "f() has 81 lines"),
        (OPENING + "x = 1  # type" + ": ignore[assignment]\n", "silenced"),
        (OPENING + SWALLOWED, "1 broad excepts"),
        (OPENING + SWALLOWED.replace("except Exception", "except"), "1 broad excepts"),
        (OPENING + SWALLOWED.replace("Exception", "(OSError, BaseException)"), "1 broad excepts"),
        (OPENING + "contextlib.suppress(Exception)\n", "1 broad excepts"),
        (OPENING + SWALLOWED, "needs its reason"),
        (OPENING + SWALLOWED.replace("ion:", "ion:  # noqa: BLE001"), "needs its reason"),
        (OPENING + "x: dict[str, Any]\ny: dict[str, Any]\n" + PADDING, "2 times dict[str, Any]"),
        (OPENING + "open('/ro" + "ot/x')\n", "one machine"),
    ],
)
def test_a_gate_bites(gates: ModuleType, tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / PACKAGE).mkdir()
    (tmp_path / PACKAGE / "bad.py").write_text(text)
    found = gates.problems(tmp_path, [f"{PACKAGE}/bad.py"])
    assert any(complaint in str(problem) for problem in found), found


def test_good_code_passes_the_gates(gates: ModuleType, tmp_path: Path) -> None:
    explained = SWALLOWED.replace("ion:", "ion:  # noqa: BLE001 - the thread must not die")
    text = "#!/usr/bin/env python3\n" + OPENING + explained + "x: dict[str, Any]\n" + PADDING
    (tmp_path / PACKAGE).mkdir()
    names = [f"{PACKAGE}/{name}.py" for name in ("one", "two", "three")]
    for name in names:
        (tmp_path / name).write_text(OPENING + PADDING)
    (tmp_path / names[0]).write_text(text)
    assert gates.problems(tmp_path, names) == []


def test_a_lock_file_names_no_registry(gates: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "package-lock.json").write_text('{\n"resolved": "a-host"\n}')
    assert len(gates.problems(tmp_path, ["package-lock.json"])) == 1


def test_the_changelog_opens_with_this_version() -> None:
    text = (CHECKOUT / "CHANGELOG.md").read_text()
    versions = re.findall(r"^## \[?(\d+\.\d+\.\d+)", text, re.MULTILINE)
    assert versions[:1] == [__version__]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution as a release is."""
    out = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(CHECKOUT)]
    done = subprocess.run(build, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_holds_every_file_of_the_package_and_its_data(wheel: Path) -> None:
    package = CHECKOUT / PACKAGE
    expected = {
        str(file.relative_to(CHECKOUT))
        for file in package.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    data = CHECKOUT / "collections"
    expected |= {
        f"{PACKAGE}/_collections/{file.relative_to(data)}"
        for file in data.rglob("*")
        if file.is_file()
    }
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        licenses = {Path(name).name for name in archive.namelist() if "/licenses/" in name}
    assert held == expected
    assert licenses == {"LICENSE", "NOTICE"}
    kinds = ["migrations/0001_ledger.sql", "/queries/", "_collections/seeds/", "model.safetensors"]
    kinds += ["dashboard/assets/index.html", "vendor/uplot/LICENSE", "vendor/lit-html/LICENSE"]
    assert [kind for kind in kinds if not any(kind in name for name in held)] == []


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin directory of an environment that holds the wheel and, by a path entry, its
    dependencies. The checkout is on no path of it."""
    root = tmp_path_factory.mktemp("elsewhere") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(root)], check=True)
    python = root / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--quiet"]
    subprocess.run([*pip, str(wheel)], check=True, timeout=120)
    (site,) = root.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + os.linesep)
    return root / "bin"


def run(installed: Path, home: Path, *arguments: str) -> str:
    done = subprocess.run(
        [str(installed / "hybrid-coordinator"), *arguments],
        cwd=home.parent,
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_installed_command_knows_its_version(installed: Path, wheel: Path, home: Path) -> None:
    assert run(installed, home, "--version").split() == ["hybrid-coordinator", __version__]
    assert wheel.name == f"hybrid_coordinator-{__version__}-py3-none-any.whl"


def test_the_installed_command_works_without_a_checkout(installed: Path, home: Path) -> None:
    where = "import hybrid_coordinator as it; print(it.__file__)"
    python = [str(installed / "python"), "-c", where]
    imported = subprocess.run(python, cwd=home.parent, capture_output=True, text=True, check=True)
    assert Path(imported.stdout.strip()).is_relative_to(installed.parent)

    source = home.parent / "project"
    source.mkdir()
    (source / "tax.py").write_text('def vat(net: float) -> float:\n    """Add the tax."""\n')
    found = json.loads(run(installed, home, "search", "add tax", "--path", str(source), "--json"))
    assert "tax.py" in json.dumps(found)
    run(installed, home, "doctor")
