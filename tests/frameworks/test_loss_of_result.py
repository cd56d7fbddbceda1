"""The loss in what a step returned, whatever that is made of."""

from __future__ import annotations

import collections
import dataclasses
from fractions import Fraction
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.step_results import Metrics, State, Unset

from pytest_accel.frameworks.introspection import wait_for

pytestmark = pytest.mark.usefixtures("no_framework")

Step = collections.namedtuple("Step", ["state", "loss"])


@dataclasses.dataclass
class Node:
    loss: Any
    parent: Any = None


class Pair(NamedTuple):
    state: object
    aux: object


class Counted(NamedTuple):
    step: int
    deep: object


def in_a_loop(loss):
    """A record that contains itself, with this loss; without one, its loss is itself."""
    node = Node(loss)
    node.parent = node
    node.loss = node if loss is None else loss
    return node


def list_in_itself(*items):
    nest = list(items)
    nest.append(nest)
    return nest


def mapping_in_itself():
    nest = {}
    nest["loss"] = nest
    return nest


def with_shape(shape):
    return SimpleNamespace(dtype="float32", shape=shape)


@pytest.mark.parametrize(
    ("returned", "loss"),
    [
        (0.5, 0.5),
        (3, 3.0),
        (Fraction(1, 2), 0.5),
        (np.float32(0.5), 0.5),
        (np.array(0.5), 0.5),
        ({"loss": 0.5, "accuracy": 0.9}, 0.5),
        ({"loss": np.array(0.5)}, 0.5),
        ({"accuracy": 0.9}, None),
        ((0.5, 0.9), 0.5),
        ([np.zeros(3), 0.5], 0.5),
        (({"w": np.zeros(3), "step": 7}, 0.5), 0.5),
        (((np.zeros(3), 7), 0.5), 0.5),
        ((np.zeros(3), {"loss": 0.5}), 0.5),
        ((np.zeros(3), (0.5, np.zeros(2))), 0.5),
        ((State(step=7), 0.5), 0.5),
        (Step(state=7, loss=0.5), 0.5),
        (Metrics(count=7, loss=0.5), 0.5),
        (State(step=7), None),
        (np.zeros(1), None),
        (np.array("0.5"), None),
        (np.array(True), None),
        (np.bool_(True), None),
        (1j, None),
        (True, None),
        ("0.5", None),
        (None, None),
        (object(), None),
        ([], None),
        ({"grad_norm": float("inf"), "loss": 0.5}, 0.5),
        ((float("inf"), {"loss": 0.5}), float("inf")),  # the first scalar of a tuple, whatever else there is
        (Unset(loss=0.5), 0.5),
        (([Unset(loss=None)], 0.5), 0.5),
        (in_a_loop(0.5), 0.5),
        (in_a_loop(None), None),
        (list_in_itself(0.5), 0.5),
        (list_in_itself("text"), None),
        ((list_in_itself(), {"loss": 0.5}), 0.5),
        (mapping_in_itself(), None),
        (Pair(state=7, aux={"loss": 0.5}), 0.5),
        (Pair(state=7, aux=0.5), 0.5),
        (Pair(state=7, aux={}), None),
        (Counted(step=7, deep={"loss": 0.5}), 0.5),
        (Counted(step=7, deep=None), None),
        ((Counted(step=7, deep=None), 0.5), 0.5),
        (with_shape(None), None),
        (with_shape(()), None),
        ((with_shape(None), 0.5), 0.5),
        (np.complex64(1 + 2j), None),
        (np.array("2020-01-01", "datetime64[s]"), None),
        pytest.param(10**400, None, id="too large for a float"),
        ({0.5}, None),
        (zip([1], [2], strict=True), None),
        ({"loss": 0.5}.values(), None),
    ],
)
def test_the_loss_in_what_a_step_returned(returned, loss):
    assert wait_for(returned) == loss


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=3) | st.floats() | st.integers(-9, 9),
        lambda nest: st.lists(nest, max_size=3) | st.tuples(nest, nest) | st.dictionaries(st.text(), nest),
        max_leaves=8,
    )
)
@settings(max_examples=50)
def test_any_nest_gives_a_number_or_nothing(returned):
    loss = wait_for(returned)
    assert loss is None or isinstance(loss, float)
