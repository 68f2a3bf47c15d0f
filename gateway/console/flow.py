"""The picture of the flow: which boxes there are, how they stand, and the lines between them.

Pure: from the project and a status to columns of boxes with their places. Boxes are HTML (they
wrap, are links, and stack on a narrow screen); the lines are SVG between the columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from gateway.config.model import Project, SinkTarget
from gateway.console.words import compact
from gateway.control import EndpointStatus, Status
from gateway.store.port import RouteStatus, RouteTally, StreamStatus, Tally

Tone: TypeAlias = Literal["quiet", "good", "busy", "wait", "bad"]
"""How a state looks: nothing to see, well, at work, waiting by itself, waiting for a person."""

BOX = 74
GAP = 14
LOG_MIN = 150


@dataclass(frozen=True)
class Box:
    """One stream, route or endpoint. `facts` are short (label, text) pairs."""

    id: str
    title: str
    kind: str
    state: str
    tone: Tone
    link: str
    reason: str | None = None
    until: datetime | None = None
    facts: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Line:
    """A line across a gutter: heights in pixels at its left and its right end."""

    left: float
    right: float
    tone: Tone
    moving: bool

    @property
    def path(self) -> str:
        return f"M0 {self.left:g} C50 {self.left:g} 50 {self.right:g} 100 {self.right:g}"


@dataclass(frozen=True)
class Flow:
    streams: Sequence[Box]
    routes: Sequence[Box]
    endpoints: Sequence[Box]
    height: int
    log_height: int
    gutters: Sequence[Sequence[Line]]
    lag: int
    oldest: datetime | None
    predictions: int


@dataclass
class RouteSum:
    """A route over all its parts."""

    lag: int = 0
    offset: int = 0
    oldest: datetime | None = None
    parked_keys: int = 0
    parked_records: int = 0
    tally: RouteTally = field(default_factory=RouteTally)


def sums(routes: Sequence[RouteStatus]) -> Mapping[str, RouteSum]:
    found: dict[str, RouteSum] = {}
    for part in routes:
        one = found.setdefault(part.route, RouteSum())
        one.lag += part.lag
        one.offset = max(one.offset, part.offset)
        one.parked_keys += part.parked_keys
        one.parked_records += part.parked_records
        if part.oldest_undelivered_at is not None:
            one.oldest = min(one.oldest or part.oldest_undelivered_at, part.oldest_undelivered_at)
        one.tally = RouteTally(
            *(
                getattr(one.tally, name) + getattr(part.tally, name)
                for name in RouteTally.__struct_fields__
            )
        )
    return found


def target_name(project: Project, route: str) -> str:
    """What a route delivers to: an endpoint's name, or `crm/Account` for a stream of a system."""
    to = project.routes[route].to
    return f"{to.sink}/{to.stream}" if isinstance(to, SinkTarget) else to


def endpoint_of(status: Status, target: str) -> EndpointStatus | None:
    """The endpoint's status; for a sink also under the system's name."""
    for name in (target, target.partition("/")[0]):
        for endpoint in status.endpoints:
            if endpoint.name == name:
                return endpoint
    return None


