"""Files of reports: written as a whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from pytest_accel.records import files
from pytest_accel.records.user_error import UserError


class ReportError(UserError):
    """A report cannot be written. The message names the file, the reason and the option."""


def check_writable(path: Path, option: str) -> None:
    """Raise ReportError if the report of ``option`` could not be written there; leaves nothing behind."""
    place = path.resolve()
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            return
        if place.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if place.is_file() or not place.exists():
            existing = next(folder for folder in place.parents if folder.exists())
            tempfile.TemporaryFile(dir=existing).close()
    except OSError as error:
        raise _cannot_write(path, option, error) from error


def write(path: Path, text: str, option: str) -> None:
    """Missing parent folders are made.

    Raises ReportError if the file cannot be written; a report that was there before is then unchanged.
    """
    try:
        _replace(path, text)
    except OSError as error:
        raise _cannot_write(path, option, error) from error


def _cannot_write(path: Path, option: str, error: OSError) -> ReportError:
    return ReportError(
        f"cannot write the report {path}: {error.strerror or error}. "
        f"Name a file that can be written: {option}=FILE."
    )


def _replace(path: Path, text: str) -> None:
    if path.exists() and not path.is_file():
        # A pipe or a terminal is written to, by its own name; for a folder this is the right error.
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
        return
    content = text.encode("utf-8", errors="backslashreplace")
    files.replace(path.resolve(), content)
