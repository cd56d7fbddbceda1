"""Settings that slow every step down alike: each is named with its remedy, and nothing else is."""

import sysconfig

import pytest

from pytest_accel.hardware import slow_settings
from pytest_accel.records import Kind

OLD, NEW = "fpu sse4_2 avx2 avx512f", "fpu avx512f avx512_vnni"


@pytest.mark.parametrize(
    ("name", "value", "said", "remedy"),
    [
        ("JAX_DISABLE_JIT", "1", "JAX compiles nothing", "unset JAX_DISABLE_JIT"),
        ("JAX_DEBUG_NANS", "True", "waits for it", "unset JAX_DEBUG_NANS"),
        ("CUDA_LAUNCH_BLOCKING", "1", "CUDA kernel", "unset CUDA_LAUNCH_BLOCKING"),
        ("PYTHONDEVMODE", "1", "development mode", "unset PYTHONDEVMODE"),
        ("XLA_FLAGS", "--xla_a=1 --xla_dump_to=/tmp/x", "--xla_dump_to=/tmp/x", "out of XLA_FLAGS"),
    ],
)
def test_a_variable_that_slows_steps_is_named_with_its_remedy(name, value, said, remedy):
    (found,) = slow_settings.of_process({name: value})
    assert said in found.description
    assert remedy in found.remedy


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"JAX_DISABLE_JIT": "0"},
        {"JAX_DEBUG_NANS": "False"},
        {"XLA_FLAGS": "--xla_cpu_enable_fast_math=1"},
    ],
)
def test_other_variables_are_not(variables):
    assert slow_settings.of_process(variables) == []


def test_a_debug_build_is_named(monkeypatch):
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: int(name == "Py_DEBUG"))
    (found,) = slow_settings.of_process({})
    assert "debug build" in found.description


@pytest.mark.parametrize(
    ("flags", "kind", "framework", "variables", "is_named"),
    [
        (OLD, Kind.CPU, "tensorflow", {}, True),
        (NEW, Kind.CPU, "tensorflow", {}, False),
        (OLD, Kind.CPU, "tensorflow", {"TF_ENABLE_ONEDNN_OPTS": "1"}, False),
        (OLD, Kind.CPU, "tensorflow", {"TF_ENABLE_ONEDNN_OPTS": "0"}, False),
        (OLD, Kind.CPU, "jax", {}, False),
        (OLD, Kind.GPU, "tensorflow", {}, False),
        ("", Kind.CPU, "tensorflow", {}, False),
    ],
)
def test_tensorflow_without_onednn_is_named(
    tmp_path, monkeypatch, flags, kind, framework, variables, is_named
):
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    monkeypatch.setattr(slow_settings, "CPUINFO", tmp_path / "cpuinfo")
    found = slow_settings.of_run(kind, framework, variables)
    assert bool(found) == is_named
    assert all("TF_ENABLE_ONEDNN_OPTS=1" in one.remedy for one in found)


def test_a_step_that_compiles_each_time_is_named():
    facts = {"one": {"compilation": "on every step"}, "two": {"jax": "0.10.0"}}
    (found,) = slow_settings.of_steps(facts)
    assert found.description == "one compiles a program on every step"
    assert "the same shapes and types" in found.remedy
    (found,) = slow_settings.of_steps({**facts, "three": facts["one"]})
    assert found.description == "one compiles a program on every step, like 1 more"
    assert slow_settings.of_steps({"two": facts["two"]}) == []


def test_eager_functions_are_named():
    (found,) = slow_settings.of_run(Kind.GPU, "tensorflow", {"functions": "run eagerly"})
    assert "run_functions_eagerly" in found.remedy
