"""The endpoint `http`: what is sent, and what each answer is taken for."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.http_json import HttpJsonConnector
from connectors.http_json.config import HttpJsonConfig
from connectors.http_json.message import outcomes
from gateway.demo.servers.process import free_port
from gateway.errors import Ambiguous, AuthError, HeadraceError, Outage, Refusal
from gateway.http import Answer, HttpSession
from gateway.ports import Runtime
from gateway.types import Delivered, Later, Refused
from tests.deliveries import delivery
from tests.local_server import serve

BATCH = [delivery(0, {"n": 0}), delivery(1, {"n": 1}), delivery(2)]
IDS = [each.record.id for each in BATCH]


def config(**more):
    return HttpJsonConfig.model_validate({"url": "http://127.0.0.1:1/", **more})


@asynccontextmanager
async def opened(tmp_path, **more):
    async with (
        HttpSession.open() as http,
        HttpJsonConnector.open(
            config(**more), {}, Runtime(name="service", http=http, folder=tmp_path, state=tmp_path)
        ) as endpoint,
    ):
        yield endpoint


def read(body, count=3, **more):
    if not isinstance(body, Answer):
        body = Answer(200, {"content-type": "application/json"}, json.dumps(body).encode())
    return outcomes(config(**more), BATCH[:count], body)


class TestConfig:
    @pytest.mark.parametrize(
        "more",
        [
            {"url": "ftp://a"},
            {"url": "a.example"},
            {"mode": "stream"},
            {"headers": {"Authorization": "Bearer hunter2"}},
            {"answer": {"from": "x"}, "results": "required"},
            {"answer": {}},
            {"method": "PUT"},
        ],
    )
    def test_what_cannot_work_is_refused_and_not_shown(self, more):
        with pytest.raises(ValidationError) as caught:
            config(**more)
        assert "hunter2" not in str(caught.value)


class TestResults:
    def test_each_verdict_is_taken_by_id_in_any_order(self):
        got = read(
            {
                "results": [
                    {
                        "id": IDS[2],
                        "status": "later",
                        "detail": "busy\n now",
                        "retry_after_secs": 9,
                    },
                    {"id": IDS[0], "status": "ok", "answer": {"score": 1, "label": "a", "x": 2}},
                    {"id": IDS[1], "status": "refused", "detail": "no such customer"},
                ]
            }
        )
        assert got[0] == Delivered(
            answer={
                "score": 1.0,
                "label": "a",
                "outputs": {"score": 1, "label": "a", "x": 2},
                "model": {"name": None, "version": None},
            }
        )
        assert got[1] == Refused("refused", "no such customer")
        assert got[2] == Later("later", "busy now", 9.0, costs_attempt=True)

    @pytest.mark.parametrize(
        "result", [{}, {"status": "done"}, {"status": None}, {"status": ["ok"]}]
    )
    def test_a_verdict_that_is_none_costs_that_record_an_attempt(self, result):
        got = read({"results": [{"id": IDS[0], **result}, {"id": IDS[1], "status": "ok"}]})
        assert isinstance(got[0], Later)
        assert got[0].costs_attempt
        assert got[1] == Delivered()
        # The third was left out altogether.
        assert (got[2].code, got[2].costs_attempt) == ("no_verdict", True)

    @pytest.mark.parametrize("secs", [-1, "9", True, None, [], {}])
    def test_a_wait_that_is_none_is_passed_over(self, secs):
        body = json.dumps(
            {"results": [{"id": IDS[0], "status": "later", "retry_after_secs": secs}]}
        )
        got = read(Answer(200, {}, body.replace("NaN", "1e999").encode()), 1)
        assert got[0].after is None

    @pytest.mark.parametrize(
        "body",
        [
            {"results": {}},
            {"results": ["ok"]},
            {"results": [{"status": "ok"}]},
            {"results": [{"id": "someone else's", "status": "ok"}]},
            {"results": [{"id": IDS[0], "status": "ok"}, {"id": IDS[0], "status": "refused"}]},
            {"results": [{"id": [IDS[0]], "status": "ok"}]},
        ],
    )
    def test_results_that_are_not_about_what_was_sent_are_no_answer(self, body):
        with pytest.raises(Ambiguous) as caught:
            read(body)
        assert caught.value.code == "answer_invalid"

    @pytest.mark.parametrize(
        "answer",
        [
            Answer(204, {}, b""),
            Answer(202, {"content-type": "text/plain"}, b"OK"),
            Answer(200, {"content-type": "application/json"}, b"{}"),
            Answer(200, {"content-type": "application/json"}, b'{"accepted": 3}'),
            Answer(200, {"content-type": "application/json"}, b"3"),
        ],
    )
    def test_a_plain_receipt_will_do_unless_results_are_required(self, answer):
        assert [type(each) for each in read(answer)] == [Delivered] * 3
        with pytest.raises(Ambiguous):
            read(answer, results="required")

    def test_a_single_result_may_stand_alone(self):
        assert read({"status": "refused", "detail": "x"}, 1, mode="single") == [
            Refused("refused", "x")
        ]

    @pytest.mark.parametrize(
        "answer",
        [
            Answer(200, {"content-type": "application/json"}, b'{"results": ['),
            Answer(200, {}, b'{"results": [NaN]}'),
            Answer(200, {"content-type": "text/html"}, b"fine"),
        ],
    )
    def test_what_is_broken_is_no_receipt(self, answer):
        with pytest.raises(Ambiguous):
            read(answer, results="required")


class TestAnswerPath:
    def test_items_are_taken_in_order(self):
        got = read(
            {"data": {"items": [{"p": {"v": 0.5}, "c": 1}, {"p": {"v": 1}, "c": "b"}]}},
            2,
            answer={"from": "data.items", "score": "p.v", "label": "c"},
        )
        assert [(each.answer["score"], each.answer["label"]) for each in got] == [
            (0.5, "1"),
            (1.0, "b"),
        ]
        assert got[0].answer["outputs"] == {"p": {"v": 0.5}, "c": 1}

    def test_plain_numbers_and_texts_are_scores_and_labels(self):
        got = read([0.25, "yes"], 2, answer={"from": "."})
        assert (got[0].answer["score"], got[1].answer["label"]) == (0.25, "yes")

    def test_one_record_has_one_item(self):
        [got] = read({"answer": {"score": 3}}, 1, mode="single", answer={"from": "answer"})
        assert got.answer["score"] == 3.0

    @pytest.mark.parametrize(
        ("body", "more"),
        [
            ([None], {}),
            ([{"p": None}], {"score": "p"}),
            ([{"p": "high"}], {"score": "p"}),
            ([{"p": True}], {"score": "p"}),
            ([{"p": 10**400}], {"score": "p"}),
            ([{}], {"label": "p"}),
        ],
    )
    def test_an_item_without_its_value_is_refused_alone(self, body, more):
        [got] = read(body, 1, answer={"from": ".", **more})
        assert got.code == "no_prediction"

    @pytest.mark.parametrize(
        "body", [{}, {"x": None}, {"x": {}}, {"x": [1]}, {"x": [1, 2, 3, 4]}, 5]
    )
    def test_another_number_of_items_is_no_answer(self, body):
        with pytest.raises(Ambiguous):
            read(body, answer={"from": "x"})

    @given(st.binary(max_size=60), st.booleans())
    def test_no_body_breaks_anything(self, body, path):
        try:
            got = read(Answer(200, {}, body), answer={"from": "."} if path else None)
        except HeadraceError:
            return
        assert len(got) == 3


class TestSend:
    async def test_a_batch_is_one_request(self, tmp_path):
        seen = []

        async def service(request):
            seen.append((request.headers, await request.json()))
            return web.Response(status=202)

        async with serve(service) as url, opened(tmp_path, url=url, headers={"X-A": "b"}) as to:
            got = await to.send(BATCH)
            await to.send(BATCH)
        assert got == [Delivered(receipt="202")] * 3
        (headers, body), (again, _) = seen
        assert headers["x-a"] == "b"
        assert headers["idempotency-key"] == again["idempotency-key"]
        assert body["records"][0] == {
            "id": "erp/party.party/3/0.0",
            "idempotency_key": "erp/party.party/3/0.0@score",
            "contract": "customer.v1",
            "source": "erp",
            "stream": "party.party",
            "key": "0",
            "operation": "upsert",
            "version": "v0",
            "event_at": "2026-05-04T03:02:01Z",
            "recorded_at": "2026-05-04T03:02:01Z",
            "data": {"n": 0},
        }
        assert (body["records"][2]["operation"], body["records"][2]["data"]) == ("delete", None)

    async def test_deletes_can_be_kept_back(self, tmp_path):
        async def service(request):
            records = (await request.json())["records"]
            return web.json_response({"seen": [each["key"] for each in records]})

        async with (
            serve(service) as url,
            opened(tmp_path, url=url, deletes="ignore", answer={"from": "seen"}) as to,
        ):
            got = await to.send([BATCH[2], BATCH[0]])
            assert (await to.send([BATCH[2]]))[0].receipt == "delete_ignored"
        assert got[0] == Delivered(receipt="delete_ignored")
        assert got[1].answer["label"] == "0"

    async def test_single_mode_is_one_request_a_record_in_order(self, tmp_path):
        async def service(request):
            record = await request.json()
            assert request.headers["idempotency-key"] == record["idempotency_key"]
            await asyncio.sleep(0.02 if record["key"] == "0" else 0)
            return web.json_response({"answer": record["key"]})

        many = [delivery(row, {"n": row}) for row in range(40)]
        async with (
            serve(service) as url,
            opened(tmp_path, url=url, mode="single", answer={"from": "answer"}) as to,
        ):
            got = await to.send(many)
        assert [each.answer["label"] for each in got] == [str(row) for row in range(40)]

    async def test_single_mode_keeps_what_got_through(self, tmp_path):
        async def service(request):
            status = {"0": 200, "1": 422, "2": 503, "3": 500}[(await request.json())["key"]]
            return web.json_response({"detail": "why"}, status=status, headers={"retry-after": "5"})

        batch = [delivery(row, {"n": row}) for row in range(4)]
        async with serve(service) as url, opened(tmp_path, url=url, mode="single") as to:
            got = await to.send(batch)
        assert [type(each) for each in got] == [Delivered, Refused, Later, Later]
        assert "“why”" in got[1].detail
        assert (got[2].after, got[2].costs_attempt) == (5.0, False)
        assert (got[3].after, got[3].costs_attempt) == (5.0, True)

    @pytest.mark.parametrize(
        ("statuses", "kind"),
        [((503, 500), Outage), ((500, 500), Ambiguous), ((401, 401), AuthError)],
    )
    async def test_single_mode_raises_where_nothing_got_through(self, tmp_path, statuses, kind):
        async def service(request):
            return web.Response(status=statuses[int((await request.json())["key"])])

        async with serve(service) as url, opened(tmp_path, url=url, mode="single") as to:
            with pytest.raises(kind):
                await to.send([delivery(0, {"n": 0}), delivery(1, {"n": 1})])

    @pytest.mark.parametrize("mode", ["batch", "single"])
    @pytest.mark.parametrize(
        ("status", "kind", "code"),
        [
            (200, Ambiguous, "html_answer"),
            (202, Ambiguous, "html_answer"),
            (500, Ambiguous, "server_error"),
            (503, Outage, "unavailable"),
            (404, Outage, "not_found"),
        ],
    )
    async def test_a_page_is_never_an_answer(self, tmp_path, mode, status, kind, code):
        async def page(request):
            return web.Response(
                status=status, text="<!doctype html><p>Please sign in", content_type="text/html"
            )

        async with serve(page) as url, opened(tmp_path, url=url, mode=mode) as to:
            with pytest.raises(kind) as caught:
                await to.send(BATCH)
        assert (caught.value.code, "sign in" in str(caught.value)) == (code, False)

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            ({"detail": "too old"}, "“too old”"),
            ({"error": {"message": "bad"}}, "“bad”"),
            ({"title": "Unprocessable"}, "“Unprocessable”"),
            ({"detail": [{"loc": ["x"]}]}, "rejects it."),
        ],
    )
    async def test_a_refusal_says_why(self, tmp_path, body, words):
        async def service(request):
            return web.json_response(body, status=422)

        async with serve(service) as url, opened(tmp_path, url=url) as to:
            with pytest.raises(Refusal) as caught:
                await to.send(BATCH)
        assert words in str(caught.value)

    @pytest.mark.parametrize(
        ("status", "good"), [(200, True), (405, True), (404, True), (401, False), (503, False)]
    )
    async def test_the_check_asks_without_posting(self, tmp_path, status, good):
        seen = []

        async def service(request):
            seen.append(request.method)
            return web.Response(status=status)

        async with serve(service) as url, opened(tmp_path, url=url) as to:
            assert [each.ok for each in await to.check()] == [good]
        assert seen == ["OPTIONS"]

    async def test_the_check_says_when_nobody_is_there(self, tmp_path):
        async with opened(tmp_path, url=f"http://127.0.0.1:{free_port()}/") as to:
            [found] = await to.check()
        assert not found.ok
        assert "cannot be reached" in found.detail
