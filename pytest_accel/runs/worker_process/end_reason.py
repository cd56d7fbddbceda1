"""One-line reasons extracted from pytest reports."""

from __future__ import annotations

import pytest


def skipped(report: pytest.TestReport) -> str:
    """The reason of a skip or of an expected failure."""
    if hasattr(report, "wasxfail"):
        return f"expected to fail: {report.wasxfail.removeprefix('reason: ') or 'no reason given'}"
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
    return reason.removeprefix("Skipped: ")


def failed(report: pytest.TestReport) -> str:
    """The first line of what went wrong, as pytest's own short summary has it."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash is not None else report.longreprtext
    return str(text).strip().partition("\n")[0]
