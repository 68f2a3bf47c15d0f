from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta

import pytest

from gateway.console.diff import DiffLine, diff
from gateway.console.page import query
from gateway.console.words import ago, compact, due, plural, prose, sentence, size, span
from tests.unit.api.world import PARTY, TICKETS, raw_letter, record

PAGES = [
    "/", "/streams", "/routes", "/letters", "/letters?state=any", "/letters/l0", "/letters/l4",
    "/letters/l5", "/drift", "/records", "/records?after=3", "/records?contract=ticket.v1",
    "/events",
]  # fmt: skip
XSS = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'"


@pytest.mark.parametrize("path", PAGES)
async def test_pages_are_whole_and_without_inline_script_or_style(client, path):
    said = await client.get(path)
    assert said.status_code == 200
    assert said.headers["cache-control"] == "no-store"
    page = said.text
    assert page.count("<h1") == 1
    assert '<html lang="en">' in page
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert not re.search(r"<[^>]+\s(on\w+|style)=", page)
    assert "javascript:" not in page
    assert not re.search(r"(src|href)=\"(https?:)?//", page)


@pytest.mark.parametrize("path", PAGES)
async def test_ids_are_unique_and_controls_have_names(client, path):
    page = (await client.get(path)).text
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for control in re.findall(r"<(?:input|select)[^>]*>", page):
        if 'type="hidden"' in control:
            continue
        at = page.index(control)
        assert page.rfind("<label", 0, at) > page.rfind("</label>", 0, at), control


async def test_payload_is_text_and_nothing_else(client, world):
    body = b'{"name": "%s", "%s": 1}' % ((XSS.encode().replace(b'"', b'\\"'),) * 2)
    letters = [
        raw_letter("l9", body, f"`name`: there was {XSS}", key=XSS, code=f"c{XSS}"[:60]),
        raw_letter("l8", XSS.encode(), XSS, fingerprint=f"v1:{XSS}"),
    ]
    await world.ingest(TICKETS, [record(PARTY, 3, 0, XSS, name=XSS)], letters)
    for path in ("/", "/letters", "/letters/l9", "/letters/l8", "/records", f"/letters?text={XSS}"):
        page = (await client.get(path)).text
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "alert(1)" in html.unescape(page)


async def test_letter_shows_the_row_with_the_field_at_fault_marked(client):
    page = (await client.get("/letters/l0")).text
    (line,) = re.findall(r'<li class="marked">(.*?)</li>', page)
    assert "created" in line
    assert "0000-00-00" in line
    assert "Download the bytes" in page


async def test_letters_are_filtered_and_paged(client, world):
    many = [raw_letter(f"m{n:03}", b"{}", "`x` is absent", fingerprint="v1:m") for n in range(60)]
    await world.ingest(TICKETS, [], many)
    first = (await client.get("/letters?fingerprint=v1:m")).text
    assert "1 cause, 60 letters" in first
    older = html.unescape(re.search(r'href="(/letters\?[^"]*after=[^"]*)"', first)[1])
    second = (await client.get(older)).text
    shown = re.findall(r'href="/letters/(m\d+)"', first + second)
    assert sorted(shown) == [f"m{n:03}" for n in range(60)]


async def test_forecast_then_replay_and_the_report_survives_a_reload(client, world):
    said = await client.post(
        "/letters/replay", data={"fingerprint": "v1:aaaaaaaaaaaaaaaa", "dry_run": "1"}
    )
    assert said.status_code == 303
    forecast = (await client.get(said.headers["location"])).text
    assert "A replay would resolve all 4." in forecast
    assert world.replayed[-1][1] is True
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', forecast))
    assert fields == {"fingerprint": "v1:aaaaaaaaaaaaaaaa"}
    done = await client.post("/letters/replay", data=fields)
    for _ in range(2):
        report = (await client.get(done.headers["location"])).text
        assert "4 letters went in again" in report
    assert len(world.replayed) == 2


async def test_a_letter_that_is_closed_by_now_is_left_alone(client, world):
    await world.store.letters.discard(["l0"], "somebody else")
    await client.post("/letters/replay", data={"ids": "l0"})
    assert world.replayed[-1][0].state == "open"
    await client.post("/letters/discard", data={"ids": "l0", "reason": "again"})
    assert "somebody else" in (await client.get("/letters/l0")).text
    assert world.freed == 0


async def test_replaying_everything_must_be_said(client, world):
    said = await client.post(
        "/letters/replay", data={"state": "open"}, headers={"Accept": "text/html"}
    )
    assert said.status_code == 422
    assert "names no letters" in said.text
    assert world.replayed == []


