"""What this machine has for models: cores, memory, graphics memory, within a container's limits."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

_GB = 1024**3
_NVIDIA_SECONDS = 3.0
_KEEP_SECONDS = 5.0
_UNIFIED_SHARE = 2 / 3
"""Of Apple's unified memory, what the graphics part may use by default (Metal's recommended
working set)."""

_STRONG_VIDEO_GB = 5.5  # cards sold as 6 GB show a little less
_STRONG_CORES = 3.5
_STRONG_MEMORY_GB = 11.5  # 12 GB less what the kernel keeps

Preset = Literal["strong", "weak"]


@dataclass(frozen=True, slots=True)
class Hardware:
    """``cores`` may be a fraction in a container; memory is in GB (2^30 bytes), ``video_gb`` that
    of the largest graphics card or 0."""

    cores: float
    memory_gb: float
    video_gb: float = 0.0

    @property
    def preset(self) -> Preset:
        """The rules that fit: a model of 7 billion parameters (5 GB) runs well, or it does not."""
        if self.video_gb >= _STRONG_VIDEO_GB:
            return "strong"
        enough = self.cores >= _STRONG_CORES and self.memory_gb >= _STRONG_MEMORY_GB
        return "strong" if enough else "weak"


class Machine:
    """The machine as seen once, and its free memory as of a few seconds ago.

    ``root`` is where /proc and /sys are.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._hardware = Hardware(
            cores=min([_usable_cores(), *_core_limits(root)]),
            memory_gb=min([psutil.virtual_memory().total, *_memory_limits(root)]) / _GB,
            video_gb=max([*_amd_memory(root), _apple_memory()]) / _GB,
        )
        self._free_gb = 0.0
        self._looked_at = float("-inf")

    @property
    def hardware(self) -> Hardware:
        """What was seen so far: without an Nvidia card before ``look_for_nvidia``."""
        return self._hardware

    def free_memory_gb(self) -> float:
        """Memory that can be had without swapping; looked at every few seconds."""
        now = time.monotonic()
        if now - self._looked_at > _KEEP_SECONDS:
            self._looked_at = now
            free = [psutil.virtual_memory().available, *_memory_rooms(self._root)]
            self._free_gb = max(0, min(free)) / _GB
        return self._free_gb

    def look_for_nvidia(self) -> None:
        """Ask nvidia-smi, where there is one. Blocks for up to some seconds."""
        found = max([self._hardware.video_gb, *(size / _GB for size in _nvidia_memory())])
        self._hardware = Hardware(self._hardware.cores, self._hardware.memory_gb, found)


def _usable_cores() -> float:
    if sys.platform != "linux":
        return float(os.cpu_count() or 1)
    return float(len(os.sched_getaffinity(0)))


def _groups(root: Path) -> Iterator[Path]:
    """The control groups (version 2) that hold this process, from its own upwards."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    top = root / "sys/fs/cgroup"
    for line in lines:
        if line.startswith("0::"):
            inner = top / line[3:].strip().lstrip("/")
            yield inner
            yield from (each for each in inner.parents if each.is_relative_to(top))


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError):
        return ""


def _core_limits(root: Path) -> Iterator[float]:
    for group in _groups(root):
        quota, _, period = _read(group / "cpu.max").strip().partition(" ")
        if quota.isdigit() and period.isdigit() and int(period):
            yield int(quota) / int(period)


def _memory_limits(root: Path) -> Iterator[int]:
    for group in _groups(root):
        if (limit := _read(group / "memory.max").strip()).isdigit():
            yield int(limit)


def _memory_rooms(root: Path) -> Iterator[int]:
    """What is left within each limit. Cached files count as free: the kernel gives them up."""
    for group in _groups(root):
        limit = _read(group / "memory.max").strip()
        used = _read(group / "memory.current").strip()
        if limit.isdigit() and used.isdigit():
            stat = _read(group / "memory.stat").splitlines()
            cached = (line.split()[1] for line in stat if line.startswith("inactive_file "))
            yield int(limit) - int(used) + int(next(cached, "0"))


def _amd_memory(root: Path) -> Iterator[int]:
    for file in root.glob("sys/class/drm/card*/device/mem_info_vram_total"):
        if (size := _read(file).strip()).isdigit():
            yield int(size)


def _apple_memory() -> float:
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return _UNIFIED_SHARE * psutil.virtual_memory().total
    return 0.0


def _nvidia_memory() -> Iterator[int]:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return
    try:
        answer = subprocess.run(  # noqa: S603 - found on the PATH, and given nothing
            [tool, "--query-gpu=memory.total", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_NVIDIA_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return
    for line in answer.stdout.splitlines():
        if line.strip().isdigit():
            yield int(line) * 1024**2
