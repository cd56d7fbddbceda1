"""Every message between a session and a worker process, and how messages travel.

A message is a frozen dataclass. On its way it is a JSON object that has the fields of the message and, as
``kind``, the name of its class. Whatever does not fit one of these classes is a :class:`ProtocolError`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_accel.records import (
    Accelerator,
    Curve,
    Epoch,
    Hosts,
    ProgramFacts,
    Steps,
    Workload,
    json_codec,
)
from pytest_accel.worker.environment_facts import Files, LoadedModules, Surroundings
from pytest_accel.worker.step_timer import PreparedStep, TimedBlock
from pytest_accel.worker.trainer import TrainingStarted


class ProtocolError(Exception):
    """What arrived is not a message, or not one that is due; the text says which."""


class Message:
    """What is sent and received."""


class Order(Message):
    """From a session to a worker process. ``REPLY_TO`` has the message that answers each."""


class Reply(Message):
    """What a worker process answers to an order, or to having been started."""


@dataclass(frozen=True)
class ConftestOption:
    """An option that a conftest.py added: its spellings, and how many values it takes, as argparse has it."""

    spellings: tuple[str, ...]
    nargs: int | str | None


@dataclass(frozen=True)
class StartTest(Message):
    """Collect one test and run it up to its measuring call.

    ``test`` is its node id without the file, None for a session that only describes its environment.
    ``parameters`` and the ``xfail`` marks are those that the test has in the session. ``compared``: with
    another environment. Options of pytest in ``options`` go by destination. ``conftest_options`` were given
    for a conftest.py that may not be one of this test's. Plugins named in ``silent`` take no part.
    ``spawned_at`` is in seconds since the epoch.
    """

    test: str | None
    parameters: Mapping[str, str]
    compared: bool
    xfail: tuple[str, ...]
    options: Any
    conftest_options: tuple[ConftestOption, ...]
    silent: tuple[str, ...]
    accelerator: Accelerator
    hosts: Hosts | None
    spawned_at: float


@dataclass(frozen=True)
class Prepare(Order):
    """Build and compile the step, and warm it up if it is to ``settle``."""

    settle: bool


@dataclass(frozen=True)
class TimeBlock(Order):
    """Time a block. ``ahead``: another order follows before this one is answered."""

    steps: int
    ahead: bool


@dataclass(frozen=True)
class Pause(Order):
    """Nothing is to be timed until the next order."""


@dataclass(frozen=True)
class StartTraining(Order):
    """Build the training with this seed, and go on from what is in the folder ``checkpoints``."""

    seed: int
    checkpoints: str | None


@dataclass(frozen=True)
class TrainEpoch(Order):
    """Train the next epoch and evaluate."""


@dataclass(frozen=True)
class Compile(Order):
    """Compile the step for this accelerator type; the folder ``cache`` may have what came of that before."""

    topology: str
    cache: str | None


@dataclass(frozen=True)
class Describe(Order):
    """Say what was measured with. Asked afterwards: reading it takes memory that a step would notice."""


@dataclass(frozen=True)
class Finish(Order):
    """Give the test what was observed, and let it go on to its end."""

    observation: Steps | Curve | ProgramFacts


@dataclass(frozen=True)
class Stop(Order):
    """Fail the test for this reason, so that its fixtures are torn down."""

    reason: str


@dataclass(frozen=True)
class Hello(Message):
    """The first message. ``sys_path`` is Python's, before the first conftest.py is loaded."""

    sys_path: tuple[str, ...]


@dataclass(frozen=True)
class EnvironmentDescribed(Reply):
    """What the environment is."""

    surroundings: Surroundings


@dataclass(frozen=True)
class TrainingRequest:
    """How long a convergence call trains, to what top-1, and with which seeds."""

    epochs: int
    target: float
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class BenchmarkRequest(Reply):
    """What the test's measuring call asks for, ``training`` if that is convergence.

    ``startup_time_s`` counts from the start of the process. Where environments are compared, ``loaded`` says
    what was imported until then.
    """

    workload: Workload
    startup_time_s: float
    training: TrainingRequest | None
    loaded: LoadedModules = dataclasses.field(default_factory=LoadedModules)


