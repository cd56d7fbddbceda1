"""What a benchmark is called: in the reports of a session, and for ever in the names of baselines.

pytest's node id is neither. It counts from rootdir, which depends on how pytest was called, and two files
outside of rootdir may have the same.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from pytest_accel.baselines.paths import baseline_path
from pytest_accel.records import Benchmark, parameters


def display_name(item: pytest.Item) -> str:
    """The node id; that of a file outside of rootdir with the way to it."""
    rootdir = item.config.rootpath
    return item.nodeid if _is_inside(item.path, rootdir) else _name(item, _relative(item.path, rootdir))


def benchmark(item: pytest.Item, baselines: Path) -> Benchmark:
    """As the baselines in the folder ``baselines`` know this test."""
    rootdir = item.config.rootpath
    home = home_of_names(baselines, rootdir)
    name, (texts, _) = _name(item, _relative(item.path, home)), parameters.of_item(item)
    former = item.nodeid.partition("::")[0]
    if item.nodeid == name:
        return Benchmark(name, texts)
    ambiguous = not _is_inside(item.path, rootdir) or (home / former).is_file()
    return Benchmark(name, texts, None if ambiguous else item.nodeid)


@functools.lru_cache
def home_of_names(baselines: Path, rootdir: Path) -> Path:
    """The folder that files of tests are named from: the one that holds ``baselines``, if rootdir is inside.

    So packages that share a folder of baselines do not share names, and a test has one name from wherever
    pytest is called. Baselines that lie below rootdir, or apart from it, say nothing about tests.
    """
    home = Path(os.path.normpath(baselines)).parent
    return home if rootdir.is_relative_to(home) else rootdir


def check_distinct(items: Iterable[pytest.Item], baselines: Path) -> None:
    """Raise pytest.UsageError for two tests that would share a baseline, naming both and the way out.

    A file that is collected twice (``--keep-duplicates``) has the same tests twice, and these may.
    """
    by_file: dict[str, tuple[pytest.Item, Benchmark]] = {}
    for item in items:
        mine = benchmark(item, baselines)
        for name in mine.names:
            file = str(baseline_path(name)).casefold()
            other, others = by_file.setdefault(file, (item, mine))
            if other.path != item.path or others.parameters != mine.parameters:
                raise pytest.UsageError(
                    f"two benchmarks would share the baseline {baseline_path(name)}: "
                    f"{_with_parameters(other, others)} and {_with_parameters(item, mine)}. Give them names "
                    "or ids of parameters that differ, or run them apart, each with an --accel-baselines"
                )


def _name(item: pytest.Item, file: str) -> str:
    _, separator, test = item.nodeid.partition("::")
    return f"{file}{separator}{test}"


@functools.lru_cache(maxsize=2**12)
def _is_inside(file: Path, folder: Path) -> bool:
    """A file has many tests, and paths are slow."""
    return file.is_relative_to(folder)


@functools.lru_cache(maxsize=2**12)
def _relative(file: Path, folder: Path) -> str:
    """The way from a folder to a file, with links followed where that makes it lie inside."""
    for path, start in ((file, folder), (file.resolve(), folder.resolve())):
        if path.is_relative_to(start):
            return path.relative_to(start).as_posix()
    try:
        return Path(os.path.relpath(file, folder)).as_posix()
    except ValueError:  # another drive of Windows
        return file.as_posix()


def _with_parameters(item: pytest.Item, benchmark: Benchmark) -> str:
    texts = ", ".join(f"{name}={text}" for name, text in benchmark.parameters.items())
    return f"{_name(item, str(item.path))} ({texts})" if texts else _name(item, str(item.path))


def source_location(item: pytest.Item) -> tuple[str, int]:
    """Where a test stands: its file, from the root of the repository if that is known, and its line."""
    line = (item.location[1] or 0) + 1
    repository = Path(os.environ.get("GITHUB_WORKSPACE", item.config.rootpath))
    if not _is_inside(item.path, repository):
        return item.location[0], line
    return _relative(item.path, repository), line
