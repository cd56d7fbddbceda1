"""What of a session's command line goes to the processes of its runs."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_accel.runs.worker_process import pytest_command, withheld_options

PLUGIN = """
def pytest_addoption(parser):
    parser.addoption("--model-size")
    parser.addoption("--flavour", nargs="?", const="plain")
    parser.addoption("--pair", nargs=2)
    parser.addoption("--tag", action="append")
    parser.addoption("--fast", action="store_true")
    parser.addoption("--upload-to")
"""


@pytest.fixture
def handed_over(pytester, monkeypatch):
    """What a session with these words hands over, and what it withholds."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makeconftest(PLUGIN)
    pytester.makepyfile(test_it="def test_it(accel):\n    pass\n")

    def handed_over(*words):
        config = pytester.parseconfig("-p", "no:hypothesispytest", *words)
        found = pytest_command.handed_over(config)
        kept = shlex.join(found.options).replace("-p no:hypothesispytest", "")
        return shlex.split(kept), list(found.withheld)

    return handed_over


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("--model-size=large", ["--model-size=large"]),
        ("--model-size large", ["--model-size=large"]),
        ("-m 'speed and not slow' -k one", ["-m", "speed and not slow", "-k", "one"]),
        ("-mspeed -kone", ["-m", "speed", "-k", "one"]),
        ("--flavour test_it.py", ["--flavour=test_it.py"]),
        ("test_it.py --flavour", ["--flavour"]),
        ("--pair a b test_it.py", ["--pair", "a", "b"]),
        ("--tag=a --tag b", ["--tag=a", "--tag=b"]),
        ("-vvq --fast", ["-v", "-v", "-q", "--fast"]),
        ("-o xfail_strict=true -W error", ["-o", "xfail_strict=true", "-W", "error"]),
        ("-p no:doctest -pno:pastebin", ["-p", "no:doctest", "-p", "no:pastebin"]),
        ("-k=-x", ["-k-x"]),
        ("--import-mode=importlib --strict-markers", ["--import-mode=importlib", "--strict-markers"]),
        ("--rootdir=. -c tox.ini -p accel", []),
        ("--accel-budget=3 --accel-tolerance 5%", ["--accel-budget=3", "--accel-tolerance=5%"]),
    ],
)  # fmt: skip
def test_options_go_to_runs_as_they_were_given_and_other_words_do_not(handed_over, pytester, given, kept):
    pytester.makeini("[pytest]\n")
    assert handed_over(*shlex.split(given)) == (kept, [])


@pytest.mark.parametrize(
    "given",
    [
        "-n 2", "-n2", "--numprocesses=2", "--dist=load", "--junitxml=a.xml", "--junit-xml a.xml", "-x",
        "--lf", "--ff", "--nf", "--sw", "--maxfail=3", "--pdb", "-s", "--capture=no", "--reruns=2",
        "--cache-clear", "--benchmark-only", "--log-file=a.log", "--pyargs",
    ],
)  # fmt: skip
def test_what_is_the_sessions_business_is_withheld_and_named(handed_over, given):
    kept, left_out = handed_over(*shlex.split(given), "--fast")
    assert kept == ["--fast"]
    assert left_out == [shlex.join(shlex.split(given)).replace("-n2", "-n 2").replace("xml a", "xml=a")]


def test_flags_written_as_one_word_are_told_apart(handed_over):
    assert handed_over("-xvs") == (["-v"], ["-x", "-s"])


def test_the_project_may_withhold_more(handed_over, pytester):
    pytester.makeini("[pytest]\naccel_withhold = --upload-to\n    --fast\n")
    assert handed_over("--upload-to=somewhere", "--fast", "--tag=a") == (
        ["--tag=a"],
        ["--upload-to=somewhere", "--fast"],
    )


def test_what_was_added_to_the_command_line_comes_with_it(handed_over, pytester, monkeypatch):
    pytester.makeini("[pytest]\naddopts = --tag=ini -n0\n")
    monkeypatch.setenv("PYTEST_ADDOPTS", "--tag=variable --lf")
    assert handed_over("--tag=line") == (["--tag=ini", "--tag=variable", "--tag=line"], ["-n 0", "--lf"])


def test_options_from_a_file_are_read(handed_over, pytester):
    pytester.path.joinpath("more.txt").write_text("--tag=file\n--lf\n")
    assert handed_over("@more.txt") == (["--tag=file"], ["--lf"])


VALUES = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=12)


@pytest.mark.slow
@given(value=VALUES, tags=st.lists(VALUES, max_size=3))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_arrives_as_it_is(pytester, monkeypatch, value, tags):
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makeconftest(PLUGIN)
    words = [f"--model-size={value}", *(f"--tag={tag}" for tag in tags), "-k", f"x{value}"]
    config = pytester.parseconfig("-p", "no:hypothesispytest", *words)
    again = pytester.parseconfig(*pytest_command.handed_over(config).options)
    for name in ("model_size", "tag", "keyword"):
        assert again.getoption(name) == config.getoption(name), name


def test_every_withheld_option_of_pytest_is_one_that_pytest_has(pytester):
    """So that a new name of pytest's is noticed."""
    config = pytester.parseconfig()
    known = {
        spelling
        for action in pytest_command.command_line(config).actions
        for spelling in action.option_strings
    }
    for name in ("--junit-xml", "--last-failed", "--exitfirst", "--pdb", "-s", "--capture", "--cache-clear"):
        assert name in known
        assert withheld_options.is_withheld([name], ())
