"""Whatever a source sends, nothing is lost, nothing raises, and what is accepted is valid."""

from __future__ import annotations

import itertools
import json
import math
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from contracts.customer import CustomerV1
from gateway.config.model import Limits
from gateway.mapping import Mapping
from gateway.normalise import normalise, renormalise
from gateway.program import compile_mapping
from gateway.rows import RowError, decode, encode, read
from gateway.types import DeadLetter, Operation, Page, RawRow, Record, StreamId

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIMITS = Limits(max_row_bytes=4_096, max_depth=8)
COLUMNS = ["id", "name", "mail", "land", "limit", "tags", "t", "v", "gone", "kids"]
PROGRAM = compile_mapping(
    Mapping.model_validate(
        {
            "key": "id",
            "version": "v",
            "at": {"from": "t", "as": "utc_datetime"},
            "deleted": "gone",
            "fields": {
                "id": "id",
                "name": {"first": ["name", "kids.0.name"]},
                "email": {"from": "mail", "as": "email_address"},
                "country": {"from": "land", "as": "country_code"},
                "credit_limit": {
                    "object": True,
                    "fields": {"amount": "limit", "currency": {"value": "EUR"}},
                },
                "tags": {"from": "tags", "as": "list"},
                "identifiers": {"each": "kids", "fields": {"scheme": "s", "value": "v"}},
                "employees": {"from": "limit", "as": "integer"},
                "created_at": "t",
            },
        }
    ),
    CustomerV1,
)

zones = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**200), 2**200),
    st.floats(),
    st.decimals(),
    st.text(max_size=20),
    st.text(alphabet=st.characters(exclude_categories=()), max_size=5),
    st.binary(max_size=10),
    st.datetimes(timezones=st.none() | zones),
    st.dates(),
    st.times(timezones=st.none() | st.just(UTC)),
    st.timedeltas(),
    st.uuids(),
    st.sampled_from(
        ["DE", "a@b.example", "2026-01-01T00:00:00Z", "0000-00-00", "Infinity", "NaN", "1e999", ""]
    ),
    st.sampled_from([Decimal("1E+99999"), Decimal("sNaN"), 10**4_000, math.inf]),
)
names = st.sampled_from([*COLUMNS, "s", "$decimal", "$x"]) | st.text(max_size=4)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3) | st.tuples(inner)
    ),
    max_leaves=8,
)
rows = st.dictionaries(st.sampled_from(COLUMNS), values, max_size=len(COLUMNS))
good = st.fixed_dictionaries(
    {"id": st.integers(), "name": st.text(min_size=1, max_size=9)},
    optional={"limit": st.decimals(allow_nan=False, allow_infinity=False) | st.integers()},
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
texts = (st.dictionaries(names, json_values, max_size=6) | json_values).map(
    lambda value: json.dumps(value).encode()
)
bodies = st.one_of(rows, good, texts, st.binary(max_size=60))


def run(page_rows):
    counter = itertools.count()
    page = Page(StreamId("crm", "account"), page_rows, {})
    return normalise(
        page, PROGRAM, page_seq=3, now=NOW, ids=lambda: f"L{next(counter)}", limits=LIMITS
    )


@given(st.lists(bodies, max_size=6))
def test_each_row_becomes_one_record_or_one_letter_in_order(page_bodies) -> None:
    result = run([RawRow(body) for body in page_bodies])
    good_rows = [record.position.row for record in result.records]
    bad_rows = [letter.subject.position.row for letter in result.letters]
    assert good_rows == sorted(good_rows)
    assert bad_rows == sorted(bad_rows)
    assert sorted(good_rows + bad_rows) == list(range(len(page_bodies)))
    for letter in result.letters:
        assert letter.code
        assert letter.detail.encode()
        assert len(letter.detail) < 2_000


@given(bodies)
def test_a_letter_keeps_its_row_and_replay_says_the_same(body) -> None:
    for letter in run([RawRow(body)]).letters:
        if isinstance(body, bytes):
            assert letter.subject.body == body
        again = renormalise(letter, PROGRAM, now=NOW, limits=LIMITS)
        assert isinstance(again, DeadLetter)
        assert (again.code, again.fingerprint) == (letter.code, letter.fingerprint)


@given(good | rows | texts)
def test_what_is_accepted_is_valid_again_and_stays_as_it_is(body) -> None:
    for record in run([RawRow(body)]).records:
        assert isinstance(record, Record)
        assert record.key
        assert record.key.encode()
        if record.operation is Operation.DELETE:
            assert bytes(record.data) == b"null"
            continue
        data = bytes(record.data)
        again = CustomerV1.model_validate_json(data)
        assert again.model_dump_json(exclude_unset=True).encode() == data


@given(rows)
def test_what_pydantic_accepts_is_accepted(row) -> None:
    """Against the contract itself, on a mapping that changes nothing."""
    plain = compile_mapping(
        Mapping.model_validate({"key": "id", "fields": {"id": "id", "name": "name"}}), CustomerV1
    )
    chosen = {name: row[name] for name in ("id", "name") if name in row}
    try:
        expected = CustomerV1.model_validate(chosen).model_dump_json(exclude_unset=True).encode()
    except ValueError:
        expected = None
    counter = itertools.count()
    page = Page(StreamId("crm", "account"), [RawRow(chosen)], {})
    result = normalise(
        page, plain, page_seq=0, now=NOW, ids=lambda: str(next(counter)), limits=LIMITS
    )
    if expected is None:
        assert not result.records
    elif result.records:
        assert bytes(result.records[0].data) == expected
    else:
        assert result.letters[0].code in ("key_missing", "row_too_deep", "row_number_out_of_range")


@given(st.dictionaries(st.text(max_size=4), values, max_size=6) | rows)
def test_a_decoded_row_comes_back_exactly(row) -> None:
    again = decode(encode(row))
    assert repr(again) == repr(row)


@given(st.binary(max_size=80) | texts)
def test_reading_json_agrees_with_the_standard_library(body) -> None:
    try:
        row = read(body, max_bytes=4_096, max_depth=8)
    except RowError:
        return
    assert row == json.loads(body, parse_float=Decimal)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["1", '"x:"', '"\\":"', "{}"]))),
    st.sampled_from(["", " ", "\n"]),
)
def test_a_name_that_comes_twice_is_always_found(members, blank) -> None:
    inside = ",".join(f'"{name}"{blank}:{blank}{value}' for name, value in members)
    twice = len({name for name, _ in members}) < len(members)
    for body in (f"{{{inside}}}", f'{{"in": [{{{inside}}}]}}'):
        try:
            read(body.encode(), max_bytes=4_096, max_depth=8)
            code = None
        except RowError as error:
            code = error.code
        assert code == ("row_duplicate_member" if twice else None)
