from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway import events
from gateway.control import EndpointStatus, Status
from gateway.events import Happened
from gateway.metrics import COUNTED, HELP, Metrics
from gateway.store.port import RouteStatus, RouteTally, StreamStatus, Tally
from gateway.types import StreamId

STREAM = StreamId("crm", "Account")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def samples(metrics):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def observe(metrics, *seen):
    for event in seen:
        metrics.observe(Happened(NOW, event))


@pytest.fixture
def metrics():
    return Metrics()


def test_rows_read_are_the_sum_of_what_became_of_them(metrics):
    observe(
        metrics,
        events.PageIngested(STREAM, 10, 5, letters=2, filtered=1, already_seen=1, unchanged=1),
        events.PageIngested(STREAM, 3, 3, seconds=0.2),
    )
    found = samples(metrics)
    where = (("source", "crm"), ("stream", "Account"))
    assert found["headrace_rows_read_total", *where] == 13
    outcomes = {key: value for key, value in found.items() if key[0] == "headrace_rows_total"}
    assert sum(outcomes.values()) == 13
    assert outcomes["headrace_rows_total", ("outcome", "appended"), *where] == 8
    assert found["headrace_page_ingest_seconds_count", *where] == 2


def test_deliveries_letters_and_holds_are_counted_by_cause(metrics):
    observe(
        metrics,
        events.BatchDelivered("score", "churn", 64, 0.02, degraded=4, predictions=60),
        events.LettersOpened("deliver", "score", "refused", 3),
        events.LettersOpened("normalise", "crm/Account", "key_missing", 2),
        events.LettersSuperseded("score", 2),
        events.LettersResolved("score"),
        events.RouteHeld("score", "churn", "unreachable", "connection refused"),
        events.KeysParked("score", "churn", "server_error", 5),
    )
    found = samples(metrics)
    lane = (("endpoint", "churn"), ("route", "score"))
    assert found["headrace_records_delivered_total", *lane] == 64
    assert found["headrace_records_degraded_total", *lane] == 4
    assert found["headrace_predictions_total", *lane] == 60
    assert found[
        "headrace_dead_letters_opened_total",
        ("code", "refused"), ("place", "score"), ("stage", "deliver"),
    ] == 3  # fmt: skip
    assert found["headrace_dead_letters_closed_total", ("outcome", "superseded")] == 2
    assert found["headrace_dead_letters_closed_total", ("outcome", "resolved")] == 1
    assert found["headrace_route_holds_total", ("code", "unreachable"), ("route", "score")] == 1
    assert found["headrace_keys_parked_total", ("code", "server_error"), ("route", "score")] == 5


def test_levels_are_those_of_the_status_and_change_with_it(metrics):
    def status(lag, state):
        oldest = NOW - timedelta(seconds=30) if lag else None
        return Status(
            "test", "1", NOW, 100 + lag,
            [StreamStatus(STREAM, 1, None, state, None, Tally(), NOW)],
            [RouteStatus("score", 0, 100, lag, oldest, 1, 2, RouteTally())],
            [EndpointStatus("churn", "http", "held", "x", None, 3)],
            {"open": 7}, 1,
        )  # fmt: skip

    metrics.levels(status(40, "held"), NOW)
    found = samples(metrics)
    route = (("part", "0"), ("route", "score"))
    assert found["headrace_route_lag_records", *route] == 40
    assert found["headrace_route_oldest_undelivered_age_seconds", *route] == 30
    assert found["headrace_dead_letters", ("state", "open")] == 7
    assert found["headrace_dead_letters", ("state", "resolved")] == 0
    assert found["headrace_endpoint_state", ("endpoint", "churn"), ("state", "held")] == 1
    held = ("headrace_stream_state", ("source", "crm"), ("state", "held"), ("stream", "Account"))
    assert found[held] == 1
    metrics.levels(status(0, "caught_up"), NOW)
    found = samples(metrics)
    assert found["headrace_route_lag_records", *route] == 0
    assert found["headrace_route_oldest_undelivered_age_seconds", *route] == 0
    assert found[held] == 0


def test_every_counter_has_its_help_and_an_event_that_feeds_it():
    nouns = {count.noun for counts in COUNTED.values() for count in counts}
    assert nouns == set(HELP)


def test_labels_are_names_and_codes_never_keys_or_details():
    labels = {
        name for counts in COUNTED.values() for count in counts for name in count.labels.split()
    }
    assert labels <= {
        "source",
        "stream",
        "route",
        "endpoint",
        "stage",
        "place",
        "code",
        "outcome",
        "part",
        "error",
    }
