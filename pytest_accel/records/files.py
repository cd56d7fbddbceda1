"""Writing a file whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def replace(path: Path, content: bytes, temporary_name: str) -> None:
    """Put ``content`` into the file ``path``, whose folder is made if it is missing.

    Until all of it is on the disk, the file stays as it was. ``temporary_name`` is that of a file beside it:
    what a killed writer leaves there, the next one of the same name overwrites. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(temporary_name)
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
