"""Which tests are expected to fail."""

from __future__ import annotations

import pytest


def may_be_expected_to_fail(item: pytest.Item) -> bool:
    """Whether a mark ``xfail`` of the test holds here, or may: only pytest evaluates conditions in texts."""
    return any(map(_may_hold, item.iter_markers("xfail")))


def _may_hold(mark: pytest.Mark) -> bool:
    """A mark without conditions holds, and one with several where any of them is true."""
    conditions = (mark.kwargs["condition"],) if "condition" in mark.kwargs else mark.args
    return not conditions or any(map(bool, conditions))
