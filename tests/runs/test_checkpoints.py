"""Where training keeps what it needs to go on: what makes a folder another, and when it goes."""

from __future__ import annotations

import contextlib
import dataclasses

import pytest

from pytest_accel.records import Accelerator, Kind, Workload
from pytest_accel.runs.checkpoints import checkpoints

ASKED = {
    "nodeid": "test_a.py::test_b",
    "workload": Workload("resnet50", "tensorflow", 64, {"epochs": 8}),
    "accelerator": Accelerator("gpu-v100-4x", Kind.GPU, "V100", 4),
    "environment": "this environment",
    "seed": 0,
}


def folder_of(root, **changed):
    with checkpoints(root, **{**ASKED, **changed}) as folder:
        return folder


@pytest.mark.parametrize(
    "changed",
    [
        {"nodeid": "test_a.py::test_c"},
        {"workload": Workload("resnet50", "tensorflow", 32, {"epochs": 8})},
        {"accelerator": dataclasses.replace(ASKED["accelerator"], identity="cpu-8")},
        {"environment": "../venvs/old"},
        {"seed": 1},
    ],
)
def test_what_defines_the_run_is_in_the_folder(tmp_path, changed):
    assert folder_of(tmp_path) == folder_of(tmp_path)
    assert folder_of(tmp_path, **changed) != folder_of(tmp_path)


def test_what_was_kept_goes_with_the_end_and_stays_if_the_run_was_ended(tmp_path):
    with contextlib.suppress(KeyError), checkpoints(tmp_path, **ASKED) as folder:
        folder.mkdir()
        raise KeyError
    assert folder.exists()
    with checkpoints(tmp_path, **ASKED) as again:
        assert again == folder
    assert list(tmp_path.iterdir()) == []


def test_a_second_session_keeps_nothing_and_leaves_the_first_alone(tmp_path):
    with checkpoints(tmp_path, **ASKED) as first:
        first.mkdir()
        with checkpoints(tmp_path, **ASKED) as second:
            assert second is None
        assert first.exists()


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path):
    (tmp_path / "file").touch()
    assert folder_of(tmp_path / "file") is None
    assert folder_of(None) is None
