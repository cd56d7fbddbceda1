"""The study of planted faults: what its report says of the curves, and that the documentation quotes it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "studies/planted_regressions/data/planted_faults.jsonl"


def report(results):
    command = [
        sys.executable,
        str(ROOT / "studies/planted_regressions/planted_faults.py"),
        "report",
        str(results),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_documentation_quotes_the_report():
    printed = report(RESULTS)
    assert printed.strip() in (ROOT / "docs/convergence.md").read_text()


def test_a_fault_that_is_seen_is_called_so(tmp_path):
    lines = RESULTS.read_text().splitlines()
    (tmp_path / "results.jsonl").write_text(
        "\n".join(line for line in lines if '"baseline"' in line or '"momentum 0"' in line) + "\n"
    )
    (row,) = [line for line in report(tmp_path / "results.jsonl").splitlines() if "momentum 0" in line]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[5:7] == ["5 of 5", "regressed"]
