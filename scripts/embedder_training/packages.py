"""The packages that are learned from: which they are, and getting them from their registries."""

from __future__ import annotations

import csv
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MANIFEST = Path(__file__).parent / "packages.tsv"
EXCLUDED = Path(__file__).parent / "excluded.txt"

_MINUTES = 5


@dataclass(frozen=True, slots=True)
class Package:
    """A package of a registry. ``use`` is ``train``, or ``held out`` for those to measure on."""

    ecosystem: str
    name: str
    version: str
    licence: str
    sha256: str
    use: str

    @property
    def label(self) -> str:
        """The package's name among those of all registries."""
        return f"{self.ecosystem}:{self.name}"


def manifest() -> list[Package]:
    """Every package of the manifest, in its order."""
    with MANIFEST.open(encoding="utf-8", newline="") as file:
        return [Package(**row) for row in csv.DictReader(file, delimiter="\t")]


def excluded() -> frozenset[str]:
    """Keys of examples that the questions we measure with are about."""
    return frozenset(EXCLUDED.read_text(encoding="utf-8").split())


def fetch(package: Package, folder: Path) -> Path:
    """The package's archive in ``folder``, got by its registry's own client if it is not there.

    Raises:
        ValueError: what the registry gave is not what the manifest says.
        CalledProcessError: the client failed.
    """
    target = folder / f"{package.sha256[:16]}.{package.ecosystem}"
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        found = _download(package, Path(temporary))
        if found is None:
            raise ValueError(f"{package.label} {package.version}: no archive with its checksum")
        shutil.move(found, target)
    return target


def _download(package: Package, folder: Path) -> Path | None:
    subprocess.run(
        _command(package, folder),
        cwd=folder,
        check=True,
        timeout=60 * _MINUTES,
        stdout=subprocess.DEVNULL,
    )
    return next((file for file in sorted(folder.rglob("*")) if _is(file, package)), None)


def _is(file: Path, package: Package) -> bool:
    return file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == package.sha256


def _command(package: Package, folder: Path) -> Sequence[str]:
    name, version = package.name, package.version
    if package.ecosystem == "pypi":  # pip would build the metadata of every one
        return ["unearth", "--no-binary", "--download", ".", f"{name}=={version}"]
    if package.ecosystem == "npm":
        return ["npm", "pack", "--silent", f"{name}@{version}"]
    if package.ecosystem == "go":
        module = f"{name}@{version}"
        return ["env", f"GOMODCACHE={folder}/go", "go", "mod", "download", "-modcacherw", module]
    if package.ecosystem == "maven":
        artifact = f"{name}:{version}:jar:sources"
        get = ["mvn", "-q", "-B", "dependency:get", f"-Dartifact={artifact}", "-Dtransitive=false"]
        return [*get, f"-Dmaven.repo.local={folder}/maven"]
    if package.ecosystem == "crates":
        manifest_file = folder / "Cargo.toml"
        manifest_file.write_text(
            '[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n'
            '[lib]\npath = "lib.rs"\n'
            f'[dependencies]\n{name} = {{ version = "={version}", default-features = false }}\n'
        )
        (folder / "lib.rs").touch()
        return ["env", f"CARGO_HOME={folder}/cargo", "cargo", "fetch"]
    # The archives of Debian's sources; "deb-src" has to be among apt's sources.
    return ["apt-get", "source", "--download-only", name]
