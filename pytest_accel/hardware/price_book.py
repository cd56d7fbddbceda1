"""The price book, prices.json: what hardware cost, when, where and on which terms."""

from __future__ import annotations

import json
from pathlib import Path

from pytest_accel.records import Price
from pytest_accel.records.json_codec import decode
from pytest_accel.records.user_error import UserError

FILE = Path(__file__).with_name("prices.json")


def price(given: float | str) -> Price:
    """A price by its name in the book, or one that is given in USD an hour.

    Raises UserError for a name that is not in the book; the message says which are.
    """
    if not isinstance(given, str):
        return Price(given)
    book = json.loads(FILE.read_text(encoding="utf-8"))
    if given not in book:
        raise UserError(
            f"the price book has no {given!r}; give USD an hour, such as 6.70, or one of {', '.join(book)}"
        )
    return decode(Price, {**book[given], "name": given})
