from __future__ import annotations

import dataclasses
import inspect

import pytest

from gateway import events
from gateway.events import (
    BatchDelivered,
    Event,
    GatewayDraining,
    LettersOpened,
    PageIngested,
    StreamCaughtUp,
    StreamHeld,
    capture,
    emit,
    recent,
    subscribe,
    unsubscribe,
)
from gateway.types import StreamId

STREAM = StreamId("crm", "Account")
KINDS = [
    kind
    for _, kind in inspect.getmembers(events, inspect.isclass)
    if issubclass(kind, Event) and kind is not Event
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_code_of_its_own_and_no_field_that_a_line_needs(kind):
    codes = [each.code for each in KINDS]
    assert codes.count(kind.code) == 1
    assert kind.code == "".join(f"_{c.lower()}" if c.isupper() else c for c in kind.__name__).strip(
        "_"
    )
    assert not {"at", "level", "event", "code"} & {field.name for field in dataclasses.fields(kind)}


def test_values_are_what_json_can_hold():
    assert PageIngested(STREAM, 2, 1, letters=1, seconds=0.12345678).values() == {
        "stream": "crm/Account", "read": 2, "appended": 1, "letters": 1, "filtered": 0,
        "already_seen": 0, "unchanged": 0, "seconds": 0.123457,
    }  # fmt: skip
    assert "held_secs" not in events.RouteResumed("r", "e").values()


def test_capture_sees_what_is_emitted_within():
    emit(GatewayDraining("before"))
    with capture() as seen:
        emit(GatewayDraining("within"))
    emit(GatewayDraining("after"))
    assert seen == [GatewayDraining("within")]


def test_the_ring_is_newest_first_bounded_and_without_debug():
    for number in range(events.RING_EVENTS + 10):
        emit(GatewayDraining(str(number)))
    emit(StreamCaughtUp(STREAM))
    assert [one.event for one in recent(2)] == [
        GatewayDraining(str(events.RING_EVENTS + 9)),
        GatewayDraining(str(events.RING_EVENTS + 8)),
    ]
    assert len(recent(10_000)) == events.RING_EVENTS
    assert recent(0) == []


def test_a_subscriber_that_fails_stops_nobody(capfd):
    seen = []

    def broken(happened):
        raise BrokenPipeError("the pipe")

    def whole(happened):
        seen.append(happened.event)

    subscribe(broken)
    subscribe(whole)
    subscribe(whole)
    try:
        emit(GatewayDraining("x"))
    finally:
        unsubscribe(broken)
        unsubscribe(whole)
        unsubscribe(whole)
    assert seen == [GatewayDraining("x")]


def test_lines_for_machines_are_json_with_instant_level_and_fields():
    import io
    import json

    from gateway import logs

    output = io.StringIO()
    logs.configure("json", output=output)
    try:
        emit(LettersOpened("normalise", "crm/Account", "key_missing", 3))
        emit(StreamCaughtUp(STREAM))
        logs.configure("json", output=output, debug=True)
        emit(StreamCaughtUp(STREAM))
    finally:
        logs.configure("silent")
    emit(GatewayDraining("unheard"))
    first, second = [json.loads(line) for line in output.getvalue().splitlines()]
    assert list(first)[:3] == ["at", "level", "event"]
    assert first.pop("at").endswith("+00:00")
    assert first == {
        "event": "letters_opened", "level": "warning", "stage": "normalise",
        "place": "crm/Account", "reason": "key_missing", "count": 3,
    }  # fmt: skip
    assert second["event"] == "stream_caught_up"


def test_lines_for_people_are_sentences_without_control_characters():
    import io

    from gateway import logs

    output = io.StringIO()
    logs.configure("pretty", output=output)
    try:
        emit(PageIngested(STREAM, 1000, 998, letters=2, seconds=0.21))
        emit(PageIngested(STREAM, 0, 0))
        emit(BatchDelivered("score", "churn", 64, 0.05, predictions=64))
        emit(StreamHeld(STREAM, "drift", "the column \x1b[31m`a`\n is gone"))
    finally:
        logs.configure("silent")
    lines = [line[10:] for line in output.getvalue().splitlines()]
    assert lines == [
        "crm/Account  1,000 read, 998 appended, 2 dead letters  0.21 s",
        "score → churn  64 delivered, 64 predictions  0.05 s",
        "crm/Account  held (drift): the column \\x1b[31m`a`\\n is gone",
    ]


def test_what_libraries_log_has_our_shape_and_no_traceback():
    import io
    import json
    import logging

    from gateway import logs

    output = io.StringIO()
    logs.configure("json", output=output)
    try:
        logging.getLogger("some.library").info("not this")
        try:
            raise ValueError("secret")
        except ValueError:
            logging.getLogger("some.library").exception("it failed")
    finally:
        logs.configure("silent")
    (line,) = [json.loads(line) for line in output.getvalue().splitlines()]
    assert (line["library"], line["message"], line["error"]) == (
        "some.library",
        "it failed",
        "ValueError",
    )
    assert "Traceback" not in output.getvalue()
    assert "secret" not in output.getvalue()
