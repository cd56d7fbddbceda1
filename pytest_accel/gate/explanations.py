"""Results and reasons that both gates share."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from pytest_accel import hardware
from pytest_accel.records import Outcome, Result, Run, Verdict


def with_machine_conditions(verdict: Verdict, runs: Sequence[Run]) -> Verdict:
    """Name what disturbed the machine in a verdict that is not a pass, where that may explain it."""
    if verdict.outcome is Outcome.PASSED:
        return verdict
    causes_by_run = [hardware.explain(run.observation.conditions) for run in runs]
    causes = "; ".join(dict.fromkeys(cause for cause in causes_by_run if cause))
    return dataclasses.replace(verdict, reason=f"{verdict.reason}; {causes}") if causes else verdict


def unmeasured_result(nodeid: str) -> Result:
    """Return the result of a test that requested ``accel`` but never measured anything."""
    reason = (
        "the test made no measuring call: call accel.throughput(...), accel.convergence(...) or "
        "accel.measure(step, ...), or drop accel from its arguments"
    )
    return Result(nodeid, Verdict(Outcome.UNMEASURED, reason))
