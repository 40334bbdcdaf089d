"""The front answers each path as the protocols say, alike for every SDK."""

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy
import pytest

from tests.wrapper.surroundings import AnsweringTorchServe, settings
from wrapper.errors import ServingError
from wrapper.front import Answer, Front
from wrapper.torchserve.reply import Reply
from wrapper.torchserve.service import TorchServe

V1 = b'{"instances": [1, 2]}'
V2 = b'{"inputs": [{"name": "x", "shape": [1], "datatype": "INT64", "data": [1]}]}'
V2_ANSWER = {
    "model_name": "digits",
    "outputs": [
        {"name": "x", "shape": [2], "datatype": "FP32", "data": [0.5, 1.5]},
        {"name": "y", "shape": [2], "datatype": "BYTES", "data": ["a", "é"]},
    ],
}


@pytest.fixture
def torchserve(request: pytest.FixtureRequest, tmp_path: Path) -> AnsweringTorchServe:
    """A TorchServe that answers, with the envelope of the test's parameter."""
    more = f"service_envelope={getattr(request, 'param', 'kserve')}"
    return AnsweringTorchServe(settings(tmp_path, more=more))


speaks_v2 = pytest.mark.parametrize("torchserve", ["kservev2"], indirect=True)


def _answer(
    torchserve: TorchServe, path: str, body: bytes = b"", method: str = "", **headers: str
) -> Answer:
    route = Front(torchserve).route(method or ("POST" if body else "GET"), path)
    assert route is not None

    async def answer() -> Answer:
        return await route(body, {name.replace("_", "-"): each for name, each in headers.items()})

    return asyncio.run(answer())


def _told(answer: Answer) -> Any:
    return json.loads(answer.body)


def _error(answer: Answer) -> str:
    error = _told(answer)["error"]
    assert isinstance(error, str)
    return error


# ---------------------------------------------------------------- paths


@pytest.mark.parametrize(
    ("path", "call"),
    [
        ("/v1/models/digits:predict", "predict"),
        ("/v1/models/digits:explain", "explain"),
        ("/v1/models/di%67its:predict", "predict"),
        ("/v1/models/digits%3Apredict", "predict"),
        ("/v1/models/digits:predict/", "predict"),
    ],
)
def test_a_path_finds_its_call_and_the_body_goes_on_untouched(
    torchserve: AnsweringTorchServe, path: str, call: str
) -> None:
    assert _answer(torchserve, path, V1) == Answer(200, b'{"predictions": [1]}')
    assert [(called, body) for called, body, _ in torchserve.calls] == [(call, V1)]


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("GET", "/v1/models/digits:predict", 405, "POST"),
        ("PUT", "/v1/models/digits:predict", 405, "POST"),
        ("POST", "/v1/models/digits", 405, "GET, HEAD"),
        ("DELETE", "/v2/health/live", 405, "GET, HEAD"),
        ("BREW", "/v2", 405, "GET, HEAD"),
        ("POST", "/v1/models/a/b:predict", 404, None),
        ("POST", "/v2/models/digits/generate", 404, None),
        ("GET", "/v1/unknown", 404, None),
        ("GET", "/v2/unknown", 404, None),
        ("POST", "/v2/models/digits/versions/1/infer", 501, None),
        ("GET", "/v2/models/digits/versions/1", 501, None),
        ("POST", "/v2/models/digits/explain", 501, None),
        ("POST", "/v2/models/unknown/versions/1/infer", 404, None),
    ],
)
def test_what_is_not_served_has_an_error_in_its_body(
    torchserve: TorchServe, method: str, path: str, status: int, allowed: str | None
) -> None:
    answer = _answer(torchserve, path, b"{}", method)
    assert (answer.status, answer.headers.get("allow")) == (status, allowed)
    assert _error(answer)


