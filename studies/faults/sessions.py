"""Steps that do what they should not, and sessions that are ended at any moment.

Whatever a step does to its process: the session ends in time and as documented, says nothing false, the next
test runs, and no process is left. Whatever ends a session: no process is left, and a baseline is the old one
or the new one.
"""

from __future__ import annotations

import functools
import random
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from project import QUICK, STEP, Project, project, recorded
from trial import Trial

from pytest_accel.baselines import file_format
from pytest_accel.records.json_codec import CodecError

HIDE = """
import atexit, ctypes, gc, multiprocessing, os, resource, signal, subprocess, sys, threading, time
import pytest

def note(pid):
    with open("pids.txt", "a") as file:
        file.write(f"{pid} ")

def daemon(*command, env=None):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            note(os.getpid())
            os.execvpe(command[0], command, os.environ if env is None else env)
        os._exit(0)
    os.wait()

def loaders(count=4):
    for _ in range(count):
        process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(3600,))
        process.start()
        note(process.pid)

def once(function):
    done = []
    def step():
        if not done:
            done.append(True)
            function()
        time.sleep(0.001)
    return step
"""

NASTY = """{hide}
def nasty():
    {text}

def test_it(accel):
    accel.measure(once(nasty), examples_per_step=1)

def test_next():
    pass
"""

FAILS = frozenset({"invalid", "failed", "unmeasured", "error"})
ENDS_THE_SESSION = frozenset[str]()
ANY = FAILS | {"passed", "inconclusive", "regressed", "improved", "incomparable"}

STEPS: Mapping[str, tuple[str, frozenset[str]]] = {
    "exits": ("os._exit(0)", FAILS),
    "exits with a status": ("os._exit(5)", FAILS),
    "raises SystemExit": ("sys.exit(0)", FAILS),
    "ends pytest with 0": ("pytest.exit('done', returncode=0)", ENDS_THE_SESSION),
    "raises KeyboardInterrupt": ("raise KeyboardInterrupt", ENDS_THE_SESSION),
    "aborts": ("os.abort()", FAILS),
    "reads at address 0": ("ctypes.string_at(0)", FAILS),
    "recurses": ("nasty()", FAILS),
    "kills itself": ("os.kill(os.getpid(), signal.SIGKILL)", FAILS),
    "stops itself": ("os.kill(os.getpid(), signal.SIGSTOP)", FAILS),
    "kills its parent": ("os.kill(os.getppid(), signal.SIGKILL); time.sleep(60)", FAILS),
    "terminates its parent": ("os.kill(os.getppid(), signal.SIGTERM); time.sleep(60)", FAILS),
    "kills its group": ("os.killpg(0, signal.SIGKILL)", FAILS),
    "never ends": ("time.sleep(3600)", FAILS),
    "never ends in C": ("ctypes.PyDLL(None).sleep(3600)", FAILS),
    "ignores signals and never ends": (
        "[signal.signal(n, signal.SIG_IGN) for n in (1, 2, 3, 6, 15)]; time.sleep(3600)", FAILS,
    ),
    "closes its files": ("os.closerange(3, 1000)", FAILS),
    "writes into its line": ("[os.write(fd, b'x' * 99) for fd in range(3, 20) if can_write(fd)]", ANY),
    "takes all memory it may have": (
        "resource.setrlimit(resource.RLIMIT_AS, (2**28, 2**28)); bytearray(2**30)", FAILS,
    ),
    "may open no file": ("resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))", ANY),
    "prints without end": ("[print('x' * 10**6) for _ in range(100)]", ANY),
    "loses its folder": ("import tempfile; f = tempfile.mkdtemp(); os.chdir(f); os.rmdir(f)", ANY),
    "clears the environment": ("os.environ.clear()", ANY),
    "freezes the clock": ("time.perf_counter = time.monotonic = time.time = lambda: 0.0", ANY - {"improved"}),
    "slows the clock": (
        "real = time.perf_counter; time.perf_counter = lambda: real() / 2", ANY - {"improved"},
    ),
    "has no standard output": ("sys.stdout = sys.stderr = None", ANY),
    "is traced": ("sys.settrace(lambda *_: None)", ANY),
    "may not recurse": ("sys.setrecursionlimit(60)", ANY),
    "breaks json": ("import json; json.dumps = json.loads = None", ANY),
    "breaks os": ("os.read = os.write = None", ANY),
    "starts a thread that never ends": ("threading.Thread(target=time.sleep, args=(3600,)).start()", ANY),
    "never ends at exit": ("atexit.register(time.sleep, 3600)", ANY),
    "leaves a child": ("note(subprocess.Popen(['sleep', '3600']).pid)", ANY),
    "leaves a child of another session": (
        "note(subprocess.Popen(['sleep', '3600'], start_new_session=True).pid)", ANY,
    ),
    "leaves a daemon": ("daemon('sleep', '3600')", ANY),
    "leaves a daemon without variables": ("daemon('/bin/sleep', '3600', env={})", ANY),
    "leaves a daemon that overwrites its variables": (
        "daemon(sys.executable, '-c', 'import ctypes, os, time; os.environ.clear(); time.sleep(3600)')", ANY,
    ),
    "leaves data loaders": ("loaders()", ANY),
    "leaves data loaders and crashes": ("loaders(); os._exit(1)", FAILS),
    "leaves data loaders and hangs": ("loaders(); time.sleep(3600)", FAILS),
    "is another process than it was": ("os.fork() and os._exit(0)", FAILS),
    "does not end with its parent": ("ctypes.CDLL(None).prctl(1, 0); os.kill(os.getppid(), 9)", FAILS),
}  # fmt: skip

