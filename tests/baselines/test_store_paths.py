import re
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_accel.baselines.paths import baseline_path, folder_name

words = [
    *("a", "A", ".", "..", "/", "\\", ":", "::", "[", "]", "~", "_", " ", "\n", "é", "\udcff", "x" * 300),
    *("CON", "nul", ".json", "Test", "TestX", "Testx", "test_a.py", "benchmarks", "[1024-bf16]", "[0.5]"),
]
nodeids = st.one_of(
    st.lists(st.sampled_from(words), max_size=7).map("".join),
    st.text("aA.:/[~_", max_size=4),
    st.text(max_size=30),
)


@pytest.mark.parametrize(
    ("nodeid", "path"),
    [
        ("test_a.py::test_b", "test_a.py/test_b.json"),
        ("benchmarks/test_a.py::test_b", "benchmarks/test_a.py/test_b.json"),
        ("test_a.py::test_b[1024-mixed_bfloat16]", "test_a.py/test_b[1024-mixed_bfloat16].json"),
        ("test_a.py::TestX::test_b[0.5]", "test_a.py/TestX.test_b[0.5].json"),
        ("test_a.py::TestX::TestY::test_b", "test_a.py/TestX.TestY.test_b.json"),
    ],
)
def test_plain_names_keep_their_words(nodeid, path):
    assert baseline_path(nodeid) == PurePosixPath(path)


@pytest.mark.parametrize(
    ("nodeid", "readable"),
    [
        ("test_a.py::test_b[a/b]", "test_a.py/test_b[a_b]"),
        ("test_a.py::test_b[../../../etc/passwd]", "test_a.py/test_b[.._.._.._etc_passwd]"),
        ("test_a.py::test_b[line\nline]", "test_a.py/test_b[line_line]"),
        ("test_a.py::test_b[é]", "test_a.py/test_b[_]"),
        ("test_a.py::TestResNet50::test_b", "test_a.py/TestResNet50.test_b"),
        ("test_a.py::test_b[BF16]", "test_a.py/test_b[BF16]"),
        ("../test_a.py::test_b", "_~/test_a.py/test_b"),
        ("../../pkg_b/test_a.py::test_b", "_~/_~/pkg_b/test_a.py/test_b"),
        ("/home/me/test_a.py::test_b", "_~/home/me/test_a.py/test_b"),
        ("aux/test_a.py::test_b", "_aux~/test_a.py/test_b"),
        ("test_a.py::A.B::test_b", "test_a.py/A.B.test_b"),
        ("test_a.py", "test_a.py/_"),
    ],
)
def test_odd_names_stay_readable_and_get_a_hash(nodeid, readable):
    assert re.fullmatch(re.escape(readable) + "~[0-9a-f]{12}\\.json", str(baseline_path(nodeid)))


def test_a_name_of_300_characters_is_cut():
    path = baseline_path("test_a.py::test_" + "x" * 300)
    assert len(path.name) < 130
    assert path != baseline_path("test_a.py::test_" + "x" * 301)


@settings(max_examples=500, deadline=None)
@given(nodeids, nodeids)
@example("t.py::A::B::c", "t.py::A.B::c")
@example("t.py::A::b.c", "t.py::A.b::c")
@example("t.py::test_a[X]", "t.py::test_a[x]")
@example("t.py::TestA::test_b", "t.py::Testa::test_b")
@example("T.py::test_b", "t.py::test_b")
@example("t.py", "t.py::")
@example("a//b.py::test_x", "a/b.py::test_x")
@example("t.py/x.json::y", "t.py::x")
def test_two_node_ids_never_share_a_file(one, other):
    first, second = (PurePosixPath(str(baseline_path(nodeid)).casefold()) for nodeid in (one, other))
    assert (first == second) == (one == other)
    assert first not in second.parents


@settings(max_examples=500, deadline=None)
@given(nodeids)
def test_no_file_leaves_its_folder_and_every_file_system_takes_its_name(nodeid):
    path = baseline_path(nodeid)
    folder = Path("/baselines")
    assert (folder / path).resolve().is_relative_to(folder)
    assert not path.is_absolute()
    for name in path.parts:
        assert re.fullmatch(r"[A-Za-z0-9_.,=+\[\]~-]{1,130}", name)
        assert not name.startswith((".", "-"))
        assert not name.endswith(".")
        assert name.partition(".")[0].lower() not in ("con", "prn", "aux", "nul", "com1", "lpt1")


@pytest.mark.parametrize("name", ["gpu-NVIDIA_H200-1", "cpu-2", "tpu-v5litepod-4", "tensorflow", "ci.pool+2"])
def test_an_identity_names_its_folder(name):
    assert folder_name(name) == name


@pytest.mark.parametrize(
    "name", ["..", ".", "", "a/b", "../x", "NVIDIA H200", "x\n", "nul", "published", "x" * 300, ".locks", "é"]
)
def test_an_identity_that_is_no_folder_name_gets_a_safe_one(name):
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.]*~[0-9a-f]{12}", folder_name(name))