@pytest.mark.parametrize("path", ["/metrics", "/docs", "/openai/v1/models", "/v3"])
def test_the_sdk_keeps_its_other_routes(torchserve: TorchServe, path: str) -> None:
    assert Front(torchserve).route("GET", path) is None


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/", {"status": "alive"}),
        ("/v1/models", {"models": ["digits"]}),
        ("/v2/models", {"models": ["digits"]}),
        ("/v1/models/digits", {"name": "digits", "ready": True}),
        ("/v2/models/digits/ready", {"name": "digits", "ready": True}),
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"ready": True}),
        (
            "/v2/models/digits",
            {"name": "digits", "platform": "torchserve", "inputs": [], "outputs": []},
        ),
    ],
)
def test_questions_are_answered(torchserve: TorchServe, path: str, told: object) -> None:
    for method in ("GET", "HEAD"):
        answer = _answer(torchserve, path, method=method)
        assert (answer.status, _told(answer)) == (200, told)
    assert _answer(torchserve, path + "/").status == 200


def test_the_server_says_what_it_is(torchserve: TorchServe) -> None:
    told = _told(_answer(torchserve, "/v2"))
    assert set(told) == {"name", "version", "extensions"}
    assert told["extensions"] == ["binary_tensor_data", "model_repository"]


def test_the_server_is_ready_only_when_every_model_is(tmp_path: Path) -> None:
    torchserve = AnsweringTorchServe(settings(tmp_path), digits=None, late="it has no worker")
    answer = _answer(torchserve, "/v2/health/ready")
    assert (answer.status, _told(answer)["ready"]) == (503, False)
    assert "late" in _error(answer)
    assert _answer(torchserve, "/v2/health/live").status == 200
    assert _answer(torchserve, "/v2/models/late/ready").status == 503
    assert _answer(torchserve, "/v1/models/late:predict", V1).status == 503
    assert _answer(torchserve, "/v1/models/digits:predict", V1).status == 200


def test_an_unknown_model_is_404_whatever_the_body_and_names_those_there_are(
    torchserve: TorchServe,
) -> None:
    answer = _answer(torchserve, "/v1/models/unknown:predict", b"{")
    assert answer.status == 404
    assert _error(answer) == "Model with name unknown does not exist. It serves digits."


def test_a_bug_is_500_with_a_sentence_and_without_its_text(
    torchserve: TorchServe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(torchserve, "check_protocol", broken)
    answer = _answer(torchserve, "/v1/models/digits:predict", V1)
    assert answer.status == 500
    assert "secret" not in _error(answer)


# ---------------------------------------------------------------- V1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "not valid JSON"),
        (b" ", "not valid JSON"),
        (b'{"instances": [NaN]}', "no NaN"),
        (b'{"instances": [1e400]}', "not valid JSON"),
        (b'{"instances": [1]}x', "not valid JSON"),
        (b"\xff\xfe", "no UTF-8 from byte 0"),
        (b'{"instances": ' + b"[" * 3000 + b"]" * 3000 + b"}", "not valid JSON"),
        (b"[1]", "Expected a JSON object as the request body, got a list"),
        (b"null", "got null"),
        (b"{}", 'Expected "instances" or "inputs"'),
        (b'{"instances": 1}', 'Expected "instances" to be a list, got a number'),
        (b'{"inputs": {}}', 'Expected "inputs" to be a list, got an object'),
    ],
)
def test_what_is_no_v1_request_is_400(torchserve: TorchServe, body: bytes, said: str) -> None:
    answer = _answer(torchserve, "/v1/models/digits:predict", body)
    assert answer.status == 400
    assert said in _error(answer)


def test_inputs_are_instances_with_their_numbers_exact(torchserve: AnsweringTorchServe) -> None:
    body = b'{"inputs": [123456789012345678901234567890, 0.1], "more": 1}'
    assert _answer(torchserve, "/v1/models/digits:predict", body).status == 200
    sent = json.loads(torchserve.calls[0][1])
    assert sent == {"instances": [123456789012345678901234567890, 0.1], "more": 1}


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/vnd.acme+json",
        "application/x-www-form-urlencoded",
        "application/octet-stream",
    ],
)
def test_what_may_be_json_is_read_as_json(
    torchserve: AnsweringTorchServe, content_type: str
) -> None:
    path = "/v1/models/digits:predict"
    assert _answer(torchserve, path, V1, content_type=content_type).status == 200
    assert torchserve.calls[0][1] == V1


