"""What measuring costs: a bare loop of a compiled step against what pytest-accel reports for the same step.

    python studies/overhead/harness_cost.py

Both run the same ResNet-50 step in one process, block by block in turns. The ratio printed is the time of the
bare loop over the time reported: 0.995 says that measuring adds 0.5%. Needs SciPy and a framework extra of
pytest-accel.
"""

from __future__ import annotations

import argparse
import time

from paired import MIN_ROUNDS, interleaved, median_ratio

from pytest_accel import frameworks, hardware
from pytest_accel.api.workloads import PRECISIONS, workload
from pytest_accel.records import Kind, Plan
from pytest_accel.worker.step_timer import StepTimer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--accel", type=Kind, choices=list(Kind), default=Kind.CPU)
    parser.add_argument("--framework", choices=frameworks.BUILT_IN, default=frameworks.DEFAULT)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--image-size", type=int, default=32)
    parser.add_argument("--precision", choices=PRECISIONS, default="float32")
    parser.add_argument("--steps", type=int, default=1, help="a block")
    parser.add_argument("--rounds", type=int, default=600, help=f"at least {MIN_ROUNDS}, two blocks each")
    options = parser.parse_args()
    if options.rounds < MIN_ROUNDS:
        parser.error(f"--rounds={options.rounds} is not enough for an interval: give at least {MIN_ROUNDS}")

    framework = frameworks.load(options.framework)
    framework.start(options.accel, hardware.accelerator(options.accel).devices)
    training = workload(
        "resnet50",
        framework=options.framework,
        global_batch=options.batch,
        image_size=options.image_size,
        precision=options.precision,
    )
    program = framework.build(training)
    measurement = StepTimer(Plan(training, lambda: program))
    measurement.prepare()

    def bare_s() -> float:
        start = time.perf_counter()
        for _ in range(options.steps):
            loss = program.step()
        program.wait(loss)
        return time.perf_counter() - start

    def reported_s() -> float:
        return measurement.block(options.steps).time_s

    pairs = interleaved(bare_s, reported_s, rounds=options.rounds)
    ratio = median_ratio(pairs)
    print(f"ResNet-50, {options.precision}, batch {options.batch}, {options.image_size}x{options.image_size}")
    print(f"{options.rounds} rounds, {options.steps} steps a block, the fastest {min(map(min, pairs)):.3f} s")
    print(f"bare / reported: {ratio.estimate:.4f}, 99% lower bound {ratio.lower_bound:.4f}")


if __name__ == "__main__":
    main()
