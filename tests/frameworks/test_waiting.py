"""Waiting for what a step returned.

PyTorch is not part of the test environment: a small stand-in under its name shows which of its functions are
called and when, not that the real ones wait.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
from types import SimpleNamespace

import pytest
from support.fake_module import FakeModule
from support.step_results import Metrics, Unset

from pytest_accel.frameworks.introspection import block_until_ready, leaves, wait_for

pytestmark = pytest.mark.usefixtures("no_framework")


@pytest.fixture
def work(jax, with_jax):
    """``work()`` begins what takes JAX a while, and gives the array that is going to be there."""

    @jax.jit
    def long(x):
        return jax.lax.fori_loop(0, 400, lambda _, x: jax.numpy.tanh(x @ x), x)

    start = jax.numpy.eye(300)
    long(start).block_until_ready()

    def work():
        pending = long(start)
        assert not pending.is_ready(), "that took no time: the test shows nothing"
        return pending

    return work


def test_tensorflow_values_are_waited_for(with_tensorflow):
    tf = with_tensorflow
    synchronised = []
    original = tf.test.experimental.sync_devices
    tf.test.experimental.sync_devices = lambda: synchronised.append(original())
    try:
        assert wait_for(tf.constant(0.5)) == 0.5
        assert wait_for({"loss": tf.constant(0.5, tf.bfloat16)}) == 0.5
        assert wait_for((tf.Variable([1.0, 2.0]), tf.Variable(0.25))) == 0.25
        assert wait_for([tf.sparse.from_dense([[1.0]]), tf.ragged.constant([[1.0], []])]) is None
        assert wait_for(tf.constant("0.5")) is None
        assert wait_for(None) is None
    finally:
        tf.test.experimental.sync_devices = original
    assert len(synchronised) == 6


def test_tensorflow_values_of_several_replicas_are_waited_for(with_tensorflow):
    tf = with_tensorflow
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    per_replica = strategy.experimental_distribute_values_from_function(lambda _: tf.constant([1.0, 2.0]))
    assert wait_for((per_replica, tf.constant(0.5))) == 0.5


def test_a_pending_tensorflow_step_is_finished_when_the_wait_ends(with_tensorflow):
    tf = with_tensorflow
    done = []
    tf.config.experimental.set_synchronous_execution(False)
    try:
        slow = tf.py_function(lambda: (sum(range(2_000_000)), done.append(True))[0], [], tf.int64)
        assert wait_for({"loss": slow}) == sum(range(2_000_000))
        assert done == [True]
    finally:
        tf.config.experimental.set_synchronous_execution(True)


@pytest.mark.parametrize("kept_in", ["nothing", "a number", "an object", "a set", "TensorFlow"])
def test_work_of_jax_is_waited_for_where_the_result_holds_none_of_it(work, with_tensorflow, kept_in):
    """TensorFlow is running beside it, for the data."""
    of_tensorflow = with_tensorflow.constant(0.5)
    pending = work()
    returned = {
        "nothing": None,
        "a number": 0.5,
        "an object": SimpleNamespace(weights=pending),
        "a set": {0.5},
        "TensorFlow": {"loss": of_tensorflow},
    }
    wait_for(returned[kept_in])
    assert pending.is_ready()


def test_work_of_jax_whose_result_nobody_keeps_is_waited_for_on_every_device(
    with_jax, with_tensorflow, monkeypatch
):
    """That a device finishes its work in order is seen on an accelerator only; here, that all are asked."""
    asked = []
    put = with_jax.device_put
    monkeypatch.setattr(
        with_jax, "device_put", lambda value, device: asked.append(device) or put(value, device)
    )
    with_jax.numpy.ones(3).delete()  # gone, and not to be waited for
    assert wait_for(None) is None
    assert asked == with_jax.local_devices()


def test_arrays_of_jax_in_any_nest_are_waited_for(work, params, with_jax, with_tensorflow, monkeypatch):
    monkeypatch.delattr(with_jax, "live_arrays")  # they are found, so nothing else is asked
    for nest in (
        lambda array: (Metrics(count=1, loss={"deep": [array]}), 0.5),
        lambda array: (params(array), {}),
        lambda array: {"state": params(params({"deep": params(1, array)}), None)},
        lambda array: [Unset(loss=params(array))],
    ):
        pending = work()
        wait_for(nest(pending))
        assert pending.is_ready()


def test_what_is_in_a_pytree_of_jax(with_jax, params):
    array = with_jax.numpy.ones(2)
    itself = params()
    itself.children = (itself, array)
    assert [leaf for leaf in leaves((itself, 3)) if leaf is not array] == [3]
    only_itself = params()
    only_itself.children = (only_itself,)
    assert list(leaves([only_itself])) in ([], [only_itself])
    assert list(leaves([None, params()])) == [None]


def test_a_pytree_that_cannot_be_taken_apart_is_waited_for_all_the_same(work, with_jax):
    class Broken:
        def tree_flatten(self):
            raise OSError("no disk")

        @classmethod
        def tree_unflatten(cls, _, children):
            return cls()

    with_jax.tree_util.register_pytree_node_class(Broken)
    pending = work()
    assert wait_for((Broken(), 0.5)) == 0.5
    assert pending.is_ready()


@pytest.mark.usefixtures("cannot_be_told")
def test_where_it_cannot_be_told_a_framework_that_is_alone_is_waited_for(work, with_jax, monkeypatch):
    pending = work()
    wait_for(None)
    assert pending.is_ready()

    monkeypatch.setitem(sys.modules, "torch", FakeModule("torch", cuda=NO_CUDA))
    monkeypatch.setattr(with_jax, "live_arrays", lambda: pytest.fail("JAX may not be in use"))
    assert wait_for(None) is None


NO_CUDA = SimpleNamespace(is_available=lambda: False)

ONLY_IMPORTED = """
    import jax, sys
    import tensorflow as tf
    from pytest_accel.frameworks import introspection
    from pytest_accel.frameworks.recognized import RECOGNIZED
    from pytest_accel.frameworks.recompilation import CompilationCounter
    from pytest_accel.records import Kind

    def running():
        return RECOGNIZED["tensorflow"].is_running(tf), RECOGNIZED["jax"].is_running(jax)

    def ask():
        introspection.wait_for(None)
        introspection.wait_for({"loss": 0.5})
        introspection.peak_memory_bytes(Kind.GPU)
        CompilationCounter().is_every_step(3)

    ask()
    before = running()
