"""Shipped workloads by name: what defines their work, and what is refused."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_accel.workloads import PRECISIONS, workload


def resnet50(**arguments):
    return workload("resnet50", **{"framework": "tensorflow", "global_batch": 256, **arguments})


def test_defaults_are_the_published_recipe():
    work = resnet50()
    assert (work.name, work.framework, work.examples_per_step) == ("resnet50", "tensorflow", 256)
    assert work.parameters == {
        "precision": "float32",
        "image_size": 224,
        "num_classes": 1000,
        "learning_rate": 0.1,
        "momentum": 0.9,
        "weight_decay": 1e-4,
        "label_smoothing": 0.1,
    }


@pytest.mark.parametrize(("global_batch", "rate"), [(8, 0.003125), (128, 0.05), (256, 0.1), (1024, 0.1)])
def test_learning_rate_follows_the_batch(global_batch, rate):
    assert resnet50(global_batch=global_batch).parameters["learning_rate"] == pytest.approx(rate)


@given(
    precision=st.sampled_from(PRECISIONS),
    image_size=st.integers(32, 512),
    learning_rate=st.floats(0, 10, exclude_min=True),
    label_smoothing=st.floats(0, 1, exclude_max=True),
)
@settings(max_examples=25)
def test_given_parameters_are_kept_and_all_of_them_are_hashed(**parameters):
    work = resnet50(**parameters)
    assert work.parameters == {**resnet50().parameters, **parameters}
    assert work.hash == resnet50(**parameters).hash
    assert work.hash != resnet50(**{**parameters, "image_size": parameters["image_size"] + 1}).hash


def test_a_whole_number_is_the_same_workload_as_the_fraction():
    assert resnet50(label_smoothing=0).hash == resnet50(label_smoothing=0.0).hash


def test_unknown_workload_is_named_with_those_there_are():
    with pytest.raises(ValueError, match=r"'resnet51'; allowed: resnet50"):
        workload("resnet51", framework="tensorflow", global_batch=8)


def test_unknown_parameter_is_named_with_those_there_are():
    with pytest.raises(ValueError, match=r"resnet50: unknown parameter 'img_size'; allowed: precision, "):
        resnet50(img_size=32)


@pytest.mark.parametrize("batch", [0, -8, True, 8.0, "8", None])
def test_global_batch_must_be_a_positive_whole_number(batch):
    with pytest.raises(ValueError, match=rf"resnet50: global_batch={batch!r} .* a whole number from 1"):
        resnet50(global_batch=batch)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("precision", "bfloat16", "one of float32, mixed_bfloat16, mixed_float16"),
        ("precision", 16, "one of float32"),
        ("image_size", 31, "a whole number from 32"),
        ("image_size", 224.0, "a whole number from 32"),
        ("image_size", True, "a whole number from 32"),
        ("num_classes", 1, "a whole number from 2"),
        ("learning_rate", 0, "a finite number above 0"),
        ("learning_rate", float("nan"), "a finite number above 0"),
        ("learning_rate", float("inf"), "a finite number above 0"),
        ("learning_rate", None, "a finite number above 0"),
        ("momentum", 1.0, "a number from 0 and below 1"),
        ("momentum", False, "a number from 0 and below 1"),
        ("weight_decay", -1e-4, "a finite number from 0"),
        ("weight_decay", "1e-4", "a finite number from 0"),
        ("label_smoothing", 1, "a number from 0 and below 1"),
    ],
)
def test_bad_values_are_named_with_what_is_allowed(name, value, allowed):
    with pytest.raises(ValueError, match=f"resnet50: {name}=.* is not allowed; give {allowed}") as caught:
        resnet50(**{name: value})
    assert repr(value) in str(caught.value) or repr(float(value)) in str(caught.value)


def test_knowing_workloads_and_frameworks_imports_none():
    script = (
        "import sys, pytest_accel.workloads, pytest_accel.frameworks.values;"
        "print(sorted({'tensorflow', 'keras', 'jax', 'torch', 'numpy', 'scipy'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
