"""Whatever is asked, the answer is one shape and no traceback."""

from __future__ import annotations

import pytest

from gateway import events
from gateway.errors import (
    Ambiguous,
    AuthError,
    ConfigError,
    DriftError,
    Outage,
    Refusal,
    StoreError,
)
from gateway.events import StepFailed


@pytest.mark.parametrize(
    ("path", "mend"),
    [
        ("/v1/deadletters?sorce=erp", "Did you mean source?"),
        ("/v1/deadletters?lmit=3", "Did you mean limit?"),
        ("/v1/records?form=3", None),
        ("/v1/status?verbose=1", "There are none."),
        ("/v1/deadletters/l0?x=1", "There are none."),
    ],
)
async def test_unknown_parameters_are_errors_with_the_nearest_name(client, path, mend):
    said = await client.get(path)
    assert said.status_code == 422
    error = said.json()["error"]
    assert error["code"] == "parameter_unknown"
    if mend:
        assert error["mend"] == mend


@pytest.mark.parametrize(
    "path",
    [
        "/v1/deadletters?limit=0",
        "/v1/deadletters?limit=1001",
        "/v1/deadletters?limit=x",
        "/v1/deadletters?state=lost",
        "/v1/deadletters?since=yesterday",
        "/v1/deadletters?since=2026-05-04T00:00:00",
        "/v1/deadletters?text=",
        "/v1/deadletters?key=a%00b",
        "/v1/records?after=-1",
        "/v1/records?after=99999999999999999999999",
        "/v1/records?limit=100000",
        "/v1/events?limit=501",
    ],
)
async def test_values_out_of_bounds_are_errors_that_name_the_parameter(client, path):
    said = await client.get(path)
    assert said.status_code == 422
    error = said.json()["error"]
    assert error["code"] == "request_invalid"
    assert path.partition("?")[2].partition("=")[0] in error["message"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "body_invalid"),
        (b"\xff\xfe", 400, "body_invalid"),
        (b"[" * 100_000, 400, "body_invalid"),
        (b'{"filter": {"fingerprnt": "x"}}', 422, "request_invalid"),
        (b'{"all": "perhaps"}', 422, "request_invalid"),
        (b"[]", 422, "request_invalid"),
        (b"", 422, "request_invalid"),
    ],
)
async def test_bodies_that_cannot_be_read(client, body, status, code):
    said = await client.post(
        "/v1/deadletters/replay", content=body, headers={"Content-Type": "application/json"}
    )
    assert (said.status_code, said.json()["error"]["code"]) == (status, code)
    assert "Traceback" not in said.text


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1", "/nothing", "/v1/deadletters/"])
async def test_what_is_not_there(client, path):
    said = await client.get(path)
    assert said.status_code == 404
    assert said.json()["error"]["code"] in ("not_found", "dead_letter_unknown")


async def test_wrong_methods(client):
    said = await client.delete("/v1/status")
    assert said.status_code == 405
    assert said.json()["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigError("no", file="a.yaml", line=3), 422),
        (StoreError("disk full", mend="Free some space."), 503),
        (Outage("away"), 503),
        (AuthError("who?"), 502),
        (Refusal("never"), 422),
        (Ambiguous("perhaps"), 502),
        (DriftError("other shape"), 409),
    ],
)
async def test_our_own_errors_have_their_status_and_mend(client, world, error, status):
    world.broken = error
    said = await client.get("/v1/status")
    assert said.status_code == status
    assert said.json()["error"]["code"] == error.code
    assert said.json()["error"]["mend"] == error.mend


async def test_an_error_nobody_foresaw_tells_nothing_but_its_name(client, world):
    world.broken = KeyError("hunter2")
    with events.capture() as seen:
        said = await client.get("/v1/status")
    assert said.status_code == 500
    assert said.json()["error"]["code"] == "unforeseen"
    assert "hunter2" not in said.text
    (failed,) = seen
    assert isinstance(failed, StepFailed)
    assert (failed.part, failed.error) == ("api", "KeyError")
    assert "hunter2" not in repr(failed)
    assert "api/status.py" in failed.detail
