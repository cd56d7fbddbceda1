"""Performance regression testing of training on accelerators, as a pytest plugin.

PYTEST_DONT_REWRITE: there are no tests in here, and in a run pytest finds these modules imported already.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_accel.api.accel import Accel
    from pytest_accel.api.results import ConvergenceResult, StepResult
    from pytest_accel.api.settings import accelerator_kind, settings_for
    from pytest_accel.records import Accelerator, Kind

__version__ = "0.1.0"

__all__ = [
    "Accel",
    "Accelerator",
    "ConvergenceResult",
    "Kind",
    "StepResult",
    "__version__",
    "accelerator_kind",
    "settings_for",
]

_HOMES = {
    "Accel": "api.accel",
    "Accelerator": "records",
    "ConvergenceResult": "api.results",
    "Kind": "records",
    "StepResult": "api.results",
    "accelerator_kind": "api.settings",
    "settings_for": "api.settings",
}
"""Where the public names are defined. They are imported when they are first used (PEP 562)."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
