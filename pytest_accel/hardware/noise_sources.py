"""What makes measurements on this machine scatter, each with its remedy. What Linux tells."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pytest_accel import hardware
from pytest_accel.hardware.other_programs import OtherPrograms
from pytest_accel.records import Kind

CPU = Path("/sys/devices/system/cpu")
PROC = Path("/proc")

WATCHED_S = 1.0
"""How long to watch what other programs do."""

STOLEN = 0.01
"""Share of the CPU's time that went to other guests of the host, since this one started."""


class NoiseSource(NamedTuple):
    """What disturbs, in a sentence, and what to do."""

    description: str
    remedy: str


def noise_sources(max_others_share: float) -> list[NoiseSource]:
    """All that can be seen now; it takes a second to watch other programs. Never raises.

    ``max_others_share`` is the share of the machine that they may use without a word.
    """
    return [*_clock(), *_others(max_others_share), *_swap(), *_stolen(), *_gpu()]


def _clock() -> Iterator[NoiseSource]:
    governor = _read(CPU / "cpu0/cpufreq/scaling_governor")
    if governor and governor != "performance":
        yield NoiseSource(
            f"the CPU's clock follows its load (governor {governor})",
            "sudo cpupower frequency-set --governor performance",
        )
    for file, on in ((CPU / "intel_pstate/no_turbo", "0"), (CPU / "cpufreq/boost", "1")):
        if _read(file) == on:
            off = "1" if on == "0" else "0"
            yield NoiseSource(
                "the CPU's clock rises while it is cool (turbo)", f"echo {off} | sudo tee {file}"
            )


def _others(max_share: float) -> Iterator[NoiseSource]:
    remedy = "end them, wait, or compare environments in turns with --accel-against"
    programs = OtherPrograms()
    time.sleep(WATCHED_S)
    usage = programs.usage()
    load = hardware.conditions(Kind.CPU, ()).load_average
    if usage is not None and usage.share > max_share:
        yield NoiseSource(f"other programs use {usage.share:.0%} of the CPU ({usage})", remedy)
    elif usage is None and load is not None and load > hardware.BUSY_DURING_RUN_LOAD:
        yield NoiseSource(f"other processes run (a load of {load:.1f} per core over the last minute)", remedy)


def _swap() -> Iterator[NoiseSource]:
    sizes = {}
    for line in _read(PROC / "meminfo").splitlines():
        name, _, rest = line.partition(":")
        number = rest.split()[:1]
        if number and number[0].isdecimal():
            sizes[name] = int(number[0])
    used = sizes.get("SwapTotal", 0) - sizes.get("SwapFree", 0)
    if used > 0:
        yield NoiseSource(
            f"memory was swapped out ({used / 2**20:.1f} GiB)",
            "sudo swapoff --all, and end what takes the memory",
        )


def _stolen() -> Iterator[NoiseSource]:
    """The first line of /proc/stat: jiffies of user, nice, system, idle, iowait, irq, softirq, steal."""
    fields = _read(PROC / "stat").partition("\n")[0].split()[1:9]
    if len(fields) == 8 and all(field.isdecimal() for field in fields):
        jiffies = [int(field) for field in fields]
        busy = sum(jiffies) - jiffies[3] - jiffies[4]
        if busy and jiffies[7] / busy > STOLEN:
            yield NoiseSource(
                f"other guests of this host took {jiffies[7] / busy:.0%} of the time that this one would run",
                "take a dedicated host, or compare environments in turns with --accel-against",
            )


def _gpu() -> Iterator[NoiseSource]:
    seen = hardware.conditions(Kind.GPU, ())
    if seen.throttle_reasons:
        yield NoiseSource(
            f"the GPU throttles ({', '.join(seen.throttle_reasons)})",
            "cool it, or lock a clock that it can hold: sudo nvidia-smi --lock-gpu-clocks=MHZ",
        )
    if seen.foreign_processes:
        yield NoiseSource(f"others use the GPU ({', '.join(seen.foreign_processes)})", "end them")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
