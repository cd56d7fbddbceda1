"""What the children of all hosts answer, as one: synchronous training is as fast as its slowest host."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pytest_accel.analysis import workload_diff
from pytest_accel.records import Workload, json_codec
from pytest_accel.records.run_errors import InvalidRun
from pytest_accel.worker.channel import Message
from pytest_accel.worker.step_timer import Block, Prepared
from pytest_accel.worker.trainer import Begun


def merged(answers: Sequence[Message]) -> Message:
    """The answers of all hosts to the same order, in the order of the hosts, as one.

    Times and memory are the largest of any host. Raises InvalidRun where hosts are not at the same work.
    """
    if len(answers) == 1:
        return answers[0]
    first = answers[0]
    for index, answer in enumerate(answers):
        if answer["kind"] != first["kind"]:
            raise InvalidRun(f"host {index} is at {answer['kind']!r}, the first at {first['kind']!r}")
    return {**first, **_MERGED[first["kind"]](answers)}


def _plan(answers: Sequence[Message]) -> Mapping[str, Any]:
    _check_same_work(answers)
    for index, answer in enumerate(answers):
        if answer["training"] != answers[0]["training"]:
            raise InvalidRun(f"host {index} is to train with other epochs, seeds or target than the first")
    return {"startup_time_s": max(answer["startup_time_s"] for answer in answers)}


def _check_same_work(answers: Sequence[Message]) -> None:
    specs = [json_codec.decode(Workload, answer["workload"]) for answer in answers]
    for index, spec in enumerate(specs):
        if spec.hash != specs[0].hash:
            fields = ", ".join(workload_diff.differing_fields(specs[0], spec))
            raise InvalidRun(
                f"host {index} is to do other work than the first ({fields}): let the test ask for the same "
                "on every host"
            )


def _prepared(answers: Sequence[Message]) -> Mapping[str, Any]:
    seen = [json_codec.decode(Prepared, answer["prepared"]) for answer in answers]
    alone = [one.alone_step_time_s for one in seen if one.alone_step_time_s is not None]
    slowest = Prepared(
        build_time_s=max(one.build_time_s for one in seen),
        compile_time_s=max(one.compile_time_s for one in seen),
        alone_step_time_s=max(alone, default=None),
        hosts_alone_s=tuple(alone) if len(alone) == len(seen) else (),
    )
    _check_same_work(answers)
    return {"prepared": json_codec.encode(slowest)}


def _block(answers: Sequence[Message]) -> Mapping[str, Any]:
    seen = [json_codec.decode(Block, answer["block"]) for answer in answers]
    memory = [one.peak_memory_bytes for one in seen if one.peak_memory_bytes is not None]
    slowest = Block(
        time_s=max(one.time_s for one in seen),
        loss=seen[0].loss,
        peak_memory_bytes=max(memory, default=None),
        hosts_time_s=tuple(one.time_s for one in seen),
    )
    return {"block": json_codec.encode(slowest)}


def _begun(answers: Sequence[Message]) -> Mapping[str, Any]:
    seen = [json_codec.decode(Begun, answer["begun"]) for answer in answers]
    slowest = Begun(
        max(one.build_time_s for one in seen),
        max(one.compile_time_s for one in seen),
        seen[0].train_examples,
        seen[0].evaluation_examples,
        seen[0].epochs,
    )
    return {"begun": json_codec.encode(slowest), "provenance": _provenance(answers)}


def _epoch(answers: Sequence[Message]) -> Mapping[str, Any]:
    clocks = ("training_time_s", "evaluation_time_s")
    slowest = {clock: max(answer["epoch"][clock] for answer in answers) for clock in clocks}
    return {"epoch": {**answers[0]["epoch"], **slowest}}


def _described(answers: Sequence[Message]) -> Mapping[str, Any]:
    return {"provenance": _provenance(answers)}


def _said(answers: Sequence[Message]) -> Mapping[str, Any]:
    return {}


def _provenance(answers: Sequence[Message]) -> Mapping[str, str]:
    """Where hosts differ, all their values."""
    found: dict[str, str] = {}
    for name in dict.fromkeys(name for answer in answers for name in answer["provenance"]):
        values = [answer["provenance"].get(name, "(unset)") for answer in answers]
        found[name] = " / ".join(dict.fromkeys(values))
    return found


_MERGED: Mapping[str, Callable[[Sequence[Message]], Mapping[str, Any]]] = {
    "plan": _plan,
    "prepared": _prepared,
    "block": _block,
    "begun": _begun,
    "epoch": _epoch,
    "paused": _said,
    "described": _described,
    "surroundings": _said,
    "done": _said,
}
