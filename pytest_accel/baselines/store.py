"""Baselines as JSON files in a folder: one file a benchmark, made to be committed and reviewed.

Reading takes no lock: a file is only ever replaced as a whole. Writing takes one lock an identity, reads
the file again under it and replaces it, so that two sessions that update at once both leave their entry.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import errno
import math
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from pytest_accel.baselines import file_format, noise_file
from pytest_accel.baselines.errors import AlreadyStored, BrokenBaseline, OtherSchema, StoreError, store_error
from pytest_accel.baselines.paths import baseline_path, folder_name
from pytest_accel.records import AcceptedEntry, Baseline, Benchmark, Kind, Workload, files
from pytest_accel.records.json_codec import CodecError
from pytest_accel.records.noise import MachineNoise, Sitting

SAMPLE_SIZE = 200
"""Baselines that tell how programs vary on a machine: the median of as many is known well enough."""

MAX_CLOCK_SKEW = datetime.timedelta(hours=1)
"""How far behind the last entry a new one may be: clocks differ, and sessions wait for each other."""

_RECORD_ANEW = "delete it and record anew with --accel-update-baselines."


class BaselineStore:
    """The baselines of one hardware identity under ``folder`` (``--accel-baselines``).

    A benchmark that has a file under its former name only is read and updated there. Every method but
    ``path`` raises StoreError where the file system fails.
    """

    def __init__(self, folder: Path, identity: str, *, lock_timeout_s: float = 30.0) -> None:
        self.folder = folder
        self.identity_dir = folder / folder_name(identity)
        self._lock_timeout_s = lock_timeout_s
        self._sample: tuple[Baseline, ...] | None = None

    @classmethod
    def for_directory(cls, identity_dir: Path) -> BaselineStore:
        """Those in the folder ``identity_dir``, whatever identity it is of: somebody may have renamed it."""
        store = cls(identity_dir.parent, identity_dir.name)
        store.identity_dir = identity_dir
        return store

    def path(self, name: str, framework: str) -> Path:
        """The file of the benchmark of this name, whether it exists or not."""
        return self.identity_dir / folder_name(framework) / baseline_path(name)

    def load(self, benchmark: Benchmark, framework: str) -> Baseline | None:
        """What was accepted, or None if there is no such file. Raises BrokenBaseline."""
        found = (self._read(self.path(name, framework)) for name in benchmark.names)
        return next((baseline for baseline in found if baseline is not None), None)

    def on_other_hardware(self, benchmark: Benchmark, framework: str) -> Iterator[tuple[str, Baseline]]:
        """What other hardware has for a benchmark: the name of each folder and the baseline, sorted by name.

        Those that cannot be read are left out.
        """
        for identity_dir in sorted(self.folder.glob("[!.]*/")):
            if identity_dir != self.identity_dir:
                with contextlib.suppress(BrokenBaseline, StoreError):
                    baseline = BaselineStore.for_directory(identity_dir).load(benchmark, framework)
                    if baseline is not None:
                        yield identity_dir.name, baseline

    def find(self, benchmark: Benchmark) -> Baseline | None:
        """What was accepted under any framework, None if there is nothing that can be read."""
        for folder in sorted(self.identity_dir.glob("[!.]*/")):
            with contextlib.suppress(BrokenBaseline, StoreError):
                baseline = self.load(benchmark, folder.name)
                if baseline is not None:
                    return baseline
        return None

    def sample(self) -> tuple[Baseline, ...]:
        """Baselines of this identity as they are when this is first called, sorted by path.

        Of more than SAMPLE_SIZE as many, spread evenly. A broken one is left out: ``load`` says what is wrong
        with it when its own benchmark runs.
        """
        if self._sample is None:
            paths = sorted(self._files())
            every = math.ceil(len(paths) / SAMPLE_SIZE) or 1
            found = self._load_each(paths[::every])
            self._sample = tuple(baseline for _, baseline in found if isinstance(baseline, Baseline))
        return self._sample

    def load_all(self) -> Iterator[tuple[Path, Baseline | BrokenBaseline | StoreError]]:
        """Every file of this identity, sorted by path: its baseline, or what is wrong with it."""
        return self._load_each(sorted(self._files()))

    def _load_each(
        self, paths: Iterable[Path]
    ) -> Iterator[tuple[Path, Baseline | BrokenBaseline | StoreError]]:
        for path in paths:
            try:
                baseline = self._read(path)
            except (BrokenBaseline, StoreError) as fault:
                yield path, fault
            else:
                if baseline is not None:  # another session may have removed it just now
                    yield path, baseline

    def accept(
        self,
        benchmark: Benchmark,
        workload: Workload,
        accepted: AcceptedEntry,
        *,
        only_missing: bool = False,
        is_same_work: bool = True,
    ) -> Baseline:
        """Append an entry to a benchmark's baseline, put it in force, and return what the file now says.

        Entries between the first and the last lose their runs. Another workload than that stored, other
        parameters of the test or another kind of observation start a new history, and so does work that
        differs in what these do not tell (``is_same_work``). Fractions are rounded to 9
        significant digits. Raises BrokenBaseline rather than overwrite a file that cannot be read, StoreError
        for an entry that breaks the file's rules and, if ``only_missing``, AlreadyStored where another
        session was faster.
        """
        with self._locked():
            stored = self.load(benchmark, workload.framework)
            if only_missing and stored is not None:
                raise AlreadyStored(f"another session has just recorded {benchmark.name}")
            name = benchmark.name if stored is None else stored.benchmark
            path = self.path(name, workload.framework)
            _refuse_to_leave(self.folder, path.parent)
            history = _history(stored, benchmark, workload, accepted) if is_same_work else ()
            entries = _without_raw_runs((*history, _in_order(history, accepted, path)))
            content = _content(path, Baseline(name, workload, entries, benchmark.parameters))
            _replace(path, content)
        return file_format.loads(content)

    def noise(self) -> MachineNoise | None:
        """What ``pytest-accel calibrate`` saw on this hardware. Raises BrokenBaseline."""
        return noise_file.load(self.noise_path)

    @property
    def noise_path(self) -> Path:
        """The file of what was seen, whether it exists or not."""
        return self.identity_dir / noise_file.NAME

    def append_noise(self, kind: Kind, sitting: Sitting) -> MachineNoise:
        """Add a sitting of ``pytest-accel calibrate``, and return all of them.

        Raises BrokenBaseline rather than overwrite a file that cannot be read, and StoreError.
        """
        with self._locked():
            return noise_file.append(self.noise_path, kind, sitting)

    def check_readable(self) -> None:
        """Raise StoreError if something is there that cannot be read. A folder that is absent is fine."""
        for folder in (self.folder, self.identity_dir):
            try:
                list(folder.iterdir())
            except OSError as error:
                if not _is_absent(error, folder):
                    raise store_error("read baselines in", folder, error) from error

    def check_writable(self) -> None:
        """Raise StoreError if a trial write fails in these folders, or where they would be made.

        A hardware folder that is a link out of the baselines is refused as well.
        """
        _refuse_to_leave(self.folder, self.identity_dir)
        for folder in (self.folder, self.identity_dir):
            try:
                with tempfile.TemporaryFile(dir=_nearest_existing(folder)) as trial:
                    trial.write(b"\0" * 4096)
            except OSError as error:
                raise store_error("write baselines to", folder, error) from error

    def _files(self) -> Iterator[Path]:
        def fail(error: OSError) -> None:
            if not _is_absent(error, self.identity_dir):
                raise store_error("read baselines in", self.identity_dir, error) from error

        for folder, _, names in os.walk(self.identity_dir, onerror=fail):
            paths = (Path(folder, name) for name in names if name.endswith(".json"))
            yield from (path for path in paths if path != self.noise_path)

    def _read(self, path: Path) -> Baseline | None:
        try:
            baseline = file_format.loads(files.read(path))
        except OSError as error:
            if _is_absent(error, path):
                return None
            raise store_error("read the baseline", path, error) from error
        except file_format.SchemaError as error:
            raise OtherSchema(f"{path}: {error}. Or {_RECORD_ANEW}") from None
        except CodecError as error:
            raise _broken(path, str(error)) from None
        belongs = self.path(baseline.benchmark, baseline.workload.framework)
        if belongs != path:
            raise _broken(path, f"benchmark: {baseline.benchmark!r} belongs into {belongs}")
        return baseline

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        import filelock

        file = self.folder / ".locks" / f"{self.identity_dir.name}.lock"
        lock = filelock.FileLock(file, timeout=self._lock_timeout_s, fallback_to_soft=False)
        try:
            _refuse_links(file.parent, file)
            _make_unlisted_folder(file.parent)
            lock.acquire()
        except filelock.Timeout:
            raise StoreError(
                f"cannot lock {file} within {self._lock_timeout_s:g} s: another session is "
                "updating these baselines. Let it end, or end it, and run again; nothing was written."
            ) from None
        except OSError as error:
            raise store_error("lock", file, error) from error
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # what was written is in force all the same
                lock.release()


def _broken(path: Path, fault: str) -> BrokenBaseline:
    return BrokenBaseline(f"{path}: {fault}. Restore it from version control, or {_RECORD_ANEW}")


def _history(
    stored: Baseline | None, benchmark: Benchmark, workload: Workload, accepted: AcceptedEntry
) -> tuple[AcceptedEntry, ...]:
    """What an entry is appended to; nothing if that was other work."""
    if stored is None or stored.workload.hash != workload.hash or not stored.fits(benchmark):
        return ()
    kinds = {run.KIND for run in (*stored.current.runs, *accepted.runs)}
    return stored.accepted if len(kinds) == 1 else ()


def _in_order(history: tuple[AcceptedEntry, ...], accepted: AcceptedEntry, path: Path) -> AcceptedEntry:
    """The entry at a time that is not before the last one's. Raises StoreError where a clock is wrong."""
    if not history:
        return accepted
    last, now = history[-1].time, accepted.time
    behind = file_format.moment(last) - file_format.moment(now)
    if behind > MAX_CLOCK_SKEW:
        raise StoreError(
            f"cannot accept into {path}: its last entry is of {last}, and by this machine's clock it is "
            f"{now}. "
            "Nothing was written; set the clock, or delete the file and record anew."
        )
    return dataclasses.replace(accepted, time=max(last, now, key=file_format.moment))


