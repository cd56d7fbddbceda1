"""What can stand in one table, whoever measured it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_accel.analysis.metrics import cost
from pytest_accel.records import Price


@dataclass(frozen=True)
class Configuration:
    """What was trained, on what and with what. ``dataset`` is "synthetic" where the data was made up.

    ``identity`` is the one that pytest-accel gives such hardware ("tpu-v2-8"), if that is known.
    """

    hardware: str
    software: str
    workload: str
    dataset: str
    precision: str
    global_batch: int
    identity: str | None = None

    def same_work(self, other: Configuration) -> bool:
        """Whether it is the same work on the same hardware, in whatever software and precision."""
        return self.identity is not None and all(
            getattr(self, name) == getattr(other, name)
            for name in ("workload", "dataset", "global_batch", "identity")
        )


@dataclass(frozen=True)
class ThroughputRow:
    """Examples / s, and what the machine costs if that is known."""

    setting: Configuration
    throughput: float
    price: Price | None

    @property
    def per_usd_per_hour(self) -> float | None:
        """Examples / s for each USD / h."""
        if self.price is None:
            return None
        return cost.throughput_per_usd_per_hour(self.throughput, self.price.usd_per_hour)


@dataclass(frozen=True)
class Accuracy:
    """Top-1 as a share, and how long a target took: epochs and seconds, None where it was not reached."""

    setting: Configuration
    best_top1: float
    target: float
    epochs_to_target: float | None
    time_to_target_s: float | None
    price: Price | None

    @property
    def cost_to_target_usd(self) -> float | None:
        """USD until the target."""
        if self.price is None or self.time_to_target_s is None:
            return None
        return cost.cost_usd(self.time_to_target_s, self.price.usd_per_hour)


@dataclass(frozen=True)
class CompiledRow:
    """Examples / s that a program which was only compiled may reach, and the compiler's estimate if any."""

    setting: Configuration
    modelled_throughput: float
    estimated_throughput: float | None


@dataclass(frozen=True)
class Results:
    """All that one source has."""

    speeds: tuple[ThroughputRow, ...]
    accuracies: tuple[Accuracy, ...]
    bounds: tuple[CompiledRow, ...] = ()
