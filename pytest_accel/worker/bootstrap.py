"""The first lines of a worker: they open the line to the session that started it, and run pytest there.

The text of this file is handed to ``PYTHON -c``, so it stands alone: nothing but the standard library, in
words that a Python too old for the rest still understands. Only standard input and output are asked of the
command that starts Python, since these reach into a container as well. Both are freed for the test at once.

Every worker starts in this way, in whichever environment, and receives the same pieces. What it receives
stays where it is: to free one large piece would change how the C library serves the allocations of the test
(glibc raises its threshold for memory maps), and with that how long a step takes.
"""

import sys

if sys.path and sys.path[0] == "":
    del sys.path[0]  # a file in the working directory may be called like a module of the standard library

import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import sysconfig

GREETING = "\0pytest-accel "
"""Begins the first line that a worker sends. This text does not hold that character, should it be echoed."""

PIECE_BYTES = 4096
"""How much is read at once."""


class SourceImporter(importlib.abc.MetaPathFinder, importlib.abc.ExecutionLoader):
    """Imports what the session sent: ``sources`` by the names of modules, a package as ``name.__init__``."""

    def __init__(self, sources: "dict[str, str]") -> None:
        self._sources = sources

    def find_spec(
        self, fullname: str, path: object, target: object = None
    ) -> "importlib.machinery.ModuleSpec | None":
        if fullname in self._sources or fullname + ".__init__" in self._sources:
            return importlib.util.spec_from_loader(fullname, self)
        return None

    def is_package(self, fullname: str) -> bool:
        return fullname + ".__init__" in self._sources

    def get_source(self, fullname: str) -> str:
        return self._sources.get(fullname) or self._sources[fullname + ".__init__"]

    def get_filename(self, fullname: str) -> str:
        return fullname.replace(".", "/") + ("/__init__.py" if self.is_package(fullname) else ".py")


class Lines:
    """Lines of text from a file descriptor, read piece by piece; None at its end."""

    def __init__(self, incoming: int) -> None:
        self._incoming = incoming
        self._unread = b""

    def next(self) -> "bytes | None":
        pieces = []
        while b"\n" not in self._unread:
            pieces.append(self._unread)
            self._unread = os.read(self._incoming, PIECE_BYTES)
            if not self._unread:
                return None  # the session wanted the greeting only, or is gone
        line, _, self._unread = self._unread.partition(b"\n")
        return b"".join([*pieces, line])


def pytest_version() -> "str | None":
    """None without pytest; asking imports nothing of it."""
    if importlib.util.find_spec("pytest") is None:
        return None
    from importlib import metadata

    return metadata.version("pytest")


def put_first_on_path(folder: "str | None") -> None:
    """As Python itself does when it starts ``python -m pytest`` or a script.

    ``folder``: "" for the working directory, "scripts" for where this environment has its ``pytest``, None
    for nothing.
    """
    if folder is None or getattr(sys.flags, "safe_path", False):
        return
    if folder == "":
        folder = os.getcwd()  # noqa: PTH109, a test may leave it
    elif folder == "scripts":
        folder = sysconfig.get_paths()["scripts"]
    sys.path.insert(0, folder)


def main() -> None:
    """Greet, take in what comes back line by line, and become a pytest session."""
    orders, answers = os.dup(0), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what a test prints is not a message
    greeting = {"python": sys.version_info[:3], "pytest": pytest_version(), "executable": sys.executable}
    os.write(answers, (GREETING + json.dumps(greeting) + "\n").encode())
    lines = Lines(orders)
    line = lines.next()
    if line is None:
        return
    order = json.loads(line)
    sources = {}
    for _ in range(order["modules"]):
        line = lines.next()
        if line is None:
            return
        name, source = json.loads(line)
        sources[name] = source
    os.environ.update(order["environment"], PYTEST_ACCEL_LINE=f"{orders} {answers}")
    put_first_on_path(order["path"])
    sys.argv[0] = "pytest"
    sys.meta_path.insert(0, SourceImporter(sources))
    import pytest

    from pytest_accel.worker import agent  # before pytest looks for it among what is installed

    sys.exit(pytest.main(plugins=[agent]))


if __name__ == "__main__":
    main()
