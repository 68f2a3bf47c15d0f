"""How every benchmark here measures: alternating rounds, medians, CPU time beside wall time."""

from __future__ import annotations

import gc
import os
import platform
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

Work = Callable[[], Awaitable[int]]
"""Does the work once and returns how many units (rows, requests) that was."""


class Contender(msgspec.Struct, frozen=True):
    """Somebody who does the work: ours, or a peer beside us. `prepare` is not measured."""

    name: str
    prepare: Callable[[], Awaitable[Work]]


class Rate(msgspec.Struct, frozen=True):
    """Medians over the rounds. `ratio` compares per CPU-second with the first contender."""

    name: str
    per_sec: float
    per_cpu_sec: float
    ratio: float


class Result(msgspec.Struct, frozen=True):
    benchmark: str
    unit: str
    what: str
    rates: Sequence[Rate]
    machine: Mapping[str, Any]


async def compare(
    benchmark: str, unit: str, what: str, contenders: Sequence[Contender], rounds: int = 5
) -> Result:
    """Each contender once a round, in turn, so that a busy moment of the machine hits all alike."""
    walls: dict[str, list[float]] = {each.name: [] for each in contenders}
    cpus: dict[str, list[float]] = {each.name: [] for each in contenders}
    for _ in range(rounds):
        for each in contenders:
            work = await each.prepare()
            gc.collect()
            wall, cpu = time.perf_counter(), time.process_time()
            done = await work()
            cpus[each.name].append(done / (time.process_time() - cpu))
            walls[each.name].append(done / (time.perf_counter() - wall))
    first = statistics.median(cpus[contenders[0].name])
    rates = [
        Rate(
            name=each.name,
            per_sec=statistics.median(walls[each.name]),
            per_cpu_sec=statistics.median(cpus[each.name]),
            ratio=statistics.median(cpus[each.name]) / first,
        )
        for each in contenders
    ]
    return Result(benchmark, unit, what, rates, machine())


def machine() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
    }
