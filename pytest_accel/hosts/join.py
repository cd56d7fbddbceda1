"""Whether a session works with those of other hosts: how it was launched, on what hardware, with whom."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from pytest_accel.api.settings import Settings
from pytest_accel.hardware import tpu_metadata
from pytest_accel.hardware.identity import slug
from pytest_accel.hosts import rendezvous, token
from pytest_accel.hosts.coordinator import Follower, Leader, SingleHost
from pytest_accel.hosts.launcher import BadLaunch, LaunchInfo, host_and_port, launched
from pytest_accel.records import Accelerator, Kind
from pytest_accel.worker import provenance

SAME_ON_ALL = ("update_baselines", "record_missing", "runs", "budget", "tolerance", "strict", "devices")
"""Settings that decide what is done, or what the verdict is."""


def launched_as(settings: Settings, kind: Kind) -> LaunchInfo | None:
    """As which of several hosts this session was launched; None if it is alone. Raises BadLaunch."""
    if settings.topology is not None:
        return None  # the compiler works alone, wherever that is
    if kind is Kind.TPU and settings.framework == "tensorflow":
        return None  # TensorFlow reaches all hosts of a slice from one of them
    environment = {**(tpu_metadata.worker() if kind is Kind.TPU else {}), **os.environ}
    launch = launched(environment)
    if launch is None:
        if settings.coordinator is not None:
            raise BadLaunch(
                f"--accel-coordinator={settings.coordinator} is for several hosts, and no launcher says "
                "which of them this is: set TF_CONFIG, or JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and "
                "JAX_PROCESS_ID, or start with srun"
            )
        return None
    alone = "--accel-against" if settings.against is not None else "--accel-in-process"
    if settings.against is not None or settings.in_process:
        raise BadLaunch(
            f"{alone} works on one host, and {launch.by} says that this is host {launch.index} of "
            f"{launch.count}: drop {alone}, or unset {launch.by}"
        )
    return launch


def over_hosts(accelerator: Accelerator, launch: LaunchInfo | None, identity: str | None) -> Accelerator:
    """The hardware of all hosts, each with an ``accelerator`` like this; a TPU's covers its slice already."""
    if launch is None or accelerator.hosts == launch.count:
        return accelerator
    return dataclasses.replace(
        accelerator,
        identity=identity or slug(f"{accelerator.identity} {launch.count} hosts"),
        devices=accelerator.devices * launch.count,
        hosts=launch.count,
    )


def coordinator(
    launch: LaunchInfo | None,
    settings: Settings,
    here: Accelerator,
    tests: Mapping[str, Path],
    say: Callable[[str], None],
) -> SingleHost | Leader | Follower:
    """Meet the other hosts, if there are any. Raises BadLaunch, BadToken and RendezvousError.

    ``tests`` are the names of the selected benchmarks in their order, with their files. ``say`` hears that it
    waits.
    """
    if launch is None:
        return SingleHost()
    address = (launch.first, launch.port - 1)
    if settings.coordinator is not None:
        address = host_and_port(settings.coordinator, "--accel-coordinator")
    facts = {
        "pytest-accel": provenance.version("pytest-accel"),
        "hosts": launch.count,
        "--accel": str(here.kind),
        "hardware": f"{here.devices} x {here.model}",
        "--accel-framework": settings.framework,
        **{f"--accel-{name.replace('_', '-')}": _word(getattr(settings, name)) for name in SAME_ON_ALL},
        "tests": list(tests),
        "test files": _digest(tests.values()),
    }
    wait_s = min(rendezvous.RENDEZVOUS_S, settings.timeout)
    others = "the others to call" if launch.index == 0 else "the first"
    say(
        f"accel: host {launch.index} of {launch.count} waits for {others} at {address[0]}:{address[1]}, for "
        f"{wait_s:.0f} s at most"
    )
    secret = token.from_environment(os.environ)
    return rendezvous.join(launch, facts, address, wait_s, secret, trusts_network=settings.trust_network)


def _word(value: float | None) -> str:
    if value is None:
        return "unset"
    return ("off", "on")[value] if isinstance(value, bool) else f"{value:g}"


def _digest(files: Iterable[Path]) -> str:
    """A few digits that differ where the contents of these files do; their places may."""
    digest = hashlib.sha256()
    for file in dict.fromkeys(files):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:12]
