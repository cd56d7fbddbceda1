"""Steps of the user's own: what a measuring call accepts, and how both forms are run."""

from __future__ import annotations

import dataclasses
import re
from fractions import Fraction
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest

from pytest_accel import frameworks
from pytest_accel.api import user_step
from pytest_accel.api.accel import Accel
from pytest_accel.records import Accelerator, Kind

CPU = Accelerator("here", Kind.CPU, "this one", 1)


class Backend:
    """Keeps the plan instead of measuring it."""

    accelerator = CPU

    def measure(self, item, plan):
        self.plan = plan


@pytest.fixture
def backend():
    return Backend()


@pytest.fixture
def calls(pytester, backend):
    return Accel(pytester.getitem("def test_it(): pass", "test_it"), backend)


def count():
    """A closed step that knows how often it ran."""
    count.calls += 1
    return {"loss": float(count.calls)}


@pytest.fixture
def traced(calls, backend, monkeypatch):
    """``traced(step, state, batch, examples)`` is what tracing it for v2-8 gives, without a framework."""
    framework = SimpleNamespace(lower_step=lambda step, state, batch, *_: step(state, *batch))
    monkeypatch.setattr(frameworks, "load", lambda name: framework)

    def traced(step, state, batch, examples=8):
        calls.measure(step, state=state, batch=batch, examples_per_step=examples)
        plan = backend.plan
        workload = dataclasses.replace(plan.workload, framework="jax")
        return user_step.lowered(workload, step, state, batch, "v2-8")

    return traced


@pytest.fixture(autouse=True)
def _reset():
    count.calls = 0


def test_a_closed_step_is_run_as_often_as_asked_and_its_loss_is_found(calls, backend):
    calls.measure(count, examples_per_step=8)
    program = backend.plan.build()

    handles = [program.step() for _ in range(3)]

    assert program.wait(handles[-1]) == 3.0
    assert count.calls == 3
    assert program.peak_memory_bytes() > 0


def test_the_plan_says_what_work_it_is_and_nothing_has_run_yet(calls, backend):
    calls.measure(count, examples_per_step=8)

    workload = backend.plan.workload
    assert (workload.name, workload.examples_per_step) == ("measure", 8)
    assert count.calls == 0


def test_the_marker_names_the_framework(pytester, backend):
    source = "import pytest\n\n@pytest.mark.accel(framework='tensorflow')\ndef test_it(): pass"
    item = pytester.getitem(source, "test_it")

    Accel(item, backend).measure(count, examples_per_step=1)

    assert backend.plan.workload.framework == "tensorflow"


def test_a_functional_step_hands_its_state_on_and_gets_the_batch(calls, backend):
    seen = []

    def step(state, images, labels):
        seen.append((state, images, labels))
        return state + 1, {"loss": state / 2}

    calls.measure(step, state=10, batch=("images", "labels"), examples_per_step=2)
    program = backend.plan.build()
    program.step()
    handle = program.step()

    assert program.wait(handle) == 5.5
    assert seen == [(10, "images", "labels"), (11, "images", "labels")]


@pytest.mark.parametrize("state", [None, 0, ()])
def test_a_state_may_be_empty(calls, backend, state):
    calls.measure(lambda state: (state, 1.0), state=state, examples_per_step=1)

    program = backend.plan.build()

    assert program.wait(program.step()) == 1.0


@pytest.mark.parametrize(
    ("returned", "name"),
    [
        (None, "None"),
        (1.0, "a float"),
        ((1, 2, 3), "a tuple of 3"),
        ([1], "a list of 1"),
        ({"state": 1, "aux": 2}, "a dict"),
    ],
)
def test_a_functional_step_must_return_a_pair(returned, name):
    program = user_step.functional_program(lambda state: returned, 0, (), Kind.CPU)

    with pytest.raises(TypeError, match=rf"must return \(state, aux\); this one returned {name}"):
        program.step()


class Pair(NamedTuple):
    state: int
    aux: dict


@pytest.mark.parametrize("pair", [tuple, list, lambda pair: Pair(*pair)])
def test_a_pair_of_any_kind_is_one(pair):
    program = user_step.functional_program(lambda state: pair((state + 1, {"loss": state})), 5, (), Kind.CPU)

    handles = [program.step() for _ in range(3)]

    assert program.wait(handles[-1]) == 7.0


def test_the_loss_of_a_functional_step_is_in_its_aux_alone():
    program = user_step.functional_program(lambda state: (state, {}), {"loss": 0.5}, (), Kind.CPU)

    assert program.wait(program.step()) is None


@pytest.mark.parametrize(
    "examples",
    [np.prod((4, 8)), np.int32(32), np.array([16, 32])[1], np.array(32), np.uint8(32)],
)
def test_examples_per_step_may_be_an_integer_of_numpy(calls, backend, examples):
    calls.measure(count, examples_per_step=examples)

    assert backend.plan.workload.examples_per_step == 32
    assert type(backend.plan.workload.examples_per_step) is int


@pytest.mark.parametrize(
    "examples", [256 / 8, np.float64(32), np.float32(32.5), Fraction(32), float("nan"), True, np.True_, "8",
                 None, np.array([32]), np.array(True)]
)  # fmt: skip
def test_examples_per_step_that_is_no_integer_is_named_with_the_way_out(calls, examples):
    said = f"accel.measure(examples_per_step={examples!r}): give a whole number from 1 to 10**15, such as int"

    with pytest.raises(ValueError, match=re.escape(said)):
        calls.measure(count, examples_per_step=examples)


