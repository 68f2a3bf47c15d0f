"""The endpoint `open_inference`: pure parts, bad answers from a small server, a real MLServer."""

from __future__ import annotations

import asyncio
import json
import math
import os
import subprocess
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.open_inference import OpenInferenceConnector
from connectors.open_inference.config import Input, OpenInferenceConfig
from connectors.open_inference.feature import Unfit, feature
from connectors.open_inference.protocol import outcomes
from connectors.open_inference.signature import compared
from gateway.demo.servers.kserve import KServe, model_server
from gateway.demo.servers.mlserver import MLServer, ServedModel
from gateway.demo.servers.process import free_port
from gateway.errors import Ambiguous, AuthError, HeadraceError, Outage, Refusal
from gateway.http import Answer, HttpSession
from gateway.ports import Runtime
from gateway.types import Delivered, Refused
from tests.conftest import require
from tests.deliveries import delivery
from tests.local_server import serve

URL = "http://127.0.0.1:1/v2/models/churn"
FEATURES = [{"name": "age"}, {"name": "spent", "from": "orders.total"}]
OUTPUTS = {"score": {"from": "predict_proba", "index": 1}, "label": {"from": "predict"}}


def config(**more):
    settings = {"url": URL, "inputs": FEATURES, "outputs": OUTPUTS, **more}
    return OpenInferenceConfig.model_validate(settings)


@asynccontextmanager
async def opened(tmp_path, **more):
    async with (
        HttpSession.open() as http,
        OpenInferenceConnector.open(
            config(**more), {}, Runtime(name="churn", http=http, folder=tmp_path, state=tmp_path)
        ) as endpoint,
    ):
        yield endpoint


def take(data, **settings):
    return feature(Input.model_validate({"name": "x", **settings}))(delivery(1, data).record, data)


class TestConfig:
    @pytest.mark.parametrize(
        "more",
        [
            {"url": "http://a.example/"},
            {"url": "http://a.example/v2/models/"},
            {"url": "ftp://a.example/v2/models/x"},
            {"url": "http://a.example/v2/models/x/infer"},
            {"inputs": []},
            {"inputs": [{"name": "a"}, {"name": "a"}]},
            {"inputs": [{"name": "a", "datatype": "FP65"}]},
            {"inputs": [{"name": "a", "datatype": "BYTES"}], "mode": "matrix"},
            {"outputs": {"score": {"from": "p", "index": -1}}},
            {"timeout_secs": 0},
            {"retries": 3},
        ],
    )
    def test_what_cannot_work_is_refused(self, more):
        with pytest.raises(ValidationError):
            config(**more)

    def test_the_address_names_server_model_and_version(self):
        made = config(url="https://h:8/sub/v2/models/churn/versions/3/")
        assert (made.server_url, made.model) == ("https://h:8/sub", "churn")
        assert made.infer_url == "https://h:8/sub/v2/models/churn/versions/3/infer"


