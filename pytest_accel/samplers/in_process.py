"""A run in the process of the test itself, for debugging: a debugger reaches every step."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pytest_accel.measure import Measurement
from pytest_accel.records import Conditions, Run, Workload
from pytest_accel.samplers.observe import Size, observe


class InProcess:
    """Gives the one run that this process has. Start-up is not part of it, so it counts as 0 s.

    ``provenance`` is asked with the name of the framework.
    """

    def __init__(
        self,
        measurement: Measurement,
        size: Callable[[Workload], Size],
        watch: Callable[[], Conditions],
        provenance: Callable[[str], Mapping[str, str]],
    ) -> None:
        self._measurement = measurement
        self._size = size
        self._watch = watch
        self._provenance = provenance

    def next(self) -> Run:
        workload = self._measurement.plan.workload
        steps = observe(self._measurement, self._size(workload), startup_time_s=0.0, watch=self._watch)
        return Run(workload, steps, self._provenance(workload.framework))
