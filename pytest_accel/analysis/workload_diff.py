"""Whether two workloads are the same work, and if not, where they differ. Pure."""

from __future__ import annotations

import json

from pytest_accel.records import Workload


def differing_fields(before: Workload, now: Workload) -> tuple[str, ...]:
    """One phrase a field that differs ("examples_per_step 512 -> 256"), sorted; empty if the hashes agree.

    Values compare as the hash sees them: 1, 1.0 and true are three values.
    """
    old, new = _written(before), _written(now)
    return tuple(
        f"{name} {old.get(name, '(absent)')} -> {new.get(name, '(absent)')}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    )


def _written(workload: Workload) -> dict[str, str]:
    return {name: json.dumps(value) for name, value in workload.fields.items()}
