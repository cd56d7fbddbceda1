"""Sessions of Gaussian noise: what a dozen recorded sessions can not tell, thousands of drawn ones can."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from noise_study import components
from recordings import Recording, Times
from replay import RUNS, Trial

from pytest_accel.analysis.rules.variance import FULL_BLOCKS, MIN_RUN_SD, SESSION_SD_RATIO
from pytest_accel.records import Kind

STEP_TIME_S = 0.25


def declared(kind: Kind) -> tuple[float, float]:
    return SESSION_SD_RATIO * MIN_RUN_SD[kind], MIN_RUN_SD[kind]


@dataclass(frozen=True)
class Noise:
    """Standard deviations of the log step time of a run on this kind of accelerator.

    ``shared`` is the part that the runs of a session have in common, ``own`` that of each run.
    """

    kind: Kind
    shared: float
    own: float


ASSUMED = {
    "sessions that differ as much as runs": Noise(Kind.CPU, shared=0.02, own=0.02),
    "a GPU, as declared": Noise(Kind.GPU, *declared(Kind.GPU)),
    "a TPU, as declared": Noise(Kind.TPU, *declared(Kind.TPU)),
}


def noises(recordings: Sequence[Recording]) -> dict[str, Noise]:
    """What the recordings show, and what nothing recorded here shows."""
    return {one.name: Noise(Kind.CPU, *components(one)) for one in recordings} | ASSUMED


def drawn(noise: Noise, baseline_runs: int, benchmarks: int, *, count: int, seed: int) -> list[Trial]:
    """So many independent trials; the blocks of a run are alike, as only its fastest counts."""
    rng = np.random.default_rng(seed)

    def session(runs: int) -> Times:
        common = noise.shared * rng.standard_normal()
        runs_alike = STEP_TIME_S * np.exp(common + noise.own * rng.standard_normal((runs, 1)))
        return np.repeat(runs_alike, FULL_BLOCKS, axis=1)

    return [
        Trial(session(baseline_runs), session(RUNS), [session(baseline_runs) for _ in range(benchmarks - 1)])
        for _ in range(count)
    ]
