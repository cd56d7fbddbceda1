import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_accel.records import (
    Accelerator,
    AcceptedEntry,
    Baseline,
    Kind,
    Outcome,
    Result,
    Scalar,
    Steps,
    Verdict,
    Workload,
)
from pytest_accel.records.json_codec import CodecError, decode, encode

STEPS = {
    "kind": "steps",
    "step_times_s": [0.25, 0.26],
    "steps_per_block": 2,
    "startup_time_s": 1.0,
    "build_time_s": 2.0,
    "compile_time_s": 3.0,
    "warmup_time_s": 4.0,
    "warmup_steps": 5,
}
ENTRY = {"time": "2025-01-01T00:00:00+00:00", "provenance": {}, "summary": {}, "runs": [STEPS, STEPS]}
WORKLOAD = {"name": "resnet50", "framework": "tensorflow", "examples_per_step": 8}
BASELINE = {"benchmark": "test_a.py::test_b", "workload": WORKLOAD, "accepted": [ENTRY]}


@pytest.mark.parametrize("cls", [Steps, AcceptedEntry, Baseline, Accelerator, Verdict, Result])
def test_every_record_comes_back_from_json_as_it_was(cls):
    @settings(max_examples=40, deadline=None)
    @given(st.from_type(cls))
    def comes_back(record):
        wire = json.dumps(encode(record))
        back = decode(cls, json.loads(wire))
        assert type(back) is cls
        assert json.dumps(encode(back)) == wire  # as text, since a NaN equals nothing

    comes_back()


def test_types_are_restored_and_not_only_values():
    accelerator = decode(Accelerator, {"identity": "x", "kind": "gpu", "model": "m", "devices": 1})
    assert accelerator.kind is Kind.GPU
    assert (accelerator.topology, accelerator.hosts) == (None, 1)
    steps = decode(Steps, {**STEPS, "compile_time_s": 3})
    assert isinstance(steps.step_times_s, tuple)
    assert isinstance(steps.compile_time_s, float)


@pytest.mark.parametrize("value", ["text", 1, 1.0, True, None])
def test_a_scalar_keeps_its_type(value):
    workload = decode(Workload, {**WORKLOAD, "parameters": {"p": value}})
    assert type(workload.parameters["p"]) is type(value)


def test_a_loss_that_is_not_a_number_passes_the_wire():
    steps = decode(Steps, json.loads(json.dumps({**STEPS, "losses": [math.nan, math.inf]})))
    assert math.isnan(steps.losses[0])
    assert steps.losses[1] == math.inf


def test_numpy_floats_become_plain_ones():
    numpy = pytest.importorskip("numpy")
    assert type(encode(numpy.float64(0.5))) is float


def changed(path, value):
    """BASELINE with the member at ``path`` replaced."""
    data = json.loads(json.dumps(BASELINE))
    *parents, last = path
    place = data
    for key in parents:
        place = place[key]
    place[last] = value
    return data


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            ("accepted", 0, "runs", 1, "step_times_s", 1),
            "fast",
            'accepted[0].runs[1].step_times_s[1]: a number expected, not "fast"',
        ),
        (("accepted", 0, "runs", 0, "steps_per_block"), 2.0, "an integer expected, not 2.0"),
        (("accepted", 0, "runs", 0, "steps_per_block"), True, "an integer expected, not true"),
        (("accepted", 0, "runs", 0, "compile_time_s"), False, "a number expected, not false"),
        (("accepted", 0, "runs", 0, "compile_time_s"), 10**400, "too large a number"),
        (("accepted", 0, "runs", 0, "peak_memory_bytes"), "2GB", 'an integer or null expected, not "2GB"'),
        (("accepted", 0, "runs", 0, "colour"), 1, "accepted[0].runs[0].colour: unknown field of Steps"),
        (
            ("accepted", 0, "runs", 0, "kind"),
            "dance",
            "accepted[0].runs[0].kind: one of steps, convergence, ",
        ),
        (("accepted", 0, "time"), None, "accepted[0].time: a string expected, not null"),
        (("accepted", 0, "summary"), [1], "accepted[0].summary: an object expected, not a list"),
        (("accepted", 0, "summary"), {"loss": "low"}, "accepted[0].summary.loss: a number expected"),
        (("accepted", 0), {}, "accepted[0].time: missing"),
        (("accepted",), {}, "accepted: a list expected, not an object"),
        (("workload", "parameters"), {"p": []}, "workload.parameters.p: a string or an integer or a number"),
    ],
)
def test_a_misfit_is_named_with_its_path(path, value, message):
    with pytest.raises(CodecError) as caught:
        decode(Baseline, changed(path, value))
    assert message in str(caught.value)


def test_the_top_level_is_named_too():
    with pytest.raises(CodecError, match=r"^top level: an object expected, not a list"):
        decode(Steps, [])


def test_an_unknown_enum_member_lists_the_known_ones():
    with pytest.raises(CodecError, match=r'^kind: one of cpu, gpu, tpu expected, not "npu"'):
        decode(Accelerator, {"identity": "x", "kind": "npu", "model": "m", "devices": 1})


@dataclass(frozen=True)
class Pair:
    span: tuple[float, int]
    outcomes: Mapping[str, Outcome]


def test_a_tuple_of_fixed_length_is_held_to_it():
    pair = Pair((0.5, 2), {"a": Outcome.PASSED})
    assert decode(Pair, encode(pair)) == pair
    with pytest.raises(CodecError, match=r"^span: 2 items expected, not 3"):
        decode(Pair, {"span": [0.5, 2, 3], "outcomes": {}})


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Workload("w", "f", 1, {"p": object()}), "parameters.p: JSON has no form for object"),
        ({1: 2}, "the key 1 is not a string"),
        ([1j], r"\[0\]: JSON has no form for complex"),
    ],
)
def test_what_json_cannot_hold_is_refused(value, message):
    with pytest.raises(CodecError, match=message):
        encode(value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(hint=st.sampled_from([Steps, Baseline, Scalar, tuple[float, ...], float | None]), data=json_values)
def test_any_json_is_decoded_or_refused(hint, data):
    try:
        decoded = decode(hint, data)
    except CodecError:
        return
    written = json.dumps(encode(decoded))
    assert json.dumps(encode(decode(hint, json.loads(written)))) == written