def picture(project: Project, status: Status) -> Flow:
    """The whole picture, in the order of the project file."""
    known = {str(stream.stream): stream for stream in status.streams}
    streams = [
        _stream_box(source, stream, known.get(f"{source}/{stream}"))
        for source, settings in project.sources.items()
        for stream in settings.streams
    ]
    summed = sums(status.routes)
    targets = list(dict.fromkeys(target_name(project, route) for route in project.routes))
    routes = [
        _route_box(
            route,
            project.routes[route].contracts,
            summed.get(route, RouteSum()),
            endpoint_of(status, target_name(project, route)),
        )
        for route in project.routes
    ]
    endpoints = [_endpoint_box(project, target, endpoint_of(status, target)) for target in targets]
    tallest = max(len(streams), len(routes), len(endpoints), 1)
    height = max(tallest * (BOX + GAP) - GAP, LOG_MIN)
    log_height = max(LOG_MIN, int(height * 0.72))
    into = _spread(len(streams), height, log_height)
    out = _spread(len(routes), height, log_height)
    ends = dict(zip(targets, _column(len(targets), height), strict=True))
    gutters = (
        [
            Line(left, right, box.tone, box.tone == "busy")
            for left, right, box in zip(_column(len(streams), height), into, streams, strict=True)
        ],
        [
            Line(left, right, box.tone, box.tone == "busy")
            for left, right, box in zip(out, _column(len(routes), height), routes, strict=True)
        ],
        [
            Line(left, ends[target_name(project, route)], box.tone, box.tone == "busy")
            for left, route, box in zip(
                _column(len(routes), height), project.routes, routes, strict=True
            )
        ],
    )
    waiting = [one.oldest for one in summed.values() if one.oldest is not None]
    return Flow(
        streams,
        routes,
        endpoints,
        height,
        log_height,
        gutters,
        max((one.lag for one in summed.values()), default=0),
        min(waiting, default=None),
        sum(one.tally.predictions for one in summed.values()),
    )


def _stream_box(source: str, stream: str, status: StreamStatus | None) -> Box:
    tally = status.tally if status else Tally()
    state = status.state if status else "new"
    return Box(
        id=f"stream-{source}-{stream}",
        title=stream,
        kind=source,
        state=state,
        tone=STREAM_TONES.get(state, "quiet"),
        link=f"/streams#{source}/{stream}",
        reason=status.reason if status else None,
        facts=(
            ("read", compact(tally.read)),
            ("letters", compact(tally.letters))
            if tally.letters
            else ("appended", compact(tally.appended)),
        ),
    )


def _route_box(
    route: str, contracts: Sequence[str], summed: RouteSum, endpoint: EndpointStatus | None
) -> Box:
    tally = summed.tally
    if endpoint is not None and endpoint.state == "held":
        state: str = "held"
        tone: Tone = "wait"
    elif summed.lag:
        state, tone = "delivering", "busy"
    else:
        state, tone = "caught_up", "good"
    facts = [
        ("delivered", compact(tally.delivered + tally.replayed)),
        ("lag", compact(summed.lag)),
    ]
    if summed.parked_keys:
        facts.append(("parked", compact(summed.parked_keys)))
    return Box(
        id=f"route-{route}",
        title=route,
        kind=", ".join(contracts),
        state=state,
        tone=tone,
        link=f"/routes#{route}",
        reason=endpoint.reason if endpoint and state == "held" else None,
        facts=tuple(facts),
    )


def _endpoint_box(project: Project, target: str, status: EndpointStatus | None) -> Box:
    configured = project.endpoints.get(target)
    state = status.state if status else "unknown"
    if status is not None and status.type:
        kind = status.type
    else:
        kind = configured.type if configured else "sink"
    facts = [("in flight", f"{status.in_flight:,}")] if status else []
    return Box(
        id=f"endpoint-{target}",
        title=target,
        kind=kind,
        state=state,
        tone=ENDPOINT_TONES.get(state, "quiet"),
        link="/routes",
        reason=status.reason if status else None,
        until=status.held_until if status else None,
        facts=tuple(facts),
    )


def _column(count: int, height: int) -> list[float]:
    """The middles of boxes stacked in a column and centred in `height`."""
    top = (height - (count * (BOX + GAP) - GAP)) / 2
    return [top + index * (BOX + GAP) + BOX / 2 for index in range(count)]


def _spread(count: int, height: int, log_height: int) -> list[float]:
    """Where lines meet the log: evenly over its height."""
    top = (height - log_height) / 2
    return [top + (index + 1) * log_height / (count + 1) for index in range(count)]


STREAM_TONES: Mapping[str, Tone] = {
    "new": "quiet",
    "reading": "busy",
    "caught_up": "good",
    "waiting": "wait",
    "held": "bad",
}
ENDPOINT_TONES: Mapping[str, Tone] = {"up": "good", "held": "wait", "unknown": "quiet"}
