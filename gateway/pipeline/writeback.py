"""A business system's stream as an endpoint: records in, rows out."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.errors import Ambiguous, Refusal
from gateway.ports import Sink
from gateway.program import SinkProgram
from gateway.types import Delivery, Outcome, Refused, Write


class Writeback:
    """Turns records into writes by the route's mapping and pushes them as one batch."""

    def __init__(self, sink: Sink, stream: str, program: SinkProgram) -> None:
        self._sink = sink
        self._stream = stream
        self.program = program

    async def send(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        """As `Endpoint.send`. A record that the mapping cannot turn into a row is refused alone."""
        outcomes: list[Outcome | None] = []
        writes: list[Write] = []
        for delivery in deliveries:
            try:
                writes.append(self.program.write(delivery))
            except Refusal as error:
                outcomes.append(Refused(error.code, str(error)))
            else:
                outcomes.append(None)
        pushed = iter(await self._sink.push(self._stream, writes)) if writes else iter(())
        settled = [next(pushed, None) if each is None else each for each in outcomes]
        if None in settled or next(pushed, None) is not None:
            raise Ambiguous(
                f"The sink did not give one outcome for each of {len(writes)} writes.",
                code="outcomes_miscounted",
            )
        return [each for each in settled if each is not None]
