"""The fixtures ``accel`` and ``accelerator``.

Every session of every project pays for importing this file, so it imports the rest when it is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_accel.api.accel import Accel, Backend
    from pytest_accel.records import Accelerator

BACKEND: pytest.StashKey[Backend] = pytest.StashKey()
"""Where a process that may measure keeps its backend, in ``config.stash``."""


def uses_accel(item: pytest.Item) -> bool:
    """Whether a test is a benchmark: it asks for ``accel``, or a fixture that it uses does.

    A project may have a fixture of that name for something else, which then hides ours.
    """
    information = getattr(item, "_fixtureinfo", None)
    if information is None:
        return False
    for definition in reversed(information.name2fixturedefs.get("accel", ())):
        if definition.func.__module__ == __name__:
            return True
        if "accel" not in definition.argnames:
            return False
    return False


@pytest.fixture
def accel(request: pytest.FixtureRequest) -> Accel:
    """Measures a training step: ``accel.throughput(...)`` or ``accel.measure(step, ...)``."""
    from pytest_accel.api.accel import Accel

    backend = request.config.stash.get(BACKEND, None)
    if backend is None or not uses_accel(request.node):
        pytest.fail(
            "accel was asked for while the test ran: name it among the arguments of the test, so that the "
            "test can be run in a process of its own",
            pytrace=False,
        )
    return Accel(request.node, backend)


@pytest.fixture(scope="session")
def accelerator(request: pytest.FixtureRequest) -> Accelerator:
    """The hardware of this session: ``kind``, ``model``, ``devices``, ``identity``, ``memory_bytes``."""
    from pytest_accel import hardware
    from pytest_accel.api import settings

    backend = request.config.stash.get(BACKEND, None)
    if backend is not None:
        return backend.accelerator
    asked = settings.resolve(request.config, {})
    if asked.topology is not None and settings.accelerator_kind_given(request.config) == "tpu":
        return hardware.compile_only(asked.topology)
    return hardware.accelerator(settings.accelerator_kind(request.config), asked.identity, asked.devices)
