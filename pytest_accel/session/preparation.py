"""What a session needs before its first benchmark, and all that can be known to be wrong by then."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_accel import hardware
from pytest_accel.analysis.rules import calibration
from pytest_accel.analysis.rules.calibration import Floors
from pytest_accel.api import options, settings
from pytest_accel.api.fixtures import uses_accel
from pytest_accel.api.settings import Settings
from pytest_accel.baselines import naming
from pytest_accel.baselines.store import BaselineStore
from pytest_accel.hardware import price_book, version_control
from pytest_accel.hosts.coordinator import Follower, Leader, SingleHost
from pytest_accel.hosts.join import coordinator, launched_as, over_hosts
from pytest_accel.records import Accelerator, Kind, Price
from pytest_accel.records.project import ProjectState
from pytest_accel.records.user_error import UserError
from pytest_accel.reports import report_files, terminal
from pytest_accel.runs.worker_process import environments
from pytest_accel.runs.worker_process.environments import Environment


@dataclass(frozen=True)
class Preparation:
    """What holds for the whole session.

    ``benchmarks`` are the settings of each, and ``items`` the tests, both by the name that reports have.
    ``floors`` are what unchanged programs vary by on this machine, ``project`` is the code that is
    measured. ``single_device`` has the baselines of one device, where there are several. ``reference`` is the
    environment to compare with, ``reports`` the files asked for, by option.
    """

    settings: Settings
    benchmarks: Mapping[str, Settings]
    items: Mapping[str, pytest.Item]
    accelerator: Accelerator
    price: Price | None
    store: BaselineStore
    floors: Floors
    project: ProjectState
    single_device: BaselineStore | None
    reference: Environment | None
    reports: Mapping[str, Path]
    coordinator: SingleHost | Leader | Follower


def prepare(config: pytest.Config, items: Sequence[pytest.Item]) -> Preparation:
    """Check settings, hardware, baselines and reports, and meet the other hosts, if there are any.

    Raises pytest.UsageError for anything that is known to be wrong.
    """
    benchmarks = [item for item in items if uses_accel(item)]
    items_by_name = {naming.display_name(item): item for item in benchmarks}
    by_name = dict(zip(items_by_name, _settings_of_each(items_by_name.values()), strict=True))
    asked = settings.resolve(config, {})
    settings.check_combination(config, asked)
    try:
        naming.check_distinct(benchmarks, settings.baselines_folder(config, asked))
        return _prepared(config, items_by_name, by_name, asked)
    except UserError as error:
        raise pytest.UsageError(str(error)) from None


def _settings_of_each(items: Iterable[pytest.Item]) -> Iterator[Settings]:
    """Most tests have no marker, or the same as others, and settle for the same settings."""
    known: dict[tuple[tuple[str, object], ...], Settings] = {}
    for item in items:
        arguments = settings.marker_arguments(item)
        key = tuple(sorted(arguments.items()))
        if key not in known:
            known[key] = settings.resolve(item.config, arguments)
        yield known[key]


def _prepared(
    config: pytest.Config,
    items: Mapping[str, pytest.Item],
    by_name: Mapping[str, Settings],
    asked: Settings,
) -> Preparation:
    reports = _report_files(config, asked)
    price = _price(asked)
    report_files.check(reports)
    kind = settings.accelerator_kind(config)
    launch = None if config.getoption("collectonly") else launched_as(asked, kind)
    here = _accelerator(kind, asked)
    accelerator = over_hosts(here, launch, asked.identity)
    folder = settings.baselines_folder(config, asked)
    store = BaselineStore(folder, accelerator.identity)
    single_device = _single_device(folder, accelerator)
    reference = _reference(config, asked)
    if launch is None or launch.index == 0:
        _check_store(store, asked)
    files = {name: item.path for name, item in items.items()}
    return Preparation(
        settings=asked,
        benchmarks=by_name,
        items=items,
        accelerator=accelerator,
        price=price,
        store=store,
        floors=calibration.floors(accelerator.kind, store.noise()),
        project=version_control.project_state(config.rootpath),
        single_device=single_device,
        reference=reference,
        reports=reports,
        coordinator=coordinator(launch, asked, here, files, functools.partial(terminal.say_at_once, config)),
    )


def _check_store(store: BaselineStore, asked: Settings) -> None:
    if asked.against is None:
        store.check_readable()
    if asked.recording:
        store.check_writable()


def _reference(config: pytest.Config, asked: Settings) -> Environment | None:
    if asked.against is None or config.getoption("collectonly"):
        return None
    return environments.named(asked.against, config.invocation_params.dir)


def _accelerator(kind: Kind, asked: Settings) -> Accelerator:
    """What is here, or what is compiled for."""
    if asked.topology is not None:
        return hardware.compile_only(asked.topology)
    return hardware.accelerator(kind, asked.identity, asked.devices)


def _single_device(folder: Path, accelerator: Accelerator) -> BaselineStore | None:
    if accelerator.devices == 1 or accelerator.kind is Kind.TPU:
        return None
    return BaselineStore(folder, hardware.accelerator(accelerator.kind, devices=1).identity)


def _price(asked: Settings) -> Price | None:
    try:
        return None if asked.price is None else price_book.price(asked.price)
    except UserError as error:
        raise UserError(f"--accel-price={asked.price}: {error}") from None


def _report_files(config: pytest.Config, asked: Settings) -> dict[str, Path]:
    """Those asked for; a relative path counts from where pytest was called."""
    given = {option.flag: getattr(asked, option.name) for option in options.OPTIONS if option.report}
    folder = config.invocation_params.dir
    return {flag: folder / Path(path).expanduser() for flag, path in given.items() if path}
