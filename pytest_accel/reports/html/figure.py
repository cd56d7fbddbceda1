"""What a plot of the page is: Plotly's JSON, without Plotly, and the same numbers as a table.

Colours are left to the page, which has a light and a dark one: ``role`` says what a trace is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Trace = dict[str, Any]


class Figure(NamedTuple):
    """A plot: what a screen reader says of it, Plotly's traces and layout, and its numbers as a table."""

    title: str
    description: str
    traces: Sequence[Trace]
    layout: Mapping[str, Any]
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


def short(value: float) -> float:
    """Four digits are more than a plot shows, and a page of a thousand benchmarks stays small."""
    return float(f"{value:.4g}")