class TestFeature:
    @pytest.mark.parametrize(
        ("data", "settings", "value"),
        [
            ({"x": 1}, {}, 1.0),
            ({"x": "12.50"}, {}, 12.5),
            ({"x": True}, {}, 1.0),
            ({"a": {"b": [{"c": 5}]}}, {"from": "a.b.0.c", "datatype": "INT32"}, 5),
            ({"x": 5.0}, {"datatype": "INT64"}, 5),
            ({"x": "5.00"}, {"datatype": "UINT8"}, 5),
            ({"x": 2**64 - 1}, {"datatype": "UINT64"}, 2**64 - 1),
            ({"x": False}, {"datatype": "BOOL"}, False),
            ({"x": "é"}, {"datatype": "BYTES"}, "é"),
            ({"x": 5}, {"datatype": "BYTES"}, "5"),
            ({"x": True}, {"datatype": "BYTES"}, "true"),
            ({}, {"default": 7}, 7.0),
            ({"x": None}, {"default": 0}, 0.0),
            ({"a": None}, {"from": "a.b.c", "default": 3}, 3.0),
            ({}, {"default": math.nan}, None),
            ({}, {"from": "@key", "datatype": "BYTES"}, "1"),
            ({}, {"from": "@stream", "datatype": "BYTES"}, "party.party"),
        ],
    )
    def test_a_value_is_found_and_made_fit(self, data, settings, value):
        found = take(data, **settings)
        assert (found, type(found)) == (value, type(value))

    @pytest.mark.parametrize(
        ("data", "settings", "words"),
        [
            ({}, {}, "`x` is missing in customer.v1 and no default is set"),
            ({"x": None}, {}, "`x` is null"),
            ({"a": {}}, {"from": "a.b.c"}, "`a.b.c` is missing"),
            ({"a": [1]}, {"from": "a.1"}, "missing"),
            ({"x": "ten"}, {}, "is FP64, but `x` is a text that cannot be one"),
            ({"x": "nan"}, {}, "a text"),
            ({"x": "1_0"}, {}, "a text"),
            ({"x": "0x10"}, {}, "a text"),
            ({"x": "1e999"}, {}, "a text"),
            ({"x": 10**400}, {}, "a number"),
            ({"x": 1e39}, {"datatype": "FP32"}, "a number"),
            ({"x": 128}, {"datatype": "INT8"}, "a number"),
            ({"x": -1}, {"datatype": "UINT64"}, "a number"),
            ({"x": 1.5}, {"datatype": "INT64"}, "a number"),
            ({"x": 1}, {"datatype": "BOOL"}, "a number"),
            ({"x": [1]}, {}, "a list"),
            ({"x": {}}, {"datatype": "BYTES"}, "an object"),
        ],
    )
    def test_what_does_not_fit_is_said_in_a_sentence_without_the_value(self, data, settings, words):
        with pytest.raises(Unfit) as caught:
            take(data, **settings)
        assert words in str(caught.value)

    @given(st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=5,
    ), st.sampled_from(["BOOL", "BYTES", "FP16", "FP32", "FP64", "INT8", "INT64", "UINT64"]))  # fmt: skip
    def test_any_value_is_taken_or_refused_and_what_is_taken_is_json(self, value, datatype):
        try:
            found = take({"x": value}, datatype=datatype)
        except Unfit:
            return
        assert json.loads(json.dumps(found, allow_nan=False)) == found


def tensors(*pairs, **more):
    body = {
        "model_name": "churn",
        "model_version": "3",
        "outputs": [
            {"name": name, "shape": shape, "datatype": "FP64", "data": data}
            for name, shape, data in pairs
        ],
        **more,
    }
    return Answer(200, {"content-type": "application/json"}, json.dumps(body).encode())


def answered(answer, count=2, **more):
    batch = [delivery(row, {"age": row}) for row in range(count)]
    return outcomes(config(**more), batch, answer, "key")