@pytest.mark.parametrize("examples", [0, -1, 10**15 + 1, np.int64(-8), 2.0, "8", None, True])
def test_examples_per_step_must_be_a_positive_whole_number(calls, examples):
    with pytest.raises(ValueError, match=r"examples_per_step=.*give a whole number from 1 to 10"):
        calls.measure(count, examples_per_step=examples)


async def coroutine():
    pass


def generator():
    yield


@pytest.mark.parametrize("step", [coroutine, generator, lambda: generator()])
@pytest.mark.filterwarnings("ignore:coroutine")
def test_a_step_that_has_done_no_work_yet_is_refused(step):
    closed = user_step.closed_program(step, Kind.CPU)
    functional = user_step.functional_program(lambda _state: step(), 0, (), Kind.CPU)

    for program in (closed, functional):
        with pytest.raises(TypeError, match="has done no work yet: measure a plain function"):
            program.wait(program.step())


def test_a_step_must_be_callable(calls):
    with pytest.raises(TypeError, match="step must be callable, not int"):
        calls.measure(3, examples_per_step=1)


def test_a_batch_without_a_state_is_named(calls):
    with pytest.raises(TypeError, match="belongs to the functional form: give state= as well"):
        calls.measure(count, batch=(1, 2), examples_per_step=1)


@pytest.mark.parametrize("batch", [5, "text", {"x": 1}])
def test_a_batch_must_be_a_tuple(calls, batch):
    with pytest.raises(TypeError, match=r"give a tuple .* such as batch=\(x, y\), not"):
        calls.measure(count, state=0, batch=batch, examples_per_step=1)


def test_a_second_call_names_the_test_and_the_way_out(calls):
    calls.measure(count, examples_per_step=1)

    with pytest.raises(pytest.fail.Exception, match=r"test_it measures twice: .*parametrize it or split it"):
        calls.throughput("resnet50", global_batch=8)


@pytest.mark.tensorflow
def test_a_step_of_tensorflow_in_both_forms():
    import tensorflow as tf

    weights = tf.Variable(tf.zeros([4]))

    @tf.function
    def closed():
        weights.assign_add(tf.ones([4]))
        return {"loss": tf.reduce_sum(weights)}

    @tf.function
    def functional(state, batch):
        return state + batch, tf.reduce_sum(state)

    first = user_step.closed_program(closed, Kind.CPU)
    second = user_step.functional_program(functional, tf.zeros([2]), (tf.ones([2]),), Kind.CPU)

    assert [first.wait(first.step()) for _ in range(3)] == [4.0, 8.0, 12.0]
    assert [second.wait(second.step()) for _ in range(3)] == [0.0, 2.0, 4.0]


@pytest.mark.tensorflow
def test_an_iterator_of_tensorflow_may_be_the_state():
    import tensorflow as tf

    def step(batches):
        return batches, {"loss": tf.cast(next(batches), tf.float32)}

    program = user_step.functional_program(step, iter(tf.data.Dataset.range(9)), (), Kind.CPU)

    assert [program.wait(program.step()) for _ in range(3)] == [0.0, 1.0, 2.0]


@pytest.mark.tensorflow
@pytest.mark.jax
def test_a_state_that_is_a_pytree_is_waited_for_where_aux_is_empty():
    jax = pytest.importorskip("jax")
    import tensorflow as tf

    assert tf.constant(1.0).numpy() == 1  # TensorFlow is in use as well, for the data

    class State:
        def __init__(self, weights):
            self.weights = weights

    jax.tree_util.register_pytree_node(State, lambda one: ((one.weights,), None), lambda _, of: State(*of))

    @jax.jit
    def update(weights):
        return jax.lax.fori_loop(0, 400, lambda _, x: jax.numpy.tanh(x @ x), weights)

    states = []

    def step(state):
        states.append(State(update(state.weights)))
        return states[-1], {}

    program = user_step.functional_program(step, State(jax.numpy.eye(300)), (), Kind.CPU)
    for _ in range(2):  # the first one compiles
        handle = program.step()
        pending = states[-1].weights
        began = not pending.is_ready()
        program.wait(handle)

        assert pending.is_ready()
    assert began, "that took no time: the test shows nothing"


def test_earlier_results_are_left_alone():
    """A step may give its buffers to the next one: JAX then raises for whoever touches the old result."""

    class Donated:
        shape = ()
        dtype = "float32"
        usable = True

        def __float__(self):
            assert self.usable, "this buffer was donated"
            return 1.0

    results = []

    def step():
        for result in results:
            result.usable = False
        results.append(Donated())
        return results[-1]

    program = user_step.closed_program(step, Kind.CPU)
    handles = [program.step() for _ in range(3)]

    assert program.wait(handles[-1]) == 1.0


WEIGHTS, IMAGES = np.ones([3, 4], np.float32), np.ones([8, 3], np.float32)


def test_a_step_that_is_compiled_may_keep_its_state_in_anything(traced):
    state = {"weights": [WEIGHTS], "step": 0, "scale": None}
    after, aux = traced(lambda state, images: ({**state, "step": 1}, images.sum()), state, (IMAGES,))
    assert (after["step"], aux) == (1, 24)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (lambda weights, images: None, r"must return \(state, aux\); this one returned None"),
        (lambda weights, images: (images @ weights, weights), r"float32\[3, 4\] became float32\[8, 4\]"),
        (lambda weights, images: (weights.astype("f8"), 0), r"float32\[3, 4\] became float64\[3, 4\]"),
        (lambda weights, images: ([weights, weights], 0), "1 arrays became 2"),
    ],
)
def test_a_step_that_is_compiled_must_return_its_state_as_it_came(traced, step, said):
    with pytest.raises(TypeError, match=said):
        traced(step, WEIGHTS, (IMAGES,))
