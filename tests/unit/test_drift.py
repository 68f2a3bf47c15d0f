"""Drift: what counts as a change, what is no change, and the lines that follow one."""

from __future__ import annotations

import json
from typing import NamedTuple

import pytest

from contracts.customer import CustomerV1
from gateway import drift
from gateway.config.model import Drift as Policy
from gateway.errors import ConfigError
from gateway.mapping import Mapping
from gateway.program import compile_mapping
from gateway.types import Operation, Page, RawRow, StreamId


class Reader(NamedTuple):
    columns: frozenset[str]


MAIL = Reader(frozenset({"id", "mail", "land"}))


def row(index, **more):
    return {
        "id": index,
        "mail": f"u{index}@x.example",
        "land": "DE",
        "note": "n",
        **more,
    }


def renamed(values, old, new):
    return {new if name == old else name: value for name, value in values.items()}


def page(rows=(), fields=None):
    return Page(
        StreamId("crm", "account"), [RawRow(json.dumps(each).encode()) for each in rows], {}, fields
    )


def shape_of(rows=(), fields=None, reader=MAIL):
    seen = drift.observe(None, page(rows, fields), reader)
    assert seen.changes == ()
    return json.loads(json.dumps(seen.shape))


def told(observed):
    return [(change.kind, change.column, change.new) for change in observed.changes]


ROWS = [row(index) for index in range(20)]


def test_the_same_shape_is_no_change() -> None:
    shape = shape_of(ROWS)
    observed = drift.observe(shape, page([row(index) for index in range(20, 40)]), MAIL)
    assert observed.changes == ()


def test_a_column_gone_from_ten_rows_is_removed() -> None:
    lacking = [{"id": index, "land": "DE", "note": "n"} for index in range(10)]
    observed = drift.observe(shape_of(ROWS), page(lacking), MAIL)
    assert told(observed) == [("removed", "mail", None)]
    assert "10 rows in a run" in observed.changes[0].detail


def test_nine_rows_are_not_enough_but_the_run_goes_on_over_pages() -> None:
    lacking = [{"id": index, "land": "DE", "note": "n"} for index in range(9)]
    nine = drift.observe(shape_of(ROWS), page(lacking), MAIL)
    assert nine.changes == ()
    assert told(drift.observe(nine.shape, page(lacking[:1]), MAIL)) == [("removed", "mail", None)]
    back = drift.observe(nine.shape, page(ROWS[:1]), MAIL)
    assert drift.observe(back.shape, page(lacking), MAIL).changes == ()


def test_a_single_row_that_has_it_ends_the_suspicion() -> None:
    rows = [{"id": index, "land": "DE"} for index in range(500)]
    rows[333]["mail"] = "x@y.example"
    assert drift.observe(shape_of(ROWS), page(rows), MAIL).changes == ()


def test_an_odd_row_does_not_make_a_column_optional() -> None:
    shape = shape_of([*ROWS, {"id": 99}])
    lacking = [{"id": index, "land": "DE", "note": "n"} for index in range(10)]
    assert told(drift.observe(shape, page(lacking), MAIL)) == [("removed", "mail", None)]


def test_a_column_that_often_was_absent_may_be_absent() -> None:
    half = [row(index) if index % 2 else {"id": index, "land": "DE"} for index in range(20)]
    lacking = [{"id": index, "land": "DE", "note": "n"} for index in range(100)]
    assert drift.observe(shape_of(half), page(lacking), MAIL).changes == ()


def test_a_column_that_nobody_reads_may_go() -> None:
    rows = [{name: value for name, value in each.items() if name != "note"} for each in ROWS]
    assert drift.observe(shape_of(ROWS), page(rows), MAIL).changes == ()


def test_bad_rows_and_deletes_say_nothing_of_the_shape() -> None:
    bad = [RawRow(b"{"), RawRow(b"[]"), RawRow(b'{"id":1}', Operation.DELETE)] * 10
    observed = drift.observe(shape_of(ROWS), Page(StreamId("a", "b"), bad, {}), MAIL)
    assert observed.changes == ()
    assert observed.shape == shape_of(ROWS)


def test_a_renamed_column_is_found_with_its_evidence() -> None:
    rows = [renamed(row(index), "mail", "e_mail") for index in range(10)]
    observed = drift.observe(shape_of(ROWS), page(rows), MAIL)
    assert told(observed) == [("renamed", "mail", "e_mail")]
    evidence = " ".join(observed.changes[0].evidence)
    assert "names are" in evidence
    assert "sampled values were in `mail` before" in evidence
    again = drift.observe(observed.shape, page(rows), MAIL)
    assert again.changes == (), "what was taken in is the promise"