@dataclass(frozen=True)
class Prepared(Reply):
    """The step is ready. ``workload`` has the framework that the step turned out to be made with."""

    step: PreparedStep
    workload: Workload
    loaded: LoadedModules = dataclasses.field(default_factory=LoadedModules)


@dataclass(frozen=True)
class BlockTimed(Reply):
    block: TimedBlock


@dataclass(frozen=True)
class Paused(Reply):
    """All blocks that were ordered have been timed."""


@dataclass(frozen=True)
class TrainingBegun(Reply):
    start: TrainingStarted
    provenance: Mapping[str, str]


@dataclass(frozen=True)
class EpochTrained(Reply):
    """``frozen_variables`` names those that training has left as they were."""

    epoch: Epoch
    frozen_variables: tuple[str, ...]


@dataclass(frozen=True)
class Compiled(Reply):
    program: ProgramFacts
    provenance: Mapping[str, str]


@dataclass(frozen=True)
class Described(Reply):
    """``code`` is that of the project, where environments are compared."""

    provenance: Mapping[str, str]
    code: Files


@dataclass(frozen=True)
class Done(Reply):
    """The pytest session of the run is at its end."""


@dataclass(frozen=True)
class PhaseReported(Message):
    """A report as pytest serializes it. ``raised`` says that the phase was cut short."""

    report: Any
    raised: bool


@dataclass(frozen=True)
class SubtestReported(Message):
    """The report of a subtest, as pytest serializes it."""

    report: Any


@dataclass(frozen=True)
class WarningRecorded(Message):
    """A warning of the test; ``category`` is a class of ``module``. ``location`` is as pytest has it."""

    text: str
    category: str
    module: str
    filename: str
    lineno: int
    location: tuple[str, int, str] | None


@dataclass(frozen=True)
class OtherParameters(Message):
    """The test has other parameters here than in the session; a phrase for each that differs."""

    differing: tuple[str, ...]


@dataclass(frozen=True)
class ExitRequested(Message):
    """Somebody called ``pytest.exit`` or interrupted the run."""

    reason: str
    returncode: int | None


@dataclass(frozen=True)
class PytestBroke(Message):
    """A hook or plugin of pytest failed outside of any test, with this traceback."""

    text: str


REPLY_TO: Mapping[type[Order], type[Reply]] = {
    Prepare: Prepared,
    TimeBlock: BlockTimed,
    Pause: Paused,
    StartTraining: TrainingBegun,
    TrainEpoch: EpochTrained,
    Compile: Compiled,
    Describe: Described,
    Finish: Done,
    Stop: Done,
}


def pack(message: Message) -> dict[str, Any]:
    """The message as :func:`json.dumps` takes it, but for what its fields of any type hold."""
    fields = json_codec.encode(message)
    assert isinstance(fields, dict)
    return {"kind": type(message).__name__, **fields}


def unpack(data: object) -> Message:
    """The message that was packed. Raises ProtocolError for anything else."""
    kind = data.get("kind") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(kind, str):
        raise ProtocolError("what arrived is not a message")
    kinds = {known.__name__: known for known in _subclasses(Message)}
    if kind not in kinds:
        raise ProtocolError(f"what arrived is of an unknown kind: {kind!r}")
    fields = {name: value for name, value in data.items() if name != "kind"}
    try:
        return json_codec.decode(kinds[kind], fields)
    except json_codec.CodecError as error:
        raise ProtocolError(f"a message {kind} does not have its fields: {error}") from None


def unexpected(message: Message) -> ProtocolError:
    """For a message that is none of those that are due."""
    return ProtocolError(f"the message {type(message).__name__} is not due here")


def _subclasses(of: type[Message]) -> Iterator[type[Message]]:
    """Those that can be sent, at any depth."""
    for each in of.__subclasses__():
        if dataclasses.is_dataclass(each):
            yield each
        yield from _subclasses(each)
