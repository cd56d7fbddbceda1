"""Strangers at the port where the hosts of a session meet, while real sessions of two hosts gate a step.

They say nothing, half of something, too much, or what a host would say but for one thing; some do it again
and again. No verdict changes, and the sessions end in time. Some of the sessions train on both hosts, and
need JAX. ``hosts meet`` and ``orders`` do nothing else, alone and beside strangers: their times are compared.
"""

from __future__ import annotations

import contextlib
import functools
import json
import multiprocessing
import random
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from project import QUICK, STEP, Project, project
from trial import Trial

from pytest_accel.hosts import messages
from pytest_accel.hosts.coordinator import Follower, Leader, SingleHost
from pytest_accel.hosts.launcher import LaunchInfo
from pytest_accel.hosts.rendezvous import join
from pytest_accel.hosts.token import Token
from pytest_accel.worker.messages import Paused, TimeBlock, pack

SESSIONS, MEETINGS = 48, 20
TRAINING_EVERY = 16

MEETINGS_EACH = 50
ORDERS_EACH = 5000

LISTENS_AFTER_S = 0.02
"""The second host calls when the first one listens: to be refused and try again would take longer."""
ENDS_WITHIN_S = 900
PAUSE_S = 0.05
"""Between two strangers, so that they take a small part of a core."""

SECRET = "a secret of this session only"
FACTS = {"pytest-accel": "0.1.0", "hardware": "8 x H100", "tests": ["a.py::one"]}


TRAINING = """
import pytest
from pytest_accel.frameworks.common import resnet50

resnet50.STAGES = tuple((width, 1, stride) for width, _, stride in resnet50.STAGES)

@pytest.mark.accel(framework="jax")
def test_training(accel):
    accel.throughput("resnet50", global_batch=4, image_size=32)
"""
"""Steps of a ResNet with one block per stage, so that it compiles in seconds."""


def trials() -> Iterator[Trial]:
    for number in range(MEETINGS):
        for kind, run in (("hosts meet", meet), ("orders", order)):
            yield Trial(kind, str(number), functools.partial(run, beside_strangers=False))
            yield Trial(
                f"{kind} beside strangers", str(number), functools.partial(run, beside_strangers=True)
            )
    for number in range(SESSIONS):
        if number % TRAINING_EVERY:
            yield Trial("strangers", f"session {number}", functools.partial(one, STEP))
        else:
            yield Trial("strangers at training", f"session {number}", functools.partial(one, TRAINING))


def meet(rng: random.Random, *, beside_strangers: bool) -> list[str]:
    """What is wrong where two hosts find each other again and again."""
    found = []
    port = free_port()
    with around(port, rng, beside_strangers):
        for _ in range(MEETINGS_EACH):
            with met(port) as hosts:
                found += [f"host {i} is {host.hosts}" for i, host in enumerate(hosts) if not is_at(host, i)]
    return found


def order(rng: random.Random, *, beside_strangers: bool) -> list[str]:
    """What is wrong where a host orders blocks of another, which answers at once."""
    port = free_port()
    with around(port, rng, beside_strangers), met(port) as (leader, follower), ThreadPoolExecutor(1) as pool:
        answering = pool.submit(answer, follower)
        answers = []
        for _ in range(ORDERS_EACH):
            leader.tell(messages.RunOrder(pack(TimeBlock(4, ahead=False)), "training steps"))
            answers += leader.replies(Paused)
        answering.result()
    return [] if answers == [Paused()] * ORDERS_EACH else [f"{len(answers)} answers"]


def answer(follower: Follower) -> None:
    for _ in range(ORDERS_EACH):
        follower.next()
        follower.send(messages.RunReply(pack(Paused())))


def is_at(host: SingleHost, index: int) -> bool:
    return host.hosts is not None and host.hosts.index == index


