"""Gives a benchmark that asks for ``scale`` or ``global_batch`` what fits this session's accelerator."""

from __future__ import annotations

import pytest
from scales import SCALES, Scale

from pytest_accel import accelerator_kind


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "global_batch" in metafunc.fixturenames:
        metafunc.parametrize("global_batch", _scale(metafunc.config).global_batches)


@pytest.fixture(scope="session")
def scale(pytestconfig: pytest.Config) -> Scale:
    return _scale(pytestconfig)


def _scale(config: pytest.Config) -> Scale:
    return SCALES[accelerator_kind(config)]
