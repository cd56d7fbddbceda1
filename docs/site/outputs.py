"""The output shown on pages of the documentation: their benchmarks and commands, run one after another.

    python docs/site/outputs.py docs/keras.md docs/flax-and-optax.md docs/pytorch.md

Of each page the blocks of Python that begin with a file's name are written to an empty folder; then the
commands that have a block of text below them are run there, and what they print takes its place. Needs what
the page installs. Takes some minutes, on a machine that is otherwise idle.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

FILE = re.compile(r"^```python\n# (\S+\.py)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^```sh\n(.*?)^```\n\n```text\n(.*?)^```$", re.DOTALL | re.MULTILINE)

COLUMNS = "120"


def main() -> None:
    for page in map(Path, sys.argv[1:]):
        page.write_text(with_output(page.read_text()))


def with_output(text: str) -> str:
    """The page, with what its commands print now."""
    with tempfile.TemporaryDirectory() as folder:
        for name, source in FILE.findall(text):
            file = Path(folder, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(source)
        return COMMAND.sub(
            lambda found: f"```sh\n{found[1]}```\n\n```text\n{printed(found[1], folder)}```", text
        )


def printed(command: str, folder: str) -> str:
    """What it prints from the results on."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("CI", "PYTEST_ADDOPTS")}
    tools = os.pathsep.join([str(Path(sys.executable).parent), inherited["PATH"]])
    ran = subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env={**inherited, "PATH": tools, "COLUMNS": COLUMNS},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines = [line.rstrip() for line in ran.stdout.splitlines()]
    begin = next((number for number, line in enumerate(lines) if re.fullmatch("=+ accel =+", line)), 0)
    print(f"{command.strip()}: exit code {ran.returncode}", flush=True)
    return "\n".join(lines[begin:]).strip() + "\n"


if __name__ == "__main__":
    main()
