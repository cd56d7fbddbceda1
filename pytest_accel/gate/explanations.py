"""Results and reasons that both gates share."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from pytest_accel import hardware
from pytest_accel.records import Conditions, Observation, Outcome, Result, Run, Steps, Verdict


def with_machine_conditions(verdict: Verdict, runs: Sequence[Run]) -> Verdict:
    """Name what disturbed the machine in a verdict that is not a pass, where that may explain it."""
    if verdict.outcome is Outcome.PASSED:
        return verdict
    causes_by_run = [hardware.explain(_conditions(run.observation)) for run in runs]
    causes = "; ".join(dict.fromkeys(cause for cause in causes_by_run if cause))
    return dataclasses.replace(verdict, reason=f"{verdict.reason}; {causes}") if causes else verdict


def _conditions(observation: Observation) -> Conditions:
    """Without the load where what other programs did is known, and said by the rule itself."""
    if isinstance(observation, Steps) and observation.others_share:
        return dataclasses.replace(observation.conditions, load_average=None)
    return observation.conditions


def unmeasured_result(nodeid: str) -> Result:
    """Return the result of a test that requested ``accel`` but never measured anything."""
    reason = (
        "the test made no measuring call: call accel.throughput(...), accel.convergence(...) or "
        "accel.measure(step, ...), or drop accel from its arguments"
    )
    return Result(nodeid, Verdict(Outcome.UNMEASURED, reason))
