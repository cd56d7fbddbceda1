"""Where a project has its pytest settings, and how one is added without a change to the rest."""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import iniconfig

from pytest_accel.records import files
from pytest_accel.records.user_error import UserError

SECTIONS = (
    ("pytest.toml", (("pytest",),)),
    (".pytest.toml", (("pytest",),)),
    ("pytest.ini", (("pytest",),)),
    (".pytest.ini", (("pytest",),)),
    ("pyproject.toml", (("tool", "pytest", "ini_options"), ("tool", "pytest"))),
    ("tox.ini", (("pytest",),)),
    ("setup.cfg", (("tool:pytest",),)),
)
"""Files and sections in which pytest looks for its settings, in its order.

Source: pytest's documentation, "Initialization: determining rootdir and configfile".
"""

BASELINES = "accel_baselines"


@dataclass(frozen=True)
class SettingsFile:
    """The file of pytest's settings, the way to their section, and the settings."""

    path: Path
    section: tuple[str, ...]
    values: Mapping[str, Any]

    @property
    def heading(self) -> str:
        return f"[{'.'.join(self.section)}]"


def settings_file(folder: Path) -> SettingsFile | None:
    """The file that pytest takes for tests in ``folder``: there or above.

    Raises UserError for a file that cannot be read: pytest would refuse it, too.
    """
    for place in (folder, *folder.parents):
        for name, sections in SECTIONS:
            path = place / name
            if not files.is_file(path):
                continue
            parsed = _parsed(path, _text(path))
            for section in sections:
                values = _section(parsed, section)
                if values is not None:
                    return SettingsFile(path, section, values)
            if "pytest" in name:  # a file of pytest's own counts even if it is empty
                return SettingsFile(path, sections[0], {})
    return None


def baselines_folder(folder: Path) -> Path:
    """Where a session that is started in ``folder`` has its baselines, as far as its settings file tells.

    Raises UserError for a file that cannot be read.
    """
    file = settings_file(folder.absolute())
    named = None if file is None else file.values.get(BASELINES)
    name = named.strip() if isinstance(named, str) else ""
    above = Path() if file is None or file.path.parent == folder.absolute() else file.path.parent
    return above / Path(name or "baselines").expanduser()


def setting_line(file: Path, name: str, value: str) -> str:
    """A setting as this file spells it."""
    return f'{name} = "{value}"' if file.suffix == ".toml" else f"{name} = {value}"


def with_setting(file: SettingsFile, name: str, value: str) -> bytes | None:
    """The content of the file with one setting more, None if it cannot be added with certainty.

    All else stays as it is, byte by byte, and the result is read again: it must hold what the file held,
    and the setting.
    """
    text = _text(file.path)
    newline = _newline(text)
    line = setting_line(file.path, name, value) + newline
    heading = re.search(rf"^[ \t]*{re.escape(file.heading)}[^\n]*(\n|\Z)", text, re.MULTILINE)
    if heading is not None:
        apart = "" if heading[1] else newline
        changed = text[: heading.end()] + apart + line + text[heading.end() :]
    elif not file.values:
        changed = text + _apart(text) + file.heading + newline + line
    else:
        return None
    try:
        parsed = _parsed(file.path, changed)
    except UserError:
        return None
    expected = copy.deepcopy(_parsed(file.path, text))
    inner = expected
    for part in file.section:
        inner = inner.setdefault(part, {})
    inner[name] = value
    return changed.encode() if parsed == expected else None


def _section(parsed: Mapping[str, Any], section: tuple[str, ...]) -> Mapping[str, Any] | None:
    found: Any = parsed
    for part in section:
        found = found.get(part) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        if path.suffix == ".toml":
            return tomllib.loads(text)
        return {part.name: dict(part.items()) for part in iniconfig.IniConfig(str(path), data=text)}
    except (tomllib.TOMLDecodeError, iniconfig.ParseError) as error:
        raise UserError(f"cannot read {path}: {error}") from None
    except RecursionError:
        raise UserError(f"cannot read {path}: nested too deeply") from None


def _text(path: Path) -> str:
    try:
        return files.read(path).decode()
    except UnicodeDecodeError:
        raise UserError(f"cannot read {path}: it is not UTF-8") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _apart(text: str) -> str:
    """What parts a new section from what stands before it."""
    if not text.strip():
        return ""
    return _newline(text) if text.endswith("\n") else 2 * _newline(text)
