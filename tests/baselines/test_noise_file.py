"""noise.json: what calibrate leaves beside the baselines of a machine."""

from __future__ import annotations

import json

import pytest

from pytest_accel.baselines import BaselineStore, noise_file
from pytest_accel.baselines.errors import BrokenBaseline, OtherSchema, StoreError
from pytest_accel.records import Kind
from pytest_accel.records.noise import GpuState, Sitting

SITTING = Sitting(
    "2026-01-01T12:00:00+00:00",
    {"python": "3.11"},
    ({"a.py::test": (0.25, 0.26)},),
    ({"a.py::test": (-0.01, 0.02)},),
    (GpuState("GPU-1", 700.0, 65, 1410, 1980),),
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "baselines" / "cpu-2" / noise_file.NAME


def test_each_call_adds_a_sitting(path):
    assert noise_file.load(path) is None
    noise_file.append(path, Kind.CPU, SITTING)
    noise = noise_file.append(path, Kind.CPU, SITTING)
    assert noise.sittings == (SITTING, SITTING)
    assert noise_file.load(path) == noise


def test_it_is_no_baseline(path, tmp_path):
    noise_file.append(path, Kind.CPU, SITTING)
    store = BaselineStore(tmp_path / "baselines", "cpu-2")
    assert list(store.load_all()) == []
    assert store.noise().sittings == (SITTING,)


@pytest.mark.parametrize(
    ("text", "fault", "kind"),
    [
        ("{", "Expecting property name", BrokenBaseline),
        ("[]", "schema None, and this version reads 1", OtherSchema),
        ('{"schema": 2}', "schema 2, and this version reads 1", OtherSchema),
        ('{"schema": 1, "accelerator": "cpu"}', "sittings: missing", BrokenBaseline),
        ('{"schema": 1, "accelerator": "npu", "sittings": []}', "accelerator: ", BrokenBaseline),
    ],
)
def test_a_file_that_is_broken_is_named_with_the_way_out(path, text, fault, kind):
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(kind) as error:
        noise_file.load(path)
    assert str(error.value).startswith(f"{path}: {fault}")
    assert str(error.value).endswith("or delete it and call pytest-accel calibrate again.")


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_time_that_is_none_is_found(path, value):
    noise_file.append(path, Kind.CPU, SITTING)
    data = json.loads(path.read_text())
    data["sittings"][0]["sessions"][0]["a.py::test"][1] = value
    path.write_text(json.dumps(data))
    with pytest.raises(BrokenBaseline, match=r"sessions\[0\].a.py::test: a number that is none"):
        noise_file.load(path)


def test_nothing_is_written_that_could_not_be_read(path):
    odd = Sitting(SITTING.time, {}, ({"a.py::test": (float("nan"),)},))
    with pytest.raises(StoreError, match=r"Nothing was written; calibrate again\.$"):
        noise_file.append(path, Kind.CPU, odd)
    assert not path.exists()


def test_sittings_of_other_hardware_do_not_mix(path):
    noise_file.append(path, Kind.CPU, SITTING)
    with pytest.raises(BrokenBaseline, match="accelerator: cpu, and this is a gpu"):
        noise_file.append(path, Kind.GPU, SITTING)
