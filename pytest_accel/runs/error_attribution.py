"""Attribute errors to one of the two environments that are compared."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from pytest_accel.records.run_errors import InvalidRun, Unmeasured
from pytest_accel.runs.worker_process import end_reason
from pytest_accel.runs.worker_process.environments import CURRENT_ENVIRONMENT, Environment
from pytest_accel.runs.worker_process.remote_test import TestEnded


@contextlib.contextmanager
def attribute_errors_to(environment: Environment) -> Iterator[None]:
    """Let an InvalidRun say where it was.

    Where the test ended by itself, raising TestEnded or Unmeasured, that is an InvalidRun too if it
    was elsewhere: the test that pytest reports on is the one here.
    """
    where = f"in {environment.name}"
    try:
        yield
    except InvalidRun as invalid:
        raise InvalidRun(f"{where}: {invalid}", invalid.output) from None
    except Unmeasured:
        if environment is CURRENT_ENVIRONMENT:
            raise
        raise InvalidRun(f"{where} the test made no measuring call") from None
    except TestEnded as ended:
        if environment is CURRENT_ENVIRONMENT:
            raise
        report = ended.phase.report
        end = (
            f"is skipped: {end_reason.skipped(report)}"
            if report.skipped
            else f"fails: {end_reason.failed(report)}"
        )
        shown = "" if report.skipped else report.longreprtext
        raise InvalidRun(f"{where} the test {end}", shown) from None
