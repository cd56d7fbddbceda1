"""How often is a rule wrong? Sessions of an unchanged training step compared, with slowdowns planted in them.

    python studies/detection/detection_study.py
    python studies/detection/detection_study.py replay --tolerance=4% --tolerance=8% --trials=100
    python studies/detection/detection_study.py --write docs/error-rates.md

``noise`` shows how much the recordings in data/ vary. ``replay`` compares their sessions, by this project's
rule and by those of other tools. ``model`` draws sessions from Gaussian noise instead, as many as are asked
for, and ``sessions`` whole ones with several benchmarks each. ``blocks`` cuts the recorded runs short.
``pairs`` draws comparisons of two environments. Without a name, all run, in about five minutes. Rates are in
percent, with 95% intervals.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import noise_study
import pairs_model
import recordings
import sessions_model
from noise_model import drawn, noises
from replay import trials
from tables import contract_rows, contract_table, rules_table

from pytest_accel.api.options import percentage, positive_int

TOLERANCES = (0.02, 0.05, 0.10, 0.20)

TABLE = re.compile(r"<!-- table: (\S+) -->\n\n(.*?)\n\n<!-- end of table -->", re.DOTALL)
"""A table in a page, by its name."""

Tables = Iterator[tuple[str, str, str]]
"""Each table: its name, what it shows, and its rows in Markdown."""


def main() -> None:
    options = parsed()
    page = options.write.read_text(encoding="utf-8") if options.write else None
    found = {}
    for name in [options.study] if options.study else STUDIES:
        print(f"\n# {name}: {STUDIES[name].__doc__}")
        for table, shows, rows in STUDIES[name](options):
            print(f"\n{table}: {shows}\n\n{rows}", flush=True)
            found[table] = rows
    if page is not None:
        options.write.write_text(with_tables(page, found), encoding="utf-8")


def with_tables(page: str, tables: Mapping[str, str]) -> str:
    """The page with these tables in the places that have their names."""

    def replaced(place: re.Match[str]) -> str:
        rows = tables.get(place[1], place[2])
        return f"<!-- table: {place[1]} -->\n\n{rows}\n\n<!-- end of table -->"

    return TABLE.sub(replaced, page)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("study", nargs="?", choices=STUDIES, help="all, if none is named")
    parser.add_argument("--tolerance", action="append", type=percentage, help="of our rule; may be repeated")
    parser.add_argument("--baseline-runs", type=positive_int, default=3)
    parser.add_argument("--benchmarks", type=positive_int, default=4, help="stored for the same hardware")
    parser.add_argument("--trials", type=positive_int, default=200, help="at most, of each recording")
    parser.add_argument("--drawn", type=positive_int, default=2000, help="trials of each noise of the model")
    parser.add_argument("--sessions", type=positive_int, default=100, help="of each noise of the model")
    parser.add_argument("--compared", type=positive_int, default=400, help="trials of pairs, of each noise")
    parser.add_argument(
        "--first", type=positive_int, help="draw the first noises only, as far as they are drawn"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="replace the tables in this page")
    options = parser.parse_args()
    options.tolerance = options.tolerance or TOLERANCES
    return options


def noise(options: argparse.Namespace) -> Tables:
    """how much the recordings vary."""
    recorded = recordings.load()
    shows = "standard deviation between sessions, of the logarithm of one number per run"
    yield "noise/statistics", shows, noise_study.statistics_table(recorded)
    shows = f"that of the minimum, within {noise_study.BASELINE} consecutive sessions and shared by them"
    yield "noise/components", shows, noise_study.components_table(recorded)
    shows = "that of the minimum, less what a yardstick beside it changed by"
    yield "noise/yardsticks", shows, noise_study.yardsticks_table(recorded)


def replay(options: argparse.Namespace) -> Tables:
    """recorded sessions compared with each other."""
    promised = []
    for recording in recordings.load():
        made = trials(
            recording, options.baseline_runs, options.benchmarks, most=options.trials, seed=options.seed
        )
        shows = f"{recording.about}; {len(recording.sittings)} sessions, {len(made)} trials"
        yield f"replay/{recording.name}", shows, rules_table(made, options.tolerance)
        promised += contract_rows(recording.name, made, options.tolerance)
    yield "replay/contract", "targets, and whether they are met", contract_table(promised)


def model(options: argparse.Namespace) -> Tables:
    """sessions drawn from Gaussian noise."""
    promised = []
    for name, one in list(noises(recordings.load()).items())[: options.first]:
        made = drawn(one, options.baseline_runs, options.benchmarks, count=options.drawn, seed=options.seed)
        noise = f"{name} ({100 * one.shared:.2g}% shared, {100 * one.own:.2g}% own)"
        promised += contract_rows(noise, made, options.tolerance, one.kind)
    yield "model/contract", f"{options.drawn} trials per line", contract_table(promised)


def sessions(options: argparse.Namespace) -> Tables:
    """whole sessions of unchanged benchmarks, drawn from Gaussian noise."""
    shows = f"at the default tolerances, {options.sessions} sessions per line"
    yield (
        "sessions/red",
        shows,
        sessions_model.table(
            dict(list(noises(recordings.load()).items())[: options.first]), options.sessions, options.seed
        ),
    )


def blocks(options: argparse.Namespace) -> Tables:
    """recorded runs cut short."""
    promised = []
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
    yield "blocks/contract", "cut in all places, at a tolerance of 10%", contract_table(promised)


def pairs(options: argparse.Namespace) -> Tables:
    """two environments in turns."""
    shows = f"at the default tolerance of a CPU, {options.compared} trials per line"
    yield "pairs/outcomes", shows, pairs_model.table(options.compared, options.seed, options.first)


STUDIES: dict[str, Callable[[argparse.Namespace], Tables]] = {
    "noise": noise,
    "replay": replay,
    "model": model,
    "sessions": sessions,
    "blocks": blocks,
    "pairs": pairs,
}


if __name__ == "__main__":
    main()
