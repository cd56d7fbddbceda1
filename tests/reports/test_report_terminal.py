"""What a user reads in the terminal: the table, and the sentences under it."""

from __future__ import annotations

import pytest

from pytest_accel.analysis.formatting import quantity
from pytest_accel.records import Accelerator, Comparison, Kind, Outcome, Price, Result, Verdict
from pytest_accel.reports import terminal
from pytest_accel.reports.common.table import table

NODEID = "benchmarks/test_resnet50.py::test_synthetic_throughput[128]"


def step_time(outcome: Outcome = Outcome.REGRESSED, **changes: object) -> Comparison:
    facts = {
        "metric": "step_time_s",
        "baseline": 0.355,
        "now": 0.397,
        "change": 0.118,
        "interval": (0.1, 0.14),
        "confidence": 0.99,
        "tolerance": 0.02,
        "direction": "lower_is_better",
        "outcome": outcome,
    }
    return Comparison(**(facts | changes))


def result(outcome: Outcome = Outcome.REGRESSED, nodeid: str = NODEID, **changes: object) -> Result:
    facts = {
        "nodeid": nodeid,
        "verdict": Verdict(outcome, "11.8% slower than the baseline", (step_time(outcome),)),
        "metrics": {"step_time_s": 0.397, "throughput": 161.2},
    }
    return Result(**(facts | changes))


def printed(*results: Result, width: int = 200, verbose: bool = False) -> str:
    return "\n".join(line.text for line in terminal.lines(results, width, verbose=verbose))


@pytest.mark.parametrize("width", [20, 80, 200])
def test_a_regression_shows_what_changed_by_how_much_and_why_at_any_width(width):
    text = printed(result(), width=width)
    for part in (
        "regressed",
        "test_synthetic_throughput[128]",
        "step time",
        "397 ms",
        "355 ms",
        "+11.8% [+10.0, +14.0]",
        "99% interval",
        f"regressed  {NODEID}: 11.8% slower than the baseline",
    ):
        assert part in text


def test_a_table_line_never_exceeds_80_columns_for_usual_numbers():
    long_name = "benchmarks/test_a.py::TestSomething::test_" + "x" * 60
    lines = table([result(), result(Outcome.INCOMPARABLE, long_name)], 80)
    rows = [line.text for line in lines if "step time" in line.text]
    assert [row.split()[0] for row in rows] == ["regressed", "incomparable"]
    assert max(map(len, rows)) <= 80


def test_a_narrow_table_names_a_benchmark_once_above_all_its_rows():
    memory = step_time(Outcome.PASSED, metric="peak_memory_bytes", now=811_597_824, baseline=811_597_824)
    verdict = Verdict(Outcome.REGRESSED, "slower", (step_time(), memory))
    text = printed(result(verdict=verdict), width=80)
    assert text.count("\ntest_synthetic_throughput[128]: 161 examples/s\n") == 1
    assert "peak memory  774 MiB" in text


def test_a_benchmark_without_comparison_shows_step_time_and_throughput():
    text = printed(result(Outcome.NO_BASELINE, verdict=Verdict(Outcome.NO_BASELINE, "record it with X")))
    assert "397 ms" in text
    assert "161 examples/s" in text
    assert f"no_baseline  {NODEID}: record it with X" in text


def test_a_benchmark_that_measured_nothing_has_a_row():
    text = printed(result(metrics={}, verdict=Verdict(Outcome.INVALID, "killed by signal 9")))
    row = next(line for line in text.splitlines() if line.startswith("invalid"))
    assert row.split() == ["invalid", "test_synthetic_throughput[128]", *"-----"]
    assert "killed by signal 9" in text


def test_a_command_in_a_reason_stays_on_one_line():
    command = "pytest benchmarks/test_resnet50.py --accel-record-missing " + "--accel-baselines=long/" * 5
    text = printed(result(verdict=Verdict(Outcome.NO_BASELINE, f"record it: {command}")), width=80)
    assert command in text


def test_recorded_results_show_old_and_new():
    verdict = Verdict(Outcome.RECORDED, "baseline written", (step_time(Outcome.REGRESSED),))
    text = printed(result(verdict=verdict))
    assert "baseline written (step time 355 ms -> 397 ms, +11.8%)" in text
    assert "regressed" not in text


def test_passed_results_need_no_sentence():
    verdict = Verdict(Outcome.PASSED, "ruled out", (step_time(Outcome.PASSED),))
    text = printed(result(verdict=verdict))
    assert "passed" in text
    assert "ruled out" not in text


def test_the_worst_reasons_come_first_and_a_shared_one_comes_once():
    missing = Verdict(Outcome.NO_BASELINE, "nothing stored for cpu-x")
    text = printed(
        result(nodeid="a.py::test_1", verdict=missing),
        result(nodeid="a.py::test_2", verdict=missing),
        result(nodeid="a.py::test_3"),
    )
    assert "no_baseline  nothing stored for cpu-x\n    a.py::test_1\n    a.py::test_2" in text
    assert text.index("regressed  a.py::test_3") < text.index("no_baseline  nothing")


