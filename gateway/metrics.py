"""Prometheus metrics, made from events; levels (lag, open letters) are read when scraped.

Every name is `headrace_<noun>_<unit>`, counters end in `_total`. Labels are names from the project
file and stable codes, so that their number is bounded by the project, never by the data.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from gateway import events
from gateway.control import Status
from gateway.events import Event, Happened

# A second series for every one, which nobody draws; the process start time says the same.
disable_created_metrics()  # type: ignore[no-untyped-call]

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
ENDPOINT_STATES = ("up", "held", "unknown")
STREAM_STATES = ("new", "reading", "caught_up", "held", "waiting")
LETTER_STATES = ("open", "replaying", "resolved", "superseded", "discarded")


class Metrics:
    """A registry of its own, fed by `observe` (a subscriber of events) and `levels`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._counters: dict[str, Counter] = {}
        self._pages = self._histogram(
            "headrace_page_ingest_seconds", "Time from a page read to its commit.", "source stream"
        )
        self._batches = self._histogram(
            "headrace_batch_delivery_seconds", "Time to deliver a batch.", "route endpoint"
        )
        self._log_end = Gauge(
            "headrace_log_end_offset", "The newest offset of the log.", registry=self.registry
        )
        self._drifts = Gauge("headrace_drifts_open", "Open drifts.", registry=self.registry)
        self._letters = self._gauge("headrace_dead_letters", "Dead letters by state.", "state")
        self._lag = self._gauge(
            "headrace_route_lag_records", "Offsets between a route and the log's end.", "route part"
        )
        self._oldest = self._gauge(
            "headrace_route_oldest_undelivered_age_seconds",
            "Age of the oldest record a route has not delivered.",
            "route part",
        )
        self._parked_keys = self._gauge(
            "headrace_route_parked_keys", "Keys that wait behind a failed record.", "route part"
        )
        self._parked = self._gauge(
            "headrace_route_parked_records", "Records parked, waiting ones included.", "route part"
        )
        self._endpoints = self._gauge(
            "headrace_endpoint_state", "1 for the state an endpoint is in.", "endpoint state"
        )
        self._in_flight = self._gauge(
            "headrace_endpoint_in_flight_batches", "Batches sent and unanswered.", "endpoint"
        )
        self._streams = self._gauge(
            "headrace_stream_state", "1 for the state a stream is in.", "source stream state"
        )

    def observe(self, happened: Happened) -> None:
        """Count one event."""
        event = happened.event
        if isinstance(event, events.PageIngested):
            where = (event.stream.source, event.stream.stream)
            self._pages.labels(*where).observe(event.seconds)
        elif isinstance(event, events.BatchDelivered):
            self._batches.labels(event.route, event.endpoint).observe(event.seconds)
        for count in COUNTED.get(type(event), ()):
            self._add(count, event)

    def levels(self, status: Status, now: datetime | None = None) -> None:
        """Set the gauges to what the gateway's status says."""
        now = now or datetime.now(UTC)
        self._log_end.set(status.log_end)
        self._drifts.set(status.drifts)
        for state in LETTER_STATES:
            self._letters.labels(state).set(status.letters.get(state, 0))
        for route in status.routes:
            where = (route.route, str(route.part))
            oldest = route.oldest_undelivered_at
            self._lag.labels(*where).set(route.lag)
            self._oldest.labels(*where).set(
                max(0.0, (now - oldest).total_seconds()) if oldest else 0
            )
            self._parked_keys.labels(*where).set(route.parked_keys)
            self._parked.labels(*where).set(route.parked_records)
        for endpoint in status.endpoints:
            self._in_flight.labels(endpoint.name).set(endpoint.in_flight)
            for state in ENDPOINT_STATES:
                self._endpoints.labels(endpoint.name, state).set(endpoint.state == state)
        for one in status.streams:
            for state in STREAM_STATES:
                labels = (one.stream.source, one.stream.stream, state)
                self._streams.labels(*labels).set(one.state == state)

    def text(self) -> bytes:
        """The exposition format, version 0.0.4."""
        return generate_latest(self.registry)

    def _add(self, count: Count, event: Event) -> None:
        counter = self._counters.get(count.noun)
        if counter is None:
            counter = Counter(
                f"headrace_{count.noun}_total",
                HELP[count.noun],
                count.labels.split(),
                registry=self.registry,
            )
            self._counters[count.noun] = counter
        values = count.values(event)
        (counter.labels(*values) if values else counter).inc(count.number(event))

    def _gauge(self, name: str, text: str, labels: str) -> Gauge:
        return Gauge(name, text, labels.split(), registry=self.registry)

    def _histogram(self, name: str, text: str, labels: str) -> Histogram:
        return Histogram(name, text, labels.split(), buckets=SECONDS, registry=self.registry)


