"""The first lines of a child: they open the line to the session that started it, and run pytest there.

The text of this file is handed to ``PYTHON -c``, so it stands alone: nothing but the standard library, in
words that a Python too old for the rest still understands. Only standard input and output are asked of the
command that starts Python, since these reach into a container as well. Both are freed for the test at once.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import sys

GREETING = "\0pytest-accel "
"""Begins the first line that a child sends. This text does not hold that character, should it be echoed."""


class Sent(importlib.abc.MetaPathFinder, importlib.abc.ExecutionLoader):
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
        return fullname.replace(".", "/") + ".py"


def pytest_version() -> "str | None":
    """None where there is no pytest; asking imports nothing of it."""
    if importlib.util.find_spec("pytest") is None:
        return None
    from importlib import metadata

    return metadata.version("pytest")


def main() -> None:
    """Greet, do as the one line that comes back says, and become a pytest session."""
    orders, answers = os.dup(0), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what a test prints is no answer
    if sys.path[0] == "":
        sys.path[0] = os.getcwd()  # noqa: PTH109, as for ``python -m pytest``: a test may leave it
    greeting = {"python": sys.version_info[:3], "pytest": pytest_version(), "executable": sys.executable}
    os.write(answers, (GREETING + json.dumps(greeting) + "\n").encode())
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(orders, 2**16)
        if not part:
            return  # the session wanted the greeting only, or is gone
        line += part
    order = json.loads(line)
    os.environ.update(order["environment"], PYTEST_ACCEL_LINE=f"{orders} {answers}")
    sys.meta_path.insert(0, Sent(order["sources"]))
    import pytest

    sys.exit(pytest.main())


if __name__ == "__main__":
    main()