def _without_raw_runs(entries: tuple[AcceptedEntry, ...]) -> tuple[AcceptedEntry, ...]:
    """Raw runs are for the anchor and for the entry in force."""
    between = (dataclasses.replace(entry, runs=()) for entry in entries[1:-1])
    return (*entries[:1], *between, *entries[1:][-1:])


def _content(path: Path, baseline: Baseline) -> bytes:
    try:
        return file_format.dumps(baseline)
    except CodecError as error:
        message = f"cannot accept into {path}: {error}. Nothing was written; measure again."
        raise StoreError(message) from None


def _replace(path: Path, content: bytes) -> None:
    """Write the file whole or not at all. What a killed writer left is removed."""
    files.remove_unfinished(path)
    try:
        files.replace(path, content)
    except OSError as error:
        raise store_error("write the baseline", path, error) from error
    with contextlib.suppress(OSError):  # the new entry is in force, whether or not this reaches the disk
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if not hasattr(os, "O_DIRECTORY"):  # Windows cannot open a folder
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refuse_links(*paths: Path) -> None:
    """A lock is created, and emptied: where a link leads, that may be somebody's file."""
    for path in paths:
        if path.is_symlink():
            raise OSError(errno.ELOOP, f"{path} is a link, and locks are never put where one leads")


def _refuse_to_leave(folder: Path, place: Path) -> None:
    """Raise StoreError where a link on the way to ``place`` leads out of ``folder``."""
    real = Path(os.path.realpath(place))
    if not real.is_relative_to(os.path.realpath(folder)):
        raise StoreError(
            f"cannot write baselines to {place}: a link leads to {real}, outside of {folder}. Nothing was "
            "written; put a folder in the place of the link, or name another one with --accel-baselines=DIR."
        )


def _make_unlisted_folder(folder: Path) -> None:
    """A folder that git does not show, made as pytest makes its cache."""
    folder.mkdir(parents=True, exist_ok=True)
    ignore = folder / ".gitignore"
    if ignore.is_file() and not ignore.is_symlink() and not ignore.stat().st_size:
        ignore.unlink()  # its writer was killed
    with contextlib.suppress(FileExistsError):
        files.create(ignore, b"*\n")


def _nearest_existing(folder: Path) -> Path:
    return next(candidate for candidate in (folder, *folder.parents) if candidate.exists())


def _is_absent(error: OSError, path: Path) -> bool:
    """Whether there is nothing at all: a link that leads nowhere is something."""
    return isinstance(error, FileNotFoundError) and not path.is_symlink()
