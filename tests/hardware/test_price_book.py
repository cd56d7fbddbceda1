"""The price book: every entry says where its figure is from; a name that it lacks is named."""

import datetime
import json

import pytest

from pytest_accel.hardware import price_book
from pytest_accel.records import Price
from pytest_accel.records.user_error import UserError

NAMES = list(json.loads(price_book.FILE.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_is_dated_and_has_its_source_terms_and_region(name):
    price = price_book.price(name)
    assert price.name == name
    assert price.usd_per_hour > 0
    assert price.source.startswith("https://")
    assert all((price.terms, price.region, price.hardware))
    date = datetime.date.fromisoformat(price.date)
    assert name.endswith(f"{date:%Y-%m}")


def test_a_number_is_a_price_of_its_own():
    assert price_book.price(6.7) == Price(6.7)


def test_an_unknown_name_is_named_with_those_that_are_known():
    with pytest.raises(UserError, match=r"^the price book has no 'tpu'; .* one of gcp-tpu-v2-8"):
        price_book.price("tpu")