def test_bytes_are_passed_on_where_the_envelope_reads_them(tmp_path: Path) -> None:
    torchserve = AnsweringTorchServe(settings(tmp_path))
    torchserve.reply = Reply(b"\x89PNG", "image/png")
    answer = _answer(
        torchserve, "/v1/models/digits:predict", b"\xff\xd8", content_type="image/jpeg"
    )
    assert answer == Answer(200, b"\x89PNG", "image/png")
    assert torchserve.calls[0] == ("predict", b"\xff\xd8", {"content-type": "image/jpeg"})


def test_bytes_are_415_where_the_envelope_reads_json_only(torchserve: TorchServe) -> None:
    answer = _answer(torchserve, "/v1/models/digits:predict", b"\xff", content_type="image/jpeg")
    assert answer.status == 415
    assert "kserve reads JSON only" in _error(answer)


def test_a_compressed_body_is_415(torchserve: TorchServe) -> None:
    answer = _answer(torchserve, "/v1/models/digits:predict", V1, content_encoding="gzip")
    assert answer.status == 415


@pytest.mark.parametrize("number", [b"NaN", b"-Infinity"])
def test_an_answer_never_holds_nan(torchserve: AnsweringTorchServe, number: bytes) -> None:
    torchserve.reply = Reply(b'{"predictions": [' + number + b"]}")
    answer = _answer(torchserve, "/v1/models/digits:predict", V1)
    assert answer.status == 500
    assert "NaN" in _error(answer)
    torchserve.reply = Reply(b'{"predictions": ["' + number + b'"]}')
    assert _answer(torchserve, "/v1/models/digits:predict", V1).status == 200


def test_only_listed_headers_reach_torchserve(tmp_path: Path) -> None:
    sent = {"x_request_id": "1", "traceparent": "00-a-b-01", "authorization": "Bearer secret"}
    torchserve = AnsweringTorchServe(settings(tmp_path))
    _answer(torchserve, "/v1/models/digits:predict", V1, **sent)
    assert torchserve.calls[0][2] == {"x-request-id": "1", "traceparent": "00-a-b-01"}
    torchserve = AnsweringTorchServe(settings(tmp_path, FORWARDED_HEADERS="x-own, TraceParent"))
    _answer(torchserve, "/v1/models/digits:predict", V1, x_own="2", **sent)
    assert torchserve.calls[0][2] == {"x-own": "2", "traceparent": "00-a-b-01"}


def test_an_error_has_its_status_sentence_and_hint(
    torchserve: TorchServe, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def predict(*_: object) -> Reply:
        raise ServingError(503, "The queue is full", retry_after=1)

    monkeypatch.setattr(torchserve, "predict", predict)
    answer = _answer(torchserve, "/v1/models/digits:predict", V1)
    assert (answer.status, _error(answer)) == (503, "The queue is full")
    assert answer.headers == {"retry-after": "1"}


# ---------------------------------------------------------------- V2


def _tensor(datatype: str, shape: object, data: object) -> bytes:
    tensor = {"name": "x", "shape": shape, "datatype": datatype, "data": data}
    return json.dumps({"inputs": [tensor]}).encode()


@speaks_v2
@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "not valid JSON"),
        (b'{"inputs": [NaN]}', "no NaN"),
        (b"{}", 'Expected "inputs" to be a list'),
        (b'{"inputs": []}', "at least one tensor"),
        (b'{"inputs": [1]}', "Expected inputs[0] to be an object, got a number"),
        (b'{"inputs": [{"name": "x"}]}', 'Expected "shape" in inputs[0]'),
        (b'{"id": 1, "inputs": []}', 'Expected "id" to be a string, got a number'),
        (_tensor("INT64", [2], [1]), "has 1 elements, but its shape [2] means 2"),
        (_tensor("INT64", [2, 2], [[1, 2], [3]]), "ragged"),
        (_tensor("INT64", [2], [1, [2]]), "ragged"),
        (_tensor("INT64", [-1], [1]), "a dimension -1"),
        (_tensor("INT64", ["1"], [1]), "a dimension '1'"),
        (_tensor("INT64", [1.5], [1]), "a dimension 1.5"),
        (_tensor("INT64", 1, [1]), '"shape" of tensor x to be a list'),
        (_tensor("int64", [1], [1]), "unknown datatype 'int64'"),
        (_tensor("INT8", [1], [300]), "range 300 is beyond"),
        (_tensor("UINT64", [1], [2**64]), "can't hold"),
        (_tensor("INT64", [1], [True]), "can't hold True"),
        (_tensor("FP32", [1], ["abc"]), "can't hold 'abc'"),
        (_tensor("FP16", [1], [70000]), "range 70000 is beyond"),
        (_tensor("BOOL", [1], ["false"]), "can't hold 'false'"),
        (_tensor("BYTES", [1], [None]), "can't hold None"),
        (_tensor("BYTES", [1], "text"), '"data" of tensor x to be a list'),
        (_tensor("BYTES", [2], ["a", "b"]), "hands on the first only"),
        (V2[:-1] + b', "outputs": {}}', 'Expected "outputs" to be a list'),
        (V2[:-1] + b', "parameters": {"a": {}}}', 'parameter "a" of the request'),
        (V2[:-1] + b', "parameters": {"binary_data_output": 1}}', "to be a boolean"),
    ],
)
def test_what_is_no_v2_request_is_400(torchserve: TorchServe, body: bytes, said: str) -> None:
    answer = _answer(torchserve, "/v2/models/digits/infer", body)
    assert answer.status == 400
    assert said in _error(answer)


