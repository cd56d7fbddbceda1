"""The table of a session's benchmarks, as lines of text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pytest_accel.analysis.formatting import label, one_line, percent, quantity
from pytest_accel.records import Comparison, Outcome, Result

METRICS_WITHOUT_COMPARISON = (
    "step_time_s",
    "modelled_step_time_s",
    "flops",
    "bytes_accessed",
    "peak_memory_bytes",
    "time_to_target_s",
    "epochs_to_target",
    "best_top1",
    "final_top1",
)
"""Metrics of a benchmark that was compared with nothing, as far as it has them."""


class Line(NamedTuple):
    """One line to print, with the markup that pytest's terminal writer takes."""

    text: str
    markup: Mapping[str, bool] = {}


def markup(outcome: Outcome) -> Mapping[str, bool]:
    """Red for what fails a test, yellow for what deserves a look, green for the rest."""
    if outcome.fails(strict=False):
        return {"red": True}
    if outcome.fails(strict=True) or outcome is Outcome.SKIPPED:
        return {"yellow": True}
    return {"green": True}


def table(results: Sequence[Result], width: int, *, every_metric: bool = True) -> list[Line]:
    """One row per comparison, or per metric of a benchmark that was compared with nothing.

    Without ``every_metric``, a benchmark that needs no attention has one row. Where ``width`` is too small
    for it, benchmark and throughput are a line above their rows.
    """
    wide = _wide_table(results, every_metric)
    return wide if max(len(line.text) for line in wide) <= width else _narrow_table(results, every_metric)


def rows(results: Sequence[Result], *, every_metric: bool = True) -> list[tuple[Outcome, Sequence[str]]]:
    """The outcome of each row, and what ``header`` names after that."""
    return [
        (row.outcome, (name, throughput, *row[1:]))
        for (name, throughput), result in zip(_benchmarks(results), results, strict=True)
        for row in _rows(result, every_metric)
    ]


def header(results: Sequence[Result]) -> tuple[str, ...]:
    """The heads of the columns that ``rows`` has."""
    heads = ("outcome", "benchmark", "throughput", "metric", "now")
    return (*heads, _reference(results), _change_header(results))


def _wide_table(results: Sequence[Result], every_metric: bool) -> list[Line]:
    printed_rows = rows(results, every_metric=every_metric)
    texts = _tabulate([(outcome, *cells) for outcome, cells in printed_rows], header(results))
    printed = [Line(text) for text in texts[:2]]
    return printed + [
        Line(text, markup(outcome)) for text, (outcome, _) in zip(texts[2:], printed_rows, strict=True)
    ]


def _narrow_table(results: Sequence[Result], every_metric: bool) -> list[Line]:
    rows_of_each = [_rows(result, every_metric) for result in results]
    printed_rows = [row for rows in rows_of_each for row in rows]
    heads = ("outcome", "metric", "now", _reference(results), _change_header(results))
    texts = iter(_tabulate(printed_rows, heads))
    printed = [Line(next(texts)), Line(next(texts))]
    for (name, throughput), rows in zip(_benchmarks(results), rows_of_each, strict=True):
        printed.append(Line(name if throughput == "-" else f"{name}: {throughput}", {"bold": True}))
        printed += [Line(next(texts), markup(row.outcome)) for row in rows]
    return printed


def _benchmarks(results: Sequence[Result]) -> list[tuple[str, str]]:
    """Name and throughput of each benchmark."""
    names = short_names([result.nodeid for result in results])
    throughputs = [_throughput(result.metrics) for result in results]
    return list(zip(map(one_line, names), throughputs, strict=True))


def _throughput(metrics: Mapping[str, float | None]) -> str:
    bound = metrics.get("modelled_throughput")
    if bound is not None:
        return f"modelled {quantity('throughput', bound)}"
    text = quantity("throughput", metrics.get("throughput"))
    for_money = metrics.get("throughput_per_usd_per_hour")
    return text if for_money is None else f"{text}, {quantity('throughput_per_usd_per_hour', for_money)}"


class _Row(NamedTuple):
    outcome: Outcome
    metric: str
    now: str
    baseline: str = "-"
    change: str = "-"


def _rows(result: Result, every_metric: bool) -> list[_Row]:
    """The first row has the metric that matters most."""
    rows = _all_rows(result)
    needs_no_attention = result.verdict.outcome in (Outcome.PASSED, Outcome.RECORDED)
    return rows[:1] if needs_no_attention and not every_metric else rows


def _all_rows(result: Result) -> list[_Row]:
    verdict = result.verdict
    if not verdict.comparisons:
        seen = [
            _Row(verdict.outcome, label(metric), quantity(metric, result.metrics[metric]))
            for metric in METRICS_WITHOUT_COMPARISON
            if result.metrics.get(metric) is not None
        ]
        return seen or [_Row(verdict.outcome, "-", "-")]
    # A baseline that is being replaced, or a run that is invalid, overrides what its comparisons say.
    overrides = all(comparison.outcome != verdict.outcome for comparison in verdict.comparisons)
    return [
        _Row(
            verdict.outcome if overrides else comparison.outcome,
            label(comparison.metric),
            quantity(comparison.metric, comparison.now),
            quantity(comparison.metric, comparison.baseline),
            _change(comparison),
        )
        for comparison in verdict.comparisons
    ]


def _change(comparison: Comparison) -> str:
    """With its interval, unless it is exact."""
    change = f"{percent(comparison.change)}%"
    if comparison.confidence == 1:
        return change
    return f"{change} [{', '.join(map(percent, comparison.interval))}]"


def short_names(nodeids: Sequence[str]) -> list[str]:
    """The shortest of: test name, file and test name, whole node id, that still tells all apart."""
    for shorten in (_test_name, _without_folders):
        names = [shorten(nodeid) for nodeid in nodeids]
        if len(set(names)) == len(set(nodeids)):
            return names
    return list(nodeids)


def _test_name(nodeid: str) -> str:
    return nodeid.partition("::")[2] or nodeid


def _without_folders(nodeid: str) -> str:
    file, separator, test = nodeid.partition("::")
    return file.rpartition("/")[2] + separator + test


def _reference(results: Sequence[Result]) -> str:
    """What is compared with: the same for all benchmarks of a session."""
    return "other" if any(result.reference_runs for result in results) else "baseline"


def _change_header(results: Sequence[Result]) -> str:
    confidences = {comparison.confidence for result in results for comparison in result.verdict.comparisons}
    confidences -= {1.0}
    if len(confidences) != 1:
        return "change [interval]" if confidences else "change"
    return f"change [{100 * confidences.pop():.4g}% interval]"


def _tabulate(rows: Sequence[Sequence[str]], header: Sequence[str]) -> list[str]:
    import tabulate  # importing it takes as long as all the rest of the plugin may take

    text = tabulate.tabulate(rows, header, tablefmt="simple", disable_numparse=True)
    return [line.rstrip() for line in text.split("\n")]
