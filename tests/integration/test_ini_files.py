"""Lasting settings: the same key in every file that pytest reads, and what a wrong value says."""

from __future__ import annotations

import json

import pytest

SETTINGS = """
    accel = cpu
    accel_framework = tensorflow
    accel_identity = ci-pool
    accel_baselines = kept
    accel_tolerance = 40%
    accel_strict = true
    accel_runs = 2
    accel_budget = 90
    accel_timeout = 30.5
    """

AS_TOML = """
    accel = "cpu"
    accel_framework = "tensorflow"
    accel_identity = "ci-pool"
    accel_baselines = "kept"
    accel_tolerance = "40%"
    accel_strict = true
    accel_runs = 2
    accel_budget = 90
    accel_timeout = 30.5
    """

FILES = {
    "pytest.ini": ("[pytest]", SETTINGS),
    "setup.cfg": ("[tool:pytest]", SETTINGS),
    "tox.ini": ("[pytest]", SETTINGS),
    "pyproject.toml": ("[tool.pytest.ini_options]", AS_TOML),
    "pyproject.toml, native": ("[tool.pytest]", AS_TOML),
}


def write_ini(project, name, section, lines):
    text = "\n".join([section, *(line.strip() for line in lines.splitlines())])
    (project.path / name.partition(",")[0]).write_text(text)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_every_lasting_setting_is_read(project, name):
    if name.endswith("native") and pytest.version_tuple < (9,):
        pytest.skip("pytest 9 brought native TOML settings")
    write_ini(project, name, *FILES[name])
    project.record(step_times_s=1.0)
    (file,) = (project.path / "kept/ci-pool").rglob("*.json")
    runs = json.loads(file.read_text())["accepted"][0]["runs"]
    assert [len(run["step_times_s"]) for run in runs] == [23, 23]  # of 1 s: 90 s are for 2 + 2 runs
    (benchmark,) = project.report(step_times_s=1.2)["benchmarks"]
    assert benchmark["comparisons"][0]["tolerance"] == 0.4
    project.benchmark("""
        import pytest

        @pytest.mark.skip(reason="strict mode fails a session that skips all")
        def test_step(accel): pass
        """)
    assert project.run().ret == pytest.ExitCode.TESTS_FAILED


@pytest.mark.parametrize(
    ("setting", "fault"),
    [
        ("accel = cuda", ": 'cuda' is not one of auto, cpu, gpu, tpu"),
        ("accel_framework = torch", ": 'torch' is not one of tensorflow*"),
        ("accel_baselines =", ": must not be empty"),
        ("accel_tolerance = 2", ": '2' is not a tolerance: give a percentage * such as 2%"),
        ("accel_strict = perhaps", " takes true or false: *'perhaps'*"),
        ("accel_runs = some", " takes a whole number: *'some'*"),
        ("accel_runs = 0", ": 0 is not a whole number from 1 to 999999999"),
        ("accel_budget = long", " takes a number: *'long'*"),
        ("accel_timeout = -1", ": -1.0 is not a time: give seconds above 0, such as 60"),
    ],
)
def test_a_wrong_value_names_key_and_file_and_leaves_other_tests_alone(project, setting, fault):
    project.pytester.makepyfile(test_plain="def test_plain(): pass")
    write_ini(project, "setup.cfg", "[tool:pytest]", setting)
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    key = setting.split()[0]
    result.stderr.fnmatch_lines([f"ERROR: {key} in {project.path / 'setup.cfg'}{fault}"])
    assert project.pids == []
    assert project.run("-k", "plain").parseoutcomes() == {"passed": 1, "deselected": 1}
    assert project.run("--collect-only").ret == pytest.ExitCode.OK


def test_a_wrong_override_is_said_to_come_from_there(project):
    project.pytester.makeini("[pytest]\naccel_runs = 2")
    result = project.run("-o", "accel_runs=none")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: accel_runs given by -o takes a whole number: *'none'*"])


def test_actions_and_files_are_no_ini_keys(project):
    keys = [f"accel_{name}" for name in ("update_baselines", "record_missing", "in_process", "json")]
    project.pytester.makeini("\n".join(["[pytest]", *(f"{key} = true" for key in keys)]))
    result = project.run()
    assert result.parseoutcomes() == {"no_baseline": 1, "warnings": 4}
    result.stdout.fnmatch_lines_random([f"*Unknown config option: {key}" for key in keys])
    assert not project.baseline_files


def test_options_in_addopts_count_as_given(project):
    project.pytester.makeini("[pytest]\naddopts = --accel-identity=ci-pool --accel-tolerance=40%")
    project.record()
    assert "ci-pool" in project.baseline_file.parts
    assert project.run(step_times_s=0.3).parseoutcomes() == {"passed": 1}
