"""The fault campaign runs, goes on where it was ended, and fails if anything is violated."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

CAMPAIGN = Path(__file__).parents[2] / "studies/faults/campaign.py"


def campaign(*arguments):
    command = [sys.executable, str(CAMPAIGN), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_it_goes_on_where_it_was_ended(tmp_path):
    results = tmp_path / "faults.jsonl"
    whole = campaign("run", results, "--parts", "names")
    assert whole.returncode == 0, whole.stdout + whole.stderr
    lines = results.read_text().splitlines()
    results.write_text("\n".join(lines[:-3]) + "\n")
    again = campaign("run", results, "--parts", "names")
    assert again.returncode == 0, again.stdout + again.stderr
    names = [json.loads(line)["name"] for line in results.read_text().splitlines()]
    assert len(names) == len(set(names)) == len(lines)


def test_a_violation_is_counted_and_the_exit_code_says_so(tmp_path):
    names = [str(number) for number in range(3)]
    trials = [{"kind": "wrapper", "name": name, "violations": [], "time_s": 1.0} for name in names]
    trials[1]["violations"] = ["still runs"]
    results = tmp_path / "faults.jsonl"
    results.write_text("".join(f"{json.dumps(trial)}\n" for trial in trials))
    report = campaign("report", results)
    assert report.returncode == 1
    assert report.stdout.splitlines()[-1].split() == ["wrapper", "3", "1", "1.00", "s"]
