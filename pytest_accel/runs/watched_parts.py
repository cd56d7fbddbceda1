"""What other programs did while the parts of a run went by, be they blocks of steps or epochs."""

from __future__ import annotations

from pytest_accel.analysis.rules.disturbance import MAX_OTHERS_SHARE
from pytest_accel.hardware.other_programs import OtherPrograms


class WatchedParts:
    """Asks after each part; nothing is known without anybody who watches."""

    def __init__(self, watched: OtherPrograms | None) -> None:
        self._watched = watched
        self._ended = 0
        self._programs: dict[str, None] = {}
        self.known_shares: list[float] = []
        """Share of the machine that others used, of the parts that an answer is about so far."""
        self.waiting_for: str | None = None
        """Who used the machine during the last of them, None if nobody used much of it."""

    def part_ended(self) -> None:
        """An answer is about all parts since the one before: single blocks may be too short to tell."""
        self._ended += 1
        usage = None if self._watched is None else self._watched.usage()
        if usage is None:
            return
        self.known_shares += [usage.share] * (self._ended - len(self.known_shares))
        disturbed = usage.share > MAX_OTHERS_SHARE
        self.waiting_for = str(usage) if disturbed else None
        if disturbed and usage.largest is not None:
            self._programs[usage.largest] = None

    @property
    def shares(self) -> tuple[float, ...]:
        """Of every part; the last ones are taken to be like those before. Empty where nothing is known."""
        if not self.known_shares:
            return ()
        unknown = self._ended - len(self.known_shares)
        return (*self.known_shares, *[self.known_shares[-1]] * unknown)

    @property
    def programs(self) -> tuple[str, ...]:
        """Those that used much of the machine, in the order in which they were seen."""
        return tuple(self._programs)
