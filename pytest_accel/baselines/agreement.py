"""Whether an accepted entry agrees with itself: its summary, which people read, and its runs, which decide.

Only numbers are checked whose definition is as old as the file format. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from pytest_accel.analysis.metrics import convergence, steps
from pytest_accel.records import AcceptedEntry, Curve, ProgramFacts, Steps, Workload
from pytest_accel.records.json_codec import CodecError

REL_TOLERANCE = 1e-6
"""Both are rounded to 9 significant digits."""


def check_summary(entry: AcceptedEntry, workload: Workload, path: str) -> None:
    """Raise CodecError for the first number of the summary that the runs contradict."""
    for name, value in _numbers_of_runs(entry, workload).items():
        written = entry.summary.get(name)
        if written is not None and not math.isclose(written, value, rel_tol=REL_TOLERANCE):
            raise CodecError(
                f"{path}.summary.{name}", f"{written:g}, and the runs give {value:g}; edited by hand?"
            )


def _numbers_of_runs(entry: AcceptedEntry, workload: Workload) -> Mapping[str, float]:
    timed = [run for run in entry.runs if isinstance(run, Steps)]
    if timed:
        step_time_s = steps.step_time_s(timed)
        return {"step_time_s": step_time_s, "throughput": workload.examples_per_step / step_time_s}
    curves = [run for run in entry.runs if isinstance(run, Curve)]
    target = workload.parameters.get("target")
    if curves and isinstance(target, float):
        of_curves = convergence.summary(curves, target)
        return {name: of_curves[name] for name in ("best_top1", "final_top1", "epochs_to_target")}
    compiled = [run for run in entry.runs if isinstance(run, ProgramFacts)]
    if compiled:
        names = ("flops", "bytes_accessed", "peak_memory_bytes", "generated_code_bytes")
        numbers = {name: float(getattr(compiled[-1], name)) for name in names}
        if compiled[-1].modelled_step_time_s is not None:
            numbers["modelled_step_time_s"] = compiled[-1].modelled_step_time_s
        return numbers
    return {}
