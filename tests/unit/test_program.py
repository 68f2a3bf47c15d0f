"""Programs: what a mapping may say, what it makes of rows, and what it refuses to be."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest

from contracts.base import Contract, Value
from contracts.customer import CustomerV1
from contracts.order import OrderV1
from gateway.errors import ConfigError, Refusal
from gateway.mapping import Mapping
from gateway.program import Rejected, compile_mapping, compile_sink
from gateway.types import NO_DATA, Delivery, Operation, Position, Record, StreamId


def program(contract=CustomerV1, fields=None, **more):
    given = {"key": "id", "fields": {"id": "id", "name": "name", **(fields or {})}, **more}
    return compile_mapping(Mapping.model_validate(given), contract)


def made(fields, row, contract=CustomerV1):
    return json.loads(program(contract, fields).accepted({"id": 1, "name": "A", **row}))


@pytest.mark.parametrize(
    ("source", "row", "email"),
    [
        ("mail", {"mail": "a@b.example"}, "a@b.example"),
        ("mail", {"mail": None}, None),
        ("mail", {}, "ABSENT"),
        ("contact.mail", {"contact": {"mail": "a@b.example"}}, "a@b.example"),
        ("contact.mail", {"contact": {"mail": None}}, None),
        ("contact.mail", {"contact": None}, None),
        ("contact.mail", {"contact": {}}, "ABSENT"),
        ("contact.mail", {"contact": 5}, "ABSENT"),
        ("contact.mail", {}, "ABSENT"),
        ("mails.1", {"mails": ["x", "a@b.example"]}, "a@b.example"),
        ("mails.1", {"mails": ["x"]}, "ABSENT"),
        ("mails.99999999999999999999", {"mails": ["x"]}, "ABSENT"),
        ("mails.1", {"mails": {"1": "a@b.example"}}, "a@b.example"),
        ("mails.-1", {"mails": ["a@b.example"]}, "ABSENT"),
        (r"e\.mail", {"e.mail": "a@b.example"}, "a@b.example"),
        (r"a\\b", {"a\\b": "a@b.example"}, "a@b.example"),
        ({"first": ["x", "y"]}, {"x": None, "y": "a@b.example"}, "a@b.example"),
        ({"first": ["x", "y"]}, {"y": "a@b.example"}, "a@b.example"),
        ({"first": ["x", "y"]}, {"x": None}, None),
        ({"first": ["x", "y"]}, {}, "ABSENT"),
        ({"value": "a@b.example"}, {}, "a@b.example"),
        ({"value": None}, {}, None),
        ({"from": "mail", "as": "lower"}, {"mail": "A@B.example"}, "a@b.example"),
        ({"from": "mail", "as": "lower"}, {"mail": None}, None),
        ({"from": "mail", "as": "lower"}, {}, "ABSENT"),
        ({"from": "mail", "as": "default", "with": {"value": "a@b.example"}}, {}, "a@b.example"),
        (
            {
                "object": True,
                "fields": {"user": "u", "host": "h"},
                "as": "format",
                "with": {"pattern": "{user}@{host}"},
            },
            {"u": "a", "h": "b.example"},
            "a@b.example",
        ),
    ],
)
def test_where_a_field_comes_from(source, row, email) -> None:
    assert made({"email": source}, row).get("email", "ABSENT") == email


MONEY = {"object": True, "fields": {"amount": "limit", "currency": {"value": "EUR"}}}


@pytest.mark.parametrize(
    ("row", "limit"),
    [
        ({"limit": Decimal("5.50")}, {"amount": "5.50", "currency": "EUR"}),
        ({"limit": None}, None),
        ({}, "ABSENT"),
    ],
)
def test_a_constant_part_makes_no_object_by_itself(row, limit) -> None:
    assert made({"credit_limit": MONEY}, row).get("credit_limit", "ABSENT") == limit


def test_children_become_lines() -> None:
    lines = {"each": "rows", "fields": {"quantity": "qty", "sku": {"from": "s", "as": "upper"}}}
    fields = {
        "id": "id",
        "customer_id": "party",
        "status": {"value": "draft"},
        "currency": {"value": "EUR"},
        "lines": lines,
    }
    orders = compile_mapping(Mapping.model_validate({"key": "id", "fields": fields}), OrderV1)
    row = {"id": 1, "party": 2, "rows": [{"qty": 1, "s": "a"}, {"qty": "2.5"}]}
    assert json.loads(orders.accepted(row))["lines"] == [
        {"sku": "A", "quantity": "1"},
        {"quantity": "2.5"},
    ]
    with pytest.raises(Rejected) as caught:
        orders.accepted({**row, "rows": [{"qty": 1}, {"qty": 2, "s": ["x"]}]})
    assert "`lines.1.sku`, read from `s`: there was ['x'], expected text" in caught.value.detail
    assert caught.value.path == "lines.sku"
    with pytest.raises(Rejected, match=r"`lines\.1\.quantity`, read from `qty` in `rows`"):
        orders.accepted({**row, "rows": [{"qty": 1}, {"qty": "many"}]})
    for rows, words in (({"a": 1}, "expected a list"), ([5], "expected an object")):
        with pytest.raises(Rejected, match=words):
            orders.accepted({**row, "rows": rows})


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"name": None}, "`name`, read from `name`: there was null, expected a valid string"),
        ({"name": 5}, "`name`, read from `name`: there was 5, expected a valid string"),
        ({"mail": "x" * 300}, "there was '" + "x" * 78 + "…, expected an email address"),
        ({"mail": "x", "land": "de"}, "; `country`, read from `land`: there was 'de', expected"),
        ({"limit": "NaN"}, "`credit_limit.amount`, read from `limit`: there was 'NaN', expected"),
        ({"employees": "many"}, "expected a valid integer"),
    ],
)
def test_what_the_contract_refuses_is_named(row, words) -> None:
    fields = {"email": "mail", "country": "land", "credit_limit": MONEY, "employees": "employees"}
    with pytest.raises(Rejected) as caught:
        program(fields=fields).accepted({"id": 1, "name": "A", **row})
    assert caught.value.code == "contract_violated"
    assert words in caught.value.detail
    assert caught.value.detail.startswith("customer.v1: `")


def test_a_missing_required_field_is_named() -> None:
    with pytest.raises(Rejected, match="`name`, read from `name`: it is absent, and the contract"):
        program().accepted({"id": 1})


def test_all_values_that_do_not_convert_are_named() -> None:
    fields = {
        "country": {"from": "land", "as": "country_code"},
        "employees": {"from": "people", "as": "integer"},
    }
    with pytest.raises(Rejected) as caught:
        program(fields=fields).accepted({"id": 1, "name": "A", "land": "X", "people": "many"})
    assert caught.value.code == "value_not_convertible"
    assert caught.value.path == "country"
    assert (
        "; `employees`, read from `people`: there was 'many', expected a whole number"
        in caught.value.detail
    )


@pytest.mark.parametrize(
    ("path", "row", "key"),
    [
        ("id", {"id": "a"}, "a"),
        ("id", {"id": 5}, "5"),
        ("id", {"id": Decimal("5.00")}, "5"),
        ("id", {"id": UUID(int=1)}, str(UUID(int=1))),
        ("a.b", {"a": {"b": 1}}, "1"),
        (["a", "b"], {"a": 1, "b": "x"}, '["1","x"]'),
        (["a"], {"a": 1}, "1"),
    ],
)
def test_keys(path, row, key) -> None:
    assert program(key=path).key(row) == key


@pytest.mark.parametrize(
    ("path", "row", "words"),
    [
        ("id", {}, "absent"),
        ("id", {"id": None}, "null"),
        ("id", {"id": ""}, "empty"),
        ("id", {"id": []}, "there was []"),
        ("id", {"id": {"a": 1}}, "there was {'a': 1}"),
        ("id", {"id": float("nan")}, "there was nan"),
        ("id", {"id": "a\x00b"}, "no character"),
        ("id", {"id": "\ud800"}, "no character"),
        ("id", {"id": "x" * 2_000}, "1,024"),
        (["a", "b"], {"a": 1}, "`b`, is absent"),
    ],
)
def test_keys_that_cannot_be_used(path, row, words) -> None:
    with pytest.raises(Rejected) as caught:
        program(key=path).key(row)
    assert caught.value.code == "key_missing"
    assert words in caught.value.detail


def test_version_time_and_deletion() -> None:
    stamped = program(
        version="v", at={"from": "t", "as": "utc_datetime"}, deleted={"from": "live", "as": "not"}
    )
    row = {"v": 3, "t": "2026-01-31 12:00:00", "live": False}
    assert stamped.version(row) == "3"
    assert stamped.at(row) == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert stamped.deleted(row) is True
    assert (stamped.version({}), stamped.at({}), stamped.deleted({})) == (None, None, False)
    assert program(at="t").at({"t": "2026-01-31T12:00:00Z"}) is not None
    for deleted, gone in ((1, True), ("t", True), ("0", False), (None, False), ("", False)):
        assert program(deleted="d").deleted({"d": deleted}) is gone


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("version", [1], "`version`, read from `x`: there was [1]"),
        ("at", "2026-01-31 12:00", "utc_datetime"),
        ("at", datetime(2026, 1, 1), "utc_datetime"),  # noqa: DTZ001
        ("at", 5, "expected an instant"),
        ("deleted", "perhaps", "expected a boolean"),
    ],
)
def test_a_bad_envelope_is_named(name, value, words) -> None:
    with pytest.raises(Rejected) as caught:
        getattr(program(**{name: "x"}), name)({"x": value})
    assert caught.value.code == "value_not_convertible"
    assert words in caught.value.detail


def test_the_columns_a_program_reads() -> None:
    reads = program(
        fields={"email": {"first": ["a", "b.c"]}, "credit_limit": MONEY, "tags": {"value": []}},
        version="v",
        at="t",
        deleted="d",
        key=["id", "branch"],
    )
    assert reads.columns == {"id", "name", "a", "b", "limit", "v", "t", "d", "branch"}


def test_content_leaves_out_what_was_written_back_and_what_moves_with_every_write() -> None:
    fields = {
        "email": "mail",
        "updated_at": {"from": "t", "as": "utc_datetime"},
        "billing_address": {"object": True, "fields": {"city": "city", "region": "region"}},
    }
    stamped = program(fields=fields, version="t")

    def content(without=frozenset(), **row):
        row = {"id": 1, "name": "A", "mail": "a@b.example", "city": "X", "region": "Y", **row}
        return stamped.content(msgspec.Raw(stamped.accepted(row)), without)

    base = content(t="2026-01-01T00:00:00Z")
    assert content(t="2026-01-02T00:00:00Z") == base
    assert content(t="2026-01-01T00:00:00Z", mail=None) != base
    assert content(t="2026-01-01T00:00:00Z", region="Z") != base
    mine = frozenset({"region", "mail"})
    assert content(mine, region="Z", mail="c@d.example") == content(mine)
    assert content(mine, city="Z") != content(mine)
    assert stamped.content(NO_DATA) not in (base, content(mine))


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"fields": {"id": "id", "nmae": "x"}}, "Did you mean 'name'?"),
        ({"fields": {"id": "id"}}, "requires 'name'"),
        ({"fields": {"id": "id", "name": {"from": "n", "as": "txt"}}}, "Did you mean 'text'?"),
        ({"fields": {"id": "id", "name": {"from": "n", "with": {"x": 1}}}}, "`fields.name.with`"),
        ({"fields": {"id": "id", "name": "a..b"}}, "`fields.name.from`: the path 'a..b'"),
        ({"fields": {"id": "id", "name": "a\\"}}, "the path"),
        ({"key": []}, "`key` is an empty list"),
        ({"contract": "order.v1"}, "`contract` says 'order.v1'"),
        (
            {"fields": {"id": "id", "name": "n", "credit_limit": {"object": True, "fields": {}}}},
            "`fields.credit_limit.fields`: customer.v1 `credit_limit` requires 'amount'",
        ),
        (
            {
                "fields": {
                    "id": "id",
                    "name": "n",
                    "identifiers": {"each": "x", "fields": {"schema": "a", "value": "b"}},
                }
            },
            "Did you mean 'scheme'?",
        ),
        ({"version": {"from": "x", "as": "nope"}}, "`version.as`"),
    ],
)
def test_what_could_never_work_is_refused(mapping, message) -> None:
    given = {"key": "id", "fields": {"id": "id", "name": "name"}, **mapping}
    with pytest.raises(ConfigError) as caught:
        compile_mapping(Mapping.model_validate(given), CustomerV1, file="m.yaml")
    assert message in str(caught.value)
    assert str(caught.value).startswith("m.yaml: ")


def test_a_contract_whose_code_fails_rejects_the_row() -> None:
    from pydantic import field_validator

    class Broken(Contract, name="broken", version=1, kind="state"):
        id: str

        @field_validator("id")
        @classmethod
        def _fails(cls, value: str) -> str:
            raise RuntimeError(value)

    broken = compile_mapping(Mapping(key="id", fields={"id": "id"}), Broken)
    with pytest.raises(Rejected) as caught:
        broken.accepted({"id": "x"})
    assert (caught.value.code, caught.value.kind) == ("contract_failed", "RuntimeError")


def test_nested_models_of_a_project_are_checked_through_unions_and_lists() -> None:
    class Part(Value):
        """A part."""

        size: int

    class Whole(Contract, name="whole", version=1, kind="state"):
        parts: list[Part] | None = None

    mapping = {"key": "id", "fields": {"parts": {"each": "p", "fields": {"siez": "s"}}}}
    with pytest.raises(ConfigError, match="Did you mean 'size'"):
        compile_mapping(Mapping.model_validate(mapping), Whole)


def delivery(data='{"score":0.25,"subject":{"key":"7"}}', operation=Operation.UPSERT):
    record = Record(
        Position("@score", 3, 0),
        0,
        StreamId("erp", "party.party"),
        "7",
        "prediction.churn.v1",
        operation,
        NO_DATA if data is None else msgspec.Raw(data.encode()),
        datetime(2026, 1, 1, tzinfo=UTC),
        version="5",
    )
    return Delivery("write", 9, record)


def sink(**more):
    given = {
        "key": "party",
        "fields": {
            "party": {"from": "record.key", "as": "integer"},
            "churn": "score",
            "by": {"value": "headrace"},
            "note": {
                "object": True,
                "fields": {"s": "score", "stream": "record.stream"},
                "as": "format",
                "with": {"pattern": "{stream}: {s}"},
            },
            "label": "label",
        },
        **more,
    }
    return compile_sink(Mapping.model_validate(given), file="s.yaml")


def test_a_sink_gets_rows_with_their_key() -> None:
    write = sink().write(delivery())
    assert write.delivery_id == "@score/3/0.0@write"
    assert write.key == {"party": 7}
    assert write.fields == {
        "churn": Decimal("0.25"),
        "by": "headrace",
        "note": "party.party: 0.25",
    }
    assert write.operation is Operation.UPSERT
    assert sink().columns == {"party", "churn", "by", "note", "label"}


def test_a_delete_needs_only_its_key() -> None:
    write = sink().write(delivery(None, Operation.DELETE))
    assert (write.key, write.fields, write.operation) == ({"party": 7}, {}, Operation.DELETE)
    write = sink(deleted={"from": "score", "as": "equals", "with": {"value": 0.25}}).write(
        delivery()
    )
    assert write.operation is Operation.DELETE


def test_a_record_that_makes_no_row_is_a_refusal() -> None:
    with pytest.raises(Refusal) as caught:
        sink(key="label").write(delivery())
    assert (caught.value.code, "`label`" in str(caught.value)) == ("key_missing", True)
    with pytest.raises(Refusal) as caught:
        sink(fields={"party": {"from": "subject", "as": "integer"}}).write(delivery())
    assert caught.value.code == "value_not_convertible"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"key": "partie"}, "Did you mean 'party'?"),
        ({"key": []}, "empty list"),
        ({"version": "x"}, "`version` has no meaning"),
        ({"contract": "customer.v1"}, "`contract` has no meaning"),
    ],
)
def test_what_a_sinks_mapping_must_not_say(more, message) -> None:
    with pytest.raises(ConfigError, match=r"^s\.yaml: ") as caught:
        sink(**more)
    assert message in str(caught.value)
