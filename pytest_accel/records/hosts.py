"""The hosts that train together, as each of them knows them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Hosts:
    """``addresses`` are those at which the frameworks' processes meet, HOST:PORT each, the first host's first.

    ``index`` is that of this host.
    """

    index: int
    addresses: tuple[str, ...]

    @property
    def count(self) -> int:
        return len(self.addresses)