@speaks_v2
@pytest.mark.parametrize(
    ("datatype", "shape", "data"),
    [
        ("BOOL", [2], [True, False]),
        ("INT64", [2], [-(2**63), 2**63 - 1]),
        ("UINT64", [2], [0, 2**64 - 1]),
        ("FP16", [2, 1], [[0.5], [65504]]),
        ("FP32", [0], []),
        ("FP64", [2, 0], [[], []]),
        ("BYTES", [1], ["é"]),
        ("INT8", [], [5]),
    ],
)
def test_a_v2_request_and_its_answer_are_passed_on_untouched(
    torchserve: AnsweringTorchServe, datatype: str, shape: list[int], data: list[Any]
) -> None:
    torchserve.reply = Reply(json.dumps(V2_ANSWER).encode())
    body = _tensor(datatype, shape, data)
    answer = _answer(torchserve, "/v2/models/digits/infer", body)
    assert answer == Answer(200, torchserve.reply.body)
    assert torchserve.calls[0][1] == body


def _infer(torchserve: AnsweringTorchServe, reply: object, **request: object) -> Answer:
    torchserve.reply = Reply(json.dumps(reply).encode())
    body = json.dumps({**json.loads(V2), **request}).encode()
    return _answer(torchserve, "/v2/models/digits/infer", body)


@speaks_v2
def test_members_that_are_null_are_left_out(torchserve: AnsweringTorchServe) -> None:
    first = {**V2_ANSWER["outputs"][0], "parameters": None}  # type: ignore[dict-item]
    reply = {**V2_ANSWER, "outputs": [first], "model_version": None, "parameters": None}
    told = _told(_infer(torchserve, reply))
    assert told == {"model_name": "digits", "outputs": [V2_ANSWER["outputs"][0]]}


@speaks_v2
def test_the_outputs_that_are_asked_for_are_given_in_their_order(
    torchserve: AnsweringTorchServe,
) -> None:
    answer = _infer(torchserve, V2_ANSWER, outputs=[{"name": "y"}])
    assert [output["name"] for output in _told(answer)["outputs"]] == ["y"]
    refused = _infer(torchserve, V2_ANSWER, outputs=[{"name": "z"}])
    assert (refused.status, _error(refused)) == (400, "The model has no output z: it answered x, y")


@speaks_v2
@pytest.mark.parametrize(
    "reply", [[1], {"predictions": []}, {"model_name": "m", "outputs": [{"name": "x"}]}]
)
def test_an_answer_that_is_no_v2_answer_is_502(
    torchserve: AnsweringTorchServe, reply: object
) -> None:
    assert _infer(torchserve, reply, outputs=[{"name": "x"}]).status == 502


