"""accel.convergence from the call to the verdict, on training that learns as fast as it is told to.

The framework is a stand-in with the functions that pytest-accel asks of one: it shows what is made of curves,
not how a network learns; tests/frameworks/test_tensorflow_convergence.py trains a real one.
"""

from __future__ import annotations

import json
import re
import sys

import pytest

from pytest_accel import frameworks
from pytest_accel.runs import fresh_runs

CONFTEST = """

FASTER = float(os.environ.get("FASTER", "1"))  # so much sooner it gets there
FALLS_TO = os.environ.get("FALLS_TO")  # top-1 after the last epoch
LOSS = float(os.environ.get("LOSS", "1"))
KILLED_IN = os.environ.get("KILLED_IN")  # an epoch in which the process dies, once


class Framework:
    def start(self, kind, devices, hosts):
        pass

    def provenance(self):
        return {"tensorflow": os.environ.get("VERSION", "0.0")}

    def train(self, workload, seed, data):
        from pathlib import Path

        from pytest_accel.records import Training

        clock, state = _clock, {"trained": 0}
        epochs = workload.parameters["epochs"]

        def train(epoch):
            if KILLED_IN == str(epoch + 1) and not os.path.exists("killed"):
                open("killed", "w").close()
                os.kill(os.getpid(), 9)
            clock.now_s += float(os.environ.get("EPOCH_TIME_S", "10"))
            state["trained"] += 1
            with open("trained.txt", "a") as file:
                file.write(f"{seed} {epoch + 1}\\n")
            return LOSS

        def evaluate():
            clock.now_s += 1.0
            done = state["trained"]
            if FALLS_TO and done == epochs:
                return float(FALLS_TO), 1.0
            return min(0.99, FASTER * (done + 0.3 * (seed % 3)) / 6), 1.0

        return Training(
            train_examples=1000,
            evaluation_examples=int(os.environ.get("EVALUATION_EXAMPLES", "100_000")),
            compile=lambda: None,
            train=train,
            evaluate=evaluate,
            save=lambda folder: (folder / "state.json").write_text(json.dumps(state)),
            restore=lambda folder: state.update(json.loads((folder / "state.json").read_text())),
            frozen_variables=lambda: ("kernel (3, 3)",) if os.environ.get("FROZEN") else (),
        )


_clock = Clock()


def pytest_configure(config):
    from pytest_accel import frameworks

    config.stash[CLOCK] = _clock
    frameworks.load = lambda name: Framework()
"""

BENCHMARK = """
def test_top1(accel):
    learned = accel.convergence("resnet50", dataset="digits", epochs=8, target=0.9{arguments})
    assert learned.curve.seed >= 0
"""


@pytest.fixture
def training(project, monkeypatch):
    """A project with a benchmark that trains; ``training(variable=value)`` runs it."""
    monkeypatch.setattr(frameworks, "load", frameworks.load)  # the project's conftest.py replaces it for good
    conftest = project.path / "conftest.py"
    conftest.write_text(conftest.read_text() + CONFTEST)
    project.benchmark(BENCHMARK.format(arguments=""))

    def run(*arguments, **variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, str(value))
        file = project.path / "report.json"
        result = project.run(f"--accel-json={file}", *arguments)
        for name in variables:
            monkeypatch.delenv(name)
        result.benchmark = json.loads(file.read_text())["benchmarks"][0] if file.exists() else None
        return result

    return run


def trained(project):
    return [tuple(map(int, line.split())) for line in (project.path / "trained.txt").read_text().splitlines()]


def record(training):
    result = training("--accel-update-baselines", "--accel-runs=5")
    assert result.benchmark["outcome"] == "recorded"
    return result