"""
JAX_IN_USE = """
    array = jax.numpy.ones(2)
    ask()
    print(before, running())
    tf.constant(1.0)
    print(running())
"""
TENSORFLOW_IN_USE = """
    tensor = tf.constant(1.0)
    ask()
    print(before, running())
    jax.numpy.ones(2)
    print(running())
"""


@pytest.mark.slow
@pytest.mark.tensorflow
@pytest.mark.jax
@pytest.mark.parametrize(
    ("used", "seen"),
    [
        (JAX_IN_USE, ["(False, False) (False, True)", "(True, True)"]),
        (TENSORFLOW_IN_USE, ["(False, False) (True, False)", "(True, True)"]),
    ],
)
def test_a_framework_that_is_only_imported_is_not_started(used, seen):
    """Where this sees None, a private name that tells whether one is running has moved: see recognized.py."""
    pytest.importorskip("jax")
    script = textwrap.dedent(ONLY_IMPORTED) + textwrap.dedent(used)
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ran.stdout.splitlines() == seen, ran.stderr


@pytest.mark.slow
@pytest.mark.tensorflow
def test_a_session_of_tensorflow_1_needs_no_waiting_for():
    script = """
        import tensorflow as tf
        from pytest_accel.frameworks.introspection import wait_for

        tf.constant(1.0)
        tf.compat.v1.disable_eager_execution()
        with tf.compat.v1.Session() as session:
            print(wait_for(session.run(tf.constant(0.5))))
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.stdout == "0.5\n", ran.stderr


def test_values_of_tensorflow_that_are_no_plain_tensors(with_tensorflow):
    tf = with_tensorflow
    iterator = iter(tf.data.Dataset.range(9).repeat())
    loss = tf.constant(0.5)
    for odd in (
        tf.IndexedSlices(tf.ones((2, 3)), tf.constant([0, 1])),
        tf.ragged.constant([[1.0], []]),
        tf.sparse.from_dense([[1.0]]),
        iterator,
        iterator.get_next_as_optional(),
        tf.constant("a text"),
        tf.TensorArray(tf.float32, 1).unstack([1.0]),
        tf.constant(1j),
        tf.constant(True),
        tf.RaggedTensorSpec([None, None]),
        tf.TensorSpec(None),
    ):
        assert wait_for(odd) is None
        assert wait_for((odd, loss)) == 0.5
        assert wait_for({"state": odd, "loss": loss}) == 0.5


def test_a_tensor_that_left_its_function_stops_nobody(with_tensorflow):
    left = []

    @with_tensorflow.function
    def function(x):
        left.append(x + 1)
        return x

    assert wait_for((left, function(with_tensorflow.constant(0.5)))) == 0.5


class OnCuda:
    """A tensor of PyTorch on this device."""

    is_cuda = True

    def __init__(self, device):
        self.device = SimpleNamespace(index=device)


@pytest.mark.parametrize(
    ("in_use", "result", "allocated", "waited_for"),
    [
        (False, None, {}, []),
        (True, None, {}, [0]),  # the current device
        (True, [OnCuda(2)], {}, [0, 2]),
        (True, None, {1: 512, 3: 512}, [0, 1, 3]),  # a model in parts, whose step returns nothing
    ],
)
def test_torch_waits_for_each_device_in_use(monkeypatch, in_use, result, allocated, waited_for):
    seen = []
    cuda = SimpleNamespace(
        is_available=lambda: True,
        is_initialized=lambda: in_use,
        device_count=lambda: 4,
        current_device=lambda: 0,
        memory_allocated=lambda device: allocated.get(device, 0),
        synchronize=seen.append,
    )
    monkeypatch.setitem(sys.modules, "torch", FakeModule("torch", cuda=cuda, Tensor=OnCuda))
    block_until_ready(result)
    assert seen == waited_for
