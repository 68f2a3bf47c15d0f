from __future__ import annotations

from gateway.config.model import Project
from gateway.console.flow import BOX, GAP, picture, sums, target_name
from gateway.control import EndpointStatus, Status
from gateway.store.port import RouteStatus, RouteTally, StreamStatus, Tally
from gateway.types import StreamId
from tests.unit.api.world import NOW, PROJECT


def status(streams=(), routes=(), endpoints=()):
    return Status("test", "1", NOW, 100, streams, routes, endpoints, {}, 0)


def route(name, part=0, **given):
    given = {
        "offset": 100,
        "lag": 0,
        "oldest_undelivered_at": None,
        "parked_keys": 0,
        "parked_records": 0,
    } | given
    return RouteStatus(name, part, tally=given.pop("tally", RouteTally()), **given)


PROJECT_MODEL = Project.model_validate(PROJECT)


def test_every_line_meets_the_middle_of_its_box():
    flow = picture(PROJECT_MODEL, status())
    assert [box.title for box in flow.streams] == [
        "party.party",
        "public.tickets",
        "public.payments",
    ]
    assert flow.height == 3 * (BOX + GAP) - GAP
    lefts = [line.left for line in flow.gutters[0]]
    assert lefts == [BOX / 2, BOX / 2 + BOX + GAP, BOX / 2 + 2 * (BOX + GAP)]
    assert [line.left for line in flow.gutters[2]] == [line.right for line in flow.gutters[1]]
    top = (flow.height - flow.log_height) / 2
    for line in [*flow.gutters[0], *flow.gutters[1]]:
        assert top < (line.right if line in flow.gutters[0] else line.left) < flow.height - top


def test_two_routes_to_one_endpoint_end_in_one_box():
    project = Project.model_validate(
        {
            "endpoints": {"m": {"type": "http"}},
            "routes": {"a": {"from": "x.v1", "to": "m"}, "b": {"from": "y.v1", "to": "m"}},
        }
    )
    flow = picture(project, status())
    assert len(flow.endpoints) == 1
    assert len({line.right for line in flow.gutters[2]}) == 1


def test_states_have_their_tones():
    tickets = StreamId("support", "public.tickets")
    flow = picture(
        PROJECT_MODEL,
        status(
            [StreamStatus(tickets, 1, None, "held", "drift", Tally(3, 3), NOW)],
            [route("score-customers", lag=4), route("keep-everything")],
            [EndpointStatus("archive", "file", "held", "disk full", None, 0)],
        ),
    )
    assert [box.tone for box in flow.streams] == ["quiet", "bad", "quiet"]
    assert [(box.state, box.tone) for box in flow.routes] == [
        ("delivering", "busy"),
        ("held", "wait"),
    ]
    assert flow.routes[1].reason == "disk full"
    assert [line.moving for line in flow.gutters[1]] == [True, False]


def test_parts_of_a_route_are_added_up():
    found = sums(
        [
            route("r", 0, lag=1, offset=50, tally=RouteTally(routed=2, delivered=2)),
            route(
                "r",
                1,
                lag=2,
                offset=60,
                tally=RouteTally(routed=3, delivered=1),
                oldest_undelivered_at=NOW,
            ),
        ]
    )["r"]
    assert (found.lag, found.offset, found.oldest) == (3, 60, NOW)
    assert (found.tally.routed, found.tally.delivered) == (5, 3)


def test_a_sink_is_an_endpoint_by_system_and_stream():
    project = Project.model_validate(
        {
            "sources": {"crm": {"type": "sql"}},
            "routes": {
                "back": {
                    "from": "prediction.v1",
                    "to": {"sink": "crm", "stream": "scores", "mapping": "m.yaml"},
                    "start": "latest",
                }
            },
        }
    )
    assert target_name(project, "back") == "crm/scores"
    flow = picture(
        project, status(endpoints=[EndpointStatus("crm/scores", "sink", "up", None, None, 2)])
    )
    assert (flow.endpoints[0].kind, flow.endpoints[0].tone) == ("sink", "good")


def test_nothing_configured_is_no_picture():
    flow = picture(Project(), status())
    assert (flow.streams, flow.routes, flow.endpoints) == ([], [], [])
