"""The replies of several hosts as one: as slow as the slowest, and only where they do the same work."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_accel.hosts.merge_answers import merged
from pytest_accel.records import Epoch, Workload
from pytest_accel.records.run_errors import InvalidRun
from pytest_accel.worker import messages
from pytest_accel.worker.step_timer import PreparedStep, TimedBlock
from pytest_accel.worker.trainer import TrainingStarted

SECONDS = st.floats(1e-6, 1e6)


def request(startup_time_s=1.0, examples=32, training=None):
    workload = Workload("resnet50", "jax", examples, {"image_size": 32})
    return messages.BenchmarkRequest(workload, startup_time_s, training)


def prepared(build_time_s, alone_s):
    step = PreparedStep(build_time_s, 1.0, single_host_step_time_s=alone_s)
    return messages.Prepared(step, Workload("measure", "jax", 8))


@given(st.lists(st.tuples(SECONDS, st.none() | st.integers(1, 2**40)), min_size=2, max_size=5))
def test_a_block_is_as_slow_and_as_large_as_on_any_host(hosts):
    blocks = [TimedBlock(time_s, 1.0, memory) for time_s, memory in hosts]
    whole = merged([messages.BlockTimed(block) for block in blocks]).block

    assert whole.time_s == max(time_s for time_s, _ in hosts)
    assert whole.hosts_time_s == tuple(time_s for time_s, _ in hosts)
    known = [memory for _, memory in hosts if memory is not None]
    assert whole.peak_memory_bytes == (max(known) if known else None)


@given(st.lists(SECONDS, min_size=2, max_size=5))
def test_what_was_prepared_took_as_long_as_on_the_slowest_host(times_s):
    whole = merged([prepared(time_s, time_s / 2) for time_s in times_s]).step

    assert whole.build_time_s == max(times_s)
    assert whole.single_host_step_times_s == tuple(time_s / 2 for time_s in times_s)


def test_one_host_that_cannot_tell_its_own_share_leaves_all_out():
    assert merged([prepared(1.0, 0.5), prepared(1.0, None)]).step.single_host_step_times_s == ()


def test_versions_that_differ_between_hosts_are_all_named():
    versions = ({"jax": "0.10", "driver": "570"}, {"jax": "0.9"})
    whole = merged([messages.Described(each, {}) for each in versions])

    assert whole.provenance == {"jax": "0.10 / 0.9", "driver": "570 / (unset)"}


def test_epochs_take_the_longest_time_and_the_first_hosts_shares():
    epochs = [Epoch(1.5, 0.9, 1.0, 10.0, 3.0), Epoch(1.5, 0.9, 1.0, 12.0, 2.0)]
    whole = merged([messages.EpochTrained(epoch, ("stem",)) for epoch in epochs])

    assert whole == messages.EpochTrained(Epoch(1.5, 0.9, 1.0, 12.0, 3.0), ("stem",))


def test_training_begins_when_the_last_host_is_ready():
    starts = [TrainingStarted(1.0, 5.0, 96, 10, ()), TrainingStarted(2.0, 4.0, 96, 10, ())]
    whole = merged([messages.TrainingBegun(start, {"jax": "0.10"}) for start in starts])

    assert whole == messages.TrainingBegun(TrainingStarted(2.0, 5.0, 96, 10, ()), {"jax": "0.10"})


def test_the_same_work_on_all_hosts_is_asked_for_once():
    assert merged([request(1.0), request(3.0)]) == request(3.0)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (request(examples=64), r"host 1 is to do other work than the first \(examples_per_step 32 -> 64\)"),
        (request(training=messages.TrainingRequest(2, 0.9, (0,))), "host 1 is to train with other epochs"),
    ],
)
def test_hosts_at_different_work_are_refused(other, said):
    with pytest.raises(InvalidRun, match=said):
        merged([request(), other])
