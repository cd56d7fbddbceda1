"""``pytest-accel list``, ``show`` and ``history``: what is stored, for people and for programs."""

from __future__ import annotations

import json
import re

import pytest

from pytest_accel.baselines.store import BaselineStore
from pytest_accel.cli import main
from pytest_accel.records import AcceptedEntry, Benchmark, Steps, Workload

NODEID = "benchmarks/test_it.py::test_step[64]"
BENCHMARK = Benchmark(NODEID)
WORKLOAD = Workload("resnet50", "tensorflow", 64, {"precision": "mixed_bfloat16"})


def accepted(month, version, step_time_s):
    return AcceptedEntry(
        f"2026-{month:02}-01T12:00:00+00:00",
        {"tensorflow": version, "numpy": "2.4.6"},
        {"step_time_s": step_time_s, "throughput": 64 / step_time_s},
        (Steps((step_time_s,), 2, 1.0, 2.0, 3.0, 4.0, 5, None),),
    )


@pytest.fixture
def folder(tmp_path):
    """One benchmark on two machines, accepted three times on the second."""
    folder = tmp_path / "baselines"
    gpu, cpu = BaselineStore(folder, "gpu-a100"), BaselineStore(folder, "cpu-2")
    gpu.accept(BENCHMARK, WORKLOAD, accepted(1, "2.19.0", 0.100))
    gpu.accept(BENCHMARK, WORKLOAD, accepted(2, "2.20.0", 0.110))
    gpu.accept(BENCHMARK, WORKLOAD, accepted(3, "2.21.0", 0.099))
    cpu.accept(BENCHMARK, WORKLOAD, accepted(1, "2.19.0", 2.0))
    (folder / "published").mkdir()
    (folder / "published/results.json").write_text("{}")
    return folder


@pytest.fixture
def run(folder, capsys):
    def run(*arguments):
        code = main.main([*arguments, f"--baselines={folder}"])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def answer(ran):
    return json.loads(ran[1])


def test_list_has_a_line_for_each_baseline(run):
    code, printed, _ = run("list")
    assert code == 0
    assert [line.split() for line in printed.splitlines()[2:]] == [
        f"cpu-2 tensorflow {NODEID} 2026-01-01 1 tensorflow 2.19.0 step time 2 s".split(),
        f"gpu-a100 tensorflow {NODEID} 2026-03-01 3 tensorflow 2.21.0 step time 99 ms".split(),
    ]


def test_list_for_programs(run, folder):
    listed = answer(run("list", "--json"))
    assert listed["broken"] == []
    assert listed["baselines"][1] == {
        "hardware": "gpu-a100",
        "framework": "tensorflow",
        "benchmark": NODEID,
        "file": str(BaselineStore(folder, "gpu-a100").path(NODEID, "tensorflow")),
        "entries": 3,
        "accepted": "2026-03-01T12:00:00+00:00",
        "provenance": {"numpy": "2.4.6", "tensorflow": "2.21.0"},
        "summary": {"step_time_s": 0.099, "throughput": pytest.approx(646.46465)},
    }


def test_list_names_what_cannot_be_read_and_shows_the_rest(run, folder):
    broken = BaselineStore(folder, "gpu-a100").path(NODEID, "tensorflow")
    broken.write_text("{")
    code, printed, _ = run("list")
    assert code == 1
    assert "cpu-2" in printed
    assert f"broken  {broken}: line 1 column 2: not JSON" in printed
    assert len(answer(run("list", "--json"))["broken"]) == 1


def test_a_folder_that_is_not_there_is_an_error_that_says_the_way_out(run, folder):
    folder.rename(folder.with_name("elsewhere"))
    code, printed, said = run("list")
    assert (code, printed) == (2, "")
    assert said == (
        f"pytest-accel: cannot read baselines in {folder}: No such file or directory. "
        "Say where they are with --baselines=DIR.\n"
    )


def test_an_empty_folder_is_said(tmp_path, capsys):
    assert main.main(["list", f"--baselines={tmp_path}"]) == 0
    assert capsys.readouterr().out == f"no baselines in {tmp_path}\n"


def test_show_has_work_numbers_and_versions_of_what_is_in_force(run):
    code, printed, _ = run("show", NODEID, "--hardware=gpu-a100")
    assert code == 0
    heading, *lines = printed.splitlines()
    facts = dict(line.split("  ", 1) for line in lines)
    assert heading == f"{NODEID} on gpu-a100"
    assert {name: text.strip() for name, text in facts.items() if name != "file"} == {
        "accepted": "2026-03-01T12:00:00+00:00",
        "runs": "1",
        "earlier baselines": "2, the first of 2026-01-01T12:00:00+00:00",
        "work: name": "resnet50",
        "work: framework": "tensorflow",
        "work: examples_per_step": "64",
        "work: precision": "mixed_bfloat16",
        "work: hash": WORKLOAD.hash,
        "step time": "99 ms",
        "throughput": "646 examples/s",
        "with: numpy": "2.4.6",
        "with: tensorflow": "2.21.0",
    }


def test_a_part_of_the_name_is_enough_and_may_mean_several(run):
    code, printed, _ = run("show", "test_step")
    assert code == 0
    assert f"{NODEID} on cpu-2" in printed
    assert f"{NODEID} on gpu-a100" in printed
    assert [one["hardware"] for one in answer(run("show", "test_step", "--json"))] == ["cpu-2", "gpu-a100"]


