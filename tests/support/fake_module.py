"""A stand-in for a framework that is not installed, or that is not to be asked."""

from __future__ import annotations

from types import ModuleType


class FakeModule(ModuleType):
    """A framework in name, with the few functions given."""

    def __init__(self, name, **functions):
        super().__init__(name)
        self.__dict__.update(functions)
