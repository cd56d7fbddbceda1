"""Reading a file that may be anything, and writing one whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import secrets
import stat
from pathlib import Path

MAX_READ_BYTES = 2**26
"""Largest file that is read."""


def is_file(path: Path) -> bool:
    """Whether a file is there and may be seen. Never raises, as pathlib does for a folder without rights."""
    return os.path.isfile(path)  # noqa: PTH113


def read(path: Path) -> bytes:
    """The content of a regular file.

    Never waits: a pipe or a device in its place is an error, and so is a file that would fill the memory.
    Raises OSError.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        content = file.read(MAX_READ_BYTES + 1)
    if content is None:  # a file of /proc that waits for something to happen
        raise OSError(errno.EINVAL, "not a regular file")
    if len(content) > MAX_READ_BYTES:
        raise OSError(errno.EFBIG, f"larger than {MAX_READ_BYTES // 2**20} MiB")
    return content


def replace(path: Path, content: bytes) -> None:
    """Put ``content`` into the file ``path``, whose folder is made if it is missing.

    Until all of it is on the disk, the file stays as it was. What is written meanwhile is a new file beside
    it, whose name nobody can know beforehand: a link there would lead elsewhere. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{_prefix(path)}{secrets.token_hex(8)}.tmp")
    try:
        with os.fdopen(_created(temporary), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def create(path: Path, content: bytes) -> None:
    """Make a file where there is nothing yet, not even a link; nothing is left of one that failed.

    Raises OSError.
    """
    descriptor = _created(path)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def remove_unfinished(path: Path) -> None:
    """Remove what writers of ``path`` left that were killed. Only for whom nobody else writes it."""
    with contextlib.suppress(OSError):
        for left in path.parent.glob(f"{glob.escape(_prefix(path))}*tmp"):
            left.unlink()


def _created(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)


def _prefix(path: Path) -> str:
    return f".{path.name[:100]}."
