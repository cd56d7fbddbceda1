"""Whether two environments run the same code: looked at before the first pair is measured, and after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_accel.records.user_error import UserError
from pytest_accel.worker.environment_facts import Files, LoadedModules, Surroundings, normalized

MAX_NAMED = 3
"""Maximum number of files per package, and of packages, that are named."""

KEEP_OFF = (
    "keep this checkout off Python's path: call pytest, not python -m pytest, leave out pythonpath and "
    "PYTHONPATH, and if it lies beside the tests or beside a conftest.py, add --import-mode=importlib"
)

NOTHING_DIFFERS = (
    "--accel-against={name}: both environments would run the same {shared}, and nothing else differs between "
    "them, so there is nothing to compare. If that is what you upgrade, install it in both environments and "
    f"{KEEP_OFF}"
)

TOOLS = frozenset({
    "pytest", "pluggy", "iniconfig", "packaging", "pygments",
    "pip", "setuptools", "wheel", "uv", "virtualenv",
})  # fmt: skip

HIDDEN = (
    "--accel-against={name}: the environments have different {hidden} installed, but both would run the same "
    f"{{shared}}. To compare what is installed, {KEEP_OFF}"
)

ENVIRONMENT = ("python", "variables", "paths")
"""What counts of two environments whatever their packages are."""

ON_PURPOSE = "both sides are the same environment: this shows how far apart two equal sides appear"


NOTHING_SEEN = "the two environments have the same packages, code and variables: no difference was found"


class SameCode(UserError):
    """Both sides would run the same program, which nobody asked for."""


@dataclass(frozen=True)
class TwoEnvironments:
    """The environments of a comparison; the other one is called ``name``.

    ``by_command``: it is started by more than an interpreter, which may change what cannot be seen inside.
    """

    name: str
    candidate: Surroundings
    reference: Surroundings
    by_command: bool = False

    def check(self, candidate: LoadedModules, reference: LoadedModules) -> tuple[str, ...]:
        """Notes on what the two sides have in common, given what each has imported.

        Raises SameCode if that is everything, although the environments are not the same one.
        """
        if self.candidate == self.reference:
            return (ON_PURPOSE,)
        shared = [
            name
            for name in candidate.files
            if not set(candidate.files[name]).isdisjoint(reference.files.get(name, ()))
        ]
        differs = self.by_command or self._differs(shared, candidate, reference)
        if not shared:
            return () if differs else (NOTHING_SEEN,)
        named = " and ".join(f"{name} ({min(candidate.files[name], key=len)})" for name in shared[:MAX_NAMED])
        hidden = [name for name in self._providing(shared) if self._is_another(name)]
        if hidden:
            raise SameCode(HIDDEN.format(name=self.name, shared=named, hidden=" and ".join(hidden)))
        if candidate.files == reference.files and not differs:
            raise SameCode(NOTHING_DIFFERS.format(name=self.name, shared=named))
        return (f"both environments run the same {named}, so a change of it is not part of this comparison",)

    def _differs(self, shared: Sequence[str], candidate: LoadedModules, reference: LoadedModules) -> bool:
        """Whether anything does that takes part in the step, beside ``shared`` packages of the project."""
        if any(getattr(self.candidate, part) != getattr(self.reference, part) for part in ENVIRONMENT):
            return True
        names = (
            self.candidate.modules.keys()
            | self.candidate.code.keys()
            | self.reference.modules.keys()
            | self.reference.code.keys()
        )
        return any(
            self._takes_part(name, shared, candidate, reference) for name in names if not _is_tool(name)
        )

    def _takes_part(
        self, name: str, shared: Sequence[str], candidate: LoadedModules, reference: LoadedModules
    ) -> bool:
        """Whether the package ``name`` is another one on either side.

        One that is installed on one side only is most often a tool, unless the project's own files import it.
        """
        sides = ((self.candidate, candidate), (self.reference, reference))
        if name in self._providing(shared):
            return False
        if all(name in side.modules or name in side.code for side, _ in sides):
            return self._is_another(name)
        modules = {
            module.partition(".")[0] for side, _ in sides for module in side.modules.get(name, (name,))
        }
        return any(modules & (set(loaded.packages) - set(loaded.first)) for _, loaded in sides)

    def _providing(self, shared: Sequence[str]) -> set[str]:
        """What is installed on either side and would provide these packages of the project.

        What was installed to be edited may not say what can be imported from it: then its own name must do.
        """
        own_names = {name for package in shared for name in (package, normalized(package))}
        return {
            name
            for side in (self.candidate, self.reference)
            for name in (side.modules.keys() | side.code.keys())
            if name in own_names or not set(side.modules.get(name, ())).isdisjoint(shared)
        }

    def _is_another(self, name: str) -> bool:
        """Whether a package is installed on both sides, in different versions, code or checkouts."""
        both = [
            (side.packages.get(name), side.code[name])
            for side in (self.candidate, self.reference)
            if name in side.code
        ]
        return len(both) == 2 and both[0] != both[1]

    def code_changes(self, candidate: Files, reference: Files) -> tuple[str, ...]:
        """Packages of one version whose code differs, given the code of the project on either side."""
        installed = {
            name: (self.reference.code[name], files)
            for name, files in self.candidate.code.items()
            if name in self.reference.code
            and self._version(self.candidate, name) == self._version(self.reference, name)
        }
        loaded = {name: (reference[name], files) for name, files in candidate.items() if name in reference}
        differing = {name: sides for name, sides in (installed | loaded).items() if sides[0] != sides[1]}
        return tuple(self._change(name, *differing[name]) for name in sorted(differing))

    def _change(self, name: str, then: Mapping[str, str], now: Mapping[str, str]) -> str:
        version = self._version(self.candidate, name)
        files = [file for file in sorted(then.keys() | now.keys()) if then.get(file) != now.get(file)]
        named = ", ".join(file for file in files[:MAX_NAMED] if file)
        more = f" and {len(files) - MAX_NAMED} more" if len(files) > MAX_NAMED else ""
        what = f" {version}" if version else ""
        return f"code of {name}{what}" + (f" ({named}{more})" if named else "")

    def _version(self, side: Surroundings, name: str) -> str | None:
        return side.packages.get(normalized(name))


def _is_tool(distribution: str) -> bool:
    """Whether it installs packages or runs the test, and takes no part in a step."""
    return distribution in TOOLS or distribution.startswith("pytest-")