@pytest.mark.parametrize("command", ["show", "history"])
def test_what_is_not_stored_is_named(run, command):
    code, _, said = run(command, "test_other")
    assert code == 2
    assert "no baseline of 'test_other' in" in said
    assert "`pytest-accel list` shows" in said
    code, _, said = run(command, "test_step", "--hardware=tpu-v2-8")
    assert code == 2
    assert "the hardware 'tpu-v2-8'" in said
    assert "cpu-2, gpu-a100" in said


@pytest.mark.parametrize("command", ["show", "history"])
def test_a_file_beside_it_that_cannot_be_read_is_said(run, folder, command):
    BaselineStore(folder, "cpu-2").path(NODEID, "tensorflow").write_text("{")
    code, printed, _ = run(command, NODEID)
    assert code == 1
    assert f"{NODEID} on gpu-a100" in printed
    assert "broken  " in printed


def test_history_has_every_change_and_the_drift(run):
    code, printed, _ = run("history", NODEID, "--hardware=gpu-a100")
    assert code == 0
    assert [line.split("  ")[-1].strip() for line in printed.splitlines()[-2:]] == [
        "tensorflow 2.19.0 -> 2.20.0",
        "tensorflow 2.20.0 -> 2.21.0",
    ]
    assert printed.splitlines()[-1].split()[:7] == [
        "2026-03-01T12:00:00+00:00", "step", "time", "99", "ms", "-10.0%", "-1.0%",
    ]  # fmt: skip
    assert [" new " in line for line in printed.splitlines()[-3:]] == [False, True, True]


def test_history_for_programs(run):
    (history,) = answer(run("history", NODEID, "--hardware=gpu-a100", "--json"))
    first, second, third = history["accepted"]
    assert first["metrics"]["step_time_s"] == {
        "value": 0.1,
        "against_last": None,
        "against_first": None,
        "change_point": False,
    }
    assert second["metrics"]["step_time_s"]["change_point"]
    assert second["metrics"]["step_time_s"]["against_last"] == pytest.approx(0.1)
    assert third["metrics"]["step_time_s"]["against_first"] == pytest.approx(-0.01)
    assert third["changes"] == ["tensorflow 2.20.0 -> 2.21.0"]


def test_the_command_has_a_version(capsys):
    with pytest.raises(SystemExit, match=r"^0$"):
        main.main(["--version"])
    assert re.fullmatch(r"pytest-accel \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


def test_a_folder_of_hostile_name_comes_out_as_text(run, folder):
    (folder / "cpu-2").rename(folder / "odd\x1b[31m \u202ename")
    for command in (("list",), ("show", NODEID), ("history", NODEID)):
        code, printed, _ = run(*command)
        assert code == 0
        assert "odd\\x1b[31m \\u202ename" in printed
    assert "odd\\x1b[31m" in run("show", NODEID, "--hardware=none")[2]


def test_hostile_names_come_out_as_text(run, folder):
    nodeid = "test_it.py::test_step[\x1b[31m\u202e\n<b>]"
    BaselineStore(folder, "cpu-2").accept(Benchmark(nodeid), WORKLOAD, accepted(1, "2.19.0", 2.0))
    for command in (("list",), ("show", "31m"), ("history", "31m")):
        code, printed, _ = run(*command)
        assert code == 0
        assert "\x1b" not in printed
        assert "test_step[\\x1b[31m" in printed
    assert answer(run("show", "31m", "--json"))[0]["benchmark"] == nodeid


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("pytest.ini", "[pytest]\naccel_baselines = {folder}\n"),
        ("setup.cfg", "[tool:pytest]\naccel_baselines = {folder}\n"),
        ("pyproject.toml", "[tool.pytest.ini_options]\naccel_baselines = '{folder}'\n"),
        ("pytest.toml", "[pytest]\naccel_baselines = '{folder}'\n"),
    ],
)
@pytest.mark.parametrize("name", ["stored", "deep/stored", "{tmp_path}/stored"])
@pytest.mark.parametrize("where", [".", "below"])
def test_the_folder_is_that_of_the_settings(folder, tmp_path, monkeypatch, capsys, file, text, name, where):
    named = name.format(tmp_path=tmp_path)
    moved = tmp_path / named
    moved.parent.mkdir(parents=True, exist_ok=True)
    folder.rename(moved)
    (tmp_path / file).write_text(text.format(folder=named))
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / where)
    assert main.main(["list"]) == 0
    assert "gpu-a100" in capsys.readouterr().out


def test_below_the_settings_the_folder_is_beside_them(folder, tmp_path, monkeypatch, capsys):
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert main.main(["list"]) == 0
    assert "gpu-a100" in capsys.readouterr().out


def test_the_command_line_has_the_last_word_on_the_folder(folder, tmp_path, monkeypatch, capsys):
    (tmp_path / "pytest.ini").write_text("[pytest]\naccel_baselines = nowhere\n")
    monkeypatch.chdir(tmp_path)
    assert main.main(["list", "--baselines=baselines"]) == 0
    assert "gpu-a100" in capsys.readouterr().out


def test_settings_that_cannot_be_read_are_named(tmp_path, monkeypatch, capsys):
    (tmp_path / "pytest.toml").write_text("[pytest\n")
    monkeypatch.chdir(tmp_path)
    assert main.main(["list"]) == 2
    assert capsys.readouterr().err.startswith(f"pytest-accel: cannot read {tmp_path / 'pytest.toml'}: ")
