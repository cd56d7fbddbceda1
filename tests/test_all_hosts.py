"""The answers of several hosts as one: as slow as the slowest, and only where they do the same work."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_accel.hosts.merge_answers import merged
from pytest_accel.records import Epoch, Workload, json_codec
from pytest_accel.records.run_errors import InvalidRun
from pytest_accel.worker.step_timer import Block, Prepared
from pytest_accel.worker.trainer import Begun

SECONDS = st.floats(1e-6, 1e6)


def plan(startup_time_s=1.0, examples=32, training=None):
    work = Workload("resnet50", "jax", examples, {"image_size": 32})
    encoded = json_codec.encode(work)
    return {"kind": "plan", "workload": encoded, "startup_time_s": startup_time_s, "training": training}


def block(time_s, loss=1.0, memory=None):
    return {"kind": "block", "block": json_codec.encode(Block(time_s, loss, memory))}


def prepared(build_time_s, alone_s):
    what = Prepared(build_time_s, 1.0, alone_step_time_s=alone_s)
    workload = json_codec.encode(Workload("measure", "jax", 8))
    return {"kind": "prepared", "prepared": json_codec.encode(what), "workload": workload}


@given(st.lists(st.tuples(SECONDS, st.none() | st.integers(1, 2**40)), min_size=2, max_size=5))
def test_a_block_is_as_slow_and_as_large_as_on_any_host(hosts):
    whole = json_codec.decode(
        Block, merged([block(time_s, 1.0, memory) for time_s, memory in hosts])["block"]
    )

    assert whole.time_s == max(time_s for time_s, _ in hosts)
    assert whole.hosts_time_s == tuple(time_s for time_s, _ in hosts)
    known = [memory for _, memory in hosts if memory is not None]
    assert whole.peak_memory_bytes == (max(known) if known else None)


@given(st.lists(SECONDS, min_size=2, max_size=5))
def test_what_was_prepared_took_as_long_as_on_the_slowest_host(times_s):
    answer = merged([prepared(time_s, time_s / 2) for time_s in times_s])
    whole = json_codec.decode(Prepared, answer["prepared"])

    assert whole.build_time_s == max(times_s)
    assert whole.hosts_alone_s == tuple(time_s / 2 for time_s in times_s)


def test_one_host_that_cannot_tell_its_own_share_leaves_all_out():
    whole = json_codec.decode(Prepared, merged([prepared(1.0, 0.5), prepared(1.0, None)])["prepared"])

    assert whole.hosts_alone_s == ()


def test_versions_that_differ_between_hosts_are_all_named():
    versions = ({"jax": "0.10", "driver": "570"}, {"jax": "0.9"})
    answer = merged([{"kind": "described", "provenance": each, "code": {}} for each in versions])

    assert answer["provenance"] == {"jax": "0.10 / 0.9", "driver": "570 / (unset)"}


def test_epochs_take_the_longest_time_and_the_first_hosts_shares():
    epochs = [Epoch(1.5, 0.9, 1.0, 10.0, 3.0), Epoch(1.5, 0.9, 1.0, 12.0, 2.0)]
    answer = merged(
        [{"kind": "epoch", "epoch": json_codec.encode(one), "frozen": ["stem"]} for one in epochs]
    )

    assert json_codec.decode(Epoch, answer["epoch"]) == Epoch(1.5, 0.9, 1.0, 12.0, 3.0)
    assert answer["frozen"] == ["stem"]


def test_training_begins_when_the_last_host_is_ready():
    begun = [Begun(1.0, 5.0, 96, 10, ()), Begun(2.0, 4.0, 96, 10, ())]
    answer = merged(
        [{"kind": "begun", "begun": json_codec.encode(one), "provenance": {"jax": "0.10"}} for one in begun]
    )

    assert json_codec.decode(Begun, answer["begun"]) == Begun(2.0, 5.0, 96, 10, ())


def test_the_same_work_on_all_hosts_is_announced_once():
    assert merged([plan(1.0), plan(3.0)]) == plan(3.0)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (plan(examples=64), r"host 1 is to do other work than the first \(examples_per_step 32 -> 64\)"),
        (plan(training={"epochs": 2, "target": 0.9, "seeds": [0]}), "host 1 is to train with other epochs"),
        (block(1.0), "host 1 is at 'block', the first at 'plan'"),
    ],
)
def test_hosts_at_different_work_are_refused(other, said):
    with pytest.raises(InvalidRun, match=said):
        merged([plan(), other])
