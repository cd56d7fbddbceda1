"""Waiting for what a step returned, finding the loss in it, and the memory it took.

PyTorch is not part of the test environment: a small stand-in under its name shows which of its functions are
called and when, not that the real ones wait. GPU memory is asked of stand-ins as well.
"""

from __future__ import annotations

import collections
import dataclasses
import subprocess
import sys
import textwrap
from fractions import Fraction
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_accel.frameworks.introspection import (
    framework_of,
    framework_of_result,
    leaves,
    peak_memory_bytes,
    wait_for,
)
from pytest_accel.records import Kind

Step = collections.namedtuple("Step", ["state", "loss"])


@dataclasses.dataclass
class Metrics:
    count: int
    loss: object


@dataclasses.dataclass
class State:
    step: int


@dataclasses.dataclass
class Unset:
    loss: object
    history: list = dataclasses.field(init=False)


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


@pytest.fixture(autouse=True)
def _no_framework(monkeypatch):
    """What other tests have imported is not to be seen here."""
    for name in ("tensorflow", "jax", "torch"):
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.fixture
def _cannot_be_told(monkeypatch):
    """What a framework that is a stand-in does not have: the modules that know whether it is running."""
    for name in ("tensorflow.python.eager.context", "jax._src.xla_bridge"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))


@pytest.fixture(scope="module")
def tf():
    return pytest.importorskip("tensorflow")


