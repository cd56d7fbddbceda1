"""Pages of the site that are made from other things: the README, the table of options, docstrings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

from pytest_accel.api.options import CONDITIONS, OPTIONS

README = Path(__file__).parents[2] / "README.md"

PUBLIC = (
    "pytest_accel.api.accel.Accel",
    "pytest_accel.api.results.StepResult",
    "pytest_accel.api.results.ConvergenceResult",
    "pytest_accel.records.Accelerator",
    "pytest_accel.records.Kind",
    "pytest_accel.api.settings.accelerator_kind",
    "pytest_accel.api.settings.settings_for",
)
"""What a benchmark and its conftest.py may use; ``pytest_accel`` exports all of it."""


def on_files(files: Files, config: Any) -> Files:
    made = {"index.md": home(), "options.md": options(), "api.md": api()}
    for path, content in made.items():
        files.append(File.generated(config, path, content=content))
    return files


def home() -> str:
    """The README, whose links go to docs/."""
    return re.sub(r"\]\(docs/", "](", README.read_text(encoding="utf-8"))


def options() -> str:
    rows = [
        f"| `{option.flag}{f'={option.metavar}' if option.metavar else ''}` "
        f"| {_ini(option)} | {'yes' if option.marker else ''} "
        f"| {option.help.replace('%%', '%').replace('|', '&#124;')} |"
        for option in OPTIONS
    ]
    table = "\n".join(["| option | ini key | marker | meaning |", "|---|---|---|---|", *rows])
    conditions = ", ".join(f"`{name}`" for name in CONDITIONS)
    return (
        "# Options\n\nPrecedence: marker, command line, ini file, default.\n\n"
        f"{table.replace('USD_PER_HOUR|NAME', 'USD_PER_HOUR&#124;NAME')}\n\n"
        f"The marker `accel` also takes {conditions}: what the hardware must offer for a benchmark to run.\n"
    )


def api() -> str:
    return "# API\n\n" + "\n\n".join(f"::: {name}" for name in PUBLIC) + "\n"


def _ini(option: Any) -> str:
    return f"`{option.dest}` ({option.ini})" if option.ini else ""
