"""The pictures of the documentation: a real session on a real terminal, and its page in a real browser.

    pip install -e ".[cpu,docs,report]" playwright pyte rich && python docs/site/pictures.py

Needs Chromium. Takes some minutes: baselines are recorded first, on the machine that it runs on.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

import pyte
from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.text import Text

PICTURES = Path(__file__).parents[1] / "pictures"
COLUMNS, LINES = 120, 60

PROJECT = {
    "setup.cfg": "[tool:pytest]\naccel_price = 0.9\n",
    "conftest.py": "import os\n\nos.environ.setdefault('TF_ENABLE_ONEDNN_OPTS', '1')\n",
    "test_training.py": """
import os
import time

import numpy as np
import pytest


@pytest.mark.parametrize("global_batch", [16, 8])
def test_resnet50(accel, global_batch):
    accel.throughput("resnet50", global_batch=global_batch, image_size=32)


def test_matrix_product(accel):
    matrix = np.random.default_rng(0).standard_normal((800, 800))

    def step():
        time.sleep(float(os.environ.get("SLOWER_BY_S", "0")))
        return (matrix @ matrix).sum()

    accel.measure(step, examples_per_step=4)
""",
}
"""Its last benchmark is slower where the environment says so: what a regression looks like."""


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, content in PROJECT.items():
            Path(folder, name).write_text(content)
        recording = ["--accel=cpu", "--accel-record-missing"]
        ran_on_a_terminal(Path(folder), [*recording, "--accel-runs=3"], {})
        terminal = Terminal()
        slower = {"SLOWER_BY_S": "0.01"}
        ran_on_a_terminal(Path(folder), ["--accel=cpu", "--accel-html=report.html"], slower, terminal)
        terminal.save()
        photograph(Path(folder, "report.html"))


class Terminal:
    """Keeps what is on the screen: in the middle of a run, and at the end."""

    def __init__(self) -> None:
        self._screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.ByteStream(self._screen)
        self._running: Text | None = None

    def feed(self, written: bytes) -> None:
        self._stream.feed(written)
        measuring = re.search(r"run 1 .* [3-9]\d/\d+ .*per step", "\n".join(self._screen.display))
        if self._running is None and measuring:
            self._running = self._shown()

    def save(self) -> None:
        assert self._running is not None, "no line showed how far a run was"
        _draw(self._running, "running.svg")
        _draw(self._shown(), "verdicts.svg")

    def _shown(self) -> Text:
        """The lines of the screen that are not empty, with their colours."""
        lines = []
        for number in range(LINES):
            line = Text()
            for column in range(COLUMNS):
                cell = self._screen.buffer[number][column]
                colour = "" if cell.fg == "default" else cell.fg.replace("brown", "yellow")
                line.append(cell.data, style=" ".join(["bold"] * cell.bold + [colour] * bool(colour)) or None)
            line.rstrip()
            lines.append(line)
        while lines and not lines[-1].plain:
            lines.pop()
        return Text("\n").join([*lines, Text(" ")])


def ran_on_a_terminal(
    folder: Path, arguments: list[str], variables: dict[str, str], terminal: Terminal | None = None
) -> None:
    """A session there; what it writes goes to ``terminal``."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    session = subprocess.Popen(
        ["pytest", "-q", *arguments],
        cwd=folder,
        env={**os.environ, "PATH": path, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS), **variables},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    for written in iter(lambda: _read(ours), b""):
        sys.stdout.buffer.write(written)
        if terminal is not None:
            terminal.feed(written)
    os.close(ours)
    assert session.wait() in (0, 1)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""  # the other end is closed


def _draw(shown: Text, name: str) -> None:
    console = Console(width=COLUMNS, record=True, file=io.StringIO())
    console.print(shown)
    drawn = console.export_svg(title="pytest")
    # Its fonts would come from another server.
    (PICTURES / name).write_text(re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL))


def photograph(page: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, width, height, scheme in (
            ("page.png", 1200, 1000, "light"),
            ("page-dark.png", 1200, 1000, "dark"),
            ("page-phone.png", 390, 844, "light"),
        ):
            seen = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=scheme
            ).new_page()
            seen.goto(page.as_uri())
            seen.locator(".plot[data-drawn]").first.wait_for(state="attached")
            seen.screenshot(path=PICTURES / name)
        browser.close()


if __name__ == "__main__":
    main()