class TestAnswer:
    @pytest.mark.parametrize("nested", [False, True])
    def test_scores_and_labels_are_taken_by_row(self, nested):
        data = [[0.9, 0.1], [0.2, 0.8]] if nested else [0.9, 0.1, 0.2, 0.8]
        got = answered(tensors(("predict_proba", [2, 2], data), ("predict", [2, 1], [0, 1])))
        assert [each.answer for each in got] == [
            {
                "score": score,
                "label": label,
                "outputs": {"score": score, "label": int(label)},
                "model": {"name": "churn", "version": "3"},
            }
            for score, label in ((0.1, "0"), (0.8, "1"))
        ]

    def test_without_outputs_everything_is_kept(self):
        got = answered(
            tensors(("p", [2, 3], [1, 2, 3, 4, 5, 6]), ("q", [2], ["a", "b"])), outputs={}
        )
        assert [each.answer["outputs"] for each in got] == [
            {"p": [1, 2, 3], "q": "a"},
            {"p": [4, 5, 6], "q": "b"},
        ]
        assert got[0].answer["score"] is None

    @pytest.mark.parametrize(
        "bad", ["NaN", "Infinity", "-Infinity", "null", "1e999", "1" + "0" * 400]
    )
    def test_a_row_without_a_number_is_refused_alone(self, bad):
        answer = tensors(
            ("predict_proba", [2, 2], [0.9, 0.1, 0.2, 12345]), ("predict", [2], [0, 1])
        )
        body = answer.body.replace(b"12345", bad.encode())
        good, lost = answered(Answer(200, {}, body))
        assert isinstance(good, Delivered)
        assert isinstance(lost, Refused)
        assert lost.code == "no_prediction"

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (tensors(("predict", [2], [0, 1])), "no output `predict_proba` \\(it has predict\\)"),
            (tensors(), "it has none"),
            (tensors(("predict_proba", [1, 2], [1, 2]), ("predict", [2], [0, 1])), "1 rows for 2"),
            (tensors(("predict_proba", [3, 2], [1] * 6), ("predict", [2], [0, 1])), "3 rows for 2"),
            (tensors(("predict_proba", [2, 2], [1, 2, 3])), "3 values where its shape says 4"),
            (tensors(("predict_proba", [2, 1], [1, 2])), "1 values a row, and `score` takes"),
            (tensors(("predict_proba", [], 5)), "no data"),
            (tensors(("predict_proba", [], [5])), "no rows"),
            (tensors(("predict_proba", [2, 0], [])), "holds 0"),
            (tensors(("predict_proba", [2, True], [])), "no shape"),
            (tensors(("predict_proba", None, [])), "no shape"),
            (tensors(("predict_proba", [2, 2], [1, 2, 3, 4]), ("predict", [2, 2], [1] * 4)),
             "set `index` for `label`"),
            (tensors(("predict_proba", [2, 2], [1, "x", 3, "y"]), ("predict", [2], [0, 1])),
             "`score` is not a number"),
            (tensors(("p", [2], [1, 2]), id="other"), "another request"),
            (Answer(200, {}, b'{"error": "no"}'), "no `outputs`"),
            (Answer(200, {}, b"[]"), "no `outputs`"),
            (Answer(200, {}, b'{"outputs": [1]}'), "no name"),
            (Answer(200, {}, b""), "JSON was expected"),
            (Answer(200, {}, b'{"outputs": NaN'), "not JSON"),
            (Answer(200, {"content-type": "text/html"}, b"<p>"), "HTML page"),
            (Answer(200, {}, b"[" * 200_000), "not JSON"),
        ],
    )  # fmt: skip
    def test_what_is_not_plainly_an_answer_is_none(self, answer, words):
        with pytest.raises(Ambiguous, match=words):
            answered(answer)

    @given(st.binary(max_size=60) | st.from_regex(rb'\{"outputs":\[.{0,60}\]\}'))
    def test_no_body_breaks_anything(self, body):
        try:
            got = answered(Answer(200, {}, body))
        except HeadraceError:
            return
        assert len(got) == 2


class TestSignature:
    def test_each_difference_is_named(self):
        metadata = {
            "inputs": [
                {"name": "age", "datatype": "INT64", "shape": [-1, 1]},
                {"name": "income", "datatype": "FP64", "shape": [-1, 1]},
            ],
            "outputs": [{"name": "predict", "datatype": "INT64", "shape": [-1]}],
        }
        inputs, outputs = compared(config(), metadata)
        assert not inputs.ok
        assert "`income` is not sent" in inputs.detail
        assert "`spent` is sent but unknown" in inputs.detail
        assert "`age` is sent as FP64, it wants INT64" in inputs.detail
        assert not outputs.ok
        assert "no output predict_proba" in outputs.detail

    def test_a_model_that_says_nothing_is_not_at_fault(self):
        assert [each.ok for each in compared(config(), {"inputs": None})] == [True, True]

    @pytest.mark.parametrize("metadata", [None, [], 5])
    def test_metadata_that_is_none_is_said(self, metadata):
        assert [each.ok for each in compared(config(), metadata)] == [False]


ROWS = [
    delivery(0, {"age": 20, "orders": {"total": "10.50"}}),
    delivery(1, {"age": None, "orders": {"total": "1"}}),
    delivery(2),
    delivery(3, {"age": 70, "orders": {"total": 900}}),
]


