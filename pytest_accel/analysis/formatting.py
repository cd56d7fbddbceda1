"""Numbers and names as people read them."""

from __future__ import annotations

import math
from collections.abc import Sequence

TIME_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
MEMORY_UNITS = ((2.0**40, "TiB"), (2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "bytes"))
RATES = {"throughput": " examples/s", "throughput_per_usd_per_hour": " examples/s per USD/h"}


def quantity(metric: str, value: float | None) -> str:
    """A metric's value as people say it: ``397 ms``, ``161 examples/s``, ``774 MiB``; three digits.

    The unit is in the metric's name: ``_s`` ends a time in seconds, ``_bytes`` a size, ``_usd`` a cost,
    ``top1`` and ``top5`` a share.
    """
    if value is None:
        return "-"
    if not math.isfinite(value):
        return str(value)
    if metric.endswith("_s"):
        return _scaled(value, TIME_UNITS)
    if metric.endswith("_bytes"):
        return _scaled(value, MEMORY_UNITS)
    if metric.endswith("_usd"):
        return f"{_three_digits(value)} USD"
    if metric.endswith(("top1", "top5")):
        return f"{100 * value:.1f}%"
    return _three_digits(value) + RATES.get(metric, "")


def label(metric: str) -> str:
    """A metric's name without its unit: ``step time`` for ``step_time_s``."""
    bare = metric.removesuffix("_s").removesuffix("_bytes").removesuffix("_usd")
    return bare.replace("_", " ").replace("top1", "top-1").replace("top5", "top-5")


def one_line(text: str) -> str:
    """A name as a terminal can show it: no line breaks, and what it would obey or hide as an escape."""
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1]
        for character in " ".join(text.split())
    )


def percent(fraction: float) -> str:
    """A relative change in percent, with its sign and without the percent sign: ``+11.8`` for 0.118."""
    return f"{100 * fraction:+z.1f}" if abs(fraction) < 1e4 else f"{100 * fraction:+.3g}"


def duration(seconds: float) -> str:
    """A time as people plan with it: ``40 s``, ``6 min``, ``2.5 h``."""
    if seconds < 99.5:
        return f"{max(1, round(seconds))} s"
    if seconds < 99.5 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def elapsed(seconds: float) -> str:
    """A time that has passed, to the second: ``8 s``, ``2 min 41 s``, ``1 h 5 min``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _scaled(value: float, units: Sequence[tuple[float, str]]) -> str:
    # 0.9995: what would be rounded to 1,000 ms is 1 s.
    scale, unit = next((pair for pair in units if abs(value) >= 0.9995 * pair[0]), units[-1])
    return f"{_three_digits(value / scale)} {unit}"


def _three_digits(value: float) -> str:
    return f"{value:,.0f}" if 100 <= abs(value) < 1e9 else f"{value:.3g}"


def count(number: int, one: str, several: str | None = None) -> str:
    """Return the number with its noun: ``1 run``, ``3 runs``, ``2 pairs of runs``."""
    return f"{number} {one if number == 1 else several or one + 's'}"
