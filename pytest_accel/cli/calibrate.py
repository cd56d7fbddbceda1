"""``pytest-accel calibrate``: how much unchanged benchmarks vary on this machine."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import math
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from pytest_accel.analysis.formatting import count, one_line
from pytest_accel.analysis.metrics.steps import run_step_time_s
from pytest_accel.analysis.rules import calibration, paired
from pytest_accel.analysis.rules.calibration import Estimate, Floors
from pytest_accel.analysis.rules.disturbance import MAX_OTHERS_SHARE, clean_blocks, is_disturbed
from pytest_accel.analysis.rules.variance import FULL_BLOCKS
from pytest_accel.api.options import seconds
from pytest_accel.baselines.store import BaselineStore
from pytest_accel.cli import CommandResult
from pytest_accel.cli.pytest_settings import settings_file
from pytest_accel.hardware.gpu_watch import GpuWatch
from pytest_accel.hardware.other_programs import OtherPrograms
from pytest_accel.records import Kind, Steps
from pytest_accel.records.json_codec import encode
from pytest_accel.records.noise import GpuState, MachineNoise, Sitting
from pytest_accel.records.user_error import UserError
from pytest_accel.reports.common.json_reader import Report, load, report
from pytest_accel.worker import provenance

RUNS = 3
"""Of a session: as many as a baseline is advised to have."""

MIN_SESSIONS = 2
"""Of either kind, however little time there is."""


AS_IT_IS = "--accel-wait=0"
"""With it, pairs count also if other programs used the CPU meanwhile."""

SAMPLED_EVERY_S = 1.0
"""The state of the GPUs, from outside of the processes that are timed."""

STEADY_CLOCK = 0.01
"""A clock that moves by no more than this fraction while the GPU is busy is called steady."""


def add(commands: Any, shared: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "calibrate",
        parents=[shared],
        help="measure how much unchanged benchmarks vary on this machine",
        description="Repeat unchanged benchmarks, and save how much their step times vary in noise.json, "
        "beside the baselines of this hardware. Commit it. Repeat this on other days: each call adds to it.",
    )
    parser.add_argument(
        "arguments",
        nargs="+",
        metavar="PYTEST_ARGUMENT",
        help="benchmarks to repeat, and options of pytest after --, such as `benchmarks/ -- --accel=gpu`",
    )
    parser.add_argument(
        "--minutes",
        type=_minutes,
        default=10.0,
        metavar="N",
        help=f"begin no further session after this time, but take {MIN_SESSIONS} of either kind",
    )
    parser.set_defaults(answer=answer)


def answer(options: argparse.Namespace) -> CommandResult:
    """Raises UserError for sessions that fail, and for benchmarks that cannot be calibrated with.

    What was seen until then is saved all the same, also if the user ends it.
    """
    seen = _Seen()
    # As from CI's own time limit. An exception at any moment could leave a session that just starts behind.
    before = signal.signal(signal.SIGTERM, lambda _signal, _frame: seen.ended.set())
    with tempfile.TemporaryDirectory() as folder:
        try:
            _repeat(options, folder, seen)
        except (UserError, KeyboardInterrupt, SystemExit):
            if seen.store is not None and seen.is_of_use:
                seen.save()
                _say(f"saved {count(len(seen.sessions), 'session')} in {seen.store.noise_path}")
            else:
                _say("nothing was saved")
            raise
        finally:
            signal.signal(signal.SIGTERM, before)
    failed = "".join(f"\n{line}" for line in seen.failed)
    if seen.store is None or not seen.is_of_use:
        raise UserError(
            "no benchmark here timed steps that can be calibrated with: choose benchmarks that call "
            f"accel.measure or accel.throughput, and give their runs {FULL_BLOCKS} blocks (--accel-budget)"
            f"{failed}"
        )
    noise = seen.save()
    path, floors = seen.store.noise_path, calibration.floors(noise.accelerator, noise)
    lines = [*summary_lines(path, noise, floors, seen.unfit), *seen.failed]
    if seen.disturbed_pairs:
        sessions = count(seen.disturbed_pairs, "session")
        lines.append(f"the pairs of {sessions} left out: disturbed by other programs")
    return CommandResult("\n".join(lines), _data(path, noise, floors, seen.unfit))


@dataclass
class _Seen:
    """What sessions showed so far: step times and ratios of pairs, by benchmark, without ``unfit`` runs."""

    began: str = field(
        default_factory=lambda: datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    )
    sessions: list[Mapping[str, tuple[float, ...]]] = field(default_factory=list)
    pairs: list[Mapping[str, tuple[float, ...]]] = field(default_factory=list)
    unfit: int = 0
    disturbed_pairs: int = 0
    """Sessions that compared two environments while other programs used the CPU."""
    failed: dict[str, None] = field(default_factory=dict)
    """Lines of pytest about tests that failed."""
    ended: threading.Event = field(default_factory=threading.Event)
    """Set once the command is asked to end."""
    watch: GpuWatch = field(default_factory=GpuWatch)
    kind: Kind = Kind.CPU
    store: BaselineStore | None = None

    @property
    def is_of_use(self) -> bool:
        return any(self.sessions) or any(self.pairs)

    def save(self) -> MachineNoise:
        assert self.store is not None
        gpus = self.watch.states() if self.kind is Kind.GPU else ()
        seen = Sitting(self.began, provenance.provenance(), tuple(self.sessions), tuple(self.pairs), gpus)
        return self.store.append_noise(self.kind, seen)


def _repeat(options: argparse.Namespace, folder: str, seen: _Seen) -> None:
    """Run sessions of either kind in turns. Raises UserError, at once if what is seen could not be saved."""
    end, inside = time.monotonic() + 60 * options.minutes, _folder_of_tests(options.baselines)
    while len(seen.pairs) < MIN_SESSIONS or time.monotonic() < end:
        stored = report(_session(options.arguments, folder, seen, f"--accel-runs={RUNS}"))
        times_s, unfit = _step_times(stored)
        seen.unfit += unfit
        seen.sessions.append({inside + nodeid: times for nodeid, times in times_s.items()})
        if seen.store is None:
            seen.kind = stored.accelerator.kind
            store = BaselineStore(options.baselines, stored.accelerator.identity)
            store.noise()
            store.check_writable()
            seen.store = store
        others = OtherPrograms()
        against = _session(options.arguments, folder, seen, f"--accel-against={sys.executable}")
        is_watched = seen.kind is Kind.CPU and AS_IT_IS not in options.arguments
        usage = others.usage() if is_watched else None
        if usage is not None and usage.share > MAX_OTHERS_SHARE:
            seen.disturbed_pairs += 1
            seen.pairs.append({})
        else:
            seen.pairs.append({inside + nodeid: ratios for nodeid, ratios in _ratios(against).items()})
        _say(f"{count(len(seen.pairs), 'session')} of either kind")


def _folder_of_tests(baselines: Path) -> str:
    """What leads from the folder that holds the baselines to rootdir, from which a report names tests.

    Packages of a repository may share a folder of baselines, and have tests of one name.
    """
    settings = settings_file(Path.cwd())
    with contextlib.suppress(ValueError):
        if settings is not None:
            inside = settings.path.parent.resolve().relative_to(baselines.resolve().parent)
            return "".join(f"{part}/" for part in inside.parts)
    return ""


def summary_lines(path: Path, noise: MachineNoise, floors: Floors, unfit: int) -> list[str]:
    """What a calibration says: ``unfit`` runs were left out."""
    days = len({sitting.time[:10] for sitting in noise.sittings})
    between = (
        f"  between sessions: {_words(floors.sessions)}"
        if days >= calibration.MIN_DAYS
        else f"  between sessions: {100 * floors.sessions.sd:.2g}% assumed, until there are sittings on "
        f"{calibration.MIN_DAYS} days (now {days})"
    )
    is_measured = not (floors.runs.declared or floors.pairs.declared)
    baselines, pairs = calibration.supported_by_baselines(floors), calibration.supported_by_pairs(floors)
    lines = [
        f"wrote {path}: {count(len(noise.sittings), 'sitting')}. Commit it",
        "standard deviation of the step time of unchanged benchmarks",
        f"  between the runs of a session: {_words(floors.runs)}",
        between,
        f"  between interleaved pairs: {_words(floors.pairs)}",
        f"what this machine supports{'' if is_measured else ', if it varies as assumed'}",
        f"  stored baselines of {RUNS} runs: a tolerance of {_percent(baselines)}; slowdowns of "
        f"{_percent(2 * baselines)} are found 95 times in 100",
        f"  --accel-against: a tolerance of {_percent(pairs)}; slowdowns of {_percent(2 * pairs)} are found "
        "95 times in 100",
    ]
    lines += [
        f"{benchmark} varies more than the others: {100 * sd:.2g}% between runs. Its own intervals are wider"
        for benchmark, sd in calibration.unusual(floors)
    ]
    lines += map(_gpu, noise.sittings[-1].gpus)
    boards = {gpu.uuid for sitting in noise.sittings for gpu in sitting.gpus}
    if len(boards) > max(len(sitting.gpus) for sitting in noise.sittings):
        lines.append(f"the sittings were on {len(boards)} boards: {', '.join(sorted(boards))}")
    if unfit:
        lines.append(
            f"{count(unfit, 'run')} left out: disturbed by other programs, or fewer than {FULL_BLOCKS} blocks"
        )
    return lines


def _gpu(gpu: GpuState) -> str:
    parts = []
    if gpu.min_clock_mhz is not None and gpu.max_clock_mhz is not None:
        lowest, highest = gpu.min_clock_mhz, gpu.max_clock_mhz
        parts.append(
            f"a steady clock of {highest} MHz while busy"
            if lowest >= (1 - STEADY_CLOCK) * highest
            else f"a clock between {lowest} and {highest} MHz while busy; lock it to see smaller changes "
            f"(nvidia-smi --lock-gpu-clocks={lowest})"
        )
    if gpu.max_temperature_c is not None:
        parts.append(f"at most {gpu.max_temperature_c} °C")
    if gpu.power_limit_w is not None:
        parts.append(f"a power limit of {gpu.power_limit_w:g} W")
    return f"{gpu.uuid}: {', '.join(parts) or 'its driver tells nothing'}"


def _words(estimate: Estimate) -> str:
    if estimate.measured is None:
        return f"{100 * estimate.sd:.2g}% assumed, nothing measured"
    degrees = count(estimate.dof, "degree of freedom", "degrees of freedom")
    known = f"{100 * estimate.measured:.2g}% measured with {degrees}"
    if estimate.declared:
        return f"{100 * estimate.sd:.2g}% assumed; {known}, of {calibration.MIN_DOF} needed: calibrate longer"
    return f"{known}, counts as {100 * estimate.sd:.2g}% (its upper limit)"


def _percent(fraction: float) -> str:
    """Rounded up, so that it is not less than what is supported."""
    return f"{math.ceil(1000 * fraction) / 10:g}%"


def _data(path: Path, noise: MachineNoise, floors: Floors, unfit: int) -> dict[str, Any]:
    return {
        "file": str(path),
        "sittings": len(noise.sittings),
        "floors": {name: encode(getattr(floors, name)) for name in ("runs", "sessions", "pairs")},
        "runs_left_out": unfit,
        "supported_tolerance": {
            "baselines": calibration.supported_by_baselines(floors),
            "against": calibration.supported_by_pairs(floors),
        },
    }


def _step_times(stored: Report) -> tuple[dict[str, tuple[float, ...]], int]:
    """Of the runs that can be used, by benchmark; and how many cannot."""
    times_s: dict[str, tuple[float, ...]] = {}
    left_out = 0
    for benchmark in stored.benchmarks:
        runs = [run for run in benchmark.runs if isinstance(run, Steps)]
        cleaned = [clean_blocks(run) for run in runs if not is_disturbed(run)]
        usable = [run for run in cleaned if len(run.step_times_s) >= FULL_BLOCKS]
        left_out += len(runs) - len(usable)
        if usable:
            times_s[benchmark.nodeid] = tuple(map(run_step_time_s, usable))
    return times_s, left_out


def _ratios(data: Mapping[str, Any]) -> dict[str, tuple[float, ...]]:
    """The logarithm of the ratio of each interleaved pair, by benchmark."""
    ratios = {}
    for benchmark in data["benchmarks"]:
        names = ("runs", "reference_runs", "interleaved_pairs")
        pairs = zip(*(benchmark[name] for name in names), strict=True)
        times_s = [
            (now["step_times_s"], other["step_times_s"])
            for now, other, is_interleaved in pairs
            if is_interleaved and now["kind"] == "steps"
        ]
        if times_s:
            ratios[benchmark["nodeid"]] = tuple(paired.log_ratio_of_rounds(*sides_s) for sides_s in times_s)
    return ratios


def _session(arguments: Sequence[str], folder: str, seen: _Seen, *options: str) -> dict[str, Any]:
    """The JSON report of a session. Its baselines are nowhere, so all runs are taken and none is compared."""
    file = Path(folder, "report.json")
    file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", *arguments, *options, f"--accel-json={file}"]
    # With an empty cache --lf and its like leave nothing out, and the project's own is not written to.
    command += [f"--accel-baselines={folder}/baselines", "-o", f"cache_dir={folder}/cache"]
    command.append("--no-accel-strict")
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        status = watched(command, output, seen.watch, seen.ended)
        output.seek(0)
        said = output.read()
        if status not in (0, 1) or not file.exists():
            raise UserError(f"a session of these benchmarks failed:\n{said}")
        if status:
            lines = (one_line(line) for line in said.splitlines())
            seen.failed |= dict.fromkeys(line for line in lines if line.startswith(("FAILED ", "ERROR ")))
    return load(file, "a report of --accel-json")


def watched(command: Sequence[str], output: IO[str], watch: GpuWatch, ended: threading.Event) -> int:
    """Run it to its end, or end it with us; the exit status. Raises SystemExit once ``ended`` is set."""
    session = subprocess.Popen(
        command,
        env={**os.environ, "CI": ""},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
    )
    try:
        while True:
            try:
                return session.wait(SAMPLED_EVERY_S)
            except subprocess.TimeoutExpired:
                watch.sample()
                if ended.is_set():
                    raise SystemExit(128 + signal.SIGTERM) from None
    except BaseException:
        session.terminate()
        session.wait()
        raise


def _minutes(text: str) -> float:
    import pytest

    try:
        return seconds(text)
    except pytest.UsageError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of minutes above 0") from None


def _say(text: str) -> None:
    """For a person who waits; the answer itself goes to standard output."""
    print(f"pytest-accel: {text}", file=sys.stderr, flush=True)
