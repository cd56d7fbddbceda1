"""Each outcome has its own word, letter and colour among those of pytest."""

from __future__ import annotations

import pytest

pytest_plugins = ("pytester",)

CONFTEST = """
import pytest
from pytest_accel.records import Outcome, Result, Verdict
from pytest_accel.reports import terminal

@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    marker = item.get_closest_marker("came_to")
    if marker:
        report.accel_outcome = marker.args[0]
    return report

@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report):
    return terminal.teststatus(report)

def pytest_terminal_summary(terminalreporter):
    terminal.write(terminalreporter, [
        Result(item.nodeid, Verdict(Outcome(item.get_closest_marker("came_to").args[0]), "because"))
        for item in terminalreporter._session.items if item.get_closest_marker("came_to")
    ])
"""


@pytest.fixture
def session(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """Run pytest over tests that came to the given outcomes; the plugin itself is not loaded."""
    monkeypatch.delenv("CI", raising=False)
    pytester.makeconftest(CONFTEST)
    pytester.makeini("[pytest]\nmarkers = came_to(outcome)")

    def run(tests: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile("import pytest\ncame_to = pytest.mark.came_to\n" + tests)
        return pytester.runpytest_subprocess("-p", "no:accel", "-p", "no:benchmark", *arguments)

    return run


def marked_tests(*outcomes: str) -> str:
    return "".join(f"@came_to({outcome!r})\ndef test_{outcome}(): pass\n" for outcome in outcomes)


SHOWN_PASSES = marked_tests("passed", "improved", "recorded", "no_baseline", "inconclusive")


@pytest.mark.parametrize("outcome", ["improved", "recorded", "no_baseline", "inconclusive"])
def test_a_shown_pass_has_its_own_word_and_count_and_exit_code_0(session, outcome):
    run = session(marked_tests(outcome), "-v")
    run.stdout.fnmatch_lines([f"*::test_{outcome} {outcome.upper()}*", f"*= 1 {outcome} in *"])
    assert run.ret == pytest.ExitCode.OK


def test_progress_shows_a_letter_for_each(session):
    run = session(SHOWN_PASSES)
    run.stdout.fnmatch_lines(["*.py .IRN? *", "*= accel =*", "*1 passed, 1 improved, 1 recorded, 1 no_b*"])


def test_quiet_output_keeps_letters_counts_and_reasons(session):
    run = session(SHOWN_PASSES, "-q")
    run.stdout.fnmatch_lines([".IRN? *", "no_baseline  *: because", "1 passed, *1 inconclusive in *"])


def test_colours_tell_what_needs_a_look(session):
    run = session(SHOWN_PASSES, "-v", "--color=yes")
    output = run.stdout.str()
    for word, colour in (("IMPROVED", 32), ("RECORDED", 32), ("NO_BASELINE", 33), ("INCONCLUSIVE", 33)):
        assert f"\x1b[{colour}m{word}\x1b[0m" in output


def test_failures_and_xfails_keep_the_words_of_pytest(session):
    run = session(
        "@came_to('no_baseline')\ndef test_strict(): assert False\n"
        "@came_to('regressed')\ndef test_slow(): assert False\n"
        "@pytest.mark.xfail\n@came_to('recorded')\ndef test_x(): pass\n"
    )
    run.stdout.fnmatch_lines(["*.py FFX *", "*= 2 failed, 1 xpassed in *"])
    assert run.ret == pytest.ExitCode.TESTS_FAILED


def test_a_session_without_benchmarks_has_no_section(session):
    run = session("def test_x(): pass")
    run.stdout.no_fnmatch_line("*accel*")
    assert run.ret == pytest.ExitCode.OK
