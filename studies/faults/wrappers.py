"""Commands in the place of another environment's Python (``--accel-against``) that do what they should not.

A session says in one message what is wrong with it, ends in time with exit status 4 or 1, and leaves nothing
behind; or the wrapper does no harm, and both sides are compared.
"""

from __future__ import annotations

import functools
import random
import subprocess
import sys
import time
from collections.abc import Iterator

from project import QUICK, project
from trial import Trial

REFUSED, COMPARED = "refused", "compared"

GREETS = 'printf \'\\0pytest-accel {{"python": [3, 11, 0], "pytest": "8.0", "executable": "x"}}\\n\''
"""What a worker says first. Braces are doubled, since the text is a format."""

WRAPPERS = {
    "writes before Python starts": ('echo "welcome to this machine"; exec {python} "$@"', COMPARED),
    "writes a lot before": ('head -c 40000 /dev/zero | tr "\\0" x; exec {python} "$@"', COMPARED),
    "writes control characters before": ("printf '\\007\\007\\007\\007'; exec {python} \"$@\"", COMPARED),
    "writes the marks of messages before": ("printf '\\254PTA\\0\\0\\0\\4'; exec {python} \"$@\"", COMPARED),
    "writes to standard error all the time": (
        '(while true; do echo noise >&2; sleep 0.01; done) & {python} "$@"; kill $!', COMPARED,
    ),
    "echoes its arguments": ('echo "$@"; exec {python} "$@"', COMPARED),
    "goes elsewhere": ('cd /; exec {python} "$@"', None),
    "is slow to start": ('sleep 2; exec {python} "$@"', COMPARED),
    "changes the variables": ('unset PATH HOME; exec {python} "$@"', COMPARED),
    "leaves a process that holds the line": ('sleep 3600 & exec {python} "$@"', COMPARED),
    "ends at once": ("exit 0", REFUSED),
    "ends with a status": ("exit 42", REFUSED),
    "kills itself": ("kill -9 $$", REFUSED),
    "is not Python": ("exec cat", REFUSED),
    "writes without end": ("exec yes", REFUSED),
    "says nothing": ("exec sleep 3600", REFUSED),
    "says nothing and ignores SIGTERM": ("trap '' TERM; while true; do sleep 1; done", REFUSED),
    "greets with something else": ("printf '\\0pytest-accel {{}}\\n'; exec sleep 3600", REFUSED),
    "greets with a list": ("printf '\\0pytest-accel [1, 2]\\n'; exec sleep 3600", REFUSED),
    "greets with brackets": (
        "printf '\\0pytest-accel '; head -c 50000 /dev/zero | tr '\\0' '['; echo; exec sleep 3600", REFUSED,
    ),
    "greets and ends": (GREETS, REFUSED),
    "greets and is silent": (f"{GREETS}; exec sleep 3600", REFUSED),
    "closes its output": ('exec {python} "$@" >&-', REFUSED),
    "closes its input": ('exec {python} "$@" <&-', REFUSED),
}  # fmt: skip

TIMEOUT_S = 20.0
ENDS_WITHIN_S = 4 * TIMEOUT_S


def trials() -> Iterator[Trial]:
    for name in WRAPPERS:
        yield Trial("wrapper", name, functools.partial(one, name))


def one(name: str, _: random.Random) -> list[str]:
    text, expected = WRAPPERS[name]
    with project() as made:
        wrapper = made.write("wrapper", f"#!/bin/sh\n{text.format(python=sys.executable)}\n")
        wrapper.chmod(0o755)
        begin = time.monotonic()
        session = made.start(
            *QUICK, f"--accel-against={wrapper}", f"--accel-timeout={TIMEOUT_S:g}", "--accel-tolerance=99%",
            "--accel-json=report.json",
        )  # fmt: skip
        try:
            status = session.wait(ENDS_WITHIN_S if expected == REFUSED else 300)
        except subprocess.TimeoutExpired:
            session.kill()
            return [f"still runs after {time.monotonic() - begin:.0f} s: {made.printed()[-500:]}"]
        printed, outcomes = made.printed(), made.outcomes()
        found = [f"left: {left}" for left in made.left()]
        if "INTERNALERROR" in printed:
            found.append(printed[-1000:])
        if expected == REFUSED and not (status in (1, 4) and "passed" not in outcomes):
            found.append(f"exit status {status}, {outcomes}: {printed[-500:]}")
        if expected == REFUSED and (str(wrapper) not in printed or "usage:" in printed):
            found.append(f"does not name the wrapper: {printed[-500:]}")
        if expected == COMPARED and outcomes not in (["passed"], ["inconclusive"]):
            found.append(f"exit status {status}, {outcomes}: {printed[-500:]}")
        return found