def test_recording_trains_a_seed_a_run_and_keeps_the_curves(training, project):
    record(training)
    assert {seed for seed, _ in trained(project)} == {0, 1, 2, 3, 4}
    stored = project.baseline()["accepted"][0]
    assert [run["seed"] for run in stored["runs"]] == [0, 1, 2, 3, 4]
    assert len(stored["runs"][0]["epochs"]) == 8
    assert stored["runs"][0]["epochs"][0] == {
        "loss": 1, "top1": pytest.approx(1 / 6), "top5": 1, "training_time_s": 10, "evaluation_time_s": 1,
    }  # fmt: skip
    assert stored["summary"]["epochs_to_target"] == pytest.approx((6 + 6 + 5 + 6 + 6) / 5)


def test_one_unchanged_seed_passes(training):
    record(training)
    result = training("-v")
    assert result.ret == pytest.ExitCode.OK
    assert result.benchmark["outcome"] == "passed"
    metrics = {comparison["metric"] for comparison in result.benchmark["comparisons"]}
    assert metrics == {"time_to_target_s", "epochs_to_target", "best_top1", "final_top1"}
    assert result.benchmark["metrics"]["time_to_target_s"] == 60
    result.stdout.fnmatch_lines([
        "passed * best top-1 * 99.0% * 99.0% *",
        "passed  test_it.py::test_top1: one seed lies where the baseline's seeds do: *; the smallest losses "
        "that 1 seed against 5 could have shown: *epochs to target *, best top-1 *, final top-1 *",
    ])  # fmt: skip


def test_training_that_never_gets_there_regresses(training):
    record(training)
    result = training(FASTER=0.5)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([
        "regressed: seed 0 does not reach 90.0% top-1 within 8 epochs (its best is 66.7% after epoch 8)*"
    ])  # fmt: skip


def test_training_that_falls_apart_regresses(training):
    record(training)
    result = training(FALLS_TO=0.5)
    result.stdout.fnmatch_lines(["regressed: final top-1 is 50.0%, worse than the baseline's 99.0%*"])


def test_a_loss_that_is_nan_is_invalid(training):
    result = training(LOSS="nan")
    assert result.benchmark["outcome"] == "invalid"
    assert result.benchmark["reason"].startswith("training with seed 0 diverges: the loss is nan in epoch 1")


def test_what_does_not_reach_its_target_is_not_recorded(training, project):
    result = training("--accel-update-baselines", "--accel-runs=2", FASTER=0.5)
    assert result.benchmark["outcome"] == "invalid"
    assert "does not reach 90.0% top-1 within 8 epochs" in result.benchmark["reason"]
    assert result.benchmark["reason"].endswith(
        "not recorded as a baseline; fix the training, or relax the target"
    )
    assert project.baseline_files == []


def test_a_killed_run_goes_on_where_it_was(training, project):
    record(training)
    (project.path / "trained.txt").unlink()
    killed = training(KILLED_IN=4)
    assert killed.benchmark["outcome"] == "invalid"
    resumed = training()
    assert resumed.benchmark["outcome"] == "passed"
    assert "seed 0 went on after epoch 3 of a run that was ended" in resumed.benchmark["notes"]
    assert trained(project) == [(0, epoch) for epoch in range(1, 9)]
    again = training()
    assert [epoch["top1"] for epoch in again.benchmark["runs"][0]["epochs"]] == [
        epoch["top1"] for epoch in resumed.benchmark["runs"][0]["epochs"]
    ]
    assert len(trained(project)) == 16


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (", seeds=0", "accel.convergence(seeds=0): give how many, from 1 to 1000, or different whole"),
        (", seeds=(1, 1)", "accel.convergence(seeds=(1, 1)): give how many"),
        (", seeds=10**20", "accel.convergence(seeds=100000000000000000000): give how many, from 1 to 1000"),
        (", seeds=(2**31,)", "different whole numbers from 0 and below 2**31"),
        (", seeds=([1], [1])", "accel.convergence(seeds=([1], [1])): give how many"),
        (", framework='jax'", "framework is not a parameter of a workload: choose it with --accel-framework"),
        (", name='x'", "resnet50: unknown parameter 'name'; allowed: "),
        (", momentum=10**400", "is not allowed; give a number from 0 and below 1."),
        (", momentum=2.0", "resnet50: momentum=2.0 is not allowed; give a number from 0 and below 1."),
        (
            ", warmup_epochs=8",
            "resnet50: a warm-up of 8 epochs leaves nothing of 8: train longer, or ",
        ),
    ],
)
def test_what_makes_no_sense_is_named(training, project, arguments, fault):
    project.benchmark(BENCHMARK.format(arguments=arguments))
    result = training()
    assert result.benchmark["outcome"] == "invalid"
    assert fault in result.benchmark["reason"]


