from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Ambiguous, AuthError, HeadraceError, Outage, Refusal
from gateway.http.outcome import STATUS_RULES, Rule, Verdict, excerpt, retry_after, status_error

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
DOCS = Path(__file__).parents[2] / "docs" / "verdicts.md"


def error_of(status, headers=None, **more):
    return status_error(status, headers or {}, host="m.example", now=NOW, **more)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 207, 299])
def test_success_is_no_error(status):
    assert error_of(status) is None


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, Outage), (302, Outage), (304, Outage), (308, Outage),
        (400, Refusal), (413, Refusal), (414, Refusal), (422, Refusal), (418, Refusal),
        (404, Outage), (405, Outage), (410, Outage), (415, Outage),
        (401, AuthError), (403, AuthError), (407, AuthError),
        (408, Outage), (425, Outage), (429, Outage), (502, Outage), (503, Outage), (504, Outage),
        (409, Ambiguous), (423, Ambiguous), (424, Ambiguous),
        (500, Ambiguous), (501, Ambiguous), (530, Ambiguous), (599, Ambiguous),
        (100, Ambiguous), (0, Ambiguous), (999, Ambiguous),
    ],
)  # fmt: skip
def test_each_status_has_its_verdict(status, kind):
    assert type(error_of(status)) is kind


@given(st.integers(0, 2000))
def test_every_number_has_a_verdict_and_a_sentence(status):
    error = error_of(status)
    if 200 <= status < 300:
        assert error is None
    else:
        assert isinstance(error, HeadraceError)
        assert error.message.startswith(f"m.example answered {status}: ")
        assert re.fullmatch(r"[a-z_]+", error.code)


def test_the_documented_table_is_the_one_in_the_code():
    rows = dict(
        re.findall(
            r"^\| (\d{3}) \|.*?\| `(outage|ambiguous|refusal|auth)` \|",
            DOCS.read_text(),
            re.MULTILINE,
        )
    )
    assert rows == {str(status): rule.verdict.value for status, rule in STATUS_RULES.items()}


def test_a_connector_knows_its_own_system_better():
    rule = Rule(Verdict.REFUSAL, "no_such_row", "no such row")
    assert type(error_of(404, overrides={404: rule})) is Refusal


@pytest.mark.parametrize(
    ("value", "secs"),
    [
        ("120", 120.0), (" 1.5 ", 1.5), ("0", 0.0), ("86400", 86400.0), ("31536000", 31536000.0),
        ("Mon, 23 Nov 2026 12:01:30 GMT", 90.0),
        ("Monday, 23-Nov-26 12:01:30 GMT", 90.0),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0.0),
        ("-5", None), ("soon", None), ("nan", None), ("inf", None), ("1e999", None), ("", None),
        ("1_000", None), ("12 monkeys", None), ("\u0661\u0662x", None),
    ],
)  # fmt: skip
def test_retry_after_is_honoured_in_full_or_not_at_all(value, secs):
    assert retry_after({"Retry-After": value}, NOW) == secs


@given(st.text())
def test_no_retry_after_breaks_anything(value):
    found = retry_after({"retry-after": value}, NOW)
    assert found is None or 0 <= found < float("inf")


@pytest.mark.parametrize("status", [429, 503, 500, 401])
def test_the_wait_asked_for_goes_along(status):
    assert error_of(status, {"retry-after": "3600"}).after == 3600.0


def test_what_the_other_side_said_is_one_short_line():
    error = error_of(422, said="first\r\nsecond\x00 " + "x" * 900)
    assert "first second x" in error.message
    assert len(error.message) < 330


@given(st.text())
def test_an_excerpt_is_one_printable_line(text):
    line = excerpt(text)
    assert len(line) <= 200
    assert line.isprintable()