CAN_WRITE = """
def can_write(fd):
    try:
        import fcntl
        return fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY
    except OSError:
        return False
"""

TIMEOUT_S = 8
ENDS_WITHIN_S = 90

SIGNALS, KILLS = 74, 50
MOMENTS_S = 6.0
"""A session of these lasts about as long."""


def trials() -> Iterator[Trial]:
    for name in STEPS:
        yield Trial("nasty step", name, functools.partial(one, name))
    for number in range(SIGNALS):
        yield Trial("signal", str(number), signalled)
    for number in range(KILLS):
        yield Trial("kill -9", str(number), killed)


@functools.cache
def baseline() -> Mapping[str, bytes]:
    """What a session of the sound step records, by the path in the project."""
    with project() as made:
        recorded(made)
        return {str(Path(path).relative_to(made.folder)): text for path, text in made.baselines().items()}


def stored_in(made: Project) -> None:
    for name, content in baseline().items():
        path = made.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def one(name: str, _: random.Random) -> list[str]:
    text, expected = STEPS[name]
    source = NASTY.format(hide=HIDE + CAN_WRITE, text=text)
    with project(source) as made:
        stored_in(made)
        options = (f"--accel-timeout={TIMEOUT_S}", "--accel-json=report.json")
        session = made.start(*QUICK, *options, variables={"CI": "1"})
        try:
            status = session.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            session.kill()
            return [f"still runs after {ENDS_WITHIN_S} s: {made.printed()[-500:]}"]
        printed, outcomes = made.printed(), made.outcomes()
        found = [f"left: {left}" for left in made.left()]
        if not {*outcomes} <= expected:
            found.append(f"{outcomes}: {printed[-500:]}")
        if status not in (0, 1, 2) or (status == 0 and not {*outcomes} <= {"passed", "improved"}):
            found.append(f"exit status {status}: {outcomes}, {printed[-500:]}")
        if expected != ENDS_THE_SESSION and (len(outcomes) != 1 or " passed" not in printed):
            found.append(f"the next test did not run: {outcomes}, {printed[-500:]}")
        if made.baselines() != {str(made.folder / name): text for name, text in baseline().items()}:
            found.append("the baseline changed")
        return found


def signalled(rng: random.Random) -> list[str]:
    number = rng.choice((signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    return ended(STEP, number, rng)


def killed(rng: random.Random) -> list[str]:
    source = f"{HIDE}\ndef test_it(accel):\n    accel.measure(once(loaders), examples_per_step=1)\n"
    return ended(source, signal.SIGKILL, rng)


def ended(source: str, number: signal.Signals, rng: random.Random) -> list[str]:
    """What is wrong after this signal at a random moment of a session that records."""
    with project(source) as made:
        stored_in(made)
        before = made.baselines()
        session = made.start(*QUICK, "--accel-update-baselines")
        time.sleep(rng.uniform(0, MOMENTS_S))
        session.send_signal(number)
        try:
            session.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            session.kill()
            return [f"still runs {ENDS_WITHIN_S} s after {number.name}"]
        found = [f"left after {number.name}: {left}" for left in made.left()]
        now = made.baselines()
        if now.keys() != before.keys():
            found.append(f"baselines: {sorted(now)}")
        for path, content in now.items():
            try:
                entries = len(file_format.loads(content).accepted)
            except (CodecError, file_format.SchemaError) as error:
                found.append(f"{path}: {error}")
            else:
                if entries not in (1, 2):
                    found.append(f"{path}: {entries} entries")
        if number is not signal.SIGKILL and "Traceback (most recent call last):" in made.printed():
            found.append(made.printed()[-800:])
        return found
