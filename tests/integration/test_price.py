"""--accel-price: cost beside speed, in the table and the report, and in no verdict."""

import pytest


def test_no_price_no_cost(project):
    report = project.report()
    assert "price" not in report
    assert "throughput_per_usd_per_hour" not in report["benchmarks"][0]["metrics"]


def test_a_price_gives_throughput_for_it(project):
    report = project.report("--accel-price=6.40")
    assert report["price"]["usd_per_hour"] == 6.4
    # 32 examples in 0.25 s are 128 examples/s.
    assert report["benchmarks"][0]["metrics"]["throughput_per_usd_per_hour"] == pytest.approx(20)
    result = project.run("--accel-price=6.40")
    result.stdout.fnmatch_lines([
        "accel: cpu, *, 6.4 USD/h [[]baselines: *",
        "*128 examples/s, 20 examples/s per USD/h*",
    ])  # fmt: skip


def test_a_price_may_be_a_name_and_an_ini_key(project):
    project.pytester.makeini("[pytest]\naccel_price = aws-p3.8xlarge-2018-04")
    price = project.report()["price"]
    assert (price["usd_per_hour"], price["terms"]) == (12.2, "on demand")
    assert price["source"].startswith("https://blog.riseml.com/")


def test_another_price_is_no_other_verdict(project):
    project.record("--accel-price=1")
    assert project.report("--accel-price=100")["benchmarks"][0]["outcome"] == "passed"


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf"])
def test_what_is_no_price_is_a_usage_error(project, value):
    result = project.run(f"--accel-price={value}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([
        f"*error: argument --accel-price: '{value}' is not a price: give USD an hour from 0.000001 *"
    ])  # fmt: skip
    assert project.pids == []


def test_an_unknown_name_is_a_usage_error_that_lists_the_known_ones(project):
    result = project.run("--accel-price=free")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --accel-price=free: the price book has no 'free'; *gcp-tpu-v2-8-*"])
    assert project.pids == []
