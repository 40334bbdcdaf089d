"""The wrapper before its own envelope: what is answered by frames is what JSON is answered.

The envelope runs in this process; `test_faithful_data.py` has the same through real TorchServe.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from kserve_conformance import tensors as encodings
from tritonclient.grpc import service_pb2

from tests.wrapper.envelopes import worker
from tests.wrapper.envelopes.test_faithful_frames import Arrays, of_json, raw_tensors
from tests.wrapper.envelopes.worked import WorkedTorchServe
from tests.wrapper.openinference.ways import Ways
from tests.wrapper.surroundings import settings
from wrapper.errors import ServingError
from wrapper.front import Answer, inference
from wrapper.openinference import datatypes, frames, tensors, to_json
from wrapper.openinference.signature import DeclaredTensor, Signature
from wrapper.torchserve import error_table
from wrapper.torchserve.error_table import Case

thoroughly = hypothesis_settings(
    max_examples=100, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module", autouse=True)
def inside_torchserve() -> Iterator[None]:
    """Have as much of TorchServe's package as the envelopes import."""
    with worker.inside_torchserve():
        yield


@pytest.fixture(params=["short", "long"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder for settings, with bodies that are short to the wrapper, or long."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "long":
            patch.setattr(inference, "LONG", 0)
            patch.setattr(frames, "LONG", 0)
            patch.setattr(to_json, "LONG", 0)
            patch.setattr(to_json, "_LONG_TENSOR", 0)
            patch.setattr(tensors, "ELEMENTS_AT_ONCE", 2)
            patch.setattr(tensors, "BYTES_AT_ONCE", 3)
        yield tmp_path


def _same(data: list[Any], _context: Any) -> list[Any]:
    return data


def _primed(torchserve: WorkedTorchServe) -> Ways:
    """Give ways to ask on which JSON has been answered, by which frames are found."""
    ways = Ways(torchserve)
    handle, torchserve.handle = torchserve.handle, _same
    assert ways.ask("json", {"inputs": [encodings.tensor("x", "INT8", [1], [1])]}).status == 200
    torchserve.handle = handle
    torchserve.bodies.clear()
    return ways


def _post(ways: Ways, sent: list[dict[str, Any]], **more: Any) -> Answer:
    """Ask by the binary extension."""
    inputs = [
        {
            **{key: value for key, value in each.items() if key != "raw"},
            "parameters": {**each.get("parameters", {}), "binary_data_size": len(each["raw"])},
        }
        for each in sent
    ]
    return ways.post_binary({"inputs": inputs, **more}, b"".join(each["raw"] for each in sent))


def _outputs(answer: Answer) -> dict[str, Any]:
    """Read an answer; the bytes of its outputs are their data."""
    assert answer.status == 200, answer.body
    length = int(answer.headers.get("inference-header-content-length", len(answer.body)))
    document: dict[str, Any] = json.loads(answer.body[:length])
    position = length
    for output in document["outputs"]:
        size = output.get("parameters", {}).get("binary_data_size")
        if size is not None:
            output["data"] = answer.body[position : position + size]
            position += size
    assert position == len(answer.body)
    return document


def _call(ways: Ways, sent: list[dict[str, Any]]) -> Any:
    """Ask by gRPC with raw contents."""
    message = service_pb2.ModelInferRequest(
        model_name="digits", raw_input_contents=[each["raw"] for each in sent]
    )
    for each in sent:
        message.inputs.add(name=each["name"], datatype=each["datatype"], shape=each["shape"])
    return ways.infer(message)


_SOME = st.lists(raw_tensors(), min_size=1, max_size=4)


@thoroughly
@given(sent=_SOME)
def test_arrays_come_back_byte_for_byte_by_http(folder: Path, sent: list[dict[str, Any]]) -> None:
    torchserve = WorkedTorchServe(folder, Arrays().handle)
    ways = _primed(torchserve)
    told = _outputs(_post(ways, sent, parameters={"binary_data_output": True}, id="a"))
    assert told["id"] == "a"
    for output, tensor in zip(told["outputs"], sent, strict=True):
        assert output["data"] == tensor["raw"]
        assert all(output[key] == tensor[key] for key in ("name", "shape", "datatype"))
    assert [frames.is_frame(each) for each in torchserve.bodies] == [True]


@thoroughly
@given(sent=_SOME)
def test_arrays_come_back_byte_for_byte_by_grpc(folder: Path, sent: list[dict[str, Any]]) -> None:
    torchserve = WorkedTorchServe(folder, Arrays().handle)
    response = _call(_primed(torchserve), sent)
    assert list(response.raw_output_contents) == [each["raw"] for each in sent]
    assert [
        (each.name, each.datatype, list(each.shape), dict(each.parameters))
        for each in response.outputs
    ] == [(each["name"], each["datatype"], each["shape"], {}) for each in sent]
    assert [frames.is_frame(each) for each in torchserve.bodies] == [True]


@thoroughly
@given(sent=_SOME, binary=st.booleans())
def test_a_client_is_told_what_an_envelope_without_frames_tells(
    folder: Path, sent: list[dict[str, Any]], binary: bool
) -> None:
    told = []
    sent = [of_json(each) for each in sent]
    for reads_frames in (True, False):
        torchserve = WorkedTorchServe(folder, _same)
        torchserve.reads_frames = reads_frames
        ways = _primed(torchserve)
        answer = _post(ways, sent, parameters={"binary_data_output": binary}, id="é")
        by_http = _outputs(answer) if answer.status == 200 else answer.body
        by_grpc = _call(ways, sent).SerializeToString(deterministic=True)
        told.append((answer.status, by_http, by_grpc))
        assert [frames.is_frame(each) for each in torchserve.bodies] == [reads_frames] * 2
    assert told[0] == told[1]


@thoroughly
@given(sent=st.lists(raw_tensors([each for each in datatypes.NAMES if each != "FP16"]), min_size=1))
def test_typed_contents_are_bytes_too(folder: Path, sent: list[dict[str, Any]]) -> None:
    torchserve = WorkedTorchServe(folder, Arrays().handle)
    ways = _primed(torchserve)
    message = service_pb2.ModelInferRequest(model_name="digits")
    for each in sent:
        tensor = message.inputs.add(
            name=each["name"], datatype=each["datatype"], shape=each["shape"]
        )
        datatype = datatypes.find("x", each["datatype"])
        elements = tensors.from_raw("x", datatype, each["raw"])
        if elements:
            getattr(tensor.contents, str(datatype.contents)).extend(elements)
    message.id = "a"
    response = ways.infer(message)
    assert (response.id, len(response.raw_output_contents)) == ("a", 0)
    for output, each in zip(response.outputs, sent, strict=True):
        datatype = datatypes.find("x", each["datatype"])
        assert (output.name, list(output.shape)) == (each["name"], each["shape"])
        elements = list(getattr(output.contents, str(datatype.contents)))
        # Written, since NaN is nothing's equal.
        assert repr(elements) == repr(tensors.from_raw("x", datatype, each["raw"]))
    assert [frames.is_frame(each) for each in torchserve.bodies] == [True]


def test_typed_contents_beyond_their_datatype_are_refused_as_ever(tmp_path: Path) -> None:
    ways = _primed(WorkedTorchServe(tmp_path, _same))
    message = service_pb2.ModelInferRequest(model_name="digits")
    tensor = message.inputs.add(name="x", datatype="INT8", shape=[2])
    tensor.contents.int_contents.extend([1, 128])
    with pytest.raises(ServingError, match="is INT8, whose range 128 is beyond") as refused:
        ways.infer(message)
    assert refused.value.status == 400


def _tensor(datatype: str = "FP32", count: int = 2, **more: Any) -> dict[str, Any]:
    raw = numpy.arange(count).astype("<f4").tobytes()
    return {"name": "x", "shape": [count], "datatype": datatype, "raw": raw, **more}


def test_json_is_answered_as_it_was_and_tells_that_frames_are_read(tmp_path: Path) -> None:
    torchserve = WorkedTorchServe(tmp_path, _same)
    ways = Ways(torchserve)
    asked = {"inputs": [encodings.tensor("x", "FP32", [1], [1])]}
    for way, is_frame in (("binary", False), ("raw", True), ("json", False), ("binary", True)):
        assert ways.ask(way, asked).status == 200
        assert frames.is_frame(torchserve.bodies[-1]) == is_frame
    assert torchserve.questions == 0


# 4,000 bytes, and more than that in JSON.
_LONG: dict[str, Any] = {
    "name": "x",
    "shape": [1000],
    "datatype": "FP32",
    "raw": b"\x01\x02\x03\x04" * 1000,
}


def test_what_is_too_large_as_json_asks_once_whether_frames_are_read(tmp_path: Path) -> None:
    torchserve = WorkedTorchServe(tmp_path, _same, max_request_size=5000)
    ways = Ways(torchserve)
    head = {"inputs": [{**_LONG, "parameters": {"binary_data_size": 4000}}]}
    head["inputs"][0].pop("raw")
    written = json.dumps(head).encode()
    headers = {"inference-header-content-length": str(len(written))}
    route = ways._front.route("POST", "/v2/models/digits/infer")
    assert route is not None

    async def ask() -> list[Answer]:
        body = written + _LONG["raw"]
        return await asyncio.gather(*[route(body, headers) for _ in range(5)])

    for _ in range(2):
        assert [answer.status for answer in asyncio.run(ask())] == [200] * 5
    assert torchserve.questions == 1
    assert all(map(frames.is_frame, torchserve.bodies))
    too_large = {**_LONG, "shape": [2000], "raw": _LONG["raw"] * 2}
    assert _post(ways, [too_large]).status == 413


@pytest.mark.parametrize(
    ("case", "asked"),
    [
        (Case.REFUSED, 1),
        (Case.FAILED, 1),
        (Case.MODEL_FAILED, 1),
        # These say nothing of the envelope.
        (Case.QUEUE_FULL, 2),
        (Case.UNREACHABLE, 2),
    ],
)
def test_who_fails_on_the_question_is_sent_no_frame(tmp_path: Path, case: Case, asked: int) -> None:
    torchserve = WorkedTorchServe(tmp_path, _same, max_request_size=5000)
    ways = Ways(torchserve)
    too_large = error_table.error(Case.REQUEST_TOO_LARGE, max_request_size=5000)
    failed = error_table.error(case)
    torchserve.told = [too_large, failed, too_large, failed]
    for _ in range(2):
        assert _post(ways, [_LONG]).status == 413
    # The second request, as JSON, is refused before the question, or without it.
    assert len(torchserve.told) == 2 - asked
    assert torchserve.bodies == []


def test_an_envelope_that_reads_frames_no_more_is_sent_json(tmp_path: Path) -> None:
    torchserve = WorkedTorchServe(tmp_path, _same)
    ways = _primed(torchserve)
    asked = {"inputs": [encodings.tensor("x", "FP32", [1], [1])]}
    assert ways.ask("raw", asked).status == 200
    torchserve.reads_frames = False
    for _ in range(2):
        assert ways.ask("raw", asked).status == 200
    assert [frames.is_frame(each) for each in torchserve.bodies] == [True, True, False, False]
    # What a model refuses stays refused, and is not run a second time.
    torchserve.reads_frames = True
    assert ways.ask("raw", asked).status == 200
    bodies = len(torchserve.bodies)

    def refuses(*_: Any) -> Any:
        raise worker.PredictionException("too dark", 422)

    torchserve.handle = refuses
    assert ways.ask("raw", asked).status == 422
    assert len(torchserve.bodies) == bodies + 1


def test_bytes_beyond_a_limit_go_as_json_where_that_is_shorter(tmp_path: Path) -> None:
    # 800 bytes, in JSON 200.
    tensor = {"name": "x", "shape": [100], "datatype": "INT64", "raw": bytes(800)}
    for limit in ("max_request_size", "max_response_size"):
        torchserve = WorkedTorchServe(tmp_path, _same, **{limit: 700})
        ways = _primed(torchserve)
        told = _outputs(_post(ways, [tensor], parameters={"binary_data_output": True}))
        assert told["outputs"][0]["data"] == bytes(800)
        assert [frames.is_frame(each) for each in torchserve.bodies] == [
            limit == "max_response_size"
        ]


def test_a_frame_that_torchserve_calls_too_large_goes_as_json(tmp_path: Path) -> None:
    torchserve = WorkedTorchServe(tmp_path, _same)
    ways = _primed(torchserve)
    torchserve.told = [error_table.error(Case.REQUEST_TOO_LARGE, max_request_size=1)]
    assert _post(ways, [_tensor()]).status == 200
    assert [frames.is_frame(each) for each in torchserve.bodies] == [False]


def test_a_frame_keeps_parameters_requested_outputs_and_signatures(tmp_path: Path) -> None:
    seen: list[Any] = []

    def handle(data: list[Any], context: Any) -> list[Any]:
        (request,) = context.open_inference_requests
        seen.append({key: request.get(key) for key in ("id", "parameters", "outputs")})
        return [{**each, "name": name} for each in data for name in ("first", "second")]

    torchserve = WorkedTorchServe(tmp_path, handle)
    tensor = _tensor(parameters={"temperature": 0.5})
    ways = _primed(torchserve)
    asked = {
        "id": "7",
        "parameters": {"top_k": 3},
        "outputs": [{"name": "second", "parameters": {"binary_data": True}}, {"name": "first"}],
    }
    told = _outputs(_post(ways, [tensor], **asked))
    assert seen == [asked]
    second, first = told["outputs"]
    assert second["parameters"] == {"temperature": 0.5, "binary_data_size": 8}
    assert (second["data"], first["data"]) == (tensor["raw"], [0.0, 1.0])
    assert first["parameters"] == {"temperature": 0.5}
    refused = _post(ways, [tensor], outputs=[{"name": "third"}])
    assert (refused.status, b"no output third" in refused.body) == (400, True)
    torchserve.declared = Signature((DeclaredTensor("x", "FP32", (3,)),), is_enforced=True)
    refused = _post(ways, [tensor])
    assert (refused.status, b"the model takes [3]" in refused.body) == (400, True)


def test_bytes_in_base64_are_json_beside_what_is_bytes(tmp_path: Path) -> None:
    torchserve = WorkedTorchServe(tmp_path, _same)
    torchserve.settings = settings(
        tmp_path, more="service_envelope=kservev2_faithful", BYTES_AS_BASE64="true"
    )
    image = {"name": "i", "shape": [1], "datatype": "BYTES", "raw": b"\2\0\0\0\xff\xfe"}
    told = _outputs(_post(_primed(torchserve), [image, _tensor()]))
    assert [output["data"] for output in told["outputs"]] == [["//4="], [0.0, 1.0]]
    (frame,) = torchserve.bodies
    assert frames.is_frame(frame)
    assert b'"data":["//4="]' in frame


def test_json_that_asks_for_bytes_gets_them_as_bytes(tmp_path: Path) -> None:
    torchserve = WorkedTorchServe(tmp_path, Arrays().handle)
    ways = _primed(torchserve)
    raw = b"\x01\x00\xc0\x7f"

    def answers_nan(*_: Any) -> list[Any]:
        return [numpy.frombuffer(raw, "<f4")]

    torchserve.handle = answers_nan
    asked = {"inputs": [{"name": "x", "shape": [], "datatype": "FP32", "data": 1}], "id": "7"}
    for how in (
        {"parameters": {"binary_data_output": True}},
        {"outputs": [{"name": "x", "parameters": {"binary_data": True}}]},
    ):
        told = _outputs(ways.post(json.dumps({**asked, **how}).encode()))
        assert (told["id"], told["outputs"][0]["data"]) == ("7", raw)
    torchserve.reads_frames = False
    told = _outputs(ways.post(json.dumps({**asked, **how}).encode()))
    assert told["outputs"][0]["data"] == b"\x00\x00\xc0\x7f"
    assert [frames.is_frame(each) for each in torchserve.bodies] == [True, True, True, False]


def test_nan_in_json_is_refused_by_a_frame_too(tmp_path: Path) -> None:
    tensor = {**_tensor(count=1), "raw": b"\0\0\xc0\x7f"}
    torchserve = WorkedTorchServe(tmp_path, Arrays().handle)
    ways = _primed(torchserve)
    refused = _post(ways, [tensor])
    assert (refused.status, b"NaN or infinity" in refused.body) == (500, True)
    assert _call(ways, [tensor]).raw_output_contents == [tensor["raw"]]