def test_a_name_that_has_nothing_in_common_is_found_by_its_values() -> None:
    rows = [renamed(row(index, more="x"), "mail", "kontakt") for index in range(10)]
    observed = drift.observe(shape_of(ROWS), page(rows), MAIL)
    assert told(observed) == [("renamed", "mail", "kontakt"), ("added", "more", None)]


def test_two_columns_renamed_at_once_are_paired() -> None:
    rows = [
        renamed(renamed(row(index), "mail", "mail_address"), "land", "land_code")
        for index in range(10)
    ]
    observed = drift.observe(shape_of(ROWS), page(rows), MAIL)
    assert told(observed) == [
        ("renamed", "land", "land_code"),
        ("renamed", "mail", "mail_address"),
    ]


def test_a_rename_in_small_pages_is_found_once_it_is_sure() -> None:
    shape = shape_of(ROWS)
    for index in range(9):
        observed = drift.observe(shape, page([renamed(row(100 + index), "mail", "e_mail")]), MAIL)
        assert {change.kind for change in observed.changes} <= {"added"}
        shape = observed.shape
    observed = drift.observe(shape, page([renamed(row(200), "mail", "e_mail")]), MAIL)
    assert told(observed) == [("renamed", "mail", "e_mail")]


def test_another_kind_of_value_is_retyped_when_it_stays() -> None:
    shape = shape_of(ROWS)
    few = drift.observe(shape, page([row(index, land=5) for index in range(9)]), MAIL)
    assert few.changes == ()
    observed = drift.observe(few.shape, page([row(1, land=5)]), MAIL)
    (change,) = observed.changes
    assert (change.kind, change.column, change.before, change.after) == (
        "retyped",
        "land",
        "text",
        "number",
    )
    assert drift.observe(observed.shape, page([row(1, land=5)] * 20), MAIL).changes == ()


def test_null_is_no_kind_and_integers_and_decimals_are_one() -> None:
    shape = shape_of([row(index, land=5) for index in range(20)])
    assert drift.observe(shape, page([row(1, land=None)] * 20), MAIL).changes == ()
    assert drift.observe(shape, page([row(1, land=5.5)] * 20), MAIL).changes == ()


FIELDS = {"id": "integer", "mail": "character varying(80)", "land": "text", "note": "text"}


def test_a_declared_shape_is_judged_on_an_empty_page() -> None:
    shape = shape_of(fields=FIELDS)
    assert drift.observe(shape, page(fields=FIELDS), MAIL).changes == ()
    fields = renamed(FIELDS, "mail", "mail_address")
    observed = drift.observe(shape, page(fields=fields), MAIL)
    assert told(observed) == [("renamed", "mail", "mail_address")]
    fields = {name: type for name, type in FIELDS.items() if name != "mail"}
    observed = drift.observe(shape, page(fields=fields), MAIL)
    assert told(observed) == [("removed", "mail", None)]
    assert drift.observe(observed.shape, page(fields=fields), MAIL).changes == ()


@pytest.mark.parametrize(
    ("type", "change"),
    [
        ("varchar(200)", None),
        ("text", None),
        ("jsonb", "retyped"),
        ("timestamp with time zone", "retyped"),
    ],
)
def test_a_declared_type_that_holds_other_values_is_retyped(type, change) -> None:
    observed = drift.observe(shape_of(fields=FIELDS), page(fields={**FIELDS, "mail": type}), MAIL)
    assert [each.kind for each in observed.changes] == ([change] if change else [])


def test_a_column_that_rows_have_is_there_though_it_is_not_declared() -> None:
    fields = {"id": "integer", "land": "text"}
    observed = drift.observe(shape_of(ROWS), page(ROWS, fields), MAIL)
    assert observed.changes == ()


def test_a_page_that_says_nothing_changes_nothing() -> None:
    shape = shape_of(ROWS)
    assert drift.observe(shape, page(), MAIL) == drift.Observed(shape, ())


def test_a_shape_of_an_unknown_version_is_learned_anew() -> None:
    for shape in ({"version": 99}, {"version": 1, "columns": 5}):
        assert drift.observe(shape, page(ROWS), MAIL).changes == ()


def test_the_shape_is_bounded_and_holds_no_values() -> None:
    wide = [{f"c{index}": f"secret{index}" for index in range(2_000)} for _ in range(30)]
    shape = shape_of(wide)
    assert len(shape["columns"]) == 500
    observed = drift.observe(shape, page(wide), MAIL)
    assert observed.changes == ()
    assert "secret" not in json.dumps(observed.shape)
    for index in range(10):
        observed = drift.observe(
            observed.shape, page([row(index * 100 + each) for each in range(100)]), MAIL
        )
    assert len(json.dumps(observed.shape)) < 200_000


