"""Names of baseline files, from pytest's node ids. Pure.

A plain node id keeps its words: ``benchmarks/test_a.py::TestX::test_y[64-bf16]`` becomes
``benchmarks/test_a.py/TestX.test_y[64-bf16].json``. Any other has its odd characters replaced and a short
hash of the whole node id appended after ``~``, which no plain name contains. So two node ids never share a
file, on file systems that ignore case as well, no path leaves its folder, and none ends inside another.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePosixPath

_LONGEST = 100
_WINDOWS_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)

# Lower case only, since a file system may ignore case. A class may be spelt in one other way, the usual
# one: Test and one more capital.
_PLAIN_TEST = re.compile(r"(?:Test(?:[A-Z0-9_][a-z0-9_]*)?::)*[a-z0-9_]+(?:\[[a-z0-9_.,=+-]*\])?")
_PLAIN_FOLDER = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_-])?")
_PLAIN_WORD = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.+-]*[A-Za-z0-9_+-])?")
_TAKEN = ("published",)  # the folder of results that others published


def baseline_path(nodeid: str) -> PurePosixPath:
    """The relative path of a benchmark's baseline: a folder a test file, a JSON file a test."""
    test_file, _, test = nodeid.partition("::")
    folders = test_file.split("/")
    if all(map(_is_plain_folder, folders)) and _is_plain_test(test):
        name = test.replace("::", ".")
    else:
        folders = [folder if _is_plain_folder(folder) else f"{_readable(folder)}~" for folder in folders]
        name = _with_hash(test.replace("::", "."), nodeid)
    return PurePosixPath(*folders, f"{name}.json")


def folder_name(word: str) -> str:
    """The folder of a hardware identity or a framework: the word itself, if a folder can be called that."""
    plain = _PLAIN_WORD.fullmatch(word) and len(word) <= _LONGEST and not _WINDOWS_DEVICE.fullmatch(word)
    return word if plain and word.lower() not in _TAKEN else _with_hash(word, word)


def _is_plain_folder(name: str) -> bool:
    return (
        _PLAIN_FOLDER.fullmatch(name) is not None
        and len(name) <= _LONGEST
        and not name.endswith(".json")  # else a folder could take the place of a baseline
        and not _WINDOWS_DEVICE.fullmatch(name)
    )


def _is_plain_test(test: str) -> bool:
    return (
        _PLAIN_TEST.fullmatch(test) is not None
        and len(test) <= _LONGEST
        and not _WINDOWS_DEVICE.fullmatch(test)
    )


def _with_hash(text: str, whole: str) -> str:
    digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{_readable(text.lstrip('.'), keep='.')}~{digest}"


def _readable(text: str, keep: str = "") -> str:
    readable = re.sub(rf"^-|[^A-Za-z0-9_,=+\[\]{keep}-]+", "_", text)[:_LONGEST] or "_"
    return f"_{readable}" if _WINDOWS_DEVICE.fullmatch(readable) else readable
