"""The session decides which tests run, and in which order; a run measures the one that it is given."""

from __future__ import annotations

import pytest

SHARDS = """
@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    shard, total = map(int, os.environ["SHARD"].split("/"))
    kept = items[shard::total]
    for item in items:
        if item not in kept and os.environ.get("HOW") == "skip":
            item.add_marker(pytest.mark.skip(reason="of another shard"))
    if os.environ.get("HOW") != "skip":
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept
"""


@pytest.mark.parametrize("how", ["deselect", "skip"])
def test_shards_by_number_are_the_sessions_choice(project, monkeypatch, how):
    with (project.path / "conftest.py").open("a") as conftest:
        conftest.write(SHARDS)
    (project.path / "test_a.py").write_text("def test_first():\n    pass\n")
    project.benchmark(
        """
        def test_one(accel, step):
            accel.measure(step, examples_per_step=1)

        def test_two(accel, step):
            accel.measure(step, examples_per_step=2)
        """
    )
    monkeypatch.setenv("HOW", how)
    found = []
    for shard in ("0/2", "1/2"):
        monkeypatch.setenv("SHARD", shard)
        report = project.report()
        found += [one["nodeid"] for one in report["benchmarks"] if one["outcome"] == "no_baseline"]
    assert sorted(found) == ["test_it.py::test_one", "test_it.py::test_two"]


def test_a_dependency_is_checked_by_the_session(project):
    project.benchmark(
        """
        import pytest

        @pytest.mark.dependency
        def test_correct():
            pass

        @pytest.mark.dependency
        def test_wrong():
            assert False

        @pytest.mark.dependency(depends=["test_correct"])
        def test_speed(accel, step):
            accel.measure(step, examples_per_step=1)

        @pytest.mark.dependency(depends=["test_wrong"])
        def test_speed_of_what_is_wrong(accel, step):
            accel.measure(step, examples_per_step=1)

        @pytest.mark.dependency(depends=["test_speed"])
        def test_after():
            pass
        """
    )
    result = project.run("-p", "no:xdist")
    assert result.parseoutcomes() == {"passed": 2, "failed": 1, "no_baseline": 1, "skipped": 1}


SET = """
import dataclasses
import pytest

@dataclasses.dataclass(frozen=True)
class Config:
    name: str
    work: int

CONFIGS = {{Config("small", 1), Config("large", 2), Config("huge", 3)}}

@pytest.mark.parametrize("config", sorted(CONFIGS, key=lambda config: config.name) if {ordered} else CONFIGS)
def test_it(accel, step, config):
    accel.measure(step, examples_per_step=config.work)
"""


def test_a_name_that_stands_for_other_parameters_in_the_run_is_invalid(project, monkeypatch):
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    project.benchmark(SET.format(ordered=False))
    for _ in range(5):  # a set may come out in the same order twice
        benchmarks = project.report("--accel-update-baselines", subprocess=True)["benchmarks"]
        invalid = [one for one in benchmarks if one["outcome"] == "invalid"]
        if invalid:
            break
    assert "this name stands for other parameters (parameter config Config(name='" in invalid[0]["reason"]
    assert "give parametrize a list in a fixed order, not a set" in invalid[0]["reason"]


def test_parameters_in_a_fixed_order_are_the_same_in_every_process(project):
    project.benchmark(SET.format(ordered=True))
    project.record(subprocess=True)
    assert project.run(subprocess=True).parseoutcomes() == {"passed": 3}
