"""What can be wrong with stored baselines. Every message names the path, the fault and the way out."""

from __future__ import annotations

import errno
from pathlib import Path

from pytest_accel.records.user_error import UserError

_OTHER_FOLDER = "name another folder with --accel-baselines=DIR"


class BrokenBaseline(UserError):
    """A baseline file that cannot be what was once accepted. Names the file, the field and the way out."""


class OtherSchema(BrokenBaseline):
    """A baseline file of a schema that this version does not read."""


class StoreError(UserError):
    """The folder or the disk fails, or an entry may not be stored. Names the path, why, and the way out."""


class AlreadyStored(StoreError):
    """A missing baseline that is no longer missing."""


def store_error(action: str, path: Path, error: OSError) -> StoreError:
    """``error`` as the system gave it while pytest-accel tried to ``action`` ``path``."""
    return StoreError(f"cannot {action} {path}: {error.strerror or error}. {_way_out(error)}")


def _way_out(error: OSError) -> str:
    if error.errno in (errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
        return f"A file is where a folder should be, or the reverse: move it away, or {_OTHER_FOLDER}."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"Give this user the right, or {_OTHER_FOLDER}."
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"Free some space, or {_OTHER_FOLDER}; what was stored is as it was."
    if error.errno in (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP):
        return f"This file system does not offer that: {_OTHER_FOLDER} on another one."
    return f"Repair that, or {_OTHER_FOLDER}."
