"""Shipped workloads by name: what defines their work, and what is refused."""

from __future__ import annotations

import functools
import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_accel.api.workloads import PRECISIONS, input_pipeline, training, workload


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
        "import sys, pytest_accel.api.workloads, pytest_accel.frameworks.introspection;"
        "print(sorted({'tensorflow', 'keras', 'jax', 'torch', 'numpy', 'scipy'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def named():
    """Stands for a dataset of the user's own."""


class TestTraining:
    def make(self, **arguments):
        asked = {"framework": "tensorflow", "dataset": "digits", "epochs": 8, "target": 0.95}
        return training("resnet50", **{**asked, **arguments})

    def test_a_dataset_brings_its_recipe_along(self):
        digits, imagenet = self.make(), self.make(dataset="imagenet", epochs=90)
        assert (digits.examples_per_step, imagenet.examples_per_step) == (64, 1024)
        assert digits.parameters["num_classes"] == 10
        assert imagenet.parameters["num_classes"] == 1000
        assert (digits.parameters["deterministic"], imagenet.parameters["deterministic"]) == (True, False)

    def test_the_rate_is_in_proportion_to_the_batch(self):
        assert self.make(global_batch=128).parameters["learning_rate"] == pytest.approx(0.1)
        assert self.make(dataset="imagenet", global_batch=256).parameters["learning_rate"] == pytest.approx(
            0.1
        )

    def test_what_is_given_wins(self):
        made = self.make(learning_rate=0.3, image_size=64)
        assert (made.parameters["learning_rate"], made.parameters["image_size"]) == (0.3, 64)

    @pytest.mark.parametrize("dataset", [functools.partial(named), ["digits"], None, 7])
    def test_a_dataset_without_a_name_is_refused(self, dataset):
        with pytest.raises(ValueError, match=r"has no name of its own|Unknown dataset .*; allowed: digits"):
            self.make(dataset=dataset, global_batch=8)

    def test_a_function_goes_by_its_name(self):
        made = self.make(dataset=named, global_batch=8)
        assert (made.parameters["dataset"], made.examples_per_step) == (f"{__name__}.named", 8)

    @pytest.mark.parametrize(
        ("arguments", "fault"),
        [
            ({"dataset": "cifar"}, "Unknown dataset 'cifar'; allowed: digits, imagenet, or a function that"),
            ({"epochs": 0}, "epochs=0 is not allowed; give a whole number from 1"),
            ({"target": 95}, "target=95.0 is not allowed; give a share of top-1 above 0 and up to 1"),
            ({"warmup_epochs": 8}, "a warm-up of 8 epochs leaves nothing of 8: train longer, or "),
            ({"deterministic": 1}, "deterministic=1 is not allowed; give True or False"),
            ({"dataset": named}, "named has no global batch of its own: give global_batch="),
            ({"global_batch": "x"}, "global_batch='x' is not allowed"),
            ({"lr": 0.1}, "unknown parameter 'lr'; allowed: "),
        ],
    )
    def test_what_makes_no_sense_is_named(self, arguments, fault):
        with pytest.raises(ValueError, match=re.escape(fault)):
            self.make(**arguments)


def test_real_data_is_other_work_than_synthetic():
    synthetic = workload("resnet50", framework="tensorflow", global_batch=64)
    real = workload("resnet50", framework="tensorflow", global_batch=64, dataset="imagenet")
    assert "dataset" not in synthetic.parameters
    assert real.parameters["dataset"] == "imagenet"
    assert real.hash != synthetic.hash


def test_a_pipeline_has_no_recipe():
    alone = input_pipeline(framework="tensorflow", dataset="digits", global_batch=None)
    assert alone.name == "input_pipeline"
    assert set(alone.parameters) == {"dataset", "precision", "image_size", "num_classes"}
    with pytest.raises(ValueError, match="unknown parameter 'momentum'"):
        input_pipeline(framework="tensorflow", dataset="digits", global_batch=8, momentum=0.9)
