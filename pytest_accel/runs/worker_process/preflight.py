"""Whether an environment can run tests at all, and what it is: asked before anything is measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_accel.records.run_errors import InvalidRun
from pytest_accel.runs.worker_process.environments import Environment
from pytest_accel.runs.worker_process.process import PytestRefused, RunTimeout
from pytest_accel.runs.worker_process.remote_test import PytestFailed
from pytest_accel.runs.worker_process.run_spec import RunSpec
from pytest_accel.worker.environment_facts import Surroundings
from pytest_accel.worker.messages import Done

MAX_START_S = 120.0
"""How long the other environment may take to start pytest: a container has to be made first."""

WAY_OUT = (
    "Install there what this project's pytest settings and the session's command line need, or name options "
    "that are not for a run under accel_withhold."
)


def surroundings(environment: Environment, run_spec: RunSpec, options: Mapping[str, Any]) -> Surroundings:
    """What this environment is. Raises InvalidRun if the session of ``run_spec`` does not start there."""
    try:
        with run_spec.start_worker(environment) as test:
            test.begin(run_spec.accelerator, options, only_start=True)
            described = test.surroundings()
            test.wait_for(Done)
            return described
    except RunTimeout as hung:
        raise InvalidRun(f"it did not respond within {run_spec.timeout_s:g} s", hung.output) from None
    except (PytestRefused, PytestFailed) as refused:
        raise InvalidRun(f"{refused}. {WAY_OUT}") from None
