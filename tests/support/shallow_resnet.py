"""ResNet-50 cut to one block per stage, which compiles in a fraction of the time.

For tests of what does not depend on the depth: how a batch is split, how training goes on, what is stored.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pytest_accel.frameworks.common import resnet50

SHALLOW_STAGES = tuple((width, 1, first_stride) for width, _, first_stride in resnet50.STAGES)

SHALLOW = f"""
from pytest_accel.frameworks.common import resnet50

resnet50.STAGES = {SHALLOW_STAGES}
"""
"""The first lines of a script, or a conftest.py: nothing has imported the network yet."""


def shallow(network: str) -> Iterator[None]:
    """For a fixture: the module ``network`` of this process builds shallow ones until the fixture ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{network}.STAGES", SHALLOW_STAGES)
        yield
