"""What a run will do, told before it does it: nobody floods a CRM by starting."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from gateway.config.loaded import LoadedProject
from gateway.config.model import Route, SinkTarget


class Step(msgspec.Struct, frozen=True):
    """One thing a run will do. `place` is that of the project file."""

    verb: Literal["read", "send", "write"]
    place: str
    sentence: str


def planned(loaded: LoadedProject) -> list[Step]:
    """Everything, in the order of the project file."""
    goes_on = loaded.database.exists()
    steps: list[Step] = []
    for source, settings in loaded.project.sources.items():
        for stream, each in settings.streams.items():
            contract = loaded.mappings[each.mapping].mapping.contract
            start = "from where the store left off" if goes_on else "from the beginning"
            steps.append(
                Step(
                    "read",
                    f"sources.{source}.streams.{stream}",
                    f"{source}/{stream} {start}, again every {each.every_secs:g} s, "
                    f"as {contract} ({each.mapping})",
                )
            )
    for name, route in loaded.project.routes.items():
        steps.append(_route(loaded, name, route, goes_on=goes_on))
    return steps


def _route(loaded: LoadedProject, name: str, route: Route, *, goes_on: bool) -> Step:
    what = " and ".join(route.contracts)
    which = f" where {route.when}" if route.when else ""
    start = f"{_start(route.start)}{', where it has not begun yet' if goes_on else ''}"
    if isinstance(route.to, SinkTarget):
        return Step(
            "write",
            f"routes.{name}",
            f"{what}{which} into {route.to.sink}/{route.to.stream}, {start} "
            f"({route.to.mapping}; route {name})",
        )
    kind = loaded.project.endpoints[route.to].type
    size = route.batch.max_records
    return Step(
        "send",
        f"routes.{name}",
        f"{what}{which} to {route.to} ({kind}), up to {size} at a time, {start} (route {name})",
    )


def _start(start: datetime | str | None) -> str:
    if start == "latest":
        return "from now on"
    if isinstance(start, datetime):
        return f"from {start.isoformat()} on"
    return "everything there is"
