"""--accel-json: schema 2, whatever the session came to."""

from __future__ import annotations

import json

import pytest


def test_the_report_of_a_regression(project):
    project.record("--accel-identity=ci-pool")
    report = project.report("--accel-identity=ci-pool", step_times_s=0.3)
    assert set(report) == {"schema", "accelerator", "project", "provenance", "benchmarks"}
    assert report["schema"] == 2
    accelerator = report["accelerator"]
    assert (accelerator["identity"], accelerator["kind"], accelerator["devices"]) == ("ci-pool", "cpu", 1)
    assert report["provenance"]["python"].startswith("CPython 3.")
    (benchmark,) = report["benchmarks"]
    assert (benchmark["nodeid"], benchmark["outcome"]) == ("test_it.py::test_step", "regressed")
    assert benchmark["reason"].startswith("20.0% more time per step than the baseline")
    workload = {"name": "measure", "framework": "python", "examples_per_step": 32}
    assert workload.items() <= benchmark["workload"].items()
    metrics = benchmark["metrics"]
    assert metrics["throughput"] == pytest.approx(32 / 0.3)
    assert metrics["step_time_s"] == pytest.approx(0.3)
    assert metrics["compile_time_s"] == pytest.approx(0.3)
    assert metrics["peak_memory_bytes"] > 0
    (comparison,) = benchmark["comparisons"]
    low, high = comparison.pop("interval")
    assert low < comparison["change"] < high
    assert comparison == {
        "metric": "step_time_s",
        "baseline": 0.25,
        "now": pytest.approx(0.3),
        "change": pytest.approx(0.2),
        "confidence": 0.95,
        "tolerance": 0.1,
        "direction": "lower_is_better",
        "outcome": "regressed",
    }


def test_every_selected_benchmark_is_in_the_report_and_no_other_test(project):
    project.benchmark("""
        import pytest

        @pytest.mark.skip(reason="marked")
        def test_skipped(accel): pass

        def test_unmeasured(accel): pass

        def test_invalid(accel, clock):
            def step():
                clock.now_s += 0.25
                return float("nan")

            accel.measure(step, examples_per_step=32)

        def test_plain(): pass
        """)
    report = project.report()
    outcomes = {one["nodeid"]: one["outcome"] for one in report["benchmarks"]}
    assert outcomes == {
        "test_it.py::test_skipped": "skipped",
        "test_it.py::test_unmeasured": "unmeasured",
        "test_it.py::test_invalid": "invalid",
    }
    assert all(one["comparisons"] == [] for one in report["benchmarks"])


def test_a_relative_file_counts_from_where_pytest_was_called(project, monkeypatch):
    monkeypatch.chdir(project.pytester.mkdir("elsewhere"))
    project.run(project.path / "test_it.py", "--accel-json=out/report.json")
    report = json.loads((project.path / "elsewhere/out/report.json").read_text())
    assert report["benchmarks"][0]["outcome"] == "no_baseline"


def test_reports_and_baselines_hold_variables_of_a_fixed_list_only(project, monkeypatch):
    secret, flags = "correct horse battery staple", "--xla_cpu_enable_fast_math=false"
    monkeypatch.setenv("DEPLOY_KEY", secret)
    monkeypatch.setenv("XLA_FLAGS", flags)
    project.record("--accel-json=report.json", "--accel-html=report.html", "--accel-markdown=report.md")
    written = {file: file.read_text() for file in project.path.glob("report.*")}
    written |= {file: file.read_text() for file in project.baseline_files}
    assert len(written) == 4
    assert not [file for file, text in written.items() if secret in text]
    assert [file for file, text in written.items() if flags in text]


@pytest.mark.parametrize(
    ("file", "fault"), [(".", "Is a directory"), ("test_it.py/a.json", "Not a directory")]
)
def test_a_file_that_cannot_be_written_is_told_before_anything_is_measured(project, file, fault):
    result = project.run(f"--accel-json={file}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([
        f"ERROR: cannot write the report {project.path / file}: {fault}. "
        "Name a file that can be written: --accel-json=FILE."
    ])  # fmt: skip
    assert project.pids == []


@pytest.mark.parametrize(
    ("strict", "exit_code"),
    [("--accel-strict", pytest.ExitCode.USAGE_ERROR), ("--no-accel-strict", pytest.ExitCode.OK)],
)
def test_a_file_that_cannot_be_written_any_more_is_told_and_an_error_in_strict_mode_only(
    project, strict, exit_code
):
    project.benchmark("""
        import pathlib

        def test_step(accel, step):
            pathlib.Path("report.json").mkdir(exist_ok=True)
            accel.measure(step, examples_per_step=32)
        """)
    project.record()
    (project.path / "report.json").rmdir()
    result = project.run("--accel-json=report.json", strict)
    assert result.ret == exit_code
    assert result.parseoutcomes() == {"passed": 1}
    result.stdout.fnmatch_lines([
        "passed * test_step * 250 ms *",
        "accel: cannot write the report *report.json: Is a directory. Name a file that can be *",
    ])  # fmt: skip
