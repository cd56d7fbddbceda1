"""An accelerator that is not here: the message says why, what was found, and the way out."""

from __future__ import annotations

import sys

import pytest

from pytest_accel import hardware
from pytest_accel.hardware import cpu
from pytest_accel.records import Kind

V100 = "Tesla V100-SXM2-16GB"


def absence(kind):
    with pytest.raises(hardware.AbsentAccelerator) as error:
        hardware.accelerator(kind)
    return str(error.value)


def test_an_absent_gpu_is_named_with_what_was_found_and_the_way_out():
    message = absence(Kind.GPU)
    found = f"Found: cpu ({cpu.model_name()}, {cpu.cores_text()})."
    assert (
        message
        == f"--accel=gpu: no GPU here (no /dev/nvidia*). {found} Run with --accel=cpu or --accel=auto."
    )


def test_an_absent_tpu_is_named_with_what_was_found_and_the_way_out(four_v100, install_gpus):
    install_gpus(*four_v100)
    message = absence(Kind.TPU)
    assert "--accel=tpu: no TPU here (no /dev/accel* or /dev/vfio/*, TPU_NAME is not set)" in message
    assert f"Found: gpu ({V100}, 4 devices), cpu ({cpu.model_name()}" in message
    assert message.endswith("Run with --accel=gpu or --accel=cpu or --accel=auto.")


def test_hidden_gpus_are_said_to_be_hidden(four_v100, install_gpus, monkeypatch):
    install_gpus(*four_v100)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert "(CUDA_VISIBLE_DEVICES='-1' hides all 4: unset it or name one)" in absence(Kind.GPU)


def test_a_broken_driver_is_named(install_gpus):
    install_gpus(init_error="Driver/library version mismatch")
    assert "no GPU here (NVML: Driver/library version mismatch)" in absence(Kind.GPU)


def test_a_driver_without_gpus_is_named(install_gpus):
    install_gpus()
    assert "no GPU here (NVML shows none)" in absence(Kind.GPU)


def test_a_missing_pynvml_is_named(four_v100, install_gpus, monkeypatch):
    install_gpus(*four_v100)
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert "nvidia-ml-py is not installed: pip install nvidia-ml-py" in absence(Kind.GPU)
    assert hardware.probe_kind() is Kind.CPU


def test_a_tpu_of_unknown_type_needs_its_type(monkeypatch):
    monkeypatch.setenv("TPU_NAME", "my-tpu")
    message = absence(Kind.TPU)
    assert "set TPU_ACCELERATOR_TYPE, for example to v2-8" in message
    assert message.endswith("Run with --accel=cpu.")


def test_a_tpu_type_of_another_form_is_named(monkeypatch):
    monkeypatch.setenv("TPU_NAME", "local")
    monkeypatch.setenv("TPU_ACCELERATOR_TYPE", "fast")
    assert "TPU type 'fast' is not of the form v2-8: set TPU_ACCELERATOR_TYPE" in absence(Kind.TPU)
