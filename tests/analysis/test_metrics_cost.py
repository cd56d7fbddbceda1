"""Cost functions give what RiseML published in April 2018, from the throughput and prices it published."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_accel.analysis.metrics import cost
from pytest_accel.hardware import price_book

PUBLISHED = json.loads(
    Path(__file__).parents[2].joinpath("baselines/published/riseml-2018-04.json").read_text(encoding="utf-8")
)
TPU, GPU = PUBLISHED["convergence"]


def usd_per_hour(row):
    return price_book.price(row["prices"][0]).usd_per_hour


def time_to_target_s(row, target):
    return cost.training_time_s(
        row["epochs_to_target"][target], PUBLISHED["train_examples"], row["throughput"]
    )


@pytest.mark.parametrize(("target", "published_usd"), [("0.757", 55), ("0.764", 73)])
def test_cost_to_target_on_the_tpu(target, published_usd):
    spent = cost.cost_usd(time_to_target_s(TPU, target), usd_per_hour(TPU))
    assert spent == pytest.approx(published_usd, abs=1)


def test_the_tpu_reaches_the_best_of_the_gpus_within_nine_hours():
    assert 8 * 3600 < time_to_target_s(TPU, "0.757") < 9 * 3600


def test_the_gpus_cost_more_than_twice_as_much_to_their_best():
    tpu, gpu = (cost.cost_usd(time_to_target_s(row, "0.757"), usd_per_hour(row)) for row in (TPU, GPU))
    assert gpu > 2 * tpu


def test_throughput_for_the_price_of_a_reserved_machine():
    reserved = price_book.price("aws-p3.8xlarge-reserved-2018-04").usd_per_hour
    (gpus,) = (row for row in PUBLISHED["throughput"] if row["throughput"] == 3128)
    assert cost.throughput_per_usd_per_hour(gpus["throughput"], reserved) == pytest.approx(375, abs=0.5)


def test_a_month_of_the_rented_server_is_its_published_price():
    hourly = price_book.price("cirrascale-4xv100-2018-04").usd_per_hour
    assert cost.cost_usd(730 * 3600, hourly) == pytest.approx(7500, abs=10)


def test_every_published_row_has_a_price_in_the_book():
    for row in PUBLISHED["throughput"] + PUBLISHED["convergence"]:
        assert usd_per_hour(row) > 0


POSITIVE = st.floats(1e-3, 1e6)


@given(throughput=POSITIVE, hourly=POSITIVE, examples=st.integers(1, 10**9))
def test_an_epoch_costs_its_examples_over_the_throughput_for_the_price(throughput, hourly, examples):
    epoch = cost.cost_usd(cost.training_time_s(1, examples, throughput), hourly)
    rate = cost.throughput_per_usd_per_hour(throughput, hourly)
    assert epoch == pytest.approx(examples / (3600 * rate))
