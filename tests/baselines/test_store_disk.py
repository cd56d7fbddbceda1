"""The store on real file systems: killed and concurrent writers, a full disk, missing rights."""

import contextlib
import dataclasses
import errno
import multiprocessing
import os
import random
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import filelock
import pytest

from pytest_accel.baselines import BaselineStore, StoreError
from pytest_accel.baselines import store as store_module
from pytest_accel.baselines.errors import AlreadyStored
from pytest_accel.records import AcceptedEntry, Benchmark, Steps, Workload

NODEID = "test_a.py::test_b"
BENCHMARK = Benchmark(NODEID)
WORKLOAD = Workload("resnet50", "tensorflow", 64)
FORK = multiprocessing.get_context("fork")
ORDINARY_USER = 65534


def entry(time="2025-01-01", blocks=2):
    return AcceptedEntry(
        time, {}, {"step_time_s": 0.123456789}, (Steps((0.123456789,) * blocks, 1, 1, 1, 1, 1, 1),)
    )


@pytest.fixture
def store(tmp_path):
    return BaselineStore(tmp_path / "baselines", "cpu-2")


def accept_for_ever(store):
    while True:
        store.accept(BENCHMARK, WORKLOAD, entry(blocks=2000))


def files_in(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_writer_killed_at_any_moment_leaves_a_whole_file(store):
    before = store.accept(BENCHMARK, WORKLOAD, entry())
    path = store.path(NODEID, "tensorflow")
    for _ in range(20):
        written = path.stat().st_mtime_ns
        writer = FORK.Process(target=accept_for_ever, args=(store,))
        writer.start()
        while writer.is_alive() and path.stat().st_mtime_ns == written:
            time.sleep(0.001)
        time.sleep(random.uniform(0, 0.03))
        writer.kill()
        writer.join()
        now = store.load(BENCHMARK, "tensorflow")
        assert now.anchor == before.anchor
        assert len(now.accepted) > len(before.accepted)
        before = now
    store.accept(BENCHMARK, WORKLOAD, entry())
    assert files_in(store.identity_dir) == ["test_b.json"]


def test_what_a_killed_writer_left_is_gone_after_the_next(store):
    store.accept(BENCHMARK, WORKLOAD, entry())
    store.path(NODEID, "tensorflow").with_name(".test_b.json.tmp").write_text('{"half": ')
    assert len(store.sample()) == 1
    store.accept(BENCHMARK, WORKLOAD, entry())
    assert files_in(store.identity_dir) == ["test_b.json"]


def accept_ten(store, barrier, name):
    barrier.wait()
    for number in range(10):
        one = entry(f"2025-01-01T00:{name}:{number:02}")
        store.accept(BENCHMARK, WORKLOAD, dataclasses.replace(one, provenance={"by": f"{name} {number}"}))


def test_sessions_that_update_at_once_all_leave_their_entries(store):
    barrier = FORK.Barrier(3)
    writers = [FORK.Process(target=accept_ten, args=(store, barrier, name)) for name in ("01", "02", "03")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    entries = store.load(BENCHMARK, "tensorflow").accepted
    assert len(entries) == len({entry.provenance["by"] for entry in entries}) == 30
    assert [entry.time for entry in entries] == sorted(entry.time for entry in entries)


def test_git_does_not_see_the_locks(store, tmp_path):
    store.accept(BENCHMARK, WORKLOAD, entry())
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    status = subprocess.run(
        ["git", "-C", tmp_path, "status", "--porcelain", "-uall"], check=True, capture_output=True, text=True
    )
    assert status.stdout == "?? baselines/cpu-2/tensorflow/test_a.py/test_b.json\n"


def hold(lock_file, held, done):
    with filelock.FileLock(lock_file):
        held.set()
        done.wait()


def test_a_lock_that_is_not_given_up_is_named(store):
    store.accept(BENCHMARK, WORKLOAD, entry())
    lock_file = store.folder / ".locks" / "cpu-2.lock"
    held, done = FORK.Event(), FORK.Event()
    holder = FORK.Process(target=hold, args=(lock_file, held, done))
    holder.start()
    held.wait()
    impatient = BaselineStore(store.folder, "cpu-2", lock_timeout_s=0.1)
    try:
        message = re.escape(f"cannot lock {lock_file} within 0.1 s: another session is updating")
        with pytest.raises(StoreError, match=message):
            impatient.accept(BENCHMARK, WORKLOAD, entry())
        assert len(impatient.load(BENCHMARK, "tensorflow").accepted) == 1  # reading takes no lock
    finally:
        done.set()
        holder.join()


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK])
def test_a_file_system_without_locks_is_named_at_once(store, monkeypatch, number):
    """Where a lock file is left from before, and one session would otherwise wait for a session of then."""
    store.accept(BENCHMARK, WORKLOAD, entry())

    def flock(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.raises(StoreError) as refused:
        store.accept(BENCHMARK, WORKLOAD, entry())

    lock_file = store.folder / ".locks" / "cpu-2.lock"
    assert str(refused.value) == (
        f"cannot lock {lock_file}: {os.strerror(number)}. This file system does not offer that: "
        "name another folder with --accel-baselines=DIR on another one."
    )
    assert len(store.load(BENCHMARK, "tensorflow").accepted) == 1


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this user may not mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_leaves_the_old_file_whole(small_disk):
    store = BaselineStore(small_disk, "cpu-2")
    old = store.accept(BENCHMARK, WORKLOAD, entry())
    path = store.path(NODEID, "tensorflow")
    with pytest.raises(StoreError) as caught:
        store.accept(BENCHMARK, WORKLOAD, entry(blocks=10_000))
    message = f"cannot write the baseline {path}: No space left on device. Free some space, or name another"
    assert str(caught.value).startswith(message)
    assert store.load(BENCHMARK, "tensorflow") == old
    assert files_in(store.identity_dir) == ["test_b.json"]
    assert len(store.accept(BENCHMARK, WORKLOAD, entry()).accepted) == 2


def test_a_disk_that_is_full_at_the_start_is_told_at_the_start(small_disk):
    store = BaselineStore(small_disk / "baselines", "cpu-2")
    store.check_writable()
    with contextlib.suppress(OSError), (small_disk / "other").open("wb", buffering=0) as other:
        while True:
            other.write(b"\0" * 4096)
    with pytest.raises(StoreError, match=r"cannot write baselines to .*No space left on device\. Free"):
        store.check_writable()


def test_a_read_only_disk_is_told_at_the_start_and_can_be_read(small_disk):
    store = BaselineStore(small_disk / "baselines", "cpu-2")
    old = store.accept(BENCHMARK, WORKLOAD, entry())
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    store.check_readable()
    assert store.load(BENCHMARK, "tensorflow") == old
    with pytest.raises(StoreError) as caught:
        store.check_writable()
    assert str(caught.value) == (
        f"cannot write baselines to {store.folder}: Read-only file system. "
        "Give this user the right, or name another folder with --accel-baselines=DIR."
    )
    with pytest.raises(StoreError, match="Read-only file system"):
        store.accept(BENCHMARK, WORKLOAD, entry())


@pytest.fixture
def ordinary_folder():
    """A folder of a user that rights bind, while this process is that user; root is bound by none."""
    folder = Path(tempfile.mkdtemp())
    is_root = os.geteuid() == 0
    if is_root:
        os.chown(folder, ORDINARY_USER, ORDINARY_USER)
        os.seteuid(ORDINARY_USER)
    yield folder
    if is_root:
        os.seteuid(0)
    for path in folder.rglob("*"):
        path.chmod(0o700)
    shutil.rmtree(folder)


def test_a_folder_without_the_right_to_read_is_told(ordinary_folder):
    store = BaselineStore(ordinary_folder / "baselines", "cpu-2")
    store.accept(BENCHMARK, WORKLOAD, entry())
    store.folder.chmod(0)
    with pytest.raises(StoreError) as caught:
        store.check_readable()
    assert str(caught.value) == (
        f"cannot read baselines in {store.folder}: Permission denied. "
        "Give this user the right, or name another folder with --accel-baselines=DIR."
    )
    with pytest.raises(StoreError, match="Permission denied"):
        store.load(BENCHMARK, "tensorflow")
    with pytest.raises(StoreError, match="Permission denied"):
        store.sample()


def test_a_baseline_without_the_right_to_read_is_told(ordinary_folder):
    store = BaselineStore(ordinary_folder / "baselines", "cpu-2")
    store.accept(BENCHMARK, WORKLOAD, entry())
    path = store.path(NODEID, "tensorflow")
    path.chmod(0)
    with pytest.raises(StoreError, match=re.escape(f"cannot read the baseline {path}: Permission denied")):
        store.load(BENCHMARK, "tensorflow")


@pytest.mark.parametrize("locked", ["", "baselines", "baselines/cpu-2"])
def test_a_folder_without_the_right_to_write_is_told(ordinary_folder, locked):
    store = BaselineStore(ordinary_folder / "baselines", "cpu-2")
    if locked:
        store.identity_dir.mkdir(parents=True)
    store.check_writable()
    (ordinary_folder / locked).chmod(0o500)
    with pytest.raises(StoreError, match=f"cannot write baselines to {store.folder}.*Permission denied"):
        store.check_writable()
    with pytest.raises(StoreError, match=r"Permission denied\. Give this user the right"):
        store.accept(BENCHMARK, WORKLOAD, entry())
    (ordinary_folder / locked).chmod(0o700)


@pytest.mark.parametrize("file", ["baselines", "baselines/cpu-2"])
def test_a_folder_that_is_a_file_is_told(store, tmp_path, file):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("")
    way_out = "A file is where a folder should be, or the reverse: move it away, or name another folder with"
    for check in (store.check_readable, store.check_writable):
        with pytest.raises(StoreError, match=f"{tmp_path / file}: Not a directory. {way_out}"):
            check()
    with pytest.raises(StoreError, match=way_out):
        store.load(BENCHMARK, "tensorflow")
    with pytest.raises(StoreError, match=way_out):
        store.accept(BENCHMARK, WORKLOAD, entry())


def test_a_link_that_leads_nowhere_is_not_an_absent_baseline(store):
    store.accept(BENCHMARK, WORKLOAD, entry())
    path = store.path(NODEID, "tensorflow")
    path.unlink()
    path.symlink_to("elsewhere.json")
    with pytest.raises(StoreError, match=re.escape(f"cannot read the baseline {path}: No such file")):
        store.load(BENCHMARK, "tensorflow")


def test_checks_leave_nothing_behind(store, tmp_path):
    store.check_readable()
    store.check_writable()
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_in_the_place_of_a_baseline_keeps_nobody_waiting(store):
    path = store.path(NODEID, "tensorflow")
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    with pytest.raises(StoreError, match=r"cannot read the baseline .*: not a regular file"):
        store.load(BENCHMARK, "tensorflow")
    assert store.sample() == ()


@pytest.mark.parametrize("place", [".locks/cpu-2.lock", ".locks/.gitignore", ".locks"])
def test_links_in_the_place_of_locks_change_nothing_where_they_lead(store, tmp_path, place):
    elsewhere = tmp_path / "elsewhere"
    if place == ".locks":
        elsewhere.mkdir()
    else:
        elsewhere.write_text("precious")
    link = store.folder / place
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(elsewhere)
    if place == ".locks/.gitignore":
        store.accept(BENCHMARK, WORKLOAD, entry())
    else:
        with pytest.raises(StoreError, match="is a link, and locks are never put where one leads"):
            store.accept(BENCHMARK, WORKLOAD, entry())
    assert not elsewhere.is_dir() or not list(elsewhere.iterdir())
    assert not elsewhere.is_file() or elsewhere.read_text() == "precious"


@pytest.mark.parametrize("linked", ["cpu-2", "cpu-2/tensorflow", "cpu-2/tensorflow/test_a.py"])
def test_a_folder_that_leads_elsewhere_is_not_written_to(store, tmp_path, linked):
    store.accept(BENCHMARK, WORKLOAD, entry())
    place, elsewhere = store.folder / linked, tmp_path / "elsewhere"
    place.rename(elsewhere)
    place.symlink_to(elsewhere)
    before = {file: file.read_bytes() for file in elsewhere.rglob("*.json")}
    said = f"a link leads to .*elsewhere.*, outside of {store.folder}"
    with pytest.raises(StoreError, match=said):
        store.accept(BENCHMARK, WORKLOAD, entry())
    if linked == store.identity_dir.name:  # known before anything is measured
        with pytest.raises(StoreError, match=said):
            store.check_writable()
    assert {file: file.read_bytes() for file in elsewhere.rglob("*") if file.is_file()} == before
    assert len(store.load(BENCHMARK, "tensorflow").accepted) == 1


def test_a_link_within_the_baselines_is_followed(store):
    store.accept(BENCHMARK, WORKLOAD, entry())
    (store.folder / "cpu-2").rename(store.folder / "pool")
    (store.folder / "cpu-2").symlink_to("pool")
    store.accept(BENCHMARK, WORKLOAD, entry())
    assert len(store.load(BENCHMARK, "tensorflow").accepted) == 2


def test_a_dangling_link_makes_no_file(store, tmp_path):
    (store.folder / ".locks").mkdir(parents=True)
    (store.folder / ".locks" / ".gitignore").symlink_to(tmp_path / "nowhere")
    store.accept(BENCHMARK, WORKLOAD, entry())
    assert not (tmp_path / "nowhere").exists()


def test_an_empty_gitignore_of_a_killed_session_is_filled(store):
    (store.folder / ".locks").mkdir(parents=True)
    (store.folder / ".locks" / ".gitignore").touch()
    store.accept(BENCHMARK, WORKLOAD, entry())
    assert (store.folder / ".locks" / ".gitignore").read_text() == "*\n"


def test_an_entry_in_force_is_no_error_where_only_the_folder_cannot_be_synced(store, monkeypatch):
    def fail(_folder):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(store_module, "_sync_folder", fail)
    store.accept(BENCHMARK, WORKLOAD, entry())
    assert store.load(BENCHMARK, "tensorflow") is not None


def test_a_missing_baseline_is_recorded_by_one_session_only(store):
    store.accept(BENCHMARK, WORKLOAD, entry(), only_missing=True)
    with pytest.raises(AlreadyStored, match="another session has just recorded"):
        store.accept(BENCHMARK, WORKLOAD, entry(), only_missing=True)
    assert len(store.load(BENCHMARK, "tensorflow").accepted) == 1
