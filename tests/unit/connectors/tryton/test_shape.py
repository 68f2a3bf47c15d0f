"""How an answer becomes a row, and what tells two states of it apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from connectors.tryton.shape import Shape, stored

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
SHAPE = Shape(
    model="sale.sale",
    wanted=(),
    fields={"lines": "one2many(sale.line)"},
    children=("lines",),
    nested=frozenset({"party", "lines", "lines.product"}),
    booleans=frozenset({"active", "party.active", "lines.open"}),
    coalesced=True,
)


def row(*lines, written=None):
    return {
        "id": 1,
        "create_date": AT,
        "write_date": written,
        "lines": [{"id": n, "create_date": AT, "write_date": at} for n, at in enumerate(lines)],
    }


def test_what_lies_behind_a_relation_is_below_its_name():
    sent = {
        "id": 1,
        "active": 1,
        "party": 3,
        "party.": {"id": 3, "code": "C1", "active": 0},
        "lang.": None,
        "lines": [7],
        "lines.": [{"id": 7, "open": 1, "product": 9, "product.": {"id": 9, "code": "K5"}}],
    }
    assert SHAPE.row(sent) == {
        "id": 1,
        "active": True,
        "party": {"id": 3, "code": "C1", "active": False},
        "lang": None,
        "lines": [{"id": 7, "open": True, "product": {"id": 9, "code": "K5"}}],
    }


def test_the_last_change_is_that_of_the_row_or_of_a_child():
    hour = timedelta(hours=1)
    assert SHAPE.changed_at(row(None)) == AT, "write_date is null until the first change"
    assert SHAPE.changed_at(row(AT + hour, None)) == AT + hour
    assert SHAPE.changed_at(row(AT, written=AT + 2 * hour)) == AT + 2 * hour


def test_a_version_differs_when_anything_differs():
    hour = timedelta(hours=1)
    versions = [
        SHAPE.version(each)
        for each in (
            row(),
            row(None),
            row(None, None),
            row(AT + 2 * hour, None),
            # The newest stamp is the same: a change that was committed late.
            row(AT + 2 * hour, AT + hour),
            row(AT + 2 * hour, AT + hour, written=AT + hour),
        )
    ]
    assert len({*versions}) == len(versions)
    assert versions[3].split(".")[0] == versions[4].split(".")[0]


def test_stored_columns_are_what_can_be_searched_and_sorted_by():
    column = {"searchable": True, "sortable": True, "type": "char"}
    assert stored(
        {
            "name": column,
            "photo": {**column, "type": "binary"},
            "lines": {**column, "sortable": False},
            "phone": {**column, "searchable": False, "sortable": False},
        }
    ) == ["name"]