async def test_discard_asks_for_a_reason(client, world):
    refused = await client.post(
        "/letters/discard", data={"ids": "l0"}, headers={"Accept": "text/html"}
    )
    assert refused.status_code == 422
    done = await client.post("/letters/discard", data={"ids": "l0", "reason": "a test row"})
    assert done.headers["location"] == "/letters/l0"
    page = (await client.get("/letters/l0")).text
    assert "Discarded" in page
    assert "a test row (by local)" in page
    assert 'data-key="r"' not in page
    assert world.freed == 1


async def test_drift_shows_the_change_the_diff_and_is_accepted(client, world):
    page = (await client.get("/drift")).text
    assert "amount_eur" in page
    assert re.search(r'class="add".*subject: headline', page)
    assert re.search(r'class="del".*subject: title', page)
    done = await client.post("/drift/d1/accept")
    assert (done.status_code, done.headers["location"]) == (303, "/drift")
    assert world.accepted == [("d1", None, "local")]
    assert "Every stream keeps its promise." in (await client.get("/drift")).text


async def test_a_proposal_that_does_not_fit_any_more_says_so(client, world):
    world.mapping = "not a mapping"
    page = (await client.get("/drift")).text
    assert "does not fit the mapping any more" in page


async def test_backfill_from_the_streams_page(client, world):
    page = (await client.get("/streams")).text
    (action,) = re.findall(r'action="(/streams/support/public.tickets[^"]*)"', page)
    assert (await client.post(action)).status_code == 303
    assert world.backfilled == [(TICKETS, None)]


async def test_states_that_need_a_person_are_on_the_first_page(client):
    page = (await client.get("/")).text
    assert "support/public.payments has drifted" in page
    assert "late-payment is held" in page
    assert "4 dead letters" in page


async def test_unready_is_said_on_every_page(client, world):
    world.why_unready = "draining"
    assert "Not ready.</b> draining" in (await client.get("/events")).text


async def test_errors_are_pages_for_a_browser_and_json_for_the_api(client):
    accept = {"Accept": "text/html,*/*"}
    page = await client.get("/letters/nope", headers=accept)
    assert page.status_code == 404
    assert "There is no dead letter nope." in page.text
    assert page.headers["content-type"].startswith("text/html")
    api = await client.get("/v1/deadletters/nope", headers=accept)
    assert api.json()["error"]["code"] == "dead_letter_unknown"
    wrong = await client.get("/letters?state=lost", headers=accept)
    assert wrong.status_code == 422


async def test_an_empty_gateway_explains_itself(tmp_path):
    import httpx2

    from gateway.api.app import create_app
    from tests.unit.api.world import World

    world = await World.open(tmp_path, {"instance": "test"})
    transport = httpx2.ASGITransport(app=create_app(world, version="1"))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        for path in ("/", "/streams", "/routes", "/letters", "/drift", "/records"):
            page = (await client.get(path)).text
            assert 'class="empty"' in page
    await world.store.close()


async def test_static_files_are_kept_and_named_by_their_version(client):
    page = (await client.get("/")).text
    for address in set(re.findall(r'(?:src|href)="(/static/[^"#]+)', page)):
        said = await client.get(address)
        assert said.status_code == 200
        assert "immutable" in said.headers["cache-control"]
    assert (await client.get("/static/../app.py")).status_code == 404


def test_numbers_and_times_read_well():
    assert [compact(n) for n in (0, 99_999, 123_456, 1_200_000, 3e9)] == [
        "0",
        "99,999",
        "123k",
        "1.2M",
        "3B",
    ]
    assert [size(n) for n in (1, 75, 2048, 100 << 20)] == ["1 byte", "75 bytes", "2 KiB", "100 MiB"]
    assert [span(s) for s in (0.04, 12, 180, 7200, 200_000)] == [
        "0.0 s",
        "12 s",
        "3 min",
        "2 h",
        "2 d",
    ]
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert ago(now - timedelta(minutes=3), now) == "3 min ago"
    assert ago(now + timedelta(seconds=12), now) == "in 12 s"
    assert due(now - timedelta(minutes=3), now) == "now"
    assert plural(1, "cause") == "1 cause"
    assert query({"a": 1, "b": "x y"}, b=None, c="&") == "?a=1&c=%26"


def test_prose_sets_code_and_escapes_the_rest():
    assert prose("`a<b>` is <i>") == "<code>a&lt;b&gt;</code> is &lt;i&gt;"
    assert prose("an `odd tick") == "an `odd tick"


def test_a_reason_becomes_a_sentence_that_another_may_follow():
    assert sentence("connection refused") == "Connection refused."
    assert sentence("crm/customers is away!") == "crm/customers is away!"


def test_diff_is_of_what_differs():
    assert diff("a\nb\n", "a\nc\n") == [DiffLine(" ", "a"), DiffLine("-", "b"), DiffLine("+", "c")]
    assert diff("a", "a") == []