class TestSend:
    async def test_a_batch_is_one_request_with_its_lineage(self, tmp_path):
        seen = []

        async def model(request):
            seen.append((request.headers, await request.json()))
            body = {
                "id": seen[0][1]["id"],
                "outputs": [
                    {"name": "predict_proba", "shape": [2, 2], "data": [0.9, 0.1, 0.3, 0.7]},
                    {"name": "predict", "shape": [2], "data": [0, 1]},
                ],
            }
            return web.json_response(body)

        async with (
            serve(model) as url,
            opened(tmp_path, url=url + "/v2/models/churn", parameters={"content_type": "pd"}) as to,
        ):
            got = await to.send(ROWS)
        assert [type(each) for each in got] == [Delivered, Refused, Delivered, Delivered]
        assert got[0].answer["score"] == 0.1
        assert "`age` is null" in got[1].detail
        assert got[2].receipt == "delete_ignored"
        assert got[3].answer["score"] == 0.7
        [(headers, body)] = seen
        assert headers["idempotency-key"] == body["id"]
        assert headers["content-length"]
        assert body["inputs"] == [
            {"name": "age", "shape": [2, 1], "datatype": "FP64", "data": [20.0, 70.0]},
            {"name": "spent", "shape": [2, 1], "datatype": "FP64", "data": [10.5, 900.0]},
        ]
        assert body["outputs"] == [{"name": "predict_proba"}, {"name": "predict"}]
        assert body["parameters"]["content_type"] == "pd"
        assert json.loads(body["parameters"]["headrace_records"]) == [
            {
                "id": f"erp/party.party/3/{row}.0@score",
                "key": str(row),
                "version": f"v{row}",
                "source": "erp",
                "stream": "party.party",
            }
            for row in (0, 3)
        ]

    async def test_the_key_is_the_deliverys_and_a_batchs_own(self, tmp_path):
        keys = []

        async def model(request):
            keys.append(request.headers["idempotency-key"])
            return web.Response(status=503)

        batches = [ROWS[:1], [ROWS[0], ROWS[3]], [ROWS[0], ROWS[3]], [ROWS[3], ROWS[0]],
                   [delivery(5, {"age": 1, "orders": {"total": 1}}, stream="kunden ü\r\n")]]  # fmt: skip
        async with serve(model) as url, opened(tmp_path, url=url + "/v2/models/churn") as to:
            for batch in batches:
                with pytest.raises(Outage):
                    await to.send(batch)
        assert keys[0] == "erp/party.party/3/0.0@score"
        assert keys[1] == keys[2] != keys[3]
        assert keys[4] == "erp/kunden%20%C3%BC%0D%0A/3/0.0@score".replace("3/0", "3/5")

    async def test_nothing_is_sent_where_nothing_is_left(self, tmp_path):
        async with opened(tmp_path) as to:  # nobody listens there
            assert [each.receipt for each in await to.send([ROWS[2]])] == ["delete_ignored"]
            assert isinstance((await to.send([ROWS[1]]))[0], Refused)
            assert await to.send([]) == []
        async with opened(tmp_path, deletes="refuse") as to:
            assert (await to.send([ROWS[2]]))[0].code == "delete_unsupported"

    @pytest.mark.parametrize(
        ("status", "text", "ready", "kind", "code"),
        [
            (500, "Internal Server Error", 200, Ambiguous, "server_error"),
            (400, '{"error": "wrong shape"}', 200, Refusal, "bad_request"),
            (400, '{"error": "wrong shape"}', 503, Outage, "model_not_ready"),
            (400, '{"error": "Model churn is not ready yet."}', 200, Outage, "model_not_ready"),
            (404, '{"error": "Model churn not found"}', 404, Outage, "not_found"),
            (429, "", 200, Outage, "too_many_requests"),
            (401, "", 200, AuthError, "unauthorized"),
            (302, "", 200, Outage, "redirected"),
            (413, "", 200, Refusal, "too_large"),
            (200, "<html>Sign in</html>", 200, Ambiguous, "html_answer"),
            (204, "", 200, Ambiguous, "answer_not_json"),
        ],
    )
    async def test_each_failure_has_its_verdict(self, tmp_path, status, text, ready, kind, code):
        async def model(request):
            if request.path.endswith("/ready"):
                return web.Response(status=ready)
            return web.Response(status=status, text=text, headers={"retry-after": "9"})

        async with serve(model) as url, opened(tmp_path, url=url + "/v2/models/churn") as to:
            with pytest.raises(kind) as caught:
                await to.send(ROWS)
        assert (type(caught.value), caught.value.code) == (kind, code)
        if status == 429:
            assert caught.value.after == 9.0

    async def test_credentials_go_along(self, tmp_path, monkeypatch):
        monkeypatch.setenv("KEY", "hunter2")
        seen = []

        async def model(request):
            seen.append(request.headers.get("authorization"))
            return web.Response(status=503)

        async with (
            serve(model) as url,
            opened(
                tmp_path,
                url=url + "/v2/models/churn",
                auth={"type": "bearer", "token": "${env:KEY}"},
            ) as to,
        ):
            with pytest.raises(Outage):
                await to.send(ROWS)
            assert [each.ok for each in await to.check()] == [False, False]
        assert set(seen) == {"Bearer hunter2"}


