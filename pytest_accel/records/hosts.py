"""The hosts that train together, as each of them knows them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Hosts:
    """``addresses``, HOST:PORT each, are where the frameworks' processes meet; ``index`` is this host's."""

    index: int
    addresses: tuple[str, ...]

    @property
    def count(self) -> int:
        return len(self.addresses)
