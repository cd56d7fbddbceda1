"""What does the gate on compiled programs say of an upgrade of JAX and libtpu?

    python studies/planted_regressions/upgrades.py FOLDER old/bin/python new/bin/python newest/bin/python

Each environment is compared with the one before it: the older compiles eight steps (``test_families.py``) for
a TPU that need not be here and stores them as baselines in FOLDER, the newer compiles them and is judged.
Each needs pytest-accel, jax and libtpu. What was compiled or judged before is not done again: end this at any
time and call it again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from tabulate import tabulate

HERE = Path(__file__).parent.resolve()
PACKAGES = ("jax", "jaxlib", "libtpu")
NOT_INHERITED = ("CI", "PYTEST_ADDOPTS", "PYTHONPATH")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="for baselines and reports, made if not there")
    parser.add_argument("pythons", nargs="+", metavar="PYTHON", help="of an environment, the oldest first")
    parser.add_argument("--topology", default="v5litepod-4")
    parser.add_argument("--families", nargs="+", default=[], metavar="FAMILY", help="only these")
    asked = parser.parse_args()
    if len(asked.pythons) < 2:
        parser.error("an upgrade takes two environments: name another Python")
    asked.folder.mkdir(parents=True, exist_ok=True)
    for old, new in pairwise(asked.pythons):
        print(compared(old, new, asked), flush=True)


def compared(old: str, new: str, asked: argparse.Namespace) -> str:
    """A table of what the gate says of the step from one environment to the next, and its line for all."""
    before, now = versions(old), versions(new)
    baselines = asked.folder / " ".join(before.values())
    stem = asked.folder / f"{' '.join(before.values())} to {' '.join(now.values())}"
    report, printed = Path(f"{stem}.json"), Path(f"{stem}.txt")
    if not printed.exists():
        session(old, asked.families, asked.topology, baselines, "--accel-record-missing")
        said = session(new, asked.families, asked.topology, baselines, f"--accel-json={report.resolve()}")
        printed.write_text(said)
    rows = [row(result) for result in json.loads(report.read_text())["benchmarks"]]
    heads = ("family", "outcome", "modelled step time", "reason")
    title = ", ".join(f"{name} {before[name]} -> {now[name]}" for name in PACKAGES)
    changed = [line.strip() for line in printed.read_text().splitlines() if line.startswith("changed")]
    return "\n\n".join([title, tabulate(rows, heads, tablefmt="github"), *changed, ""])


def row(result: dict[str, Any]) -> tuple[str, ...]:
    changes = {one["metric"]: one["change"] for one in result["comparisons"]}
    change = f"{100 * changes['modelled_step_time_s']:+.2f}%" if changes else "-"
    family = result["nodeid"].partition("[")[2].removesuffix("]")
    return family, result["outcome"], change, result["reason"]


def versions(python: str) -> dict[str, str]:
    program = "import json, sys; from importlib.metadata import version; "
    program += "print(json.dumps({name: version(name) for name in sys.argv[1:]}))"
    found: dict[str, str] = json.loads(output([python, "-c", program, *PACKAGES]))
    return found


def session(python: str, families: Sequence[str], topology: str, baselines: Path, *arguments: str) -> str:
    """What a session of pytest over these families prints. Exits for one that came to no verdict."""
    tests = [f"test_families.py::test_step[{family}]" for family in families] or ["test_families.py"]
    # HERE is a project of its own: options and conftests of the folders above do not count.
    command = [python, "-m", "pytest", *tests, f"--rootdir={HERE}", "-c", os.devnull, f"--confcutdir={HERE}"]
    # What an environment has compiled to be judged is not compiled again to be recorded.
    command += ["-o", f"cache_dir={baselines.parent.resolve() / 'cache'}"]
    command += ["--accel=tpu", f"--accel-topology={topology}"]
    command += ["--accel-framework=jax", f"--accel-baselines={baselines.resolve()}", *arguments]
    return output(command, allowed=(0, 1))


def output(command: Sequence[str], allowed: Sequence[int] = (0,)) -> str:
    """What a command printed. Exits for another exit status."""
    environment = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    ended = subprocess.run(
        command, env=environment | {"COLUMNS": "200"}, cwd=HERE, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if ended.returncode not in allowed:
        sys.exit(f"{' '.join(command)}: exit status {ended.returncode}\n{ended.stdout}{ended.stderr}")
    return ended.stdout


if __name__ == "__main__":
    main()
