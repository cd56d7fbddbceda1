"""Hardware identities: the names that baseline folders bear. Standard library only."""

from __future__ import annotations

import re

from pytest_accel.records.user_error import UserError

MAX_LENGTH = 100

_GIVEN = rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_LENGTH - 1}}}"
_RESERVED = "published"


def slug(text: str) -> str:
    """``text`` as one safe path component of ``a-z 0-9 . -``; "unknown" if nothing of it is left."""
    words = re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")
    return words[:MAX_LENGTH].rstrip("-.") or "unknown"


def checked(name: str) -> str:
    """``name`` as the user gave it, if it can name a baseline folder; otherwise UserError."""
    if not re.fullmatch(_GIVEN, name):
        raise UserError(
            f"--accel-identity={name!r} cannot name a folder under the baselines: use 1 to {MAX_LENGTH} "
            "letters, digits, '.', '_' or '-', a letter or digit first, for example --accel-identity=ci-pool"
        )
    if name.lower() == _RESERVED:
        raise UserError(
            f"--accel-identity={name} is the folder of results that others published: choose another name, "
            "for example --accel-identity=ci-pool"
        )
    return name
