"""``pytest-accel doctor``: what it says of a machine, here and on made-up ones."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from pytest_accel import hardware
from pytest_accel.cli import main
from pytest_accel.hardware import noise_sources
from pytest_accel.hardware.other_programs import Usage
from pytest_accel.records import Conditions

STAT = "cpu  {user} 0 100 5000 0 0 0 {steal} 0 0\ncpu0 1 2 3\n"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """The files that Linux would show, and nothing else going on."""
    monkeypatch.setattr(noise_sources, "CPU", tmp_path / "cpu")
    monkeypatch.setattr(noise_sources, "PROC", tmp_path / "proc")
    monkeypatch.setattr(noise_sources, "WATCHED_S", 0.0)  # too short to see other programs
    monkeypatch.setattr(hardware, "conditions", lambda kind, own_pids: Conditions(load_average=0.05))

    def machine(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return machine


@pytest.fixture
def doctor(capsys):
    def doctor():
        code = main.main(["doctor"])
        text = capsys.readouterr().out
        assert main.main(["doctor", "--json"]) == code
        return code, text, json.loads(capsys.readouterr().out)

    return doctor


def test_it_names_what_is_installed_and_seen(machine, doctor):
    _, text, data = doctor()
    assert data["accelerators"][-1]["kind"] == "cpu"
    assert data["installed"]["pytest"] == pytest.__version__
    assert f"  pytest {pytest.__version__}\n" in text
    assert data["accelerators"][-1]["identity"] in text


def test_a_quiet_machine_is_well(machine, doctor):
    machine({
        "proc/stat": STAT.format(user=1000, steal=1),
        "proc/meminfo": "SwapTotal: 0 kB\nSwapFree: 0 kB\n",
        "cpu/cpu0/cpufreq/scaling_governor": "performance\n",
    })  # fmt: skip
    code, text, data = doctor()
    assert (code, data["disturbances"]) == (0, [])
    assert "nothing that can be seen from here" in text


@pytest.mark.parametrize(
    ("file", "text", "what", "fix"),
    [
        ("cpu/cpu0/cpufreq/scaling_governor", "powersave\n", "governor powersave", "cpupower frequency-set"),
        ("cpu/intel_pstate/no_turbo", "0\n", "turbo", "echo 1 | sudo tee"),
        ("cpu/cpufreq/boost", "1\n", "turbo", "echo 0 | sudo tee"),
        ("proc/meminfo", "SwapTotal: 4194304 kB\nSwapFree: 2097152 kB\n", "out (2.0 GiB)", "swapoff"),
        ("proc/stat", STAT.format(user=700, steal=200), "took 20% of the time", "--accel-against"),
    ],
)
def test_what_disturbs_is_named_with_its_remedy(machine, doctor, file, text, what, fix):
    machine({file: text})
    code, printed, data = doctor()
    (found,) = data["disturbances"]
    assert code == 1
    assert what in found["description"]
    assert fix in found["remedy"]
    assert found["description"] in printed
    assert found["remedy"] in printed


@pytest.mark.parametrize(
    ("conditions", "what"),
    [
        (Conditions(load_average=1.8), "a load of 1.8 per core"),
        (Conditions(0.0, throttle_reasons=("thermal",)), "the GPU throttles (thermal)"),
        (Conditions(0.0, foreign_processes=("pid 7 (python3)",)), "others use the GPU (pid 7 (python3))"),
    ],
)
def test_what_goes_on_now_is_named(machine, doctor, monkeypatch, conditions, what):
    monkeypatch.setattr(hardware, "conditions", lambda kind, own_pids: conditions)
    code, _, data = doctor()
    assert code == 1
    assert what in data["disturbances"][0]["description"]


@pytest.mark.parametrize(("cores", "is_said"), [(0.08, False), (1.0, True)])
def test_programs_that_disturb_runs_are_named_by_the_limit_that_runs_have(
    machine, doctor, monkeypatch, cores, is_said
):
    usage = Usage(cores, of_cores=2, largest="python3 (pid 1234)", largest_cores=cores)
    monkeypatch.setattr(noise_sources, "OtherPrograms", lambda: SimpleNamespace(usage=lambda: usage))
    monkeypatch.setattr(hardware, "conditions", lambda kind, own_pids: Conditions(load_average=9.0))
    _, printed, data = doctor()
    assert len(data["disturbances"]) == is_said
    sentence = "other programs use 50% of the CPU (python3 (pid 1234) has 100% of a core)"
    assert (sentence in printed) is is_said


@pytest.mark.parametrize("text", ["", "cpu", "cpu a b c d e f g h", "\0\0", "SwapTotal: much kB\n"])
def test_files_that_say_something_else_are_no_error(machine, doctor, text):
    machine({"proc/stat": text, "proc/meminfo": text})
    assert doctor()[0] == 0