def test_debugging_trains_one_seed_here(training, project):
    result = training("--accel-in-process")
    assert result.benchmark["outcome"] == "no_baseline"
    assert [run["seed"] for run in result.benchmark["runs"]] == [0]


def test_what_was_learned_is_shown_without_a_baseline(training):
    shown = training().stdout.str()
    for row in ("time to target", "epochs to target", "best top-1", "final top-1"):
        assert re.search(rf"no_baseline .*{row}", shown)


def test_seeds_may_be_chosen(training, project):
    project.benchmark(BENCHMARK.format(arguments=", seeds=(7, 9)"))
    training("--accel-update-baselines", "--accel-runs=3")
    assert [run["seed"] for run in project.baseline()["accepted"][0]["runs"]] == [7, 9, 10]


def test_more_runs_than_seeds_take_seeds_of_their_own():
    assert [fresh_runs.nth_seed((5, 3), run) for run in range(5)] == [5, 3, 6, 7, 8]


def test_a_cache_that_cannot_be_made_is_done_without(training, project):
    (project.path / "no-folder").touch()
    assert training("-o", "cache_dir=no-folder").benchmark["outcome"] == "no_baseline"


@pytest.mark.slow
def test_a_layer_that_does_not_train_regresses_and_is_not_recorded(training, project):
    record(training)
    result = training(FROZEN=1)
    assert result.benchmark["outcome"] == "regressed"
    assert result.benchmark["reason"].startswith(
        "kernel (3, 3) did not change in 8 epochs of training: not updated"
    )
    updated = training("--accel-update-baselines", "--accel-runs=5", FROZEN=1)
    assert updated.benchmark["outcome"] == "invalid"
    assert len(project.baseline()["accepted"]) == 1


def test_slower_epochs_regress_in_time_and_cost(training):
    record(training)
    one = training(EPOCH_TIME_S=20)
    assert one.benchmark["outcome"] == "inconclusive"
    assert "the machine may have been slow: compare 3 seeds (--accel-runs=3)" in one.benchmark["reason"]
    result = training("--accel-price=6.70", "--accel-runs=3", EPOCH_TIME_S=20)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    outcomes = {one["metric"]: one["outcome"] for one in result.benchmark["comparisons"]}
    assert outcomes == {
        "time_to_target_s": "regressed",
        "cost_to_target_usd": "regressed",
        "epochs_to_target": "passed",
        "best_top1": "passed",
        "final_top1": "passed",
    }
    assert result.benchmark["reason"].startswith("time to target is 113 s, worse than the baseline's 58 s by")
    assert result.benchmark["metrics"]["cost_to_target_usd"] == pytest.approx(113.3 / 3600 * 6.70, rel=1e-3)
    assert result.benchmark["metrics"]["cost_per_epoch_usd"] == pytest.approx(20 / 3600 * 6.70)


def test_a_baseline_of_other_hardware_judges_what_does_not_depend_on_it(training, project):
    training("--accel-update-baselines", "--accel-runs=5", "--accel-identity=theirs")
    slower = training(EPOCH_TIME_S=20)
    assert slower.ret == pytest.ExitCode.OK
    assert slower.benchmark["outcome"] == "passed"
    assert {one["metric"] for one in slower.benchmark["comparisons"]} == {
        "epochs_to_target", "best_top1", "final_top1",
    }  # fmt: skip
    slower.stdout.fnmatch_lines([
        "note *: nothing is stored for cpu-*: compared with the baseline of theirs in what does not depend "
        "on hardware, so times and costs are not"
    ])  # fmt: skip
    worse = training(FALLS_TO=0.5)
    assert worse.benchmark["outcome"] == "regressed"


