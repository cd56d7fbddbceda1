"""The rules of other tools, for comparison: is a sample of step times slower or faster than another one?

Each is written after the source that its docstring names, with that tool's own defaults. A rule gets the step
times of all runs of a side in one array, which is the most that any of these tools would see.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Times = NDArray[np.float64]
Rule = Callable[[Times, Times], int]
"""Says 1 where the first sample is slower, -1 where it is faster, 0 where it is neither."""

RESAMPLES = 1000
"""Criterion's own default is 100,000, which moves a rate of the study by less than its interval is wide."""


def pytest_benchmark(statistic: Callable[[Times], float], percent: float) -> Rule:
    """``--benchmark-compare-fail=<field>:<percent>%``, which knows no faster: ``PercentageRegressionCheck``
    in pytest_benchmark/utils.py."""
    return lambda now, before: int(statistic(now) / statistic(before) * 100 - 100 > percent)


def asv(now: Times, before: Times) -> int:
    """``asv continuous``: ``is_different`` in asv/_stats.py (Mann-Whitney U, p < 0.002), and medians that
    differ by the default factor of 1.1, ``_is_result_better`` in asv/commands/compare.py."""
    if stats.mannwhitneyu(now, before, method="asymptotic", use_continuity=False).pvalue >= 0.002:
        return 0
    return _beyond(float(np.median(now) / np.median(before)), 1.1)


def pyperf(now: Times, before: Times) -> int:
    """``pyperf compare_to``: ``is_significant`` in pyperf/_utils.py, Student's two-sample t-test at 95%."""
    if stats.ttest_ind(now, before).pvalue > 0.05:
        return 0
    return _beyond(float(now.mean() / before.mean()), 1.0)


def criterion(now: Times, before: Times) -> int:
    """Criterion.rs, src/analysis/compare.rs: a bootstrapped t-test at 0.05, then a bootstrapped 95% interval
    of the ratio of means, all of it beyond the noise threshold of 1%."""
    rng = np.random.default_rng(0)
    both = np.concatenate([now, before])
    drawn = rng.choice(both, (RESAMPLES, both.size))
    by_chance = np.abs(_t(drawn[:, : now.size], drawn[:, now.size :]))
    if (by_chance >= abs(_t(now, before))).mean() >= 0.05:
        return 0
    means = rng.choice(now, (RESAMPLES, now.size)).mean(1)
    ratios = means / rng.choice(before, (RESAMPLES, before.size)).mean(1)
    low, high = np.quantile(ratios, [0.025, 0.975])
    return int(low > 1.01) - int(high < 0.99)


def torchbench(now: Times, before: Times) -> int:
    """TorchBench's nightly CI: a latency that differs by more than 7% is a performance signal
    (github.com/pytorch/benchmark/pull/488); the latency of a test is the median of its steps."""
    return _beyond(float(np.median(now) / np.median(before)), 1.07)


def _beyond(ratio: float, factor: float) -> int:
    return int(ratio > factor) - int(ratio < 1 / factor)


def _t(a: Times, b: Times) -> Times:
    """Welch's t along the last axis."""
    spread = a.var(-1, ddof=1) / a.shape[-1] + b.var(-1, ddof=1) / b.shape[-1]
    return np.asarray((a.mean(-1) - b.mean(-1)) / np.sqrt(spread))


OTHER_RULES: dict[str, Rule] = {
    "pytest-benchmark mean:5%": pytest_benchmark(np.mean, 5),
    "pytest-benchmark median:5%": pytest_benchmark(np.median, 5),
    "pytest-benchmark min:5%": pytest_benchmark(np.min, 5),
    "asv, factor 1.1": asv,
    "pyperf, t-test 95%": pyperf,
    "criterion, noise 1%": criterion,
    "TorchBench, 7%": torchbench,
}
