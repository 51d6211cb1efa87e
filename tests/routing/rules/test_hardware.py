"""Looking at the machine: containers' limits, graphics cards, and which preset fits."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil
import pytest

from hybrid_coordinator.routing.rules.hardware import Hardware, Machine

GB = 1024**3


@pytest.mark.parametrize(
    ("hardware", "preset"),
    [
        (Hardware(2, 8), "weak"),
        (Hardware(2, 64), "weak"),
        (Hardware(16, 8), "weak"),
        (Hardware(4, 15.6), "strong"),
        (Hardware(2, 8, video_gb=5.99), "strong"),
        (Hardware(8, 8, video_gb=4), "weak"),
    ],
)
def test_the_preset_fits_the_hardware(hardware: Hardware, preset: str):
    assert hardware.preset == preset


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_a_machine_without_limits_has_what_the_system_says(tmp_path: Path):
    machine = Machine(tmp_path)
    assert machine.hardware.cores == len(os.sched_getaffinity(0))
    assert machine.hardware.memory_gb == psutil.virtual_memory().total / GB
    assert machine.hardware.video_gb == 0
    assert 0 < machine.free_memory_gb() <= machine.hardware.memory_gb


def test_the_limits_of_the_container_and_of_those_around_it_count(tmp_path: Path):
    write(tmp_path / "proc/self/cgroup", "1:name=systemd:/x\n0::/outer/inner\n")
    groups = tmp_path / "sys/fs/cgroup"
    write(groups / "outer/inner/cpu.max", "max 100000\n")
    write(groups / "outer/cpu.max", "50000 100000\n")
    write(groups / "outer/inner/memory.max", f"{GB // 2}\n")
    write(groups / "outer/inner/memory.current", f"{GB // 4 + GB // 8}\n")
    write(groups / "outer/inner/memory.stat", f"anon 1\ninactive_file {GB // 16}\n")
    write(groups / "outer/memory.max", "max\n")
    machine = Machine(tmp_path)
    assert (machine.hardware.cores, machine.hardware.memory_gb) == (0.5, 0.5)
    assert machine.free_memory_gb() == 3 / 16


def test_what_makes_no_sense_is_passed_over(tmp_path: Path):
    write(tmp_path / "proc/self/cgroup", "0::/\n")
    write(tmp_path / "sys/fs/cgroup/cpu.max", "100000 0\n")
    write(tmp_path / "sys/fs/cgroup/memory.max", "a lot\n")
    write(tmp_path / "sys/class/drm/card0/device/mem_info_vram_total", "\n")
    assert Machine(tmp_path).hardware.preset == Machine(tmp_path / "none").hardware.preset


def test_the_largest_amd_card_counts(tmp_path: Path):
    for card, size in (("card0", 512 * 1024**2), ("card1", 8 * GB)):
        write(tmp_path / f"sys/class/drm/{card}/device/mem_info_vram_total", f"{size}\n")
    assert Machine(tmp_path).hardware.video_gb == 8
    assert Machine(tmp_path).hardware.preset == "strong"


@pytest.mark.parametrize(
    ("script", "gigabytes"),
    [
        ("echo 8188; echo 24564", 24564 / 1024),
        ("echo 'NVIDIA-SMI has failed'; exit 9", 0),
        ("echo '[N/A]'", 0),
        ("exec sleep 60", 0),
    ],
)
def test_nvidia_is_asked_for_its_memory_with_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, gigabytes: float
):
    tool = tmp_path / "bin/nvidia-smi"
    write(tool, f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    machine = Machine(tmp_path)
    assert machine.hardware.video_gb == 0
    began = time.monotonic()
    machine.look_for_nvidia()
    assert machine.hardware.video_gb == gigabytes
    assert time.monotonic() - began < 10
