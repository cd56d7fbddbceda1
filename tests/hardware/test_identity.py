"""Hardware identities name folders, so they must be safe whatever the machine or the user says."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_accel import hardware
from pytest_accel.hardware import identity
from pytest_accel.records import Kind
from pytest_accel.records.user_error import UserError


@settings(max_examples=200)
@given(st.text(max_size=300))
def test_a_slug_is_one_safe_path_component(text):
    name = identity.slug(text)
    assert Path("root", name).parts == ("root", name)
    assert 1 <= len(name) <= identity.MAX_LENGTH
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-")
    assert name[0] not in ".-"
    assert identity.slug(name) == name


def test_a_given_identity_replaces_the_detected_one():
    assert hardware.accelerator(Kind.CPU, "ci-pool_1.2").identity == "ci-pool_1.2"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "a\\b", ".git", "-x", "pööl", "a b", "a\n", "x" * 101]
)
def test_a_given_identity_must_be_one_path_component(name):
    with pytest.raises(UserError, match="--accel-identity") as error:
        hardware.accelerator(Kind.CPU, name)
    assert repr(name) in str(error.value)
    assert "for example --accel-identity=ci-pool" in str(error.value)


def test_the_folder_of_published_results_is_no_identity():
    with pytest.raises(UserError, match=r"--accel-identity=Published .* choose another name"):
        hardware.accelerator(Kind.CPU, "Published")