@pytest.fixture
def with_tensorflow(tf, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", tf)
    return tf


@pytest.fixture(scope="module")
def jax():
    return pytest.importorskip("jax")


@pytest.fixture
def with_jax(jax, monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", jax)
    return jax


@pytest.fixture
def params(with_jax):
    """``params(*children)`` is an object that JAX knows as a pytree."""

    class Params:
        __hash__ = None  # as of any class with an __eq__ of its own

        def __init__(self, *children):
            self.children = children

    with_jax.tree_util.register_pytree_node(
        Params, lambda one: (one.children, None), lambda _, children: Params(*children)
    )
    return Params


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


class FakeModule(ModuleType):
    """A framework in name, with the few functions given."""

    def __init__(self, name, **functions):
        super().__init__(name)
        self.__dict__.update(functions)


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


@pytest.mark.usefixtures("_cannot_be_told")
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


@pytest.mark.parametrize(("in_use", "calls"), [(True, ["synchronize"]), (False, [])])
def test_torch_waits_for_cuda_where_it_is_in_use(monkeypatch, in_use, calls):
    seen = []
    cuda = SimpleNamespace(
        is_available=lambda: True,
        is_initialized=lambda: in_use,
        synchronize=lambda: seen.append("synchronize"),
    )
    monkeypatch.setitem(sys.modules, "torch", FakeModule("torch", cuda=cuda))
    assert wait_for(None) is None
    assert seen == calls


def test_the_framework_in_use_is_the_one_imported(monkeypatch):
    assert framework_of(()) == "python"
    monkeypatch.setitem(sys.modules, "torch", FakeModule("torch"))
    assert framework_of(()) == "torch"
    monkeypatch.setitem(sys.modules, "jax", None)  # How Python notes that an import is forbidden.
    assert framework_of(()) == "torch"
    monkeypatch.setitem(sys.modules, "tensorflow", FakeModule("tensorflow"))
    assert framework_of(()) == "tensorflow"


def test_of_several_frameworks_the_arrays_tell(with_tensorflow, with_jax, monkeypatch):
    torch = FakeModule("torch", Tensor=type("Tensor", (), {}))
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert framework_of({"step": 3, "weights": [with_jax.numpy.ones(2)]}) == "jax"
    assert framework_of((None, with_tensorflow.ones(2))) == "tensorflow"
    assert framework_of(with_tensorflow.Variable(1.0)) == "tensorflow"
    assert framework_of(State(torch.Tensor())) == "torch"
    assert framework_of({"step": 3}) == "tensorflow"


def test_the_framework_of_a_result_is_that_of_its_first_array(with_tensorflow, with_jax, params, monkeypatch):
    array, tensor = with_jax.numpy.ones(2), with_tensorflow.ones(2)
    Tensor = type("Tensor", (), {})
    monkeypatch.setitem(sys.modules, "torch", FakeModule("torch", Tensor=Tensor))
    for nothing in (None, 0.5, {"loss": np.float32(0.5)}, np.ones(3), "text", in_a_loop(0.5), params(1)):
        assert framework_of_result(nothing) is None
    assert framework_of_result((3, np.ones(2), array, tensor)) == "jax"
    assert framework_of_result({"loss": tensor, "state": array}) == "tensorflow"
    assert framework_of_result(params(None, [params(array)])) == "jax"
    assert framework_of_result(with_tensorflow.IndexedSlices(tensor, [0, 1])) == "tensorflow"
    assert framework_of_result(with_tensorflow.Variable(1.0)) == "tensorflow"
    assert framework_of_result([Tensor()]) == "torch"


def test_a_framework_that_is_not_imported_is_not_looked_at(with_jax, monkeypatch):
    array = with_jax.numpy.ones(2)
    monkeypatch.delitem(sys.modules, "jax")
    assert framework_of_result(array) is None
    assert "tensorflow" not in sys.modules


PEAKS = """
from pytest_accel.frameworks.introspection import peak_memory_bytes
from pytest_accel.records import Kind
before = peak_memory_bytes(Kind.CPU)
used = bytearray(100 << 20)
print(before, peak_memory_bytes(Kind.CPU))
"""
STARTED_BY_A_LARGE_PROCESS = """
import subprocess, sys
large = bytearray(300 << 20)
subprocess.run([sys.executable, "-c", sys.argv[1]], check=True)
"""


def test_peak_memory_on_a_cpu_is_that_of_this_process_alone():
    command = [sys.executable, "-c", STARTED_BY_A_LARGE_PROCESS, PEAKS]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    before, after = map(int, ran.stdout.split())
    assert 2**20 < before < 200 * 2**20
    assert after - before == pytest.approx(100 * 2**20, rel=0.2)


def test_peak_memory_of_an_accelerator_is_unknown_without_a_framework():
    assert peak_memory_bytes(Kind.GPU) is None
    assert peak_memory_bytes(Kind.TPU) is None


def test_peak_memory_of_an_accelerator_that_tensorflow_does_not_see_is_unknown(with_tensorflow):
    assert peak_memory_bytes(Kind.GPU) is None


@pytest.mark.usefixtures("_cannot_be_told")
def test_peak_memory_of_an_accelerator_is_what_its_framework_tells(monkeypatch):
    def memory_info(device):
        assert device == "GPU:0"
        return {"current": 5, "peak": 1000}

    config = SimpleNamespace(
        get_visible_devices=lambda kind: [kind], experimental=SimpleNamespace(get_memory_info=memory_info)
    )
    monkeypatch.setitem(sys.modules, "tensorflow", FakeModule("tensorflow", config=config))
    assert peak_memory_bytes(Kind.GPU) == 1000

    monkeypatch.delitem(sys.modules, "tensorflow")
    device = SimpleNamespace(platform="tpu", memory_stats=lambda: {"peak_bytes_in_use": 2000})
    monkeypatch.setitem(sys.modules, "jax", FakeModule("jax", local_devices=lambda: [device]))
    assert peak_memory_bytes(Kind.TPU) == 2000
    assert peak_memory_bytes(Kind.GPU) is None

    cuda = SimpleNamespace(
        is_available=lambda: True, is_initialized=lambda: True, max_memory_allocated=lambda: 3000
    )
    monkeypatch.setitem(sys.modules, "torch", FakeModule("torch", cuda=cuda))
    assert peak_memory_bytes(Kind.GPU) == 3000