@speaks_v2
def test_nan_in_a_v2_answer_is_refused_in_json_and_given_in_binary(
    torchserve: AnsweringTorchServe,
) -> None:
    reply = {
        "model_name": "digits",
        "outputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [float("nan")]}],
    }
    refused = _infer(torchserve, reply)
    assert (refused.status, "output x" in _error(refused)) == (500, True)
    given = _infer(torchserve, reply, parameters={"binary_data_output": True})
    assert given.status == 200


@pytest.mark.parametrize(
    ("torchserve", "path", "body", "advice"),
    [
        ("kserve", "/v2/models/digits/infer", V2, "Post to /v1/models/digits:predict"),
        ("kservev2", "/v1/models/digits:predict", V1, "Post to /v2/models/digits/infer"),
    ],
    indirect=["torchserve"],
)
def test_the_other_protocol_is_400_and_says_where_to_post(
    torchserve: TorchServe, path: str, body: bytes, advice: str
) -> None:
    answer = _answer(torchserve, path, body)
    assert answer.status == 400
    assert advice in _error(answer)


# ---------------------------------------------------------------- the binary extension


def _binary(
    torchserve: AnsweringTorchServe,
    tail: bytes,
    size: object,
    length: str | None = None,
    datatype: str = "FP32",
    shape: tuple[int, ...] = (2,),
    **members: object,
) -> Answer:
    tensor = {"name": "x", "shape": shape, "datatype": datatype, **members}
    tensor["parameters"] = {"binary_data_size": size}
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    torchserve.reply = Reply(json.dumps(V2_ANSWER).encode())
    told = str(len(head)) if length is None else length
    return _answer(
        torchserve,
        "/v2/models/digits/infer",
        head + tail,
        inference_header_content_length=told,
        content_type="application/octet-stream",
    )


@speaks_v2
def test_binary_tensors_become_json_and_answers_become_binary(
    torchserve: AnsweringTorchServe,
) -> None:
    values = numpy.array([0.1, -2], "<f4")
    answer = _binary(torchserve, values.tobytes(), 8)
    assert json.loads(torchserve.calls[0][1])["inputs"] == [
        {"name": "x", "shape": [2], "datatype": "FP32", "data": values.tolist()}
    ]
    assert answer.content_type == "application/octet-stream"
    length = int(answer.headers["inference-header-content-length"])
    head, tail = json.loads(answer.body[:length]), answer.body[length:]
    sizes = [output["parameters"]["binary_data_size"] for output in head["outputs"]]
    assert sizes == [8, 11]
    assert numpy.frombuffer(tail[:8], "<f4").tolist() == [0.5, 1.5]
    assert tail[8:] == b"\1\0\0\0a\2\0\0\0" + "é".encode()


@speaks_v2
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"size": 8, "length": "abc"}, "no length of a JSON head"),
        ({"size": 8, "length": "-1"}, "no length of a JSON head"),
        ({"size": 8, "length": "99999"}, "no length of a JSON head"),
        ({"size": 8, "length": "20"}, "not valid JSON"),
        ({"size": 9}, "said to have 9 bytes, of which 8 came"),
        ({"size": 7}, "no whole number of FP32"),
        ({"size": 4}, "has 1 elements, but its shape [2]"),
        ({"size": "8"}, "to be a number of bytes"),
        ({"size": -8}, "to be a number of bytes"),
        ({"size": 8, "data": [1, 2]}, "not both"),
        ({"size": 4, "shape": (1,)}, "4 bytes follow the last"),
        ({"size": 8, "datatype": "BYTES", "shape": (1,)}, "is cut short"),
    ],
)
def test_what_breaks_the_binary_extension_is_400(
    torchserve: AnsweringTorchServe, given: dict[str, Any], said: str
) -> None:
    tail = b"\x00\x00\xc0\x7f\x00\x00\x80\x3f"
    answer = _binary(torchserve, tail, given.pop("size"), **given)
    assert answer.status == 400
    assert said in _error(answer)
