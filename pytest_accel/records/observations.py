"""What was seen: by one run, a fresh process, or by two beside each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from pytest_accel.records.workload import Workload


@dataclass(frozen=True)
class Conditions:
    """What else went on while a run was measured, and may explain an odd number.

    ``load_average`` is the one-minute load of the machine divided by its cores, taken before the run.
    ``other_programs`` names those that used the CPU meanwhile, the ones that used most at some time.
    """

    load_average: float | None = None
    throttle_reasons: tuple[str, ...] = ()
    foreign_processes: tuple[str, ...] = ()
    other_programs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Steps:
    """What one run (one fresh process) saw of a training step.

    ``step_times_s[i]`` is the time of block ``i`` divided by its ``steps_per_block`` steps; the device is
    waited for once, at the end of a block. The clocks are kept apart: ``startup_time_s`` from the start of
    the process to the measuring call, ``build_time_s`` to make model and data, ``compile_time_s`` for the
    first step, ``warmup_time_s`` until step times settled. ``peak_memory_bytes`` is that of the device, of
    the process on a CPU. ``losses`` holds one loss per block where the step gives one.

    ``others_share[i]`` is the share of the machine, from 0 to 1, that programs outside of this session used
    while block ``i`` was timed; empty where that is unknown.

    Of several hosts, times and memory are the largest of any. ``hosts_step_time_s`` then says how long each
    host takes for its share of a step without the others, or for a step of its own.
    """

    KIND: ClassVar[str] = "steps"
    PASS_NEEDS_WORDS: ClassVar[bool] = False

    step_times_s: tuple[float, ...]
    steps_per_block: int
    startup_time_s: float
    build_time_s: float
    compile_time_s: float
    warmup_time_s: float
    warmup_steps: int
    peak_memory_bytes: int | None = None
    losses: tuple[float, ...] = ()
    conditions: Conditions = field(default_factory=Conditions)
    hosts_step_time_s: tuple[float, ...] = ()
    others_share: tuple[float, ...] = ()

    @property
    def duration_s(self) -> float:
        """From the start of the process to the last timed step."""
        timed_s = sum(self.step_times_s) * self.steps_per_block
        return self.startup_time_s + self.build_time_s + self.compile_time_s + self.warmup_time_s + timed_s

    def label(self, number: int) -> str:
        """What to call it as run ``number`` of several."""
        return f"run-{number}"

    def times_s(self) -> Sequence[float]:
        """The step time of each block."""
        return self.step_times_s

    def series(self) -> Iterator[tuple[int, float, Mapping[str, float]]]:
        """After each block: the number of the step, seconds since the first one, and values by name."""
        now_s = 0.0
        for number, step_time_s in enumerate(self.step_times_s):
            now_s += step_time_s * self.steps_per_block
            losses = {"loss": self.losses[number]} if number < len(self.losses) else {}
            yield (number + 1) * self.steps_per_block, now_s, {"step_time_s": step_time_s, **losses}


@dataclass(frozen=True)
class Epoch:
    """One pass over the training set, and the evaluation after it.

    ``loss`` is the mean over the training steps, ``top1`` and ``top5`` are shares of the evaluation set. The
    two clocks are kept apart.
    """

    loss: float
    top1: float
    top5: float
    training_time_s: float
    evaluation_time_s: float


@dataclass(frozen=True)
class Curve:
    """What one run saw of training with one seed, epoch by epoch.

    ``train_examples`` and ``evaluation_examples`` are the sizes of the two sets. ``frozen_variables`` names
    trainable variables that training left as they were. ``epochs_before`` of the epochs were trained by an
    earlier process, which was ended. The other clocks are as in ``Steps``.

    ``others_share[i]`` is the share of the machine, from 0 to 1, that programs outside of this session used
    during epoch ``i`` of those that this process trained; empty where that is unknown.
    """

    KIND: ClassVar[str] = "convergence"
    PASS_NEEDS_WORDS: ClassVar[bool] = True

    seed: int
    epochs: tuple[Epoch, ...]
    train_examples: int
    evaluation_examples: int
    startup_time_s: float
    build_time_s: float
    compile_time_s: float
    frozen_variables: tuple[str, ...] = ()
    epochs_before: int = 0
    conditions: Conditions = field(default_factory=Conditions)
    others_share: tuple[float, ...] = ()

    @property
    def duration_s(self) -> float:
        """From the start of the process to the end of the last epoch, those of earlier processes included."""
        epochs_s = sum(epoch.training_time_s + epoch.evaluation_time_s for epoch in self.epochs)
        return self.startup_time_s + self.build_time_s + self.compile_time_s + epochs_s

    def label(self, number: int) -> str:
        """What to call it: by its seed, whichever run it is."""
        return f"seed-{self.seed}"

    def times_s(self) -> Sequence[float]:
        """The training time of each epoch."""
        return [epoch.training_time_s for epoch in self.epochs]

    def series(self) -> Iterator[tuple[int, float, Mapping[str, float]]]:
        """After each epoch: its number from 1, seconds since the first one began, and values by name."""
        now_s = 0.0
        for number, epoch in enumerate(self.epochs, 1):
            now_s += epoch.training_time_s + epoch.evaluation_time_s
            values = {"loss": epoch.loss, "top1": epoch.top1, "top5": epoch.top5}
            yield number, now_s, {**values, "epoch_time_s": epoch.training_time_s}


@dataclass(frozen=True)
class Operations:
    """What the operations of one kind cost in a step of a compiled program, on one device.

    ``count`` is how often they run, loops included; ``bytes`` are read and written wherever they lie,
    ``padding_bytes`` fill up their tiles beside that, and ``hbm_bytes`` of both are in the device's memory.
    ``exchanged_bytes`` are results of exchanges with other devices. ``time_s`` is modelled
    (``analysis/hlo/step_time_model.py``); ``times_s_by_line`` is what of it the costliest source lines take,
    such as ``model.py:12``.
    """

    count: int
    bytes: int
    flops: float = 0.0
    hbm_bytes: int = 0
    padding_bytes: int = 0
    exchanged_bytes: int = 0
    time_s: float = 0.0
    times_s_by_line: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class LoopBody:
    """What one iteration of a loop costs; ``time_s`` is modelled. ``op_name`` is the framework's name."""

    source_line: str | None
    op_name: str
    flops: float
    time_s: float


