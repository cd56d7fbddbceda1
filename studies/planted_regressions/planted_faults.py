"""Trains digits with faults planted, and without, and says which the gate sees.

    python studies/planted_regressions/planted_faults.py train RESULTS.jsonl
    python studies/planted_regressions/planted_faults.py report RESULTS.jsonl

Training appends a line for every fault and seed, each from a new process; stopped and called again, it goes
on with those that are not there. The report judges each seed, and all seeds of a fault together, against the
baseline's seeds.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast
from unittest import mock

from tabulate import tabulate

from pytest_accel.analysis.metrics.convergence import best_top1, epochs_to_target, final_top1
from pytest_accel.analysis.rules import convergence
from pytest_accel.analysis.rules.decision import CHANGE_CONFIDENCE
from pytest_accel.analysis.stats import one_sided_quantile
from pytest_accel.api import workloads
from pytest_accel.records import Curve, Kind, Outcome, TrainingPlan, Verdict, json_codec
from pytest_accel.worker.trainer import TrainingRun

EPOCHS, TARGET = 8, 0.95
MAX_SEEDS = 1000
SEEDS = {"baseline": range(5), "unchanged": range(100, 120)}
SEEDS_OF_A_FAULT = range(200, 205)


@contextlib.contextmanager
def _of_trainer(name: str, replacement: Callable[..., Any]) -> Iterator[None]:
    from pytest_accel.frameworks.tensorflow.training import Trainer

    original = getattr(Trainer, name)
    with mock.patch.object(Trainer, name, lambda self, *given: replacement(original, self, *given)):
        yield


def _loss_of_wrong_batch() -> Any:
    """Divided by the number of replicas once more, of which there are eight."""
    return _of_trainer("loss", lambda loss, self, images, labels: loss(self, images, labels) / 8)


def _replica_dropped() -> Any:
    """The second of two replicas counts in the mean, and its gradients do not arrive."""

    def half(loss: Any, self: Any, images: Any, labels: Any) -> Any:
        first = images.shape[0] // 2
        return loss(self, images[:first], labels[:first]) / 2

    return _of_trainer("loss", half)


def _layer_not_updated() -> Any:
    def without_one(update: Any, self: Any, gradients: list[Any]) -> None:
        left_out = len(gradients) // 2
        kept = [
            [*each[:left_out], *each[left_out + 1 :]]
            for each in (self.variables, self.momentum_buffers, gradients)
        ]
        with mock.patch.multiple(self, variables=kept[0], momentum_buffers=kept[1]):
            update(self, kept[2])

    return _of_trainer("update", without_one)


@contextlib.contextmanager
def _labels_shuffled() -> Iterator[None]:
    import numpy as np

    from pytest_accel.frameworks.common import digits

    original = digits._resized

    def shuffled(image_size: int) -> Any:
        images, labels = original(image_size)
        rng = np.random.default_rng(1)
        training = np.random.default_rng(0).permutation(len(labels))[digits.EVALUATION_EXAMPLES :]
        wrong = rng.choice(training, len(training) // 10, replace=False)
        labels = labels.copy()
        labels[wrong] = labels[rng.permutation(wrong)]
        return images, labels

    with mock.patch.object(digits, "_resized", shuffled):
        yield


@contextlib.contextmanager
def _not_augmented() -> Iterator[None]:
    from pytest_accel.frameworks.common import digits

    with mock.patch.object(digits, "SHIFT", 0.0):
        yield


PATCHES: dict[str, Callable[[], Any]] = {
    "loss scaled by the wrong batch": _loss_of_wrong_batch,
    "one layer not updated": _layer_not_updated,
    "gradients of one replica dropped": _replica_dropped,
    "labels of 10% shuffled": _labels_shuffled,
    "no augmentation": _not_augmented,
}
PARAMETERS: dict[str, dict[str, float]] = {
    "learning rate x10": {"learning_rate": 0.5},
    "momentum 0": {"momentum": 0.0},
    "no weight decay": {"weight_decay": 0.0},
}
FAULTS = ("learning rate x10", "momentum 0", *PATCHES, "no weight decay")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("train", "one", "report"))
    parser.add_argument("results", type=Path)
    parser.add_argument("--at-once", type=int, default=1, help="processes that train at the same time")
    parser.add_argument("--name")
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    if options.what == "report":
        print(report(_read(options.results)))
    elif options.what == "one":
        line = {"name": options.name, "seed": options.seed, **_trained(options.name, options.seed)}
        with options.results.open("a") as file:
            file.write(json.dumps(line) + "\n")
    else:
        train(options.results, options.at_once)


def train(results: Path, at_once: int) -> None:
    order = ("baseline", *FAULTS, "unchanged")
    wanted = [(name, seed) for name in order for seed in SEEDS.get(name, SEEDS_OF_A_FAULT)]
    there = {(line["name"], line["seed"]) for line in _read(results)}
    left = [case for case in wanted if case not in there]
    threads = str(max(1, (os.cpu_count() or 1) // at_once))
    environment = {**os.environ, "TF_NUM_INTRAOP_THREADS": threads}

    def one(case: tuple[str, int]) -> None:
        name, seed = case
        command = [sys.executable, __file__, "one", str(results), f"--name={name}", f"--seed={seed}"]
        subprocess.run(command, check=True, env=environment)

    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(one, left))


def _trained(name: str, seed: int) -> dict[str, Any]:
    """The curve, or why there is none."""
    from pytest_accel import frameworks

    tensorflow = frameworks.load("tensorflow")
    tensorflow.start(Kind.CPU)
    spec = workloads.training(
        "resnet50",
        framework="tensorflow",
        dataset="digits",
        epochs=EPOCHS,
        target=TARGET,
        **cast(Any, PARAMETERS.get(name, {})),
    )
    plan = TrainingPlan(spec, EPOCHS, TARGET, (seed,), lambda number: tensorflow.train(spec, number, None))
    with PATCHES.get(name, contextlib.nullcontext)():
        learning = TrainingRun(plan, seed, software={})
        begun = learning.begin()
        epochs = tuple(learning.epoch() for _ in range(EPOCHS))
    seen = Curve(
        seed,
        epochs,
        begun.train_examples,
        begun.evaluation_examples,
        0.0,
        begun.build_time_s,
        begun.compile_time_s,
        learning.frozen_variables(),
    )
    return {"curve": json_codec.encode(seen)}


def report(lines: list[dict[str, Any]]) -> str:
    curves: dict[str, list[Curve]] = {}
    for line in sorted(lines, key=lambda line: line["seed"]):
        curves.setdefault(line["name"], []).append(json_codec.decode(Curve, line["curve"]))
    reference = curves.pop("baseline")
    rows = [_row("baseline", reference, reference, [])]
    for name, seen in curves.items():
        alone = [convergence.judge([one], reference, TARGET) for one in seen]
        rows.append(_row(name, seen, reference, alone, convergence.judge(seen, reference, TARGET)))
    headers = [
        "fault",
        "seeds",
        "epochs to target",
        "best top-1",
        "final top-1",
        "one seed: caught",
        "all seeds",
        "seeds needed",
    ]
    return tabulate(rows, headers, tablefmt="github", disable_numparse=True)


def _row(
    name: str,
    seen: list[Curve],
    reference: list[Curve],
    alone: list[Verdict],
    together: Verdict | None = None,
) -> list[str]:
    def spread(numbers: list[float]) -> str:
        return f"{min(numbers):.3g} to {max(numbers):.3g}"

    reached = [epochs_to_target(one, TARGET) for one in seen]
    epochs = [float(number) for number in reached if number is not None]
    said = [spread(epochs)] if epochs else []
    said += [f"{reached.count(None)} never"] if None in reached else []
    caught = sum(verdict.outcome is Outcome.REGRESSED for verdict in alone)
    improved = sum(verdict.outcome is Outcome.IMPROVED for verdict in alone)
    return [
        name,
        str(len(seen)),
        ", ".join(said),
        spread([100 * best_top1(one) for one in seen]),
        spread([100 * final_top1(one) for one in seen]),
        f"{caught} of {len(alone)}" + (f", {improved} improved" if improved else "") if alone else "",
        together.outcome.value if together else "",
        needed(seen, reference) if together and together.outcome is not Outcome.REGRESSED else "",
    ]


def needed(seen: list[Curve], reference: list[Curve]) -> str:
    """How many seeds, here and in the baseline, would show the mean loss that these seeds have."""
    epochs = statistics.fmean(epochs_to_target(one, TARGET) or math.inf for one in reference)
    counts = []
    for aspect in convergence.aspects(TARGET, None, epochs):
        ours, theirs = [aspect.of(one) for one in seen], [aspect.of(one) for one in reference]
        before, examples = statistics.fmean(theirs), reference[0].evaluation_examples
        worse = (statistics.fmean(ours) - before) * (1 if aspect.lower_is_better else -1)
        sd = max(statistics.stdev(theirs), aspect.resolution(before, examples))
        if worse > aspect.floor(before, examples):
            counts += [next((n for n in range(2, MAX_SEEDS) if worse > _shown(n, sd)), MAX_SEEDS)]
    return str(min(counts)) if counts else "no loss beyond the floors"


def _shown(seeds: int, sd: float) -> float:
    """The smallest loss that so many seeds on either side can show."""
    return one_sided_quantile(CHANGE_CONFIDENCE, seeds - 1) * sd * math.sqrt(2 / seeds)


def _read(results: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []


if __name__ == "__main__":
    main()