def test_what_the_policy_says() -> None:
    rows = [row(index, new=1) for index in range(10)]
    added = drift.observe(shape_of(ROWS), page(rows), MAIL).changes
    assert drift.verdict(added, Policy()) == "accept"
    assert drift.verdict(added, Policy(added="hold")) == "hold"
    assert drift.verdict((), Policy(added="hold")) == "accept"
    rows = [renamed(each, "mail", "e_mail") for each in rows]
    both = drift.observe(shape_of(ROWS), page(rows), MAIL).changes
    assert drift.verdict(both, Policy()) == "hold"
    assert drift.verdict(both, Policy(renamed="accept")) == "accept"


def test_a_drift_seen_twice_has_the_same_marks() -> None:
    one, two = (
        drift.observe(
            shape_of(ROWS), page([renamed(row(i + n), "mail", "e_mail") for i in range(n)]), MAIL
        )
        for n in (10, 15)
    )
    assert drift.marks(one.changes) == drift.marks(two.changes)
    assert drift.sentence(one.changes[0]) == one.changes[0].detail


TEXT = """\
# customers of the CRM
contract: customer.v1
key: mail   # good enough
version: {from: mail, as: lower}
fields:
  id: id
  name: 'mail'          # the only name there is
  email: {from: mail, as: lower}
  tags: {first: [land, mail]}
  billing_address:
    object: true
    fields:
      city: mail.city
      country: land
  identifiers:
    each: kids
    fields: {scheme: mail, value: land}
"""


def mapping(text=TEXT):
    from ruamel.yaml import YAML

    return Mapping.model_validate(YAML(typ="safe").load(text))


def change(column, new, kind="renamed"):
    return drift.Change(kind=kind, column=column, new=new, detail="")


def test_a_proposal_follows_the_column_to_every_place_that_reads_it() -> None:
    proposed = drift.proposal([change("mail", "e.mail"), change("kids", "children")], mapping())
    assert proposed == {
        "key": r"e\.mail",
        "version.from": r"e\.mail",
        "fields.name": r"e\.mail",
        "fields.email.from": r"e\.mail",
        "fields.tags.first": ["land", r"e\.mail"],
        "fields.billing_address.fields.city": r"e\.mail.city",
        "fields.identifiers.each": "children",
    }
    assert json.loads(json.dumps(proposed)) == proposed


def test_no_line_follows_a_column_that_is_gone() -> None:
    assert drift.proposal([change("mail", None, "removed")], mapping()) == {}
    assert drift.proposal([change("other", "x")], mapping()) == {}


def test_a_patch_changes_its_lines_and_nothing_else() -> None:
    proposed = drift.proposal([change("mail", "e_mail")], mapping())
    text = drift.patched(TEXT, proposed)
    before, after = TEXT.splitlines(), text.splitlines()
    assert len(before) == len(after)
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert [new.replace("e_mail", "mail").split() for _, new in changed] == [
        old.split() for old, _ in changed
    ]
    assert "# good enough" in text
    assert "# the only name there is" in text
    assert "scheme: mail, value: land" in text
    assert "e_mail" in compile_mapping(mapping(text), CustomerV1).columns
    assert drift.proposal([change("mail", "x")], mapping(text)) == {}


def test_a_key_of_several_parts_is_followed() -> None:
    text = "key: [id, mail]\nfields: {id: id, name: id}\n"
    proposed = drift.proposal([change("mail", "e_mail")], mapping(text))
    assert proposed == {"key": ["id", "e_mail"]}
    assert mapping(drift.patched(text, proposed)).key == ["id", "e_mail"]


def test_a_place_can_be_taken_out() -> None:
    assert "tags" not in drift.patched(TEXT, {"fields.tags": None})


@pytest.mark.parametrize(
    ("text", "patch"),
    [("{", {"key": "x"}), ("[]", {"key": "x"}), (TEXT, {"key.from": "x"}), (TEXT, {"x.y": 1})],
)
def test_a_patch_that_fits_nowhere_is_an_error(text, patch) -> None:
    with pytest.raises(ConfigError):
        drift.patched(text, patch)


def test_samples_can_be_shown_and_stored() -> None:
    bodies = [RawRow(b"{"), RawRow(json.dumps(row(1, text="x" * 999)).encode())]
    bodies.append(RawRow({"id": 2, "big": 2**70, "raw": b"\xff", "nan": float("nan"), "d": [{}]}))
    found = drift.samples(Page(StreamId("a", "b"), bodies, {}), 5)
    assert [each["id"] for each in found] == [1, 2]
    assert len(found[0]["text"]) == 200
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert drift.samples(Page(StreamId("a", "b"), bodies, {}), 1) == found[:1]
