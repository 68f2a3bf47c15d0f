"""Normalise: every row becomes a record or a letter, in order, and replay runs the same code."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from contracts.customer import CustomerV1
from gateway.config.model import Limits
from gateway.mapping import Mapping
from gateway.normalise import flood, normalise, normalise_row, renormalise
from gateway.program import Rejected, compile_mapping
from gateway.rows import ROW_MEDIA_TYPE, decode
from gateway.types import (
    NO_DATA,
    Delivery,
    DeliverySubject,
    Operation,
    Page,
    Position,
    RawRow,
    StreamId,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CRM = StreamId("crm", "account")
LIMITS = Limits()
FIELDS = {"id": "id", "name": "name", "email": "mail"}
MAPPING = {
    "contract": "customer.v1",
    "key": "id",
    "version": "v",
    "at": {"from": "t", "as": "utc_datetime"},
    "deleted": "gone",
    "fields": FIELDS,
}
PROGRAM = compile_mapping(Mapping.model_validate(MAPPING), CustomerV1)
GOOD = {"id": 1, "name": "A", "mail": "a@b.example", "v": 3, "t": "2026-01-01T00:00:00Z"}


def run(*rows, program=PROGRAM, limits=LIMITS, **more):
    counter = itertools.count(1)
    page = Page(CRM, [row if isinstance(row, RawRow) else RawRow(row) for row in rows], {"c": 1})
    return normalise(
        page, program, page_seq=7, now=NOON, ids=lambda: f"L{next(counter)}", limits=limits, **more
    )


def test_a_good_row_becomes_a_record() -> None:
    (record,) = run(json.dumps(GOOD).encode()).records
    assert record.position == Position("crm/account", 7, 0)
    assert (record.id, record.key, record.contract) == ("crm/account/7/0.0", "1", "customer.v1")
    assert bytes(record.data) == b'{"id":"1","name":"A","email":"a@b.example"}'
    assert (record.version, record.event_at) == ("3", datetime(2026, 1, 1, tzinfo=UTC))
    assert (record.recorded_at, record.operation, record.hops) == (NOON, Operation.UPSERT, 0)


def test_decoded_rows_and_json_make_the_same_record() -> None:
    decoded, raw = run(GOOD).records[0], run(json.dumps(GOOD).encode()).records[0]
    assert (decoded, bytes(decoded.data)) == (
        msgspec.structs.replace(raw, data=decoded.data),
        bytes(raw.data),
    )


def test_good_rows_go_on_in_order_among_bad_ones() -> None:
    rows = [{**GOOD, "id": index} for index in range(6)]
    rows[1] = b"{"
    rows[4] = {**GOOD, "mail": "nobody"}
    result = run(*rows)
    assert [record.key for record in result.records] == ["0", "2", "3", "5"]
    assert [record.position.row for record in result.records] == [0, 2, 3, 5]
    assert [letter.subject.position.row for letter in result.letters] == [1, 4]
    assert [letter.id for letter in result.letters] == ["L1", "L2"]


def test_a_letter_keeps_the_bytes_and_says_why() -> None:
    body = b'{"id": 1, "name": "A", "mail": "nobody"}'
    (letter,) = run(body).letters
    assert letter.code == "contract_violated"
    assert letter.detail == (
        "customer.v1: `email`, read from `mail`: there was 'nobody', "
        "expected an email address such as 'jane@example.org'"
    )
    assert letter.subject.body == body
    assert letter.subject.media_type == "application/json"
    assert letter.stage == "normalise"
    assert letter.contract == "customer.v1"
    assert letter.attempts[0].detail == letter.detail
    assert letter.fingerprint.startswith("v1:")
    assert len(letter.fingerprint) == 19


def test_a_letter_of_a_decoded_row_keeps_its_types() -> None:
    row = {"id": None, "paid": Decimal("12.50"), "raw": b"\x00", "at": NOON}
    (letter,) = run(row).letters
    assert letter.subject.media_type == ROW_MEDIA_TYPE
    assert decode(letter.subject.body) == row


def test_one_cause_has_one_fingerprint() -> None:
    one, same, other_field, other_code = run(
        {**GOOD, "mail": "x"}, {**GOOD, "mail": "y"}, {**GOOD, "name": 5}, b"{"
    ).letters
    assert one.fingerprint == same.fingerprint
    assert len({one.fingerprint, other_field.fingerprint, other_code.fingerprint}) == 3


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (b"x", "row_not_json"),
        (b'{"id": 1, "name": NaN}', "row_not_json"),
        (b"\xff", "row_not_utf8"),
        (b"[]", "row_not_object"),
        (b'{"a":' * 9_999 + b"1" + b"}" * 9_999, "row_too_deep"),
        (b'{"id": 1, "id": 2, "name": "A"}', "row_duplicate_member"),
        (b'{"id": 1, "name": "' + b"A" * 2_000 + b'"}', "row_too_large"),
        (b'{"id": 1e99999}', "row_number_out_of_range"),
        ({"name": "A"}, "key_missing"),
        ({**GOOD, "t": "0000-00-00 00:00:00"}, "value_not_convertible"),
        ({**GOOD, "name": None}, "contract_violated"),
        (["not", "a", "mapping"], "row_not_object"),
        ("text", "row_not_object"),
        ({"id": Decimal("1E+999999")}, "row_number_out_of_range"),
    ],
)
def test_every_bad_row_has_its_code(row, code) -> None:
    limits = Limits(max_row_bytes=1_024) if code == "row_too_large" else LIMITS
    result = run(row, limits=limits)
    assert not result.records
    assert [letter.code for letter in result.letters] == [code]


def test_deletes() -> None:
    told = RawRow(b"", Operation.DELETE, key="9", version="x", at=NOON)
    named = RawRow(b'{"id": 8}', Operation.DELETE)
    flagged = RawRow({**GOOD, "name": None, "gone": True})
    unnamed = RawRow(b"{}", Operation.DELETE)
    result = run(told, named, flagged, unnamed)
    assert [record.key for record in result.records] == ["9", "8", "1"]
    assert {record.operation for record in result.records} == {Operation.DELETE}
    assert all(record.data == NO_DATA for record in result.records)
    assert (result.records[0].version, result.records[0].event_at) == ("x", NOON)
    assert [letter.code for letter in result.letters] == ["key_missing"]


def test_what_the_connector_says_goes_before_the_mapping() -> None:
    (record,) = run(RawRow(GOOD, key="k", version="w", at=NOON)).records
    assert (record.key, record.version, record.event_at) == ("k", "w", NOON)


def test_positions_normalised_anew_are_another_generation() -> None:
    (record,) = run(GOOD, generation=2).records
    assert record.id == "crm/account/7/0.2"


MENDED = compile_mapping(
    Mapping.model_validate(
        {
            **MAPPING,
            "fields": {**FIELDS, "email": {"from": "mail", "as": "email_address"}},
        }
    ),
    CustomerV1,
)


@pytest.mark.parametrize("raw", [True, False])
def test_a_letter_goes_through_a_mended_mapping(raw) -> None:
    row = {**GOOD, "mail": "Jane <jane@x.example>"}
    result = run({**GOOD}, json.dumps(row).encode() if raw else row)
    (letter,) = result.letters
    record = renormalise(letter, MENDED, now=NOON, limits=LIMITS)
    assert record.position == letter.subject.position
    assert (record.generation, record.caused_by) == (1, letter.id)
    assert json.loads(bytes(record.data))["email"] == "jane@x.example"


def test_a_letter_that_fails_again_has_todays_reason() -> None:
    (letter,) = run({**GOOD, "mail": "nobody", "name": 5}).letters
    later = NOON.replace(hour=13)
    again = renormalise(letter, MENDED, now=later, limits=LIMITS)
    assert (again.id, again.opened_at) == (letter.id, NOON)
    assert [attempt.at for attempt in again.attempts] == [NOON, later]
    assert again.subject == letter.subject


@pytest.mark.parametrize("body", [b"{", b'{"$nope": 1}', b"[" * 100_000])
def test_a_kept_row_that_cannot_be_read_is_rejected(body) -> None:
    (letter,) = run({"id": None}).letters
    subject = msgspec.structs.replace(letter.subject, body=body)
    with pytest.raises(Rejected) as caught:
        normalise_row(subject, PROGRAM, generation=1, caused_by=letter.id, now=NOON, limits=LIMITS)
    assert caught.value.code in ("row_not_json", "row_too_deep")


def test_a_letter_of_a_delivery_is_none_of_ours() -> None:
    (record,) = run(GOOD).records
    (letter,) = run(b"").letters
    sent = msgspec.structs.replace(letter, subject=DeliverySubject(Delivery("r", 1, record)))
    with pytest.raises(TypeError, match="no letter of a raw row"):
        renormalise(sent, PROGRAM, now=NOON, limits=LIMITS)


@pytest.mark.parametrize(
    ("good", "bad", "flooded"),
    [(0, 99, False), (0, 100, True), (50, 50, True), (51, 49, False), (1_000, 999, False)],
)
def test_half_of_a_page_that_fails_for_one_cause_is_a_flood(good, bad, flooded) -> None:
    found = flood(run(*[GOOD] * good, *[{**GOOD, "mail": "x"}] * bad))
    assert (found is not None) is flooded
    if found is not None:
        assert (found.letters, found.rows, len(found.samples)) == (bad, good + bad, 5)
        assert found.code == "contract_violated"


def test_many_causes_are_no_flood() -> None:
    rows = [{**GOOD, "mail": "x"}, {**GOOD, "name": 5}, b"{"] * 40
    assert flood(run(*rows)) is None
