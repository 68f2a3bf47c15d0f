"""From a row to a prediction and back, and everything that may happen on the way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
import pytest

from gateway.config.load import load
from gateway.errors import Ambiguous, ConfigError, Outage, Refusal
from gateway.pipeline import Running, open_control
from gateway.store.port import LetterFilter
from gateway.testing import memory_plugins
from gateway.types import Delivered, Delivery, Outcome
from tests.unit.pipeline.conftest import Bench, until


def scored(delivery: Delivery) -> Outcome:
    return Delivered(
        answer={"score": 0.5, "outputs": {"p": 0.5}, "model": {"name": "churn", "version": "3"}}
    )


async def settle(gateway: Running) -> None:
    assert await gateway.settled() == []


async def test_rows_become_records_and_records_predictions(bench: Bench) -> None:
    bench.add(*map(str, range(250)))
    bench.model.answer = scored
    async with bench.gateway() as gateway:
        await settle(gateway)
        assert bench.model.keys() == list(map(str, range(250)))
        status = await gateway.control.status()
        page = await gateway.control.store.log.read(0, 250, 1_000)
    (stream,), (route,) = status.streams, status.routes
    assert (stream.tally.read, stream.tally.appended, stream.page) == (250, 250, 3)
    assert (route.tally.routed, route.tally.delivered, route.tally.predictions) == (250, 250, 250)
    assert status.log_end == 500
    first = page.records[0].record
    assert first.contract == "prediction.churn.v1"
    data = msgspec.json.decode(first.data)
    assert data["subject"]["key"] == first.key
    assert data["model"] == {"endpoint": "churn", "name": "churn", "version": "3"}
    assert first.caused_by == data["subject"]["record_id"]


async def test_a_restart_goes_on_where_it_was(bench: Bench) -> None:
    bench.add("a", "b")
    bench.model.answer = scored
    async with bench.gateway() as gateway:
        await settle(gateway)
    bench.add("c")
    async with bench.gateway() as gateway:
        await settle(gateway)
        assert await gateway.control.store.log.end() == 6
    assert bench.model.keys() == ["a", "b", "c"]


async def test_an_endpoint_that_is_down_holds_the_route_and_costs_nothing(bench: Bench) -> None:
    bench.add(*"abcabc")
    bench.model.failing = Outage("connection refused")
    async with bench.gateway() as gateway:
        await until(lambda: len(bench.model.batches) >= 2)
        (endpoint,) = (await gateway.control.status()).endpoints
        assert endpoint.state == "held"
        assert "connection refused" in str(endpoint.reason)
        bench.model.failing = None
        await until(lambda: len(bench.model.sent) == 6)
        await settle(gateway)
        (route,) = await gateway.control.store.routes.list()
    assert bench.model.keys() == list("abcabc")
    assert all(not each.attempts for each in bench.model.sent)
    assert route.tally.letters == 0
    assert route.parked_records == 0


async def test_the_offending_record_is_refused_alone(bench: Bench) -> None:
    bench.add(*"abcdefgh")
    bench.model.refuses = lambda batch: (
        Refusal("bad feature") if any(each.record.key == "d" for each in batch) else None
    )
    async with bench.gateway() as gateway:
        await settle(gateway)
        (letter,) = await gateway.control.store.letters.list(LetterFilter())
    assert sorted(bench.model.keys()) == sorted("abcefgh")
    assert letter.detail == "bad feature"
    assert letter.stage == "deliver"


async def test_a_key_that_fails_parks_and_is_tried_until_it_is_given_up(bench: Bench) -> None:
    bench.add(*"abcdab")
    bench.model.refuses = lambda batch: (
        Ambiguous("500") if any(each.record.key == "b" for each in batch) else None
    )
    async with bench.gateway() as gateway:
        letters = gateway.control.store.letters

        async def given_up() -> bool:
            return await letters.count(LetterFilter()) == 2

        await until(given_up)
        found = await letters.list(LetterFilter())
    assert bench.model.keys() == list("acda")
    assert [len(letter.attempts) for letter in found] == [3, 3]


async def test_a_broken_row_is_a_letter_and_the_others_flow(bench: Bench) -> None:
    bench.add("a")
    bench.crm.add("account", b'{"id": "b", "name": 7}', b"\xff\xfe", b"{not json")
    bench.add("c")
    async with bench.gateway() as gateway:
        await settle(gateway)
        letters = await gateway.control.store.letters.list(LetterFilter())
        (stream,) = await gateway.control.store.streams.list()
    assert bench.model.keys() == ["a", "c"]
    assert len(letters) == 3
    assert {letter.subject.body for letter in letters} == {  # type: ignore[union-attr]
        b'{"id": "b", "name": 7}',
        b"\xff\xfe",
        b"{not json",
    }
    tally = stream.tally
    assert tally.read == tally.appended + tally.letters == 5


async def test_a_mended_mapping_replays_what_it_can(bench: Bench) -> None:
    bench.add("a", "b", "c", age="forty")
    async with bench.gateway() as gateway:
        await settle(gateway)
        control = gateway.control
        assert bench.model.keys() == []
        bench.add("b")  # Overtakes its letter.
        await until(lambda: bench.model.keys() == ["b"])
        del bench.mapping["fields"]["age"]
        bench.write()
        done = await control.apply(dry_run=True, by="test")
        assert [change.place for change in done.changes] == ["account.yaml"]
        before = await control.replay(LetterFilter(), dry_run=True, force=False, by="test")
        assert (before.letters, before.resolved, before.failed) == (3, 0, 3)
        await control.apply(dry_run=False, by="test")
        forecast = await control.replay(LetterFilter(), dry_run=True, force=False, by="test")
        assert (forecast.resolved, forecast.superseded, forecast.failed) == (2, 1, 0)
        assert (await control.store.letters.counts())["open"] == 3
        report = await control.replay(LetterFilter(), dry_run=False, force=False, by="test")
        assert (report.resolved, report.superseded) == (2, 1)
        await until(lambda: len(bench.model.sent) == 3)
        counts = await control.store.letters.counts()
    assert bench.model.keys() == ["b", "a", "c"]
    assert (counts["open"], counts["resolved"], counts["superseded"]) == (0, 2, 1)
    assert [each.record.generation for each in bench.model.sent] == [0, 1, 1]


async def test_a_refused_delivery_is_replayed_through_its_route(bench: Bench) -> None:
    bench.add("a", "b")
    bench.model.refuses = lambda _: Refusal("not yet")
    async with bench.gateway() as gateway:
        await settle(gateway)
        control = gateway.control
        bench.model.refuses = lambda _: None
        bench.add("a")
        await until(lambda: bench.model.keys() == ["a"])
        report = await control.replay(LetterFilter(), dry_run=False, force=False, by="test")
        assert (report.returned, report.superseded) == (1, 1)
        await until(lambda: len(bench.model.sent) == 2)

        async def closed() -> bool:
            return (await control.store.letters.counts())["replaying"] == 0

        await until(closed)
        counts = await control.store.letters.counts()
    assert bench.model.keys() == ["a", "b"]
    assert (counts["resolved"], counts["superseded"]) == (1, 1)


async def test_an_operator_may_force_an_older_version(bench: Bench) -> None:
    bench.add("a")
    bench.model.refuses = lambda _: Refusal("not yet")
    async with bench.gateway() as gateway:
        await settle(gateway)
        bench.model.refuses = lambda _: None
        bench.add("a", name="Newer")
        await until(lambda: len(bench.model.sent) == 1)
        await gateway.control.replay(LetterFilter(), dry_run=False, force=True, by="test")
        await until(lambda: len(bench.model.sent) == 2)
        await settle(gateway)
        assert (await gateway.control.store.letters.counts())["resolved"] == 1
    assert b"Person a" in bytes(bench.model.sent[1].record.data)


async def test_a_new_stream_and_a_new_route_are_taken_in_without_a_restart(bench: Bench) -> None:
    bench.add("a", "b")
    async with bench.gateway() as gateway:
        await settle(gateway)
        bench.crm.add("lead", b'{"id":"L","name":"Lead","version":"1"}')
        streams = bench.project["sources"]["crm"]["streams"]
        streams["lead"] = {"mapping": "account.yaml", "every_secs": 0.05}
        bench.project["routes"]["again"] = {"from": "person.v1", "to": "churn"}
        bench.write()
        report = await gateway.control.apply(dry_run=False, by="test")
        assert {change.place for change in report.changes} >= {"routes.again"}
        # The old route goes on where it was, the new one begins at the beginning.
        await until(lambda: sorted(bench.model.keys()) == ["L", "L", "a", "a", "b", "b"])
        await settle(gateway)


async def test_a_change_that_cannot_be_started_leaves_everything_at_work(bench: Bench) -> None:
    bench.add("a")
    async with bench.gateway() as gateway:
        await settle(gateway)
        bench.project["network"] = {"allow": ["10.0.0.0/8"]}
        bench.project["endpoints"]["churn"]["broken"] = True
        bench.write()
        with pytest.raises(ConfigError, match="refuses to open"):
            await gateway.control.apply(dry_run=False, by="test")
        assert gateway.control.unready() is None
        bench.add("b")
        await until(lambda: bench.model.keys() == ["a", "b"])


async def test_the_place_of_the_store_needs_a_restart(bench: Bench) -> None:
    async with bench.gateway() as gateway:
        bench.project["api"] = {"port": 9000}
        bench.write()
        report = await gateway.control.apply(dry_run=True, by="test")
        assert report.restart_needed == ["api.port"]
        with pytest.raises(ConfigError, match="Restart"):
            await gateway.control.apply(dry_run=False, by="test")


async def test_a_flood_is_held_with_samples_and_goes_on_when_mended(bench: Bench) -> None:
    bench.add(*map(str, range(150)), age="forty")
    async with bench.gateway() as gateway:
        (unsettled,) = await gateway.settled()
        assert unsettled.state == "held"
        assert "forty" in str(unsettled.reason)
        control = gateway.control
        assert (await control.store.letters.counts())["open"] == 0
        del bench.mapping["fields"]["age"]
        bench.write()
        await control.apply(dry_run=False, by="test")
        await until(lambda: len(bench.model.sent) == 150)


async def test_a_renamed_column_holds_is_proposed_and_accepted(bench: Bench) -> None:
    bench.crm.fields["account"] = {"id": "text", "name": "text", "age": "int4", "version": "text"}
    bench.add("a", "b")
    async with bench.gateway() as gateway:
        await settle(gateway)
        control = gateway.control
        bench.crm.fields["account"] = {
            "id": "text",
            "full_name": "text",
            "age": "int4",
            "version": "text",
        }
        bench.crm.add("account", b'{"id":"c","full_name":"Person c","age":3,"version":"1"}')

        async def noticed() -> bool:
            return bool(await control.store.drifts.list())

        await until(noticed)
        (drift,) = await control.store.drifts.list()
        assert drift.proposal == {"fields.name": "full_name"}
        assert (await control.store.letters.counts())["open"] == 0
        accepted = await control.accept(drift.id, by="test", patch=None)
        assert (accepted.state, accepted.closed_by) == ("accepted", "test")
        await until(lambda: bench.model.keys() == ["a", "b", "c"])
        assert "name: full_name" in (bench.folder / "account.yaml").read_text()


async def test_a_drift_that_was_accepted_is_asked_about_again_when_it_comes_again(
    bench: Bench,
) -> None:
    text = {"id": "text", "name": "text", "age": "text", "version": "text"}
    number = {**text, "age": "int4"}
    bench.crm.fields["account"] = number
    bench.add("a")
    async with bench.gateway() as gateway:
        await settle(gateway)
        control = gateway.control

        async def open_drifts() -> int:
            return len(await control.store.drifts.list())

        for key, shape in (("b", text), ("c", number), ("d", text)):
            bench.crm.fields["account"] = shape
            bench.add(key)
            await until(lambda: _once(open_drifts))
            (drift,) = await control.store.drifts.list()
            assert not drift.proposal
            await control.accept(drift.id, by="test", patch=None)
            await until(lambda key=key: bench.model.keys()[-1:] == [key])  # type: ignore[misc]
        closed = await control.store.drifts.list(include_closed=True)
    assert [each.state for each in closed] == ["accepted"] * 3


async def _once(count: Callable[[], Awaitable[int]]) -> bool:
    return await count() == 1


async def test_a_drift_that_goes_away_is_closed(bench: Bench) -> None:
    shape = {"id": "text", "name": "text", "age": "int4", "version": "text"}
    bench.crm.fields["account"] = shape
    bench.add("a")
    async with bench.gateway() as gateway:
        await settle(gateway)
        store = gateway.control.store
        bench.crm.fields["account"] = {key: shape[key] for key in shape if key != "name"}

        async def held() -> bool:
            return bool(await store.drifts.list())

        await until(held)
        bench.crm.fields["account"] = shape
        bench.add("b")
        await until(lambda: bench.model.keys() == ["a", "b"])
        assert [each.state for each in await store.drifts.list(include_closed=True)] == ["reverted"]


async def test_a_write_back_does_not_ask_the_model_again(bench: Bench) -> None:
    bench.project["routes"]["write"] = {
        "from": "prediction.churn.v1",
        "to": {"sink": "crm", "stream": "account", "mapping": "write.yaml"},
        "start": "earliest",
    }
    (bench.folder / "write.yaml").write_text("key: id\nfields:\n  id: record.key\n  score: score\n")
    bench.mapping["fields"]["age"] = "age"
    bench.model.answer = scored
    bench.add("a", "b")
    async with bench.gateway() as gateway:
        await settle(gateway)
        assert len(bench.crm.written["account"]) == 2
        bench.add("a", "b", version="2", score=0.5)  # The echo of our own writes.
        await until(lambda: len(bench.crm.streams["account"]) == 4)
        bench.add("c")
        await until(lambda: bench.model.keys() == ["a", "b", "c"])
        (stream,) = await gateway.control.store.streams.list()
        assert stream.tally.unchanged == 2
        # Read again on purpose, it is news all the same.
        await gateway.control.backfill(stream.stream, None)
        await until(lambda: bench.model.keys()[3:] == ["a", "b", "c"])


async def test_moving_the_cursor_back_reads_again(bench: Bench) -> None:
    bench.add("a", "b")
    async with bench.gateway() as gateway:
        await settle(gateway)
        (stream,) = gateway.control.assembly.streams
        await gateway.control.backfill(stream, None)
        await until(lambda: bench.model.keys() == ["a", "b", "a", "b"])


async def test_what_was_never_read_is_in_the_status(bench: Bench) -> None:
    bench.crm.failing = Outage("down")
    bench.write()
    loaded = load(bench.folder, plugins=memory_plugins())
    async with open_control(loaded, version="test") as control:
        status = await control.status()
    assert [(str(each.stream), each.state) for each in status.streams] == [("crm/account", "new")]
    assert [(each.route, each.lag) for each in status.routes] == [("score", 0)]


async def test_a_source_that_is_down_is_waited_for(bench: Bench) -> None:
    bench.add("a")
    bench.crm.failing = Outage("no route to host")
    async with bench.gateway() as gateway:
        (unsettled,) = await gateway.settled()
        assert (unsettled.state, unsettled.reason) == ("waiting", "no route to host")
        bench.crm.failing = None
        await until(lambda: bench.model.keys() == ["a"])


@pytest.mark.parametrize("error", [ValueError("secret"), KeyError("secret")])
async def test_a_bug_in_a_connector_is_told_and_survived(bench: Bench, error: Exception) -> None:
    bench.add("a")
    bench.crm.failing = error
    async with bench.gateway() as gateway:
        (unsettled,) = await gateway.settled()
        assert type(error).__name__ in str(unsettled.reason)
        assert "secret" not in str(unsettled.reason)
        bench.crm.failing = None
        await until(lambda: bench.model.keys() == ["a"])