def test_what_several_benchmarks_suffer_from_is_said_once_without_their_numbers():
    def undecided(number):
        reason = f"3 runs can neither show nor rule it out: changed by +{number}.0%; more runs narrow it"
        return Verdict(Outcome.INCONCLUSIVE, reason, (), "the runs vary too much: more runs narrow it")

    alone = printed(result(nodeid="a.py::test_1", verdict=undecided(1)))
    assert "inconclusive  a.py::test_1: 3 runs can neither" in alone
    several = printed(
        *(result(nodeid=f"a.py::test_{number}", verdict=undecided(number)) for number in (1, 2))
    )
    assert (
        "inconclusive  the runs vary too much: more runs narrow it\n    a.py::test_1\n    a.py::test_2"
        in several
    )
    assert "neither" not in several


def changed(nodeid: str, outcome: Outcome, change: float) -> Result:
    comparison = step_time(outcome, change=change, interval=(change - 0.02, change + 0.02))
    return result(nodeid=nodeid, verdict=Verdict(outcome, f"changed by {change}", (comparison,)))


def test_the_worst_outcome_comes_first_and_within_it_the_largest_change():
    text = printed(
        changed("a.py::test_passed", Outcome.PASSED, 0.01),
        changed("a.py::test_less", Outcome.REGRESSED, 0.12),
        changed("a.py::test_more", Outcome.REGRESSED, 0.45),
        changed("a.py::test_faster", Outcome.IMPROVED, -0.3),
    )
    rows = [line.split()[1] for line in text.splitlines()[2:6]]
    assert rows == ["test_more", "test_less", "test_faster", "test_passed"]
    assert text.index("regressed  a.py::test_more") < text.index("regressed  a.py::test_less")


def with_memory(outcome: Outcome) -> Result:
    memory = step_time(Outcome.PASSED, metric="peak_memory_bytes", now=811_597_824, baseline=811_597_824)
    return result(outcome, verdict=Verdict(outcome, "because", (step_time(outcome), memory)))


def test_a_benchmark_that_passed_has_one_row_and_with_v_one_per_metric():
    assert "peak memory" not in printed(with_memory(Outcome.PASSED))
    assert "peak memory" in printed(with_memory(Outcome.PASSED), verbose=True)
    assert "peak memory" in printed(with_memory(Outcome.REGRESSED))


def test_very_many_that_passed_share_one_line_and_with_v_have_a_row_each():
    passed = [changed(f"a.py::test_{number}", Outcome.PASSED, number / 1000) for number in range(40)]
    slower = changed("a.py::test_slower", Outcome.REGRESSED, 0.3)
    text = printed(*passed, slower)
    assert (
        "passed  40 benchmarks; the largest change for the worse is +3.9% in step time (a.py::test_39)"
        in text
    )
    assert "regressed  test_slower" in text
    assert len(text.splitlines()) < 10
    assert "test_7 " in printed(*passed, slower, verbose=True)
    assert "passed  40 benchmarks" in printed(*passed)


def test_skipped_benchmarks_are_one_line_per_reason_and_with_v_are_named():
    skipped = Verdict(Outcome.SKIPPED, "needs a GPU")
    results = [result(nodeid=f"a.py::test_{number}", metrics={}, verdict=skipped) for number in range(3)]
    text = printed(*results, result(nodeid="a.py::test_ran"))
    assert text.count("skipped") == 1
    assert "skipped  3 benchmarks: needs a GPU" in text
    assert "a.py::test_1" in printed(*results, verbose=True)


def test_many_names_below_a_sentence_are_cut_and_with_v_are_not():
    missing = Verdict(Outcome.NO_BASELINE, "nothing stored")
    results = [result(nodeid=f"a.py::test_{number}", metrics={}, verdict=missing) for number in range(30)]
    assert "    a.py::test_8\n    and 21 more (-v names them)" in printed(*results)
    assert "    a.py::test_29" in printed(*results, verbose=True)


def test_the_last_line_sums_up_the_session():
    results = [result(Outcome.PASSED), result(Outcome.PASSED, "a.py::x"), result(nodeid="a.py::y")]
    assert terminal.closing_line(results, 161, "baselines: cpu-x", ["report.html"]) == (
        "accel: 1 regressed, 2 passed in 2 min 41 s; baselines: cpu-x; details: report.html"
    )
    assert terminal.closing_line(results[:1], 3661, "against: old", []) == (
        "accel: 1 passed in 1 h 1 min; against: old"
    )


def test_changed_versions_are_listed_once_if_the_same_for_all():
    changes = ("tensorflow 2.20.0 -> 2.21.0", "keras 3.14 -> 3.15")
    text = printed(
        result(nodeid="a.py::test_1", provenance_changes=changes),
        result(nodeid="a.py::test_2", provenance_changes=changes),
    )
    assert text.splitlines()[-1] == "changed  tensorflow 2.20.0 -> 2.21.0, keras 3.14 -> 3.15"
    assert text.count("2.20.0") == 1


