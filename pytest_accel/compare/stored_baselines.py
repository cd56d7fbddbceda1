"""What is accepted of one hardware, from its folder of baselines."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_accel.compare import measured
from pytest_accel.compare.measured import Measured
from pytest_accel.compare.rows import Results
from pytest_accel.records import Baseline


def results(hardware: str, baselines: Iterable[Baseline]) -> Results:
    """The rows of what is in force; ``hardware`` is the name of the folder. A baseline has no price."""
    return measured.results(
        Measured(
            measured.setting(
                hardware=hardware,
                identity=hardware,
                benchmark=one.benchmark,
                workload=one.workload.fields,
                provenance=one.in_force.provenance,
            ),
            one.in_force.summary,
            one.workload.parameters.get("target"),
            None,
        )
        for one in baselines
    )
