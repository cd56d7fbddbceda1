"""Waiting for what a step returned, finding the loss in it, and the memory it took.

PyTorch is not part of the test environment, and of JAX it is to be seen what it is asked for: small stand-ins
under their names show which of their functions are called and when, not that the real ones wait. GPU memory
is asked of stand-ins as well.
"""

from __future__ import annotations

import collections
import dataclasses
import subprocess
import sys
from fractions import Fraction
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_accel.frameworks.values import framework_of, peak_memory_bytes, wait_for
from pytest_accel.records import Kind

Step = collections.namedtuple("Step", ["state", "loss"])


@dataclasses.dataclass
class Metrics:
    count: int
    loss: object


@dataclasses.dataclass
class State:
    step: int


@pytest.fixture(autouse=True)
def _no_framework(monkeypatch):
    """What other tests have imported is not to be seen here."""
    for name in ("tensorflow", "jax", "torch"):
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.fixture(scope="module")
def tf():
    import tensorflow

    return tensorflow


@pytest.fixture
def with_tensorflow(tf, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", tf)
    return tf


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


def test_jax_arrays_in_any_nest_are_waited_for(monkeypatch):
    waited = []
    jax = FakeModule("jax", block_until_ready=waited.extend, Array=np.ndarray)
    monkeypatch.setitem(sys.modules, "jax", jax)
    array = np.zeros(3)
    assert wait_for((Metrics(count=1, loss={"deep": [array]}), 0.5)) == 0.5
    assert any(leaf is array for leaf in waited)


def test_jax_steps_that_return_nothing_are_waited_for_on_every_device(monkeypatch):
    """A stand-in: that a real device finishes its work in order was seen on a CPU by hand."""
    waited = []
    jax = FakeModule(
        "jax",
        Array=np.ndarray,
        block_until_ready=waited.extend,
        local_devices=lambda: ["device 0", "device 1"],
        device_put=lambda value, device: np.array(value),
    )
    monkeypatch.setitem(sys.modules, "jax", jax)
    assert wait_for(None) is None
    assert len(waited) == 2


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


def test_tensorflow_beside_another_framework_is_left_asleep(monkeypatch):
    tensorflow = FakeModule(
        "tensorflow",
        nest=SimpleNamespace(flatten=lambda leaves, expand_composites: leaves),
        is_tensor=lambda leaf: False,
        distribute=SimpleNamespace(DistributedValues=()),
        test=SimpleNamespace(experimental=SimpleNamespace(sync_devices=lambda: pytest.fail("woken"))),
    )
    monkeypatch.setitem(sys.modules, "tensorflow", tensorflow)
    monkeypatch.setitem(
        sys.modules, "jax", FakeModule("jax", Array=(), block_until_ready=lambda leaves: None)
    )
    assert wait_for(0.5) == 0.5


def test_the_framework_in_use_is_the_one_imported(monkeypatch):
    assert framework_of(()) == "python"
    monkeypatch.setitem(sys.modules, "torch", FakeModule("torch"))
    assert framework_of(()) == "torch"
    monkeypatch.setitem(sys.modules, "jax", None)  # How Python notes that an import is forbidden.
    assert framework_of(()) == "torch"
    monkeypatch.setitem(sys.modules, "tensorflow", FakeModule("tensorflow"))
    assert framework_of(()) == "tensorflow"


def test_of_several_frameworks_the_arrays_tell(with_tensorflow, monkeypatch):
    jax = pytest.importorskip("jax")
    monkeypatch.setitem(sys.modules, "jax", jax)
    torch = FakeModule("torch", Tensor=type("Tensor", (), {}))
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert framework_of({"step": 3, "weights": [jax.numpy.ones(2)]}) == "jax"
    assert framework_of((None, with_tensorflow.ones(2))) == "tensorflow"
    assert framework_of(with_tensorflow.Variable(1.0)) == "tensorflow"
    assert framework_of(State(torch.Tensor())) == "torch"
    assert framework_of({"step": 3}) == "tensorflow"


PEAKS = """
from pytest_accel.frameworks.values import peak_memory_bytes
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