TRAIN = """
import sys, joblib, numpy as np
from sklearn.linear_model import LogisticRegression
x = np.array([[20, 10.0], [30, 20.0], [60, 800.0], [70, 900.0]])
joblib.dump(LogisticRegression().fit(x, [0, 0, 1, 1]), sys.argv[1])
"""

RUNTIME = """
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse
import numpy as np


class Echo(MLModel):
    async def load(self):
        self.note = open(self.settings.parameters.extra["note"], "a")
        return True

    async def predict(self, payload):
        self.note.write(payload.parameters.headrace_records + "\\n")
        self.note.flush()
        x = NumpyCodec.decode_input(payload.inputs[0]).reshape(-1)
        if (x < 0).any():
            raise ValueError("negative")
        return InferenceResponse(
            id=payload.id, model_name=self.name, model_version=self.version,
            outputs=[NumpyCodec.encode_output("score", np.sqrt(np.where(x > 99, np.nan, x)))],
        )
"""


@pytest.fixture(scope="module")
def mlserver(tmp_path_factory):
    lacking = MLServer.unsupported()
    if lacking is not None:
        require("mlserver", lacking)
    home = Path(os.environ.get("HEADRACE_DEMO_HOME", ".demo")).resolve()
    folder = tmp_path_factory.mktemp("mlserver")
    server = MLServer(folder, free_port(), venv=home / "mlserver" / "venv")
    python = asyncio.run(server.install())
    subprocess.run([python, "-c", TRAIN, folder / "model.joblib"], check=True, timeout=120)
    (folder / "echo.py").write_text(RUNTIME)
    server.add(ServedModel("churn", folder / "model.joblib", version="7"))
    server.add(
        ServedModel(
            "echo",
            folder / "model.joblib",
            implementation="echo.Echo",
            runtime=folder / "echo.py",
            extra={"note": str(folder / "note.jsonl")},
            inputs=({"name": "age", "datatype": "FP64", "shape": [-1, 1]},),
            outputs=({"name": "score", "datatype": "FP64", "shape": [-1, 1]},),
        )
    )
    asyncio.run(server.start())
    yield server
    server.kill()


KSERVE_TRAIN = TRAIN.replace("joblib.dump(", "joblib.dump({'model': ").replace(
    "), sys.argv[1])", "), 'features': ['age', 'spent']}, sys.argv[1])"
)


@pytest.mark.skipif(
    MLServer.unsupported() is None, reason="MLServer runs on this machine, so KServe is not used"
)
async def test_kserve_stands_in_where_mlserver_does_not_run(tmp_path):
    home = Path(os.environ.get("HEADRACE_DEMO_HOME", ".demo")).resolve()
    server = model_server(tmp_path / "server", free_port(), home=home)
    assert isinstance(server, KServe)
    python = await server.install()
    subprocess.run(  # noqa: ASYNC221 - nothing else runs here
        [python, "-c", KSERVE_TRAIN, tmp_path / "model.joblib"], check=True, timeout=120
    )
    note = tmp_path / "note.jsonl"
    server.add(ServedModel("m", tmp_path / "model.joblib", version="1", extra={"recording": note}))
    await server.start()
    try:
        async with opened(
            tmp_path, url=server.model_url("m"), outputs={"score": {"from": "churn"}}
        ) as endpoint:
            low, _, _, high = await endpoint.send(ROWS)
            assert low.answer["score"] < 0.5 < high.answer["score"]
            assert low.answer["model"] == {"name": "m", "version": "1"}
            assert all(each.ok for each in await endpoint.check())
    finally:
        await server.stop()
    [line] = note.read_text().splitlines()
    assert [each["key"] for each in json.loads(line)["records"]] == ["0", "3"]


