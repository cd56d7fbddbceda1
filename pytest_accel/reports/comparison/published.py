"""Results that others published, with source and date: ``baselines/published/*.json``, schema 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_accel.analysis.metrics import cost
from pytest_accel.hardware import price_book
from pytest_accel.records.json_codec import CodecError, decode
from pytest_accel.reports.comparison.rows import Accuracy, Configuration, Results, ThroughputRow

SCHEMA = 1


@dataclass(frozen=True)
class PublishedSpeed:
    """One figure of examples / s. ``prices`` are names in the price book.

    ``identity`` is the one that pytest-accel gives such hardware, if that is known.
    """

    hardware: str
    software: str
    precision: str
    global_batch: int
    dataset: str
    throughput: float
    prices: tuple[str, ...]
    identity: str | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class PublishedTraining(PublishedSpeed):
    """Training, and its speed. ``epochs_to_target`` goes by the target as text, a share of top-1."""

    epochs: int
    best_top1: float
    epoch_of_best_top1: int
    epochs_to_target: Mapping[str, int]


@dataclass(frozen=True)
class Publication:
    """Who published what, when and where. ``train_examples`` is the size of an epoch."""

    schema: int
    title: str
    publisher: str
    date: str
    source: str
    workload: str
    train_examples: int
    throughput: tuple[PublishedSpeed, ...]
    convergence: tuple[PublishedTraining, ...]


def results(data: object) -> Results:
    """The rows of a publication, one for each price. Raises CodecError that names the field."""
    publication = decode(Publication, data)
    if publication.schema != SCHEMA:
        raise CodecError(
            "schema", f"{publication.schema} is none that this pytest-accel reads, which is {SCHEMA}"
        )
    return Results(
        tuple(
            ThroughputRow(_setting(publication, row), row.throughput, price_book.price(name))
            for row in publication.throughput
            for name in row.prices
        ),
        tuple(
            Accuracy(
                _setting(publication, row),
                row.best_top1,
                float(target),
                epochs,
                cost.training_time_s(epochs, publication.train_examples, row.throughput),
                price_book.price(name),
            )
            for row in publication.convergence
            for target, epochs in row.epochs_to_target.items()
            for name in row.prices
        ),
    )


def _setting(publication: Publication, row: PublishedSpeed) -> Configuration:
    return Configuration(
        row.hardware,
        row.software,
        publication.workload,
        row.dataset,
        row.precision,
        row.global_batch,
        row.identity,
    )