@contextlib.contextmanager
def met(port: int) -> Iterator[tuple[Leader, Follower]]:
    """Both hosts of a session, having met at this port."""
    rest = (FACTS, ("127.0.0.1", port), 30.0, Token(SECRET))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(join, launched(0), *rest)
        time.sleep(LISTENS_AFTER_S)
        second = pool.submit(join, launched(1), *rest)
        with contextlib.closing(first.result()) as leader, contextlib.closing(second.result()) as follower:
            assert isinstance(leader, Leader)
            assert isinstance(follower, Follower)
            yield leader, follower


def around(port: int, rng: random.Random, beside_strangers: bool) -> contextlib.AbstractContextManager[None]:
    return strangers(port, rng) if beside_strangers else contextlib.nullcontext()


def launched(index: int) -> LaunchInfo:
    return LaunchInfo("JAX_PROCESS_ID", index, 2, "127.0.0.1", 8476, ())


def one(source: str, rng: random.Random) -> list[str]:
    with project(source) as made:
        token = rng.random() < 0.5
        found = run(made, rng, token, "--accel-update-baselines")
        found += run(made, rng, token, "--accel-tolerance=99%", "--accel-json=report.json")
        if made.outcomes() not in (["passed"], ["inconclusive"]):  # the latter if other programs ran
            found.append(f"{made.outcomes()}: {made.printed('host0')[-500:]}")
        return found + [f"left: {left}" for left in made.left()]


def run(made: Project, rng: random.Random, token: bool, *arguments: str) -> list[str]:
    """A session on two hosts of this machine beside strangers. Returns what is wrong."""
    port = free_port()
    common = {"JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port + 1}", "JAX_NUM_PROCESSES": "2"}
    secret = {"PYTEST_ACCEL_TOKEN": SECRET} if token else {}
    with strangers(port, rng):
        sessions = [
            made.start(
                *QUICK, "--accel-runs=1", f"--accel-coordinator=127.0.0.1:{port}", *arguments,
                variables={**common, **secret, "JAX_PROCESS_ID": str(index)}, log=f"host{index}",
            )
            for index in range(2)
        ]  # fmt: skip
        deadline = time.monotonic() + ENDS_WITHIN_S
        found = []
        for index, session in enumerate(sessions):
            try:
                status = session.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                session.kill()
                found.append(f"host {index} still runs: {made.printed(f'host{index}')[-500:]}")
            else:
                if status:
                    found.append(f"host {index}: exit status {status}: {made.printed(f'host{index}')[-700:]}")
        return found


@contextlib.contextmanager
def strangers(port: int, rng: random.Random) -> Iterator[None]:
    """A process that calls at this port all the time."""
    process = multiprocessing.get_context("fork").Process(target=call, args=(port, rng.random()))
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def call(port: int, seed: float) -> None:
    """Never ends."""
    rng = random.Random(seed)
    held: list[socket.socket] = []
    while True:
        time.sleep(PAUSE_S)
        with contextlib.suppress(OSError):
            stranger = socket.create_connection(("127.0.0.1", port), timeout=0.2)
            held.append(stranger)
            stranger.sendall(said(rng))
        while len(held) > rng.randint(0, 30):
            held.pop(0).close()


def said(rng: random.Random) -> bytes:
    """What a stranger says."""
    join: dict[str, object] = {
        "kind": "Join",
        "index": 1,
        "name": "b",
        "facts": {},
        "nonce": "1",
        "proof": "",
    }
    odd: tuple[object, ...] = (None, True, -1, 10**30, "", "\x1b[2J", [], {}, [[]] * 100, "x" * 10_000)
    changed = {**join, rng.choice(list(join)): rng.choice(odd)}
    return rng.choice((
        b"",
        b"\xacPT",
        b"\xacPTA\0\0\0\x10{",
        b"\7\7\7\7",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xacPTA\x7f\0\0\0" + b"x" * 1000,
        framed(b"[" * rng.choice((10, 100_000))),
        framed(b'{"kind": "Alive"}'),
        framed(json.dumps(join).encode()),
        framed(json.dumps(changed).encode()),
        framed(rng.randbytes(rng.randint(0, 2000))),
        rng.randbytes(rng.randint(1, 5000)),
    ))  # fmt: skip


def framed(text: bytes) -> bytes:
    return b"\xacPTA" + len(text).to_bytes(4) + text


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
