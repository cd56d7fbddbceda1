import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_accel.analysis.workload_diff import differing_fields
from pytest_accel.records import Workload

numbers = st.integers(0, 2) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | st.text()
workloads = st.builds(
    Workload,
    st.sampled_from(["resnet50", "mine"]),
    st.just("tensorflow"),
    st.integers(1, 2),
    st.dictionaries(st.sampled_from("abc"), scalars),
)


@settings(max_examples=100, deadline=None)
@given(workloads, workloads)
def test_no_field_differs_exactly_if_the_hashes_agree(before, now):
    assert (differing_fields(before, now) == ()) == (before.hash == now.hash)


@pytest.mark.parametrize(
    ("now", "phrases"),
    [
        (Workload("resnet50", "tensorflow", 512, {"image_size": 224}), ()),
        (Workload("resnet50", "tensorflow", 256, {"image_size": 224}), ("examples_per_step 512 -> 256",)),
        (Workload("resnet50", "jax", 512, {"image_size": 224}), ('framework "tensorflow" -> "jax"',)),
        (Workload("resnet50", "tensorflow", 512, {"image_size": 224.0}), ("image_size 224 -> 224.0",)),
        (
            Workload("resnet50", "tensorflow", 512, {"xla": None}),
            ("image_size 224 -> (absent)", "xla (absent) -> null"),
        ),
    ],
)
def test_each_difference_is_a_phrase(now, phrases):
    before = Workload("resnet50", "tensorflow", 512, {"image_size": 224})
    assert differing_fields(before, now) == phrases
