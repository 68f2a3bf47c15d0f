"""The endpoint `kafka`, on a real broker where one can be had."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pydantic import ValidationError

from connectors.kafka.config import KafkaConfig
from connectors.kafka.connector import KafkaConnector
from connectors.kafka.endpoint import KafkaEndpoint
from connectors.kafka.message import CORRELATION_ID, ERROR, REPLY_TOPIC, message
from connectors.kafka.replies import reply
from gateway.demo.servers import kafka as server
from gateway.errors import Ambiguous, Outage
from gateway.types import (
    NO_DATA,
    Delivered,
    Delivery,
    Later,
    Operation,
    Position,
    Record,
    Refused,
    StreamId,
)
from tests.conftest import require

AT = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
STREAM = StreamId("erp", "sale.sale")


def delivery(key: str, step: int, data: bytes | None = b'{"n":1}') -> Delivery:
    record = Record(
        position=Position(str(STREAM), step, 0),
        generation=0,
        stream=STREAM,
        key=key,
        contract="order.v1",
        operation=Operation.UPSERT if data is not None else Operation.DELETE,
        data=NO_DATA if data is None else msgspec.Raw(data),
        recorded_at=AT,
        version=f"v{step}",
        event_at=AT,
    )
    return Delivery(route="to-kafka", offset=step, record=record)


class TestMessage:
    def test_attributes_and_extensions_are_headers(self) -> None:
        made = message(delivery("7", 3), "orders", None)
        assert dict(made.headers) == {
            "ce_specversion": b"1.0",
            "ce_id": b"erp/sale.sale/3/0.0",
            "ce_source": b"/erp/sale.sale",
            "ce_type": b"order.v1",
            "ce_subject": b"7",
            "ce_time": b"2026-05-04T03:02:01Z",
            "ce_contract": b"order.v1",
            "ce_idempotencykey": b"erp/sale.sale/3/0.0@to-kafka",
            "ce_operation": b"upsert",
            "ce_partitionkey": b'["erp","sale.sale","7"]',
            "ce_sourceversion": b"v3",
            "content-type": b"application/json",
        }
        assert (made.topic, made.key, made.value) == (
            "orders",
            b'["erp","sale.sale","7"]',
            b'{"n":1}',
        )

    def test_a_delete_is_a_tombstone(self) -> None:
        made = message(delivery("7", 3, None), "orders", None)
        assert made.value is None
        assert dict(made.headers)["ce_operation"] == b"delete"

    def test_a_question_says_where_the_answer_goes(self) -> None:
        headers = dict(message(delivery("7", 3), "orders", "answers").headers)
        assert headers[CORRELATION_ID] == b"erp/sale.sale/3/0.0@to-kafka"
        assert headers[REPLY_TOPIC] == b"answers"


class TestReply:
    def test_an_object_is_an_answer(self) -> None:
        assert reply({}, b'{"score":0.5}') == Delivered(answer={"score": 0.5})

    def test_an_error_header_refuses(self) -> None:
        refused = reply({ERROR: b"no such product"}, None)
        assert isinstance(refused, Refused)
        assert "no such product" in refused.detail

    @pytest.mark.parametrize("value", [None, b"", b"[1]", b"\xff", b"{"])
    def test_anything_else_costs_an_attempt(self, value: bytes | None) -> None:
        found = reply({}, value)
        assert isinstance(found, Later)
        assert found.costs_attempt


class TestConfig:
    def test_the_topic_may_name_the_contract(self) -> None:
        config = KafkaConfig(bootstrap_servers=["b:9092"], topic="headrace.{contract}")
        assert config.topic_of("payment.history.v12") == "headrace.payment.history"

    @pytest.mark.parametrize("topic", ["", "a b", "{stream}", "x" * 250])
    def test_a_topic_no_broker_takes_is_an_error(self, topic: str) -> None:
        with pytest.raises(ValidationError):
            KafkaConfig(bootstrap_servers=["b:9092"], topic=topic)

    def test_a_password_is_not_sent_in_the_open(self) -> None:
        with pytest.raises(ValidationError, match="tls"):
            KafkaConfig.model_validate(
                {
                    "bootstrap_servers": ["b:9092"],
                    "topic": "t",
                    "sasl": {"mechanism": "PLAIN", "username": "u", "password": "${env:P}"},
                }
            )


# Real brokers from here on.


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[server.KafkaServer]:
    if (lacking := server.missing()) is not None:
        require("kafka", lacking)
    cache = Path(os.environ.get("HEADRACE_DEMO_HOME", ".demo")).resolve() / "cache"
    started = server.KafkaServer(tmp_path_factory.mktemp("kafka"), await server.jars(cache))
    await started.start()
    try:
        yield started
    finally:
        await started.stop()


@contextlib.asynccontextmanager
async def endpoint(
    broker: server.KafkaServer, topic: str, **settings: object
) -> AsyncIterator[KafkaEndpoint]:
    config = KafkaConfig.model_validate(
        {"bootstrap_servers": [broker.bootstrap], "topic": topic, "timeout_secs": 5, **settings}
    )
    opened = KafkaEndpoint(config, "events")
    try:
        yield opened
    finally:
        await opened.close()


async def create(broker: server.KafkaServer, *topics: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 4, 1) for topic in topics])
    await admin.close()


async def consumed(broker: server.KafkaServer, topic: str, count: int) -> list[object]:
    """Exactly `count` messages; a moment more, to see that there are no others."""
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=broker.bootstrap,
        group_id=None,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    await consumer.start()
    found: list[object] = []
    try:
        async with asyncio.timeout(30):
            while len(found) < count:
                pages = await consumer.getmany(timeout_ms=500)
                found += [each for page in pages.values() for each in page]
        more = await consumer.getmany(timeout_ms=300)
        return [*found, *(each for page in more.values() for each in page)]
    finally:
        await consumer.stop()


def sequence(messages: Sequence[object], key: str) -> list[str]:
    """The versions of an entity in the order a consumer sees them."""
    wanted = f'["erp","sale.sale","{key}"]'.encode()
    return [
        dict(each.headers)["ce_sourceversion"].decode()  # type: ignore[attr-defined]
        for each in messages
        if each.key == wanted  # type: ignore[attr-defined]
    ]


@pytest.mark.kafka
@pytest.mark.slow
class TestBroker:
    pytestmark = pytest.mark.asyncio(loop_scope="module")

    async def test_keys_headers_order_and_tombstones(self, broker: server.KafkaServer) -> None:
        await create(broker, "orders")
        async with endpoint(broker, "orders") as events:
            for step in range(3):
                batch = [delivery(str(key), step * 50 + key) for key in range(50)]
                outcomes = await events.send(batch)
                assert all(isinstance(each, Delivered) for each in outcomes)
                receipts = {each.receipt for each in outcomes if isinstance(each, Delivered)}
                assert len(receipts) == 50
            await events.send([delivery("7", 999, None)])
        messages = await consumed(broker, "orders", 151)
        assert len(messages) == 151
        assert sequence(messages, "7") == ["v7", "v57", "v107", "v999"]
        places = {(each.key, each.partition) for each in messages}  # type: ignore[attr-defined]
        assert len(places) == 50
        assert [each.value for each in messages].count(None) == 1  # type: ignore[attr-defined]

    async def test_receipts_say_where_each_record_is(self, broker: server.KafkaServer) -> None:
        async with endpoint(broker, "receipts.{contract}") as events:
            outcomes = await events.send([delivery(str(key), key) for key in range(20)])
        said = {each.receipt for each in outcomes if isinstance(each, Delivered)}
        messages = await consumed(broker, "receipts.order", 20)
        assert said == {
            f"{each.topic}/{each.partition}@{each.offset}"  # type: ignore[attr-defined]
            for each in messages
        }

    async def test_only_the_record_that_is_too_large_is_refused(
        self, broker: server.KafkaServer
    ) -> None:
        big = b'"' + b"x" * (2 << 20) + b'"'
        async with endpoint(broker, "sizes", batch_max_bytes=4 << 20) as events:
            batch = [delivery(str(key), key) for key in range(40)]
            batch[17] = delivery("17", 17, big)
            outcomes = await events.send(batch)
        refused = [index for index, each in enumerate(outcomes) if isinstance(each, Refused)]
        assert refused == [17]
        assert isinstance(outcomes[17], Refused)
        assert outcomes[17].code == "message_too_large"
        assert sum(isinstance(each, Delivered) for each in outcomes) == 39

    async def test_a_killed_broker_is_an_outage_and_nothing_comes_twice(
        self, broker: server.KafkaServer
    ) -> None:
        await create(broker, "outage")
        async with endpoint(broker, "outage", timeout_secs=2) as events:
            await events.send([delivery("a", 0), delivery("b", 1)])
            broker.kill()
            batch = [delivery("a", 2), delivery("b", 3), delivery("c", 4)]
            for _ in range(2):
                with pytest.raises(Outage) as raised:
                    await events.send(batch)
                assert broker.bootstrap in str(raised.value)
            await broker.start()
            for _ in range(30):
                with contextlib.suppress(Outage):
                    outcomes = await events.send(batch)
                    break
            else:
                pytest.fail("the endpoint did not come back")
            assert all(isinstance(each, Delivered) for each in outcomes)
            await events.send([delivery("a", 5)])
        messages = await consumed(broker, "outage", 6)
        assert len(messages) == 6
        assert sequence(messages, "a") == ["v0", "v2", "v5"]

    async def test_replies_are_matched_and_what_is_missing_is_ambiguous(
        self, broker: server.KafkaServer
    ) -> None:
        await create(broker, "questions", "answers")
        echo = asyncio.create_task(model(broker, "questions", silent={"quiet"}, refuses={"bad"}))
        try:
            async with endpoint(
                broker, "questions", reply_topic="answers", reply_timeout_secs=4
            ) as events:
                outcomes = await events.send(
                    [delivery("x", 0), delivery("bad", 1), delivery("y", 2), delivery("quiet", 3)]
                )
                first, bad, second, quiet = outcomes
                assert isinstance(first, Delivered)
                assert first.answer == {"about": "x"}
                assert first.receipt is not None
                assert isinstance(second, Delivered)
                assert second.answer == {"about": "y"}
                assert isinstance(bad, Refused)
                assert isinstance(quiet, Later)
                assert quiet.costs_attempt
                with pytest.raises(Ambiguous, match="No reply on answers"):
                    await events.send([delivery("quiet", 4)])
        finally:
            echo.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await echo

    async def test_a_restarted_endpoint_ignores_old_answers(
        self, broker: server.KafkaServer
    ) -> None:
        await create(broker, "asked", "answered")
        echo = asyncio.create_task(model(broker, "asked"))
        try:
            for start in range(2):
                async with endpoint(
                    broker, "asked", reply_topic="answered", reply_timeout_secs=10
                ) as events:
                    (outcome,) = await events.send([delivery(f"k{start}", start)])
                    assert isinstance(outcome, Delivered)
                    assert outcome.answer == {"about": f"k{start}"}
        finally:
            echo.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await echo

    async def test_check_says_what_is_there_and_creates_nothing(
        self, broker: server.KafkaServer
    ) -> None:
        await create(broker, "present")
        async with endpoint(broker, "present", reply_topic="absent") as events:
            brokers, topic, answers = await events.check()
            again = (await events.check())[2]
        assert brokers.ok
        assert topic.ok
        assert "4 partitions" in topic.detail
        assert not answers.ok
        assert not again.ok


async def model(
    broker: server.KafkaServer,
    topic: str,
    silent: Sequence[str] | set[str] = (),
    refuses: Sequence[str] | set[str] = (),
) -> None:
    """What a team with a model on Kafka would write: it answers where it is told to."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest"
    )
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap)
    await consumer.start()
    await producer.start()
    try:
        async for asked in consumer:
            headers = dict(asked.headers)
            key = headers["ce_subject"].decode()
            if key in silent:
                continue
            back = [(CORRELATION_ID, headers[CORRELATION_ID])]
            if key in refuses:
                back.append((ERROR, b"unknown product"))
            answer = None if key in refuses else msgspec.json.encode({"about": key})
            await producer.send_and_wait(
                headers[REPLY_TOPIC].decode(), answer, key=asked.key, headers=back
            )
    finally:
        await producer.stop()
        await consumer.stop()


async def test_brokers_that_are_not_there_are_an_outage() -> None:
    config = KafkaConfig(bootstrap_servers=["127.0.0.1:1"], topic="t", timeout_secs=2)
    events = KafkaEndpoint(config, "events")
    try:
        (checked,) = await events.check()
        assert not checked.ok
        with pytest.raises(Outage, match=r"127\.0\.0\.1:1"):
            await events.send([delivery("a", 0)])
    finally:
        await events.close()


def test_the_connector_is_what_an_entry_point_may_lead_to() -> None:
    assert KafkaConnector.name == "kafka"
    assert issubclass(KafkaConnector.config, KafkaConfig)
