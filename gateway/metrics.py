"""Prometheus metrics, made from events; levels (lag, open letters) are read when scraped.

Every name is `headrace_<noun>_<unit>`, counters end in `_total`. Labels are names from the project
file and stable codes, so that their number is bounded by the project, never by the data.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from gateway import events
from gateway.control import Status
from gateway.events import Happened

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
        match event:
            case events.PageIngested():
                self._page(event)
            case events.BatchDelivered():
                where = (event.route, event.endpoint)
                self._batches.labels(*where).observe(event.seconds)
                self._count("records_delivered", "route endpoint", where, event.records)
                self._count("records_degraded", "route endpoint", where, event.degraded)
                self._count("predictions", "route endpoint", where, event.predictions)
            case events.BatchSplit():
                self._count(
                    "batches_split", "route endpoint code",
                    (event.route, event.endpoint, event.reason), 1,
                )  # fmt: skip
            case events.WritesUnchanged():
                self._count(
                    "writes_unchanged", "route endpoint",
                    (event.route, event.endpoint), event.records,
                )  # fmt: skip
            case events.LettersOpened():
                self._count(
                    "dead_letters_opened", "stage at code",
                    (event.stage, event.at, event.reason), event.count,
                )  # fmt: skip
            case events.LettersResolved() | events.LettersSuperseded():
                self._count("dead_letters_closed", "outcome", (event.code[8:],), event.count)
            case events.LettersDiscarded():
                self._count("dead_letters_closed", "outcome", ("discarded",), event.count)
            case events.LettersReplayed():
                self._count("dead_letters_replayed", "", (), event.letters)
            case events.KeysParked():
                self._count("keys_parked", "route code", (event.route, event.reason), event.count)
            case events.RouteHeld():
                self._count("route_holds", "route code", (event.route, event.reason), 1)
            case events.StreamHeld() | events.SourceWaiting():
                name = "stream_holds" if event.code == "stream_held" else "source_waits"
                stream = event.stream
                self._count(
                    name, "source stream code", (stream.source, stream.stream, event.reason), 1
                )
            case events.DriftOpened():
                labels = (event.stream.source, event.stream.stream)
                self._count("drifts_opened", "source stream", labels, 1)
            case events.StepFailed():
                self._count("steps_failed", "part error", (event.part, event.error), 1)
            case events.AccessDenied():
                self._count("access_denied", "code", (event.reason,), 1)
            case _:
                return

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

    def _page(self, event: events.PageIngested) -> None:
        where = (event.stream.source, event.stream.stream)
        self._pages.labels(*where).observe(event.seconds)
        self._count("rows_read", "source stream", where, event.read)
        outcomes: dict[str, Callable[[events.PageIngested], int]] = {
            "appended": lambda page: page.appended,
            "dead_letter": lambda page: page.letters,
            "filtered": lambda page: page.filtered,
            "already_seen": lambda page: page.already_seen,
            "unchanged": lambda page: page.unchanged,
        }
        for outcome, number in outcomes.items():
            self._count("rows", "source stream outcome", (*where, outcome), number(event))

    def _count(self, noun: str, labels: str, values: tuple[str, ...], number: int) -> None:
        counter = self._counters.get(noun)
        if counter is None:
            counter = Counter(
                f"headrace_{noun}_total", HELP[noun], labels.split(), registry=self.registry
            )
            self._counters[noun] = counter
        (counter.labels(*values) if values else counter).inc(number)

    def _gauge(self, name: str, text: str, labels: str) -> Gauge:
        return Gauge(name, text, labels.split(), registry=self.registry)

    def _histogram(self, name: str, text: str, labels: str) -> Histogram:
        return Histogram(name, text, labels.split(), buckets=SECONDS, registry=self.registry)


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
