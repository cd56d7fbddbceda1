"""How Python itself was started for this session, so that runs are started alike in any environment."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path


def flags() -> list[str]:
    """The interpreter's own options, such as ``-O`` or ``-X dev``.

    The function of the standard library is what multiprocessing uses for the same purpose.
    """
    own: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return own


def first_on_path() -> str | None:
    """What Python put first on ``sys.path``, as ``bootstrap.put_first_on_path`` takes it.

    ``python -m pytest`` puts the working directory there, a script its own folder, ``-P`` nothing.
    """
    if sys.flags.safe_path:
        return None
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    if file is None or getattr(main, "__spec__", None) is not None:
        return ""
    folder = os.path.realpath(Path(file).parent)
    return "scripts" if folder == os.path.realpath(sysconfig.get_path("scripts")) else folder
