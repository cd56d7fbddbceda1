"""What is under test: versions, driver and flags of a process, and how two of them differ."""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib import metadata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_accel.analysis.provenance_diff import changes, differences
from pytest_accel.worker import provenance as module
from pytest_accel.worker.provenance import beside_known, provenance

FACTS = st.dictionaries(
    st.sampled_from(["XLA_FLAGS", "jax", "keras", "numpy", "os", "tensorflow"]), st.text(max_size=8)
)


def test_this_process():
    facts = provenance()
    assert facts["python"] == f"{platform.python_implementation()} {platform.python_version()}"
    assert facts["pytest"] == metadata.version("pytest")
    assert facts["os"].startswith(platform.system())
    assert facts["cpu"]
    assert list(facts) == sorted(facts)
    assert all(isinstance(value, str) and value for value in facts.values())


def test_chosen_packages_only():
    facts = provenance(packages=("hypothesis", "no-such-package"))
    assert facts["hypothesis"] == metadata.version("hypothesis")
    assert "pytest" not in facts
    assert "no-such-package" not in facts


@pytest.mark.parametrize(
    ("distribution", "package"),
    [
        ("tensorflow", "tensorflow"),
        ("tensorflow-cpu", "tensorflow"),
        ("tensorflow-tpu", "tensorflow"),
        ("nvidia-cudnn-cu12", "nvidia-cudnn"),
        ("jaxlib", "jaxlib"),
    ],
)
def test_a_package_is_found_under_any_of_its_distributions(tmp_path, monkeypatch, distribution, package):
    folder = tmp_path / f"{distribution.replace('-', '_')}-9.8.7.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 9.8.7\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert provenance()[package] == "9.8.7"


def test_flags_are_known_if_set(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MY_TOKEN", "secret")
    facts = provenance()
    assert facts["XLA_FLAGS"] == "--xla_cpu_enable_fast_math=true"
    assert "OMP_NUM_THREADS" not in facts
    assert "secret" not in facts.values()


@pytest.mark.parametrize(
    ("module_line", "version"),
    [
        ("NVIDIA UNIX x86_64 Kernel Module  535.129.03  Thu Oct 19 18:56:32 UTC 2023", "535.129.03"),
        ("NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build", "570.86.15"),
    ],
)
def test_the_driver_comes_from_its_kernel_module(tmp_path, monkeypatch, module_line, version):
    (tmp_path / "version").write_text(f"NVRM version: {module_line}\nGCC version:  gcc 12.2.0\n")
    monkeypatch.setattr(module, "NVIDIA_DRIVER", tmp_path / "version")
    assert provenance()["nvidia-driver"] == version


def test_governor_and_driver_are_left_out_where_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "NVIDIA_DRIVER", tmp_path / "none")
    monkeypatch.setattr(module, "GOVERNOR", tmp_path / "none")
    assert {"nvidia-driver", "governor"}.isdisjoint(provenance())


def test_the_governor(tmp_path, monkeypatch):
    (tmp_path / "governor").write_text("powersave\n")
    monkeypatch.setattr(module, "GOVERNOR", tmp_path / "governor")
    assert provenance()["governor"] == "powersave"


def test_changes_show_old_and_new_with_the_frameworks_first():
    old = {"XLA_FLAGS": "-a", "numpy": "2.0", "pytest": "9", "tensorflow": "2.20.0", "torch": "2.7"}
    new = {"OMP_NUM_THREADS": "1", "keras": "3.1", "numpy": "2.1", "pytest": "9", "tensorflow": "2.21.0"}
    assert changes(old, new) == (
        "tensorflow 2.20.0 -> 2.21.0",
        "OMP_NUM_THREADS (unset) -> 1",
        "XLA_FLAGS -a -> (unset)",
        "keras (absent) -> 3.1",
        "numpy 2.0 -> 2.1",
        "torch 2.7 -> (absent)",
    )


@settings(max_examples=100)
@given(FACTS, FACTS)
def test_changes_are_empty_if_and_only_if_nothing_changed(old, new):
    assert (changes(old, new) == ()) == (old == new)
    assert len(changes(old, new)) == len(changes(new, old))


def test_no_package_is_imported():
    code = (
        "import sys\nfrom pytest_accel.worker.provenance import provenance\nprovenance()\n"
        "print(sorted({'tensorflow', 'keras', 'jax', 'torch', 'numpy', 'pytest'} & sys.modules.keys()))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_a_framework_that_comes_under_several_names_is_left_to_the_known_packages():
    packages = {"tensorflow-cpu": "2.21.0", "pluggy": "1.6.0", "absl-py": "2.0"}
    assert beside_known(packages) == {"absl-py": "2.0", "pluggy": "1.6.0"}


def test_what_only_one_environment_has_is_told_apart_from_changed_versions():
    old = {"numpy": "2.0", "six": "1.0", "tensorflow": "2.20.0", "pluggy": "1.5"}
    new = {"numpy": "2.1", "ruff": "0.9", "tensorflow": "2.21.0", "pluggy": "1.5", "pytest-accel": "0.1.0"}
    new["XLA_FLAGS"] = "--xla_foo"
    assert differences(old, new) == (
        ("tensorflow 2.20.0 -> 2.21.0", "XLA_FLAGS (unset) -> --xla_foo", "numpy 2.0 -> 2.1"),
        ("installed here only: ruff", "installed in the other environment only: six"),
    )


def test_environments_that_agree_have_no_differences():
    assert differences({"numpy": "2.0"}, {"numpy": "2.0"}) == ((), ())


def test_a_library_of_the_tpu_that_the_user_names_is_no_installed_version(monkeypatch):
    monkeypatch.setattr(module, "_OTHER_LIBTPU", "/opt/libtpu.so")
    assert provenance()["libtpu"] == "that of TPU_LIBRARY_PATH=/opt/libtpu.so"