@pytest.mark.slow
def test_recording_what_is_missing_asks_for_this_hardware(training, project):
    training("--accel-update-baselines", "--accel-runs=5", "--accel-identity=theirs")
    result = training("--accel-record-missing", "--accel-runs=5")
    assert result.benchmark["outcome"] == "recorded"
    assert len(project.baseline_files) == 2


def test_a_baseline_for_any_hardware_need_not_be_recorded_again(training, project):
    """Training takes long, and one seed is enough to compare."""
    training("--accel-update-baselines", "--accel-runs=5", "--accel-identity=any-cpu")
    (project.path / "trained.txt").unlink()
    result = training("--accel-record-missing", "--accel-runs=5")
    assert result.benchmark["outcome"] == "passed"
    assert len(result.benchmark["runs"]) == 1
    assert len(project.baseline_files) == 1
    updated = training("--accel-update-baselines", "--accel-runs=5")
    assert updated.benchmark["outcome"] == "recorded"
    assert len(project.baseline_files) == 2


def test_a_changed_test_does_not_go_on_with_what_was_left(training, project):
    training(KILLED_IN=4)
    project.benchmark(BENCHMARK.format(arguments="") + "    # labels from elsewhere now\n")
    training()
    assert trained(project) == [(0, 1), (0, 2), (0, 3), *((0, epoch) for epoch in range(1, 9))]


@pytest.mark.slow
def test_another_environment_does_not_go_on_with_what_was_left_here(training, project):
    training(KILLED_IN=4)
    training(f"--accel-against=env FASTER=2 {sys.executable}", "--accel-runs=4")
    epochs = trained(project)
    assert sum(seed == 0 for seed, _ in epochs) == 3 + 5 + 8, "seed 0: three, then the rest here, all there"


@pytest.mark.slow
def test_other_sizes_of_the_data_are_not_compared(training, project):
    record(training)
    result = training(EVALUATION_EXAMPLES=50_000)
    assert result.benchmark["outcome"] == "incomparable"
    assert "other work (evaluation_examples 100000 -> 50000)" in result.benchmark["reason"]
    updated = training("--accel-update-baselines", "--accel-runs=5", EVALUATION_EXAMPLES=50_000)
    assert "in place of one for other work (evaluation_examples" in updated.benchmark["reason"]


@pytest.mark.parametrize("seeds_before", [0, 1])
@pytest.mark.parametrize(
    ("fault", "reason"), [({"FASTER": 0.5}, "does not reach"), ({"FROZEN": 1}, "kernel")]
)
def test_what_fails_by_itself_needs_no_baseline(training, project, seeds_before, fault, reason):
    if seeds_before:
        training("--accel-update-baselines")
    result = training(**fault)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert result.benchmark["outcome"] == "regressed"
    assert reason in result.benchmark["reason"]


def test_other_software_does_not_go_on_with_what_was_left(training, project):
    training(KILLED_IN=4)
    training(VERSION="0.1")
    assert trained(project) == [(0, 1), (0, 2), (0, 3), *((0, epoch) for epoch in range(1, 9))]


@pytest.mark.slow
@pytest.mark.parametrize(("faster", "outcome"), [(1, "passed"), (2, "regressed")])
def test_two_environments_are_compared_seed_by_seed(training, project, faster, outcome):
    result = training(f"--accel-against=env FASTER={faster} {sys.executable}", "--accel-runs=5")
    assert result.benchmark["outcome"] == outcome
    seeds = [[run["seed"] for run in result.benchmark[side]] for side in ("runs", "reference_runs")]
    assert seeds == [[0, 1, 2, 3, 4]] * 2
    assert project.baseline_files == []


@pytest.mark.slow
def test_an_environment_that_does_not_get_there_is_named(training):
    result = training(f"--accel-against=env FASTER=0.5 {sys.executable}")
    assert result.benchmark["outcome"] == "invalid"
    assert "FASTER=0.5" in result.benchmark["reason"]
    assert "seed 0 does not reach 90.0% top-1" in result.benchmark["reason"]