def test_changed_versions_name_the_benchmark_if_others_did_not_change():
    text = printed(
        result(nodeid="a.py::test_1", provenance_changes=("jax 0.7 -> 0.8",)),
        result(nodeid="a.py::test_2"),
    )
    assert text.splitlines()[-1] == "changed  a.py::test_1: jax 0.7 -> 0.8"


def test_notes_name_their_benchmark():
    text = printed(result(notes=("the machine was loaded", "+7.4% against the first baseline")))
    assert f"note  {NODEID}: the machine was loaded" in text
    assert f"note  {NODEID}: +7.4% against the first baseline" in text


@pytest.mark.parametrize(
    ("nodeids", "names"),
    [
        (("a/test_x.py::test_1", "b/test_y.py::T::test_2"), ("test_1", "T::test_2")),
        (("a/test_x.py::test_1", "a/test_y.py::test_1"), ("test_x.py::test_1", "test_y.py::test_1")),
        (("a/test_x.py::test_1", "b/test_x.py::test_1"), ("a/test_x.py::test_1", "b/test_x.py::test_1")),
        (("a/test_x.py::test_1[u/v::w]",), ("test_1[u/v::w]",)),
    ],
)
def test_names_are_as_short_as_they_can_be_told_apart(nodeids, names):
    lines = table([result(nodeid=nodeid) for nodeid in nodeids], 200)
    assert [line.text.split()[1] for line in lines[2:]] == list(names)


@pytest.mark.parametrize("name", ["test_größe[日本語-√2]", "test[a\nb]", "test[\x1b-\r\n]"])
def test_odd_names_keep_one_line_a_row(name):
    lines = table([result(nodeid=f"t.py::{name}"), result(nodeid="t.py::test_2")], 200)
    assert len(lines) == 4
    assert all("397 ms" in line.text for line in lines[2:])


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("step_time_s", 0.397, "397 ms"),
        ("step_time_s", 0.99996, "1 s"),
        ("compile_time_s", 4.61, "4.61 s"),
        ("step_time_s", 4.25e-5, "42.5 µs"),
        ("step_time_s", 1234.5, "1,234 s"),
        ("throughput", 161.2, "161 examples/s"),
        ("throughput", 12345.6, "12,346 examples/s"),
        ("throughput", 1.5e300, "1.5e+300 examples/s"),
        ("peak_memory_bytes", 811_597_824, "774 MiB"),
        ("peak_memory_bytes", 150_000_000_000, "140 GiB"),
        ("cost_to_target_usd", 55.04, "55 USD"),
        ("best_top1", 0.9639, "96.4%"),
        ("final_loss", 2.3456, "2.35"),
        ("final_loss", float("nan"), "nan"),
        ("peak_memory_bytes", None, "-"),
    ],
)
def test_numbers_have_units_and_three_digits(metric, value, text):
    assert quantity(metric, value) == text


@pytest.mark.parametrize(
    ("accelerator", "line"),
    [
        (
            Accelerator("cpu-amd-epyc-7b13-2-cores", Kind.CPU, "AMD EPYC 7B13", 1, memory_bytes=2**33),
            "accel: cpu, AMD EPYC 7B13, 8 GiB [baselines: cpu-amd-epyc-7b13-2-cores]",
        ),
        (
            Accelerator("gpu-4-h200", Kind.GPU, "NVIDIA H200", 4, memory_bytes=150_754_820_096),
            "accel: gpu, 4 x NVIDIA H200, 140 GiB each [baselines: gpu-4-h200]",
        ),
        (
            Accelerator("tpu-v3-32", Kind.TPU, "TPU v3", 32, topology="4x4", hosts=4),
            "accel: tpu, 32 x TPU v3, topology 4x4, 4 hosts [baselines: tpu-v3-32]",
        ),
    ],
)
def test_the_hardware_line_says_what_and_where_baselines_are(accelerator, line):
    assert terminal.hardware_line(accelerator) == line


def test_the_hardware_line_says_what_it_costs_and_where_that_figure_is_from():
    cpu = Accelerator("ci", Kind.CPU, "AMD EPYC 7B13", 1)
    given, booked = Price(0.1), Price(6.7, "tpu-2018", terms="on demand", date="2018-04-26")
    assert terminal.hardware_line(cpu, given) == "accel: cpu, AMD EPYC 7B13, 0.1 USD/h [baselines: ci]"
    line = "accel: cpu, AMD EPYC 7B13, 6.7 USD/h (on demand, 2018-04-26) [baselines: ci]"
    assert terminal.hardware_line(cpu, booked) == line


def test_no_results_print_nothing():
    assert terminal.lines([], 80) == []


def test_versions_that_hold_control_characters_come_out_as_text():
    result = Result(
        "test_it.py::test_x",
        Verdict(Outcome.INVALID, "broke\n::error::x"),
        provenance_changes=("OMP_NUM_THREADS 1 -> 2\n::error::y\x1b[2J",),
    )
    printed = [line.text for line in terminal.lines([result], 80)]
    assert not [text for text in printed if text.startswith("::") or "\x1b" in text or "\n" in text]
