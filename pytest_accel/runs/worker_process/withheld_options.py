"""What a worker process is not given of the session's command line, and why: the one list of it.

docs/runs.md shows this table. Projects extend it with the ini key ``accel_withhold``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from pytest_accel.api import options

WHERE_TESTS_RUN = (
    "--numprocesses", "--maxprocesses", "--max-worker-restart", "--maxschedchunk", "--dist", "--tx",
    "--px", "--loadscope-reorder", "--no-loadscope-reorder", "--rsyncdir", "--rsyncignore",
    "--testrunuid", "--looponfail", "-d", "-f", "--forked", "--boxed", "--workers", "--tests-per-worker",
)  # fmt: skip

WHICH_TESTS_RUN = (
    "--last-failed", "--failed-first", "--new-first", "--last-failed-no-failures", "--stepwise",
    "--stepwise-skip", "--stepwise-reset", "--cache-clear", "--cache-show", "--exitfirst", "--maxfail",
    "--pyargs", "--picked", "--testmon", "--benchmark-only", "--benchmark-skip", "--reruns",
    "--reruns-delay", "--only-rerun", "--rerun-except", "--force-reruns", "--fail-on-flaky", "--retries",
    "--retry-delay", "--force-flaky", "--max-runs", "--min-passes",
)  # fmt: skip

REPORTS = (
    "--junit-xml", "--junit-prefix", "--html", "--self-contained-html", "--css", "--report-log",
    "--json-report", "--json-report-file", "--alluredir", "--clean-alluredir", "--csv", "--md",
    "--tap-stream", "--tap-files", "--log-file", "--log-file-mode", "--pastebin", "--debug",
    "--benchmark-json", "--benchmark-save", "--benchmark-autosave", "--benchmark-save-data",
    "--benchmark-storage", "--benchmark-compare", "--benchmark-compare-fail", "--benchmark-histogram",
    "--benchmark-cprofile-dump", *(option.flag for option in options.OPTIONS if option.report),
)  # fmt: skip

COVERAGE = (
    "--cov", "--cov-report", "--cov-config", "--cov-fail-under", "--cov-append", "--cov-branch",
    "--cov-context", "--cov-precision", "--cov-reset", "--no-cov", "--no-cov-on-fail",
)  # fmt: skip

DEBUGGERS = ("--pdb", "--pdbcls", "--trace")

CAPTURE = ("-s", "--capture")

OPTIONS: Mapping[str, tuple[str, ...]] = {
    "the session decides where tests run": WHERE_TESTS_RUN,
    "the session decides which tests run, when to stop and what to run again": WHICH_TESTS_RUN,
    "the session writes the reports": REPORTS,
    "coverage would trace every line that is timed": COVERAGE,
    "nobody sits in front of that process": DEBUGGERS,
    "what a run prints is kept for the report of its test": CAPTURE,
}
"""Options, by the reason why a worker process does not get them. One spelling of each is enough."""

SETTLED_BY_US = ("-c", "--rootdir", "--confcutdir")
"""These are given to every run as the session found them, so they are neither repeated nor named."""

OWN_PLUGINS = ("accel", "pytest_accel.session.plugin")
"""Names of the plugin of the session; a worker process has the agent instead."""

NOT_ASKED_FOR = (*OWN_PLUGINS, *(f"no:{name}" for name in OWN_PLUGINS), "no:terminal")
"""Values of ``-p`` that are not handed on. What a process prints may say why it failed."""

SILENT_PLUGINS = ("lfplugin", "nfplugin", "stepwiseplugin", "rerunfailures", "flaky")
"""Plugins that take no part in a run once it is configured: they remember results, or run tests again."""

SET: Mapping[str, object] = {"ignore_unknown_dependency": True}
"""Options by destination that are set where a plugin has them.

pytest-dependency: the session has checked what a test depends on; the run knows of no other test.
"""

RESOLVED = ("randomly_seed",)
"""Options by destination whose value a plugin of the session chose, such as a seed."""

_NAMES = frozenset(name for names in OPTIONS.values() for name in names)


def is_withheld(spellings: Sequence[str], also: Collection[str]) -> bool:
    """Whether an option with these spellings is kept back; ``also``: what the project names."""
    return not _NAMES.isdisjoint(spellings) or not set(also).isdisjoint(spellings)
