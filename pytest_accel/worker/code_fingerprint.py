"""Whether the user's code is the same as in another process: all that was loaded and is not installed."""

from __future__ import annotations

import hashlib
import sys
import sysconfig
from pathlib import Path

GENERATED = "__autograph_generated_file"
"""TensorFlow writes what it makes of a function into a module of a random name."""


def fingerprint() -> str:
    """SHA-256 over the files of this process's modules, without the standard library and site-packages.

    So the test, the conftests above it and what they import count, and what is installed to be edited does.
    """
    paths = sysconfig.get_paths()
    installed = {Path(paths[name]).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    files = {
        Path(file).resolve()
        for name, module in list(sys.modules.items())
        if isinstance(file := getattr(module, "__file__", None), str) and not name.startswith(GENERATED)
    }
    digest = hashlib.sha256()
    for file in sorted(files):
        if installed.isdisjoint(file.parents) and file.is_file():
            digest.update(f"{file} ".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
