"""What a session measured, from its JSON report (``--accel-json``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_accel.compare import measured
from pytest_accel.compare.measured import Measured
from pytest_accel.compare.rows import Results
from pytest_accel.reports.reading import report


def results(data: Mapping[str, Any]) -> Results:
    """The rows of a report; a benchmark that measured nothing has none.

    Raises CodecError that names the field.
    """
    session = report(data)
    here = session.accelerator
    hardware = f"{here.devices}x {here.model}" if here.devices > 1 else here.model
    return measured.results(
        Measured(
            measured.setting(
                hardware=hardware,
                identity=here.identity,
                benchmark=one.nodeid,
                workload=one.workload,
                provenance=one.provenance,
            ),
            one.metrics,
            one.workload.get("target"),
            session.price,
        )
        for one in session.benchmarks
        if one.workload is not None
    )
