"""What a field takes, and what makes no difference to it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest

from connectors.tryton.coercion import NotTaken, coerce, command, same


@pytest.mark.parametrize(
    ("kind", "value", "taken"),
    [
        ("numeric", "1.50", Decimal("1.50")), ("numeric", 2, Decimal(2)),
        ("numeric", 0.1, Decimal("0.1")), ("float", Decimal("0.5"), 0.5),
        ("integer", "12", 12), ("integer", Decimal("3.0"), 3), ("boolean", 1, True),
        ("char", Decimal("0.81"), "0.81"), ("char", date(2026, 1, 31), "2026-01-31"),
        ("date", "2026-01-31", date(2026, 1, 31)),
        ("date", datetime(2026, 1, 31, 23, tzinfo=UTC), date(2026, 1, 31)),
        ("datetime", "2026-01-31T12:00:00.5+02:00", datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ("timestamp", "2026-01-31T12:00:00.5Z",
         datetime(2026, 1, 31, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("time", "08:30", time(8, 30)), ("timedelta", 90, timedelta(seconds=90)),
        ("many2one", "41", 41), ("many2one", "party.party,41", 41), ("many2many", [1, "2"], [1, 2]),
        ("reference", "sale.sale,5", "sale.sale,5"), ("multiselection", ["a"], ["a"]),
        ("dict", {"a": 1}, {"a": 1}), ("binary", b"x", b"x"), ("integer", None, None),
    ],
)  # fmt: skip
def test_values_that_a_field_takes(kind, value, taken):
    got = coerce(value, {"type": kind, "relation": "party.party"})
    assert (got, type(got)) == (taken, type(taken))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("numeric", "lots"), ("numeric", "NaN"), ("numeric", True), ("integer", 1.5),
        ("integer", "x"), ("boolean", "yes"), ("date", "31.1.2026"), ("date", 5),
        ("datetime", "now"), ("many2one", "Jane"), ("many2one", "sale.sale,1"),
        ("many2many", 4), ("reference", "41"), ("char", ["a"]), ("char", True),
        ("one2many", [1]), ("binary", "text"), ("multiselection", "a"), ("dict", []),
    ],
)  # fmt: skip
def test_values_that_it_does_not(kind, value):
    with pytest.raises(NotTaken):
        coerce(value, {"type": kind, "relation": "party.party"})


def test_an_id_alone_means_a_row_of_the_model_that_was_named():
    assert coerce("41", {"type": "reference"}, "party.party") == "party.party,41"
    assert coerce("sale.sale,5", {"type": "reference"}, "party.party") == "sale.sale,5"


@pytest.mark.parametrize(
    ("strip", "kept"), [(True, "a"), ("leading", "a "), ("trailing", " a"), (False, " a ")]
)
def test_texts_are_stripped_as_tryton_strips_them(strip, kept):
    assert coerce(" a ", {"type": "char", "strip": strip}) == kept


@pytest.mark.parametrize(
    ("kind", "value", "stored", "equal"),
    [
        ("boolean", True, 1, True), ("char", "", None, True), ("char", "a", "b", False),
        ("numeric", Decimal("1.5"), Decimal("1.50"), True), ("many2many", [2, 1], [1, 2], True),
        ("many2one", 1, None, False), ("float", 0.5, 0.5, True),
    ],
)  # fmt: skip
def test_what_makes_no_difference(kind, value, stored, equal):
    assert same(value, stored, {"type": kind}) is equal


def test_lists_of_rows_are_changed_by_commands():
    definition = {"type": "many2many"}
    assert command([1, 2], [2, 3], definition) == [["add", [1]], ["remove", [3]]]
    assert command([1], None, definition) == [["add", [1]]]
    assert command([1], [1], definition) == []
    assert command("x", "y", {"type": "char"}) == "x"
