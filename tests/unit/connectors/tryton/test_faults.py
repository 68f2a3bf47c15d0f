"""Tryton's errors: one table."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx2
import pytest

from connectors.tryton.config import TrytonConfig
from connectors.tryton.faults import Conflict, NameUnknown, error_of, status_fault
from gateway.errors import Ambiguous, AuthError, ConfigError, DriftError, Outage, Refusal

CONFIG = TrytonConfig.model_validate(
    {
        "url": "https://erp.example.com/",
        "database": "demo",
        "auth": {"username": "bot", "password": "${env:TRYTON_PASSWORD}"},
    }
)


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (["UserError", ["The code must be unique.", "", None]], Refusal, "user_error"),
        (["UserWarning", ["w1", "No tax identifier.", ""]], Refusal, "user_warning"),
        (["ConcurrencyException", "Records were modified"], Conflict, "conflict"),
        (["LoginException", ["sms", "Code sent", "char"]], AuthError, "factor_wanted"),
        (["'nope'", ""], NameUnknown, "name_unknown"),
        (["database is locked", ""], Outage, "database_busy"),
        (["could not serialize access due to concurrent update", ""], Outage, "database_busy"),
        (["division by zero", "Traceback"], Ambiguous, "server_error"),
        ([], Ambiguous, "server_error"),
        ("odd", Ambiguous, "server_error"),
    ],
)
def test_what_an_error_means(error, kind, code):
    fault = error_of(error, "model.party.party.read")
    assert type(fault) is kind
    assert fault.code == code
    assert "Traceback" not in str(fault)


def test_a_refusal_says_what_the_person_at_the_client_would_read():
    fault = error_of(["UserError", ["Not allowed.", "Rule: companies", None]], "m")
    assert fault.message == "Not allowed. Rule: companies"
    fault = error_of(["UserWarning", ["w1", "No tax identifier.", ""]], "m")
    assert "No tax identifier." in fault.message
    assert "w1" not in fault.message


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AuthError), (403, DriftError), (404, ConfigError), (405, ConfigError),
        (408, Outage), (413, Refusal), (422, Refusal), (429, Outage), (500, Ambiguous),
        (502, Outage), (503, Outage), (504, Outage), (204, Ambiguous),
    ],
)  # fmt: skip
def test_what_a_status_means(status, kind):
    response = httpx2.Response(status, html="<html>for people</html>")
    fault = status_fault(response, CONFIG, "model.party.party.read", datetime.now(UTC))
    assert type(fault) is kind
    assert "<html>" not in str(fault)
