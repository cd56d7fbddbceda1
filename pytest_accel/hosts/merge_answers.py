"""The replies of all hosts as one: synchronous training is as fast as its slowest host."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TypeVar

from pytest_accel.analysis import workload_diff
from pytest_accel.records import Workload
from pytest_accel.records.run_errors import InvalidRun
from pytest_accel.worker import messages
from pytest_accel.worker.messages import Reply

AReply = TypeVar("AReply", bound=Reply)


def merged(replies: Sequence[AReply]) -> AReply:
    """The replies of all hosts to the same order, in the order of the hosts, as one.

    Times and memory are the largest of any host. Raises InvalidRun where hosts are not at the same work.
    """
    if len(replies) == 1:
        return replies[0]
    merge = {
        messages.BenchmarkRequest: _request,
        messages.Prepared: _prepared,
        messages.BlockTimed: _block,
        messages.TrainingBegun: _begun,
        messages.EpochTrained: _epoch,
        messages.Described: _described,
    }.get(type(replies[0]))
    return replies[0] if merge is None else merge(replies)  # type: ignore[operator]


def _request(replies: Sequence[messages.BenchmarkRequest]) -> messages.BenchmarkRequest:
    _check_same_work([reply.workload for reply in replies])
    for index, reply in enumerate(replies):
        if reply.training != replies[0].training:
            raise InvalidRun(f"host {index} is to train with other epochs, seeds or target than the first")
    return dataclasses.replace(replies[0], startup_time_s=max(reply.startup_time_s for reply in replies))


def _check_same_work(workloads: Sequence[Workload]) -> None:
    for index, workload in enumerate(workloads):
        if workload.hash != workloads[0].hash:
            fields = ", ".join(workload_diff.differing_fields(workloads[0], workload))
            raise InvalidRun(
                f"host {index} is to do other work than the first ({fields}): let the test ask for the same "
                "on every host"
            )


def _prepared(replies: Sequence[messages.Prepared]) -> messages.Prepared:
    _check_same_work([reply.workload for reply in replies])
    steps = [reply.step for reply in replies]
    alone_s = [step.single_host_step_time_s for step in steps if step.single_host_step_time_s is not None]
    slowest = dataclasses.replace(
        steps[0],
        build_time_s=max(step.build_time_s for step in steps),
        compile_time_s=max(step.compile_time_s for step in steps),
        single_host_step_time_s=max(alone_s, default=None),
        single_host_step_times_s=tuple(alone_s) if len(alone_s) == len(steps) else (),
    )
    return dataclasses.replace(replies[0], step=slowest)


def _block(replies: Sequence[messages.BlockTimed]) -> messages.BlockTimed:
    blocks = [reply.block for reply in replies]
    memory = [block.peak_memory_bytes for block in blocks if block.peak_memory_bytes is not None]
    slowest = dataclasses.replace(
        blocks[0],
        time_s=max(block.time_s for block in blocks),
        peak_memory_bytes=max(memory, default=None),
        hosts_time_s=tuple(block.time_s for block in blocks),
    )
    return messages.BlockTimed(slowest)


def _begun(replies: Sequence[messages.TrainingBegun]) -> messages.TrainingBegun:
    starts = [reply.start for reply in replies]
    slowest = dataclasses.replace(
        starts[0],
        build_time_s=max(start.build_time_s for start in starts),
        compile_time_s=max(start.compile_time_s for start in starts),
    )
    return messages.TrainingBegun(slowest, _provenance(replies))


def _epoch(replies: Sequence[messages.EpochTrained]) -> messages.EpochTrained:
    epochs = [reply.epoch for reply in replies]
    slowest = dataclasses.replace(
        epochs[0],
        training_time_s=max(epoch.training_time_s for epoch in epochs),
        evaluation_time_s=max(epoch.evaluation_time_s for epoch in epochs),
    )
    return dataclasses.replace(replies[0], epoch=slowest)


def _described(replies: Sequence[messages.Described]) -> messages.Described:
    return dataclasses.replace(replies[0], provenance=_provenance(replies))


def _provenance(
    replies: Sequence[messages.Described] | Sequence[messages.TrainingBegun],
) -> Mapping[str, str]:
    """Where hosts differ, all their values."""
    merged: dict[str, str] = {}
    for name in dict.fromkeys(name for reply in replies for name in reply.provenance):
        values = [reply.provenance.get(name, "(unset)") for reply in replies]
        merged[name] = " / ".join(dict.fromkeys(values))
    return merged