def _one(_: Any) -> int:
    return 1


class Count(NamedTuple):
    """A counter that an event adds to: its noun, its labels, their values, and by how much."""

    noun: str
    labels: str
    values: Callable[[Any], tuple[str, ...]]
    number: Callable[[Any], int] = _one


def _stream(event: Any) -> tuple[str, ...]:
    return event.stream.source, event.stream.stream


def _stream_and_reason(event: Any) -> tuple[str, ...]:
    return event.stream.source, event.stream.stream, event.reason


def _lane(event: Any) -> tuple[str, ...]:
    return event.route, event.endpoint


def _outcome(name: str, number: Callable[[Any], int]) -> Count:
    return Count("rows", "source stream outcome", lambda event: (*_stream(event), name), number)


def _closed(outcome: str) -> Count:
    return Count("dead_letters_closed", "outcome", lambda _: (outcome,), lambda event: event.count)


COUNTED: dict[type[Event], tuple[Count, ...]] = {
    events.PageIngested: (
        Count("rows_read", "source stream", _stream, lambda event: event.read),
        _outcome("appended", lambda event: event.appended),
        _outcome("dead_letter", lambda event: event.letters),
        _outcome("filtered", lambda event: event.filtered),
        _outcome("already_seen", lambda event: event.already_seen),
        _outcome("unchanged", lambda event: event.unchanged),
    ),
    events.BatchDelivered: (
        Count("records_delivered", "route endpoint", _lane, lambda event: event.records),
        Count("records_degraded", "route endpoint", _lane, lambda event: event.degraded),
        Count("predictions", "route endpoint", _lane, lambda event: event.predictions),
    ),
    events.BatchSplit: (
        Count("batches_split", "route endpoint code", lambda event: (*_lane(event), event.reason)),
    ),
    events.WritesUnchanged: (
        Count("writes_unchanged", "route endpoint", _lane, lambda event: event.records),
    ),
    events.LettersOpened: (
        Count(
            "dead_letters_opened",
            "stage place code",
            lambda event: (event.stage, event.place, event.reason),
            lambda event: event.count,
        ),
    ),
    events.LettersResolved: (_closed("resolved"),),
    events.LettersSuperseded: (_closed("superseded"),),
    events.LettersDiscarded: (_closed("discarded"),),
    events.LettersReplayed: (
        Count("dead_letters_replayed", "", lambda _: (), lambda event: event.letters),
    ),
    events.KeysParked: (
        Count(
            "keys_parked",
            "route code",
            lambda event: (event.route, event.reason),
            lambda event: event.count,
        ),
    ),
    events.RouteHeld: (
        Count("route_holds", "route code", lambda event: (event.route, event.reason)),
    ),
    events.StreamHeld: (Count("stream_holds", "source stream code", _stream_and_reason),),
    events.SourceWaiting: (Count("source_waits", "source stream code", _stream_and_reason),),
    events.DriftOpened: (Count("drifts_opened", "source stream", _stream),),
    events.StepFailed: (
        Count("steps_failed", "part error", lambda event: (event.part, event.error)),
    ),
    events.AccessDenied: (Count("access_denied", "code", lambda event: (event.reason,)),),
}
HELP = {
    "rows_read": "Rows that sources sent.",
    "rows": "What became of the rows read; the outcomes add up to headrace_rows_read_total.",
    "records_delivered": "Records that endpoints accepted.",
    "records_degraded": "Records answered by a fallback.",
    "predictions": "Model answers put on the log.",
    "batches_split": "Batches refused as a whole and sent again in halves.",
    "writes_unchanged": "Writes a sink skipped because they would change nothing.",
    "dead_letters_opened": "Dead letters opened, by stage, place and cause.",
    "dead_letters_closed": "Dead letters resolved, superseded or discarded.",
    "dead_letters_replayed": "Dead letters put in again.",
    "keys_parked": "Keys that began to wait behind a failed record.",
    "route_holds": "Times a route held because its endpoint was unavailable.",
    "stream_holds": "Times a stream held until a person acts.",
    "source_waits": "Times a source was unavailable.",
    "drifts_opened": "Drifts found.",
    "steps_failed": "Errors nobody expected, by the part that met them.",
    "access_denied": "Requests refused for want of a key or a role.",
}
