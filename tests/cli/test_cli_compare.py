"""``pytest-accel compare``: the published tables, a report beside them, and what is said of bad files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_accel.cli import main
from pytest_accel.records import Accelerator, Kind, Outcome, Price, Result, Steps, Verdict, Workload
from pytest_accel.reports.common import json_writer

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "baselines/published/riseml-2018-04.json"


@pytest.fixture
def run(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)

    def run(*sources):
        code = main.main(["compare", *map(str, sources)])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def report(tmp_path):
    def report(
        metrics, price=None, name="resnet50", nodeid="test_it.py::test_it", identity="gpu-x4", **parameters
    ):
        workload = Workload(name, "tensorflow", 1024, {"precision": "mixed_bfloat16", **parameters})
        verdict = Verdict(Outcome.NO_BASELINE, "nothing stored")
        result = Result(nodeid, verdict, workload, (), metrics, {"tensorflow": "2.21.0"})
        hardware = Accelerator(identity, Kind.GPU, "X100", 4)
        path = tmp_path / "report.json"
        path.write_text(json_writer.text(hardware, price, {}, [result]))
        return path

    return report


def row(printed, *words):
    """The cells of the one line that has all these words."""
    (line,) = (line for line in printed.splitlines() if all(word in line for word in words))
    return line.split()


def test_the_published_tables(run):
    code, printed, _ = run("published/riseml-2018-04")

    assert code == 0
    assert {"3186", "476"} <= set(row(printed, "TPUv2-8", "synthetic"))
    assert {"3128", "256"} <= set(row(printed, "TensorFlow", "synthetic", "p3.8xlarge-2018-04"))
    assert "375" in row(printed, "3128", "reserved")
    assert {"3280", "768"} <= set(row(printed, "MXNet", "12.20"))
    assert {"64", "54.6", "8.15"} <= set(row(printed, "TPUv2-8", "75.7"))
    assert {"86", "73.3"} <= {*row(printed, "TPUv2-8", " 86 ")}


def test_a_measurement_stands_beside_them(run, report):
    code, printed, _ = run(report({"throughput": 12000.0}, Price(40.0)), PUBLISHED)

    assert code == 0
    lines = [line for line in printed.splitlines() if "synthetic" in line and "1024" in line]
    assert lines[0].startswith("4x X100")
    assert {"12000", "300", "40.00", "2.21.0", "mixed_bfloat16"} <= set(lines[0].split())
    assert len(lines) == 4


def test_accuracy_of_a_measurement(run, report):
    metrics = {
        "throughput": 2796.0,
        "best_top1": 0.764,
        "epochs_to_target": 64.0,
        "time_to_target_s": 36000.0,
    }
    _, printed, _ = run(report(metrics, Price(6.7), dataset="imagenet", target=0.757))

    cells = row(printed, "76.4%")
    assert {"64", "10", "67", "75.7%"} <= set(cells)


def test_without_a_price_and_without_the_target_reached_nothing_is_made_up(run, report):
    metrics = {"throughput": 2796.0, "best_top1": 0.4}
    _, printed, _ = run(report(metrics, dataset="imagenet", target=0.757))

    assert row(printed, "40.0%")[-4:] == ["-", "-", "-", "-"]


COMPILED = {"flops": 3e12, "modelled_throughput": 7511.0, "estimated_throughput": 5738.0}


def test_what_was_compiled_stands_beside_what_was_measured_on_such_hardware(run, report):
    _, printed, _ = run(report(COMPILED, identity="aot-tpu-v2-8"), PUBLISHED)
    assert row(printed, "7511")[-5:] == ["7511", "5738", "3186", "42%", "56%"]
    _, printed, _ = run(report({"modelled_throughput": 7511.0}, identity="aot-tpu-v2-8"), PUBLISHED)
    assert row(printed, "7511")[-5:] == ["7511", "-", "3186", "42%", "-"]
    for other in ({"identity": "aot-tpu-v3-8"}, {"identity": "aot-tpu-v2-8", "dataset": "own"}):
        _, printed, _ = run(report(COMPILED, **other), PUBLISHED)
        assert row(printed, "7511")[-3:] == ["-", "-", "-"]


def test_results_without_a_measurement_say_so(run, report):
    code, printed, _ = run(report({}))
    assert (code, printed) == (0, "nothing in these results was measured\n")


def test_a_step_of_your_own_goes_by_its_test(run, report):
    _, printed, _ = run(
        report({"throughput": 5.0}, name="measure", nodeid="b/test_mine.py::test_step[\x1b[31m]")
    )

    assert "test_step[\\x1b[31m]" in printed


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "Expecting property name"),
        ("[]", "top level: an object expected"),
        ("{}", "schema: None is none that this pytest-accel reads: 1 to 2"),
        ('{"schema": 1}', "accelerator: missing"),
        ('{"publisher": "x"}', "schema: missing"),
        ('{"schema": 1, "accelerator": {"identity": "a", "kind": "cpu", "model": "b", "devices": 1}}',
         "benchmarks: a list of objects expected"),
        ("[" * 100_000, "nested too deeply"),
    ],
)  # fmt: skip
def test_a_broken_file_is_named_with_its_fault_and_the_way_out(run, tmp_path, content, complaint):
    path = tmp_path / "x.json"
    path.write_text(content)

    code, printed, said = run(path)

    assert (code, printed) == (2, "")
    assert said.startswith(f"pytest-accel: {path}: ")
    assert complaint in said
    assert "Traceback" not in said


def test_a_price_that_the_book_lacks_is_named(run, tmp_path):
    data = json.loads(PUBLISHED.read_text())
    data["throughput"][0]["prices"] = ["gold"]
    path = tmp_path / "x.json"
    path.write_text(json.dumps(data))

    code, _, said = run(path)

    assert code == 2
    assert "gold" in said


def test_a_file_that_is_not_there_is_named(run):
    code, _, said = run("published/other")

    assert code == 2
    assert said == "pytest-accel: cannot read published/other: No such file or directory\n"


def test_two_folders_of_baselines_side_by_side(run):
    code, printed, _ = run("aot-tpu-v2-8", "aot-tpu-v5litepod-4")

    assert code == 0
    one, other = (
        row(printed, f"{hardware} ", "jax", " 1024 ") for hardware in ("aot-tpu-v2-8", "aot-tpu-v5litepod-4")
    )
    assert one[-5] == "5859"
    assert float(other[-5]) > 5859


@pytest.mark.parametrize("source", ["/etc", ".", "published", "nowhere"])
def test_what_has_no_results_is_refused(run, source):
    code, printed, said = run(source)
    assert (code, printed) == (2, "")
    assert source in said


def test_a_folder_may_be_named_as_a_shell_completes_it(run):
    assert run("any-cpu/")[1] == run("any-cpu")[1] != ""


def test_numbers_that_nothing_can_be_computed_from_are_said(run, report):
    path = report({"throughput": 1.0}, Price(40.0))
    path.write_text(path.read_text().replace("40.0", "0"))
    code, _, said = run(path)
    assert code == 2
    assert "numbers that nothing can be computed from" in said


def test_seeds_of_a_folder_are_accuracies(run):
    _, printed, _ = run("any-cpu")
    assert "95.0%" in row(printed, "any-cpu", "digits", "97.")


def test_a_baseline_that_cannot_be_read_is_named_and_left_out(run, tmp_path):
    (tmp_path / "gpu-x/tensorflow").mkdir(parents=True)
    (tmp_path / "gpu-x/tensorflow/test_it.json").write_text("{")
    code, printed, said = run("gpu-x", f"--baselines={tmp_path}")
    assert (code, printed) == (0, "nothing in these results was measured\n")
    assert f"left out: {tmp_path}/gpu-x/tensorflow/test_it.json: line 1" in said


def runs(*times_s):
    return tuple(Steps((time_s,) * 40, 1, 1.0, 1.0, 1.0, 1.0, 4) for time_s in times_s)


@pytest.fixture
def timed(tmp_path):
    """A report of one benchmark with these runs, and those of another environment."""

    def timed(name, here, other=(), **parameters):
        workload = Workload("measure", "jax", 8, parameters)
        result = Result(
            "b/test_it.py::test_step", Verdict(Outcome.PASSED, ""), workload, here, {"step_time_s": 1.0},
            reference_runs=other,
        )  # fmt: skip
        path = tmp_path / name
        path.write_text(json_writer.text(Accelerator("cpu-x", Kind.CPU, "X", 1), None, {}, [result]))
        return path

    return timed


OLD = (0.100, 0.101, 0.099)


@pytest.mark.parametrize(
    ("now", "verdict"),
    [((0.150, 0.151, 0.149), "slower"), ((0.050,) * 3, "faster"), ((0.101,) * 3, "no clear change")],
)
def test_two_reports_say_what_changed_and_whether_it_may_be_chance(run, timed, now, verdict):
    old, new = timed("old.json", runs(*OLD)), timed("new.json", runs(*now))
    code, printed, _ = run(old, new)
    head, _, line = printed.splitlines()[:3]
    assert code == 0
    assert str(old) in head
    assert str(new) in head
    assert line.startswith("b/test_it.py::test_step")
    assert "100 ms" in line
    assert line.endswith(verdict)


@pytest.mark.parametrize("side", ["old", "new"])
def test_what_other_programs_disturbed_is_no_change_of_the_program(run, timed, side):
    sides = {"old": runs(*OLD), "new": runs(0.150, 0.151, 0.149)}
    sides[side] = [replace(one, others_share=(0.9,) * len(one.step_times_s)) for one in sides[side]]
    _, printed, _ = run(*(timed(f"{name}.json", here) for name, here in sides.items()))
    assert printed.splitlines()[2].endswith("disturbed by other programs")


def test_a_row_shows_the_times_of_what_was_compared(run, timed):
    """Without the blocks that others disturbed, whatever these took."""
    (new,) = runs(0.1)
    some = replace(
        new,
        step_times_s=(0.2,) * 40 + (0.1,) * 20,
        others_share=(0.0,) * 40 + (0.9,) * 20,
    )
    _, printed, _ = run(timed("old.json", runs(0.1)), timed("new.json", [some]))
    line = printed.splitlines()[2]
    assert "100 ms" in line
    assert "200 ms" in line
    assert "+100.0%" in line


def test_a_run_with_few_undisturbed_blocks_does_not_cut_the_others_to_these(run, timed):
    (new,) = runs(0.150)
    few = replace(new, step_times_s=(0.150,) * 66, others_share=(0.0,) * 6 + (0.9,) * 60)
    _, printed, _ = run(timed("old.json", runs(*OLD)), timed("new.json", [*runs(0.150, 0.151), few]))
    assert printed.splitlines()[2].endswith("slower")


def test_a_disturbed_run_beside_others_does_not_count(run, timed):
    (busy,) = runs(0.9)
    busy = replace(busy, others_share=(0.9,) * len(busy.step_times_s))
    _, printed, _ = run(timed("old.json", runs(*OLD)), timed("new.json", [*runs(*OLD), busy]))
    assert printed.splitlines()[2].endswith("no clear change")
    assert printed.splitlines()[2].count("100 ms") == 2


def test_one_run_on_each_side_shows_a_small_change_as_chance(run, timed):
    _, printed, _ = run(timed("old.json", runs(0.1)), timed("new.json", runs(0.104)))
    assert printed.splitlines()[2].endswith("no clear change")


def test_a_report_of_two_environments_has_both_sides(run, timed):
    path = timed("against.json", runs(0.15, 0.15, 0.15), runs(*OLD))
    _, printed, _ = run(path)
    assert f"{path} (other)" in printed.splitlines()[0]
    assert "+50.0%" in printed.splitlines()[2]


def test_other_work_is_not_compared(run, timed):
    _, printed, _ = run(timed("old.json", runs(*OLD), batch=1), timed("new.json", runs(*OLD), batch=2))
    assert printed.splitlines()[2].endswith("other work")


def test_a_run_without_blocks_is_left_out(run, timed):
    old, new = timed("old.json", runs(*OLD)), timed("new.json", runs(*OLD))
    data = json.loads(new.read_text())
    data["benchmarks"][0]["runs"][0]["step_times_s"] = []
    new.write_text(json.dumps(data))
    code, printed, _ = run(old, new)
    assert code == 0
    assert printed.splitlines()[2].endswith("no clear change")