@pytest.mark.mlserver
class TestMLServer:
    @pytest_asyncio.fixture
    async def churn(self, mlserver, tmp_path):
        async with opened(
            tmp_path, url=mlserver.model_url("churn"), mode="matrix"
        ) as endpoint:  # scikit-learn's runtime takes one matrix
            yield endpoint

    @pytest_asyncio.fixture
    async def echo(self, mlserver, tmp_path):
        async with opened(
            tmp_path,
            url=mlserver.model_url("echo"),
            inputs=[{"name": "age"}],
            outputs={"score": {"from": "score"}},
        ) as endpoint:
            yield endpoint

    async def test_a_batch_is_scored(self, churn):
        low, unfit, gone, high = await churn.send(ROWS)
        assert low.answer["score"] < 0.5 < high.answer["score"]
        assert (low.answer["label"], high.answer["label"]) == ("0", "1")
        assert low.answer["model"] == {"name": "churn", "version": "7"}
        assert isinstance(unfit, Refused)
        assert gone.receipt == "delete_ignored"

    async def test_columns_of_a_data_frame_are_scored_alike(self, mlserver, churn, tmp_path):
        async with opened(
            tmp_path, url=mlserver.model_url("churn"), parameters={"content_type": "pd"}
        ) as columns:
            one = await columns.send([ROWS[0], ROWS[3]])
        two = await churn.send([ROWS[0], ROWS[3]])
        assert [each.answer for each in one] == [each.answer for each in two]

    async def test_the_check_sees_what_is_there(self, churn, echo, mlserver, tmp_path):
        assert all(each.ok for each in await churn.check())
        assert [each.detail for each in await echo.check()][2:] == [
            "All 1 inputs agree with the model.",
            "All outputs agree with the model.",
        ]
        async with opened(tmp_path, url=mlserver.model_url("absent")) as absent:
            checks = await absent.check()
        assert [each.ok for each in checks] == [True, False]
        assert "404" in checks[1].detail

    async def test_a_wrong_shape_is_nobodys_fault_yet(self, mlserver, tmp_path):
        async with opened(
            tmp_path, url=mlserver.model_url("churn"), mode="matrix", inputs=FEATURES[:1]
        ) as endpoint:
            with pytest.raises(Ambiguous) as caught:
                await endpoint.send([ROWS[0]])
        assert caught.value.code == "server_error"

    async def test_a_model_that_is_not_there_is_an_outage(self, mlserver, tmp_path):
        async with opened(tmp_path, url=mlserver.model_url("absent")) as endpoint:
            with pytest.raises(Outage) as caught:
                await endpoint.send([ROWS[0]])
        assert caught.value.code == "not_found"

    async def test_an_output_the_model_does_not_know_is_refused(self, mlserver, tmp_path):
        async with opened(
            tmp_path,
            url=mlserver.model_url("churn"),
            mode="matrix",
            outputs={"score": {"from": "magic"}},
        ) as endpoint:
            with pytest.raises(Refusal, match="magic was received"):
                await endpoint.send([ROWS[0]])

    async def test_a_nan_is_no_prediction_and_harms_no_other(self, echo):
        good, lost = await echo.send([delivery(1, {"age": 4}), delivery(2, {"age": 100})])
        assert good.answer["score"] == 2.0
        assert (type(lost), lost.code) == (Refused, "no_prediction")

    async def test_a_runtime_of_our_own_sees_which_records_came(self, echo, mlserver):
        await echo.send([delivery(8, {"age": 4}, key="k8")])
        last = (mlserver.folder / "note.jsonl").read_text().splitlines()[-1]
        assert json.loads(last)[0] == {
            "id": "erp/party.party/3/8.0@score", "key": "k8", "version": "v8",
            "source": "erp", "stream": "party.party",
        }  # fmt: skip

    async def test_it_can_be_killed_and_come_back(self, echo, mlserver):
        mlserver.kill()
        with pytest.raises(Outage) as caught:
            await echo.send([delivery(1, {"age": 4})])
        assert caught.value.code == "unreachable"
        assert [each.ok for each in await echo.check()] == [False, False]
        await mlserver.start()
        assert (await echo.send([delivery(1, {"age": 4})]))[0].answer["score"] == 2.0
