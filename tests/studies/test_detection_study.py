"""The study of error rates: it finds what is planted, and prints what the documentation quotes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
STUDY = ROOT / "studies/detection"
RATE = r"\d+\.\d \[\d+\.\d, \d+\.\d\]"


@pytest.fixture(autouse=True)
def on_the_path(monkeypatch):
    monkeypatch.syspath_prepend(STUDY)


def study(*arguments: str) -> str:
    command = [sys.executable, STUDY / "detection_study.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_replay_puts_every_rule_beside_ours():
    printed = study("replay", "--trials=5", "--tolerance=10%")

    for name in ("long_runs", "noisy", "noisy_with_neighbours", "quiet", "quiet_with_neighbour"):
        assert f"\nreplay/{name}: " in printed
    for rule in ("pytest-accel, 10%", "pytest-benchmark min:5%", "asv", "pyperf", "criterion", "TorchBench"):
        rows = [line for line in printed.splitlines() if line.startswith(f"| {rule}")]
        assert len(rows) == 6
        assert all(len(re.findall(RATE, row)) >= 5 for row in rows)


def test_pairs_finds_what_is_planted_and_leaves_the_unchanged_alone():
    printed = study("pairs", "--compared=10")

    unchanged, _, slower = (line.split("|") for line in printed.splitlines() if line.startswith("| 1% "))
    (header,) = (line.split("|") for line in printed.splitlines() if line.startswith("| pairs differ by"))
    assert "passed" in header[4]
    assert unchanged[4].strip().startswith("100.0 [")
    assert "regressed" in header[6]
    assert slower[6].strip().startswith("100.0 [")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["noise", "replay", "blocks"])
def test_the_documentation_has_the_tables_of_the_study(name, tmp_path):
    documented = (ROOT / "docs/error-rates.md").read_text()
    page = tmp_path / "error-rates.md"
    page.write_text(
        re.sub(
            rf"(<!-- table: {name}/\S+ -->\n\n).*?(?=\n\n<!-- end)", r"\1gone", documented, flags=re.DOTALL
        )
    )
    assert page.read_text() != documented

    study(name, f"--write={page}")

    assert page.read_text() == documented


@pytest.mark.slow
@pytest.mark.parametrize(("name", "rows"), [("model", 4), ("sessions", 3), ("pairs", 3)])
def test_the_documentation_has_the_first_rows_of_what_takes_minutes_to_draw(name, rows):
    documented = cells((ROOT / "docs/error-rates.md").read_text())
    drawn = cells(study(name, "--first=1"))
    assert len(drawn) == rows + 1  # with the header
    assert [row for row in drawn if row not in documented] == []


def cells(text: str) -> list[list[str]]:
    """The rows of the tables in Markdown, without what only aligns their columns."""
    return [[cell.strip() for cell in line.split("|")] for line in text.splitlines() if line.startswith("| ")]


def test_model_says_whether_the_promise_holds():
    printed = study("model", "--drawn=200", "--tolerance=10%")

    (row,) = re.findall(r"^\| quiet \(.* \| 10% .*\|$", printed, re.MULTILINE)
    assert row.rstrip(" |").endswith("met")
    assert len(re.findall(RATE, row)) == 5


def test_the_same_seed_gives_the_same_rates():
    arguments = ("model", "--drawn=20", "--tolerance=2%")
    assert study(*arguments, "--seed=1") == study(*arguments, "--seed=1")
    assert study(*arguments, "--seed=1") != study(*arguments, "--seed=2")


def test_recordings_are_what_their_readme_says():
    from recordings import load

    sizes = {one.name: one.step_times_s.shape for one in load()}
    readme = (STUDY / "data" / "README.md").read_text()
    for name, (sessions, _) in sizes.items():
        assert f"| `{name}.json` | {sessions} |" in readme


def test_a_trial_has_no_session_twice():
    from recordings import Recording
    from replay import trials

    sessions = np.arange(1.0, 11.0)[:, None]
    recording = Recording("ten", "", sessions, {}, sittings=(0,) * 6 + (1,) * 4)
    made = trials(recording, 3, 4, most=1000, seed=0)

    assert made
    for trial in made:
        before, now = set(trial.before.ravel()), set(trial.now.ravel())
        assert not before & now
        assert not {time for other in trial.others for time in other.ravel()} & now
        for side in (sorted(before), sorted(now)):
            assert set(np.diff(side)) == {1.0}
            assert (side[0] <= 6) == (side[-1] <= 6), "a session of two sittings"


@pytest.mark.parametrize(("slowdown", "expected"), [(0.0, "passed"), (0.5, "regressed"), (-0.5, "improved")])
def test_what_is_planted_is_judged(slowdown, expected):
    from replay import Trial, our_outcome

    same = np.full((3, 40), 0.25)
    assert our_outcome(Trial(same, same, [same]), 0.1, slowdown) == expected


@pytest.mark.parametrize("blocks", [5, 10])
@pytest.mark.parametrize("name", ["long_runs", "noisy", "quiet"])
def test_runs_of_few_blocks_fail_no_unchanged_program(name, blocks):
    from recordings import cut, load
    from replay import our_outcome, trials

    (recording,) = (one for one in load() if one.name == name)
    made = [trial for part in cut(recording, blocks) for trial in trials(part, 3, 1, most=20, seed=0)]
    outcomes = {str(our_outcome(trial, 0.1, 0.0)) for trial in made}
    assert len(made) >= 20
    assert outcomes <= {"passed", "inconclusive"}


def test_every_other_rule_finds_a_plain_slowdown_and_no_rule_finds_one_in_the_same_times():
    from other_rules import OTHER_RULES

    times = 0.25 + 0.01 * np.random.default_rng(0).random(120)
    for name, rule in OTHER_RULES.items():
        assert rule(1.5 * times, times) == 1, name
        assert rule(times, times) == 0, name


def test_components_are_those_of_the_model():
    from noise_model import STEP_TIME_S
    from noise_study import components
    from recordings import Recording

    rng = np.random.default_rng(0)
    shared = np.repeat(0.03 * rng.standard_normal(400), 3)
    times = STEP_TIME_S * np.exp(shared + 0.02 * rng.standard_normal(1200))[:, None]
    recording = Recording("made", "", times, {}, sittings=tuple(np.repeat(range(400), 3).tolist()))

    assert components(recording) == pytest.approx((0.03, 0.02), rel=0.1)


def test_data_files_hold_positive_times_of_six_digits():
    for file in (STUDY / "data").glob("*.json"):
        content = json.loads(file.read_text())
        for session in content["sessions"]:
            times = [*session["step_times_s"], *(t for each in session["yardsticks"].values() for t in each)]
            assert all(time > 0 and float(f"{time:.6g}") == time for time in times)