@dataclass(frozen=True)
class ProgramFacts:
    """What a compiler knows of a training step's program without running it; all sizes are of one device.

    ``partitioning`` says how the program was made one for ``devices`` devices: with "per_replica" each runs
    the step on its share of the batch, with batch statistics of its own, and gradients are reduced over all;
    with "spmd" the compiler split one program for the global batch. ``flops`` and ``bytes_accessed`` (of the
    device's memory) count loops as often as they run. ``peak_memory_bytes`` is what arguments, results and
    temporary values need together; results that take the place of arguments (``aliased_bytes``) count once.
    ``operations`` go by kind (``analysis/hlo/operations.py``). ``loops`` says how often each loop of the
    program runs, None where that depends on data, and ``loop_bodies`` what one iteration costs.
    ``modelled_step_time_s`` is a roofline of all operations; None where it was recorded before there was a
    model. ``estimated_step_time_s`` is the compiler's own, None where it gives none. ``build_time_s`` was
    spent on tracing, ``compile_time_s`` on compiling, also where the result of that was kept from an earlier
    run.
    """

    KIND: ClassVar[str] = "program"
    PASS_NEEDS_WORDS: ClassVar[bool] = True

    partitioning: str
    devices: int
    flops: float
    bytes_accessed: float
    peak_memory_bytes: int
    generated_code_bytes: int
    operations: Mapping[str, Operations]
    loops: tuple[int | None, ...] = ()
    loop_bodies: tuple[LoopBody, ...] = ()
    argument_bytes: int = 0
    result_bytes: int = 0
    aliased_bytes: int = 0
    temporary_bytes: int = 0
    modelled_step_time_s: float | None = None
    estimated_step_time_s: float | None = None
    startup_time_s: float = 0.0
    build_time_s: float = 0.0
    compile_time_s: float = 0.0
    conditions: Conditions = field(default_factory=Conditions)

    @property
    def duration_s(self) -> float:
        """From the start of the process until the program was compiled."""
        return self.startup_time_s + self.build_time_s + self.compile_time_s

    def label(self, number: int) -> str:
        """What to call it as run ``number`` of several."""
        return f"run-{number}"

    def times_s(self) -> Sequence[float]:
        """None: it did not run."""
        return ()

    def series(self) -> Iterator[tuple[int, float, Mapping[str, float]]]:
        """Nothing: it did not run."""
        return iter(())


Observation = Steps | Curve | ProgramFacts
"""What one run saw, whichever it was asked for. In JSON, ``kind`` says which it is.

``PASS_NEEDS_WORDS``: a pass has more to say than its interval, which is in the table.
"""


@dataclass(frozen=True)
class Run:
    """One run: the work it did, what it saw, and the versions it ran with."""

    workload: Workload
    observation: Observation
    provenance: Mapping[str, str]

    @property
    def steps(self) -> Steps:
        """Of a run that timed steps. Raises TypeError for another."""
        if not isinstance(self.observation, Steps):
            raise TypeError(f"a run that saw a {type(self.observation).__name__} timed no steps")
        return self.observation

    @property
    def curve(self) -> Curve:
        """Of a run that trained to a target. Raises TypeError for another."""
        if not isinstance(self.observation, Curve):
            raise TypeError(f"a run that saw {type(self.observation).__name__} has no curve")
        return self.observation

    @property
    def program(self) -> ProgramFacts:
        """Of a run that compiled and did not run. Raises TypeError for another."""
        if not isinstance(self.observation, ProgramFacts):
            raise TypeError(f"a run that saw {type(self.observation).__name__} knows nothing of its program")
        return self.observation


@dataclass(frozen=True)
class Pair:
    """Two runs of the same work at about the same time: one here, one in the environment compared with.

    ``interleaved`` says that their blocks alternated, so that block ``i`` of one was timed right beside block
    ``i`` of the other. Otherwise one whole process came after the other.
    """

    candidate: Run
    reference: Run
    interleaved: bool
