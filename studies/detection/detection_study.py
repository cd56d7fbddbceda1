"""How often is a rule wrong? Sessions of an unchanged training step compared, with slowdowns planted in them.

    python studies/detection/detection_study.py
    python studies/detection/detection_study.py replay --tolerance=4% --tolerance=8% --trials=100

``noise`` shows how much the recordings in data/ vary. ``replay`` compares their sessions, by this
project's rule and by those of other tools. ``model`` draws sessions from normal noise instead, as many as are
asked for. ``blocks`` cuts the recorded runs short. ``pairs`` draws comparisons of two environments. Without a
name, all run, in about three minutes. Rates are in percent, with 95 % intervals.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import noise_study
import pairs_model
import recordings
from noise_model import drawn, noises
from replay import trials
from tables import contract_rows, contract_table, rules_table

from pytest_accel.api.options import percentage, positive_int

TOLERANCES = (0.02, 0.05, 0.10, 0.20)


def main() -> None:
    options = parsed()
    for name in [options.study] if options.study else STUDIES:
        STUDIES[name](options)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("study", nargs="?", choices=STUDIES, help="all, if none is named")
    parser.add_argument("--tolerance", action="append", type=percentage, help="of our rule; may be repeated")
    parser.add_argument("--baseline-runs", type=positive_int, default=3)
    parser.add_argument("--benchmarks", type=positive_int, default=4, help="stored for the same hardware")
    parser.add_argument("--trials", type=positive_int, default=200, help="at most, of each recording")
    parser.add_argument("--drawn", type=positive_int, default=2000, help="trials of each noise of the model")
    parser.add_argument("--compared", type=positive_int, default=400, help="trials of pairs, of each noise")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.tolerance = options.tolerance or TOLERANCES
    return options


def noise(options: argparse.Namespace) -> None:
    recorded = recordings.load()
    print("# noise\n\nStandard deviation between sessions, of the logarithm of one number a run:\n")
    print(noise_study.statistics_table(recorded))
    print(f"\nThat of the minimum, within {noise_study.BASELINE} consecutive sessions and shared by them:\n")
    print(noise_study.components_table(recorded))
    print("\nThat of the minimum, less what a yardstick beside it changed by:\n")
    print(noise_study.yardsticks_table(recorded))


def replay(options: argparse.Namespace) -> None:
    promised = []
    for recording in recordings.load():
        made = trials(
            recording, options.baseline_runs, options.benchmarks, most=options.trials, seed=options.seed
        )
        print(f"\n# replay of {recording.name}: {recording.about}\n")
        print(f"{len(recording.sittings)} sessions, {len(made)} trials\n")
        print(rules_table(made, options.tolerance))
        promised += contract_rows(recording.name, made, options.tolerance)
    print("\n# replay: what is promised, and whether it holds\n")
    print(contract_table(promised))


def model(options: argparse.Namespace) -> None:
    promised = []
    print(f"\n# model: sessions drawn from normal noise, {options.drawn} trials a line\n")
    for name, one in noises(recordings.load()).items():
        made = drawn(one, options.baseline_runs, options.benchmarks, count=options.drawn, seed=options.seed)
        noise = f"{name} ({100 * one.shared:.2g} % shared, {100 * one.own:.2g} % own)"
        promised += contract_rows(noise, made, options.tolerance, one.kind)
    print(contract_table(promised))


def blocks(options: argparse.Namespace) -> None:
    promised = []
    print("\n# blocks: runs cut short, in all places, at a tolerance of 10 %\n")
    for recording in recordings.load():
        for count in (5, 10, 20):
            made = [
                trial
                for cut in recordings.cut(recording, count)
                for trial in trials(
                    cut, options.baseline_runs, options.benchmarks, most=20, seed=options.seed
                )
            ]
            promised += contract_rows(f"{recording.name}, {count} blocks", made, (0.10,))
    print(contract_table(promised))


def pairs(options: argparse.Namespace) -> None:
    print("\n# pairs: two environments in turns, at the default tolerance of a CPU\n")
    print(f"{options.compared} trials a line\n")
    print(pairs_model.table(options.compared, options.seed))


STUDIES: dict[str, Callable[[argparse.Namespace], None]] = {
    "noise": noise,
    "replay": replay,
    "model": model,
    "blocks": blocks,
    "pairs": pairs,
}


if __name__ == "__main__":
    main()
