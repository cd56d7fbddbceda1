"""How this session was launched: alone, or as one of several hosts, from the variables of the launcher.

The launchers are those that people start training with: TensorFlow's ``TF_CONFIG``, JAX' own variables, Cloud
TPU, and Slurm's ``srun``. A Kubernetes Job or JobSet sets JAX' variables in its manifest
(docs/several-hosts.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_accel.records.user_error import UserError

TPU_PORT = 8482
"""Where processes of JAX meet on a TPU slice, by JAX' own choice."""

SLURM_PORTS = (2**16 - 2**12, 2**12)
"""The first of the ports that a Slurm job may get, by its number, and how many there are: as JAX chooses."""


HALVES = {
    "JAX_NUM_PROCESSES": "JAX_COORDINATOR_ADDRESS",
    "SLURM_STEP_NUM_TASKS": "SLURM_STEP_NODELIST",
}
"""How many hosts there are, and what else a launcher that says so has to set."""


class BadLaunch(UserError):
    """Variables that contradict each other or say too little; the message names them."""


@dataclass(frozen=True)
class LaunchInfo:
    """This is host ``index`` of ``count``. The first is called ``first``.

    The process of host i listens at ``port + i``, unless ``addresses`` says otherwise. ``by`` names the
    variable that numbers the hosts.
    """

    by: str
    index: int
    count: int
    first: str
    port: int
    addresses: tuple[str, ...] = ()


def launched(environment: Mapping[str, str]) -> LaunchInfo | None:
    """As which of several hosts this session was started; None if it is alone.

    Raises BadLaunch.
    """
    for launcher in (_tf_config, _jax, _cloud_tpu, _slurm):
        launch = launcher(environment)
        if launch is not None:
            if not 0 <= launch.index < launch.count:
                raise BadLaunch(
                    f"{launch.by} gives host index {launch.index}, but there are {launch.count} hosts "
                    "(indices start at 0): fix the index or the host count"
                )
            return launch if launch.count > 1 else None
    for name, missing in HALVES.items():
        if environment.get(name, "1") not in ("", "1"):
            raise BadLaunch(
                f"{name} says that this is one of {environment[name]} hosts, and {missing} is not set: set "
                f"it as docs/several-hosts.md has it, or unset {name}"
            )
    return None


def _tf_config(environment: Mapping[str, str]) -> LaunchInfo | None:
    """``{"cluster": {"worker": ["a:2222", "b:2222"]}, "task": {"type": "worker", "index": 1}}``.

    A chief comes before the workers.
    """
    text = environment.get("TF_CONFIG", "").strip()
    if not text:
        return None
    try:
        config = json.loads(text)
        cluster, task = config.get("cluster", {}), config.get("task", {})
        chief, workers = cluster.get("chief", []), cluster.get("worker", [])
        addresses = tuple(str(address) for address in (*chief, *workers))
        if not addresses:
            return None
        index = int(task["index"]) + (len(chief) if task["type"] == "worker" else 0)
        known = task["type"] in ("chief", "worker")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadLaunch(
            'TF_CONFIG is not as TensorFlow wants it, {"cluster": {"worker": ["HOST:PORT", ...]}, "task": '
            f'{{"type": "worker", "index": 0}}}}: {error!r}'
        ) from None
    if not known:
        raise BadLaunch(
            f"TF_CONFIG makes this a {task['type']!r}: start the tests on the chief and the workers only"
        )
    first, port = host_and_port(addresses[0], "TF_CONFIG")
    return LaunchInfo("TF_CONFIG", index, len(addresses), first, port, addresses)


def _jax(environment: Mapping[str, str]) -> LaunchInfo | None:
    """The index of a Kubernetes Job's pod serves where JAX_PROCESS_ID is not set."""
    address = environment.get("JAX_COORDINATOR_ADDRESS")
    if not address:
        return None
    count = _count(environment, "JAX_NUM_PROCESSES")
    index = _number(environment, "JAX_PROCESS_ID", "JOB_COMPLETION_INDEX")
    first, port = host_and_port(address, "JAX_COORDINATOR_ADDRESS")
    return LaunchInfo("JAX_PROCESS_ID", index, count, first, port)


def _cloud_tpu(environment: Mapping[str, str]) -> LaunchInfo | None:
    """Variables of a TPU slice, as GKE and the TPU's own machines set them."""
    names = [name.strip() for name in environment.get("TPU_WORKER_HOSTNAMES", "").split(",") if name.strip()]
    if len(names) < 2:
        return None
    index = _number(environment, "TPU_WORKER_ID")
    return LaunchInfo("TPU_WORKER_ID", index, len(names), names[0], TPU_PORT)


def _slurm(environment: Mapping[str, str]) -> LaunchInfo | None:
    """Inside of ``srun``. The script of ``sbatch`` also has SLURM_NTASKS, and runs once."""
    if "SLURM_STEP_NODELIST" not in environment or "SLURM_STEP_NUM_TASKS" not in environment:
        return None
    count, index = _count(environment, "SLURM_STEP_NUM_TASKS"), _number(environment, "SLURM_PROCID")
    base, number = SLURM_PORTS
    port = base + _count(environment, "SLURM_JOB_ID") % (number - count)
    return LaunchInfo("SLURM_PROCID", index, count, first_node(environment["SLURM_STEP_NODELIST"]), port)


def first_node(nodes: str) -> str:
    """Of a list as Slurm writes it, such as ``gpu[07-09,12],cpu1``."""
    name, bracket, numbers = nodes.partition(",")[0].partition("[")
    if not bracket:
        return name
    return name + numbers.partition("]")[0].partition("-")[0]


def host_and_port(address: str, source: str) -> tuple[str, int]:
    """Of HOST:PORT, with brackets around an IPv6 host. Raises BadLaunch that names the ``source``."""
    host, colon, port = address.strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (host and colon and port.isascii() and port.isdecimal() and 1 < int(port) < 2**16):
        raise BadLaunch(f"{source}={address}: give HOST:PORT, such as host0:8476")
    return host, int(port)


def _number(environment: Mapping[str, str], *names: str) -> int:
    """The number of this host, from the first of these variables that is set."""
    return _whole(environment, names, "the number of this host, counted from 0")


def _count(environment: Mapping[str, str], name: str) -> int:
    return _whole(environment, (name,), "a whole number above 0")


def _whole(environment: Mapping[str, str], names: Sequence[str], what: str) -> int:
    name, text = next(((name, environment[name]) for name in names if name in environment), (names[0], ""))
    if not (text.isascii() and text.isdecimal()):
        fault = f"{name} is {text!r}" if text else f"{' or '.join(names)} is not set"
        raise BadLaunch(f"{fault}: set it to {what}")
    return int(text)
