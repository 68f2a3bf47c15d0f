"""The endpoint: batches of records to a topic, one outcome each."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from connectors.kafka.client import settings
from connectors.kafka.config import KafkaConfig
from connectors.kafka.fault import fault
from connectors.kafka.message import message
from connectors.kafka.producer import Producer, Receipt, Unacknowledged
from connectors.kafka.replies import Replies
from gateway.errors import Ambiguous, HeadraceError, Outage, Refusal
from gateway.types import Checked, Delivered, Delivery, Later, Outcome, Refused


class KafkaEndpoint:
    def __init__(self, config: KafkaConfig, name: str) -> None:
        self._config = config
        self._name = name
        self._producer = Producer(config, name)
        self._replies = (
            Replies(config, config.reply_topic, name) if config.reply_topic is not None else None
        )

    async def check(self) -> Sequence[Checked]:
        """The brokers, and the topics as they are: nothing is created by looking."""
        brokers = ", ".join(self._config.bootstrap_servers)
        client = AIOKafkaAdminClient(**settings(self._config, self._name))
        try:
            async with asyncio.timeout(self._config.timeout_secs):
                await client.start()
                known = {each["topic"]: each for each in await client.describe_topics()}
        except (KafkaError, OSError, TimeoutError) as error:
            return [Checked(brokers, False, str(self._fault(error)))]
        finally:
            await client.close()
        found = [Checked(brokers, True, "The brokers answer.")]
        if "{contract}" in self._config.topic:
            found.append(Checked(self._config.topic, True, "One topic for each contract."))
        else:
            found.append(_topic(self._config.topic, known, needed=False))
        if self._config.reply_topic is not None:
            found.append(_topic(self._config.reply_topic, known, needed=True))
        return found

    async def send(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        """Raises Outage where no message was acknowledged, Ambiguous where no reply came."""
        ids = [each.id for each in deliveries]
        try:
            if self._replies is not None:
                await self._replies.expect(ids)
            outcomes = self._outcomes(await self._produced(deliveries))
            if self._replies is None:
                return outcomes
            return await self._answered(self._replies, ids, outcomes)
        except (KafkaError, OSError, TimeoutError) as error:
            raise self._fault(error) from error
        finally:
            if self._replies is not None:
                self._replies.forget(ids)

    async def close(self) -> None:
        await self._producer.close()
        if self._replies is not None:
            await self._replies.close()

    async def _produced(self, deliveries: Sequence[Delivery]) -> Sequence[Receipt | Exception]:
        messages = [
            (
                each.id,
                message(
                    each, self._config.topic_of(each.record.contract), self._config.reply_topic
                ),
            )
            for each in deliveries
        ]
        return await self._producer.produce(messages)

    def _outcomes(self, results: Sequence[Receipt | Exception]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        faults: list[HeadraceError] = []
        for result in results:
            if not isinstance(result, Exception):
                topic, partition, offset = result
                outcomes.append(Delivered(receipt=f"{topic}/{partition}@{offset}"))
                continue
            error = self._fault(result)
            faults.append(error)
            if isinstance(error, Refusal):
                outcomes.append(Refused(error.code, str(error)))
            else:
                outcomes.append(Later(error.code, str(error)))
        if len(faults) == len(results) and faults and isinstance(faults[0], Outage):
            raise faults[0]
        return outcomes

    async def _answered(
        self, replies: Replies, ids: Sequence[str], outcomes: Sequence[Outcome]
    ) -> Sequence[Outcome]:
        """Messages that were taken become answers; the rest keeps its outcome."""
        asked = [
            ident for ident, each in zip(ids, outcomes, strict=True) if isinstance(each, Delivered)
        ]
        answers = await replies.collect(asked, self._config.reply_timeout_secs)
        late = (
            f"No reply on {self._config.reply_topic} within {self._config.reply_timeout_secs:g} s."
        )
        if asked and not answers:
            raise Ambiguous(late, code="no_reply")
        return [
            _with_receipt(answers[ident], each)
            if ident in answers
            else Later("no_reply", late, costs_attempt=True)
            if isinstance(each, Delivered)
            else each
            for ident, each in zip(ids, outcomes, strict=True)
        ]

    def _fault(self, error: Exception) -> HeadraceError:
        where = f"Kafka at {', '.join(self._config.bootstrap_servers)}"
        if isinstance(error, Unacknowledged):
            return Outage(
                f"{where} did not acknowledge within {self._config.timeout_secs:g} s; "
                "what was handed over is not sent a second time.",
                code="not_acknowledged",
            )
        if isinstance(error, TimeoutError):
            return Outage(f"{where} did not answer within {self._config.timeout_secs:g} s.")
        return fault(error, where)


def _topic(name: str, known: Mapping[str, Mapping[str, object]], *, needed: bool) -> Checked:
    if name in known:
        partitions = known[name].get("partitions")
        count = len(partitions) if isinstance(partitions, list) else 0
        return Checked(name, True, f"The topic has {count} partitions.")
    if needed:
        return Checked(name, False, "The reply topic does not exist. Create it.")
    return Checked(name, True, "The topic does not exist yet; the brokers may create it when used.")


def _with_receipt(answer: Outcome, sent: Outcome) -> Outcome:
    if isinstance(answer, Delivered) and isinstance(sent, Delivered):
        return Delivered(receipt=sent.receipt, answer=answer.answer)
    return answer
