"""Whether two environments run the same code: looked at before the first pair is measured, and after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_accel.surroundings import Files, Surroundings, normalized

MAX_NAMED = 3
"""So many files of a package are named, and so many packages."""

NOTHING_DIFFERS = (
    "--accel-against={name}: both environments import {shared} from the same files, and nothing else differs "
    "between them, so the program would be compared with itself. Let each environment import its own: "
    "install the package in both, and drop what puts this checkout before that (pythonpath, PYTHONPATH, "
    "python -m pytest; with a package beside the tests add --import-mode=importlib)"
)

ON_PURPOSE = "both sides are the same environment, so all that differs between them is noise"


class SameCode(Exception):
    """Both sides would run the same program, which nobody asked for."""


@dataclass(frozen=True)
class TwoEnvironments:
    """The environments of a comparison; the other one is called ``name``."""

    name: str
    here: Surroundings
    other: Surroundings

    def check(self, here: Mapping[str, Sequence[str]], other: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
        """Notes on what the two sides have in common, given the project's files that each has loaded.

        Raises SameCode if that is everything, although the environments are not the same one.
        """
        if self._is_one():
            return (ON_PURPOSE,)
        shared = [name for name in here if not set(here[name]).isdisjoint(other.get(name, ()))]
        if not shared:
            return ()
        named = " and ".join(f"{name} ({_first(here[name])})" for name in shared[:MAX_NAMED])
        if here == other and not self._differs():
            raise SameCode(NOTHING_DIFFERS.format(name=self.name, shared=named))
        return (f"both environments import {named} from the same files: no change of these is compared",)

    def code_changes(self, here: Files, other: Files) -> tuple[str, ...]:
        """Packages of one version whose code differs, given the code of the project on either side."""
        installed = {
            name: (self.other.code[name], files)
            for name, files in self.here.code.items()
            if name in self.other.code and self._version(self.here, name) == self._version(self.other, name)
        }
        loaded = {name: (other[name], files) for name, files in here.items() if name in other}
        differing = {name: sides for name, sides in (installed | loaded).items() if sides[0] != sides[1]}
        return tuple(self._change(name, *differing[name]) for name in sorted(differing))

    def _change(self, name: str, then: Mapping[str, str], now: Mapping[str, str]) -> str:
        version = self._version(self.here, name)
        files = [file for file in sorted(then.keys() | now.keys()) if then.get(file) != now.get(file)]
        named = ", ".join(file for file in files[:MAX_NAMED] if file)
        more = f" and {len(files) - MAX_NAMED} more" if len(files) > MAX_NAMED else ""
        what = f" {version}" if version else ""
        return f"code of {name}{what}" + (f" ({named}{more})" if named else "")

    def _version(self, side: Surroundings, name: str) -> str | None:
        return side.packages.get(normalized(name))

    def _is_one(self) -> bool:
        return self.here == self.other

    def _differs(self) -> bool:
        return any(
            getattr(self.here, part) != getattr(self.other, part)
            for part in ("python", "packages", "variables", "code")
        )


def _first(files: Sequence[str]) -> str:
    return min(files, key=len)
