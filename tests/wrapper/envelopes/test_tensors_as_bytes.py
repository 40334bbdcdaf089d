"""The wrapper before its own envelope: what is answered by frames is what JSON is answered.

The envelope runs in this process; `test_faithful_data.py` has the same through real TorchServe.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2

from tests.wrapper.envelopes import worker
from tests.wrapper.envelopes.test_faithful_frames import Arrays, of_json, raw_tensors
from tests.wrapper.envelopes.worked import (
    WorkedTorchServe,
    call,
    floats,
    outputs,
    post,
    primed,
    same,
)
from tests.wrapper.surroundings import settings
from wrapper.errors import ServingError
from wrapper.front import inference
from wrapper.openinference import datatypes, frames, tensors, to_json
from wrapper.openinference.signature import DeclaredTensor, Signature

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


_NAME = operator.itemgetter("name")
_SOME = st.lists(raw_tensors(), min_size=1, max_size=4, unique_by=_NAME)
_NO_FP16 = raw_tensors([each for each in datatypes.NAMES if each != "FP16"])


@thoroughly
@given(sent=_SOME)
def test_arrays_come_back_byte_for_byte_by_http(folder: Path, sent: list[dict[str, Any]]) -> None:
    torchserve = WorkedTorchServe(folder, Arrays().handle)
    ways = primed(torchserve)
    told = outputs(post(ways, sent, parameters={"binary_data_output": True}, id="a"))
    assert told["id"] == "a"
    for output, tensor in zip(told["outputs"], sent, strict=True):
        assert output["data"] == tensor["raw"]
        assert all(output[key] == tensor[key] for key in ("name", "shape", "datatype"))
    assert [frames.is_frame(each) for each in torchserve.bodies] == [True]


@thoroughly
@given(sent=_SOME)
def test_arrays_come_back_byte_for_byte_by_grpc(folder: Path, sent: list[dict[str, Any]]) -> None:
    torchserve = WorkedTorchServe(folder, Arrays().handle)
    response = call(primed(torchserve), sent)
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
        torchserve = WorkedTorchServe(folder, same)
        torchserve.reads_frames = reads_frames
        ways = primed(torchserve)
        answer = post(ways, sent, parameters={"binary_data_output": binary}, id="é")
        by_http = outputs(answer) if answer.status == 200 else answer.body
        by_grpc = call(ways, sent).SerializeToString(deterministic=True)
        told.append((answer.status, by_http, by_grpc))
        assert [frames.is_frame(each) for each in torchserve.bodies] == [reads_frames] * 2
    assert told[0] == told[1]


@thoroughly
@given(sent=st.lists(_NO_FP16, min_size=1, unique_by=_NAME))
def test_typed_contents_are_bytes_too(folder: Path, sent: list[dict[str, Any]]) -> None:
    torchserve = WorkedTorchServe(folder, Arrays().handle)
    ways = primed(torchserve)
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
    ways = primed(WorkedTorchServe(tmp_path, same))
    message = service_pb2.ModelInferRequest(model_name="digits")
    tensor = message.inputs.add(name="x", datatype="INT8", shape=[2])
    tensor.contents.int_contents.extend([1, 128])
    with pytest.raises(ServingError, match="is INT8, whose range 128 is beyond") as refused:
        ways.infer(message)
    assert refused.value.status == 400


def test_a_frame_keeps_parameters_requested_outputs_and_signatures(tmp_path: Path) -> None:
    seen: list[Any] = []

    def handle(data: list[Any], context: Any) -> list[Any]:
        (request,) = context.open_inference_requests
        seen.append({key: request.get(key) for key in ("id", "parameters", "outputs")})
        return [{**each, "name": name} for each in data for name in ("first", "second")]

    torchserve = WorkedTorchServe(tmp_path, handle)
    tensor = floats(parameters={"temperature": 0.5})
    ways = primed(torchserve)
    asked = {
        "id": "7",
        "parameters": {"top_k": 3},
        "outputs": [{"name": "second", "parameters": {"binary_data": True}}, {"name": "first"}],
    }
    told = outputs(post(ways, [tensor], **asked))
    assert seen == [asked]
    second, first = told["outputs"]
    assert second["parameters"] == {"temperature": 0.5, "binary_data_size": 8}
    assert (second["data"], first["data"]) == (tensor["raw"], [0.0, 1.0])
    assert first["parameters"] == {"temperature": 0.5}
    refused = post(ways, [tensor], outputs=[{"name": "third"}])
    assert (refused.status, b"no output third" in refused.body) == (400, True)
    torchserve.declared = Signature((DeclaredTensor("x", "FP32", (3,)),), is_enforced=True)
    refused = post(ways, [tensor])
    assert (refused.status, b"the model takes [3]" in refused.body) == (400, True)


def test_bytes_in_base64_are_json_beside_what_is_bytes(tmp_path: Path) -> None:
    torchserve = WorkedTorchServe(tmp_path, same)
    torchserve.settings = settings(
        tmp_path, more="service_envelope=kservev2_faithful", BYTES_AS_BASE64="true"
    )
    image = {"name": "i", "shape": [1], "datatype": "BYTES", "raw": b"\2\0\0\0\xff\xfe"}
    told = outputs(post(primed(torchserve), [image, floats()]))
    assert [output["data"] for output in told["outputs"]] == [["//4="], [0.0, 1.0]]
    (frame,) = torchserve.bodies
    assert frames.is_frame(frame)
    assert b'"data":["//4="]' in frame


def test_json_that_asks_for_bytes_gets_them_as_bytes(tmp_path: Path) -> None:
    torchserve = WorkedTorchServe(tmp_path, Arrays().handle)
    ways = primed(torchserve)
    raw = b"\x01\x00\xc0\x7f"

    def answers_nan(*_: Any) -> list[Any]:
        return [numpy.frombuffer(raw, "<f4")]

    torchserve.handle = answers_nan
    asked = {"inputs": [{"name": "x", "shape": [], "datatype": "FP32", "data": 1}], "id": "7"}
    for how in (
        {"parameters": {"binary_data_output": True}},
        {"outputs": [{"name": "x", "parameters": {"binary_data": True}}]},
    ):
        told = outputs(ways.post(json.dumps({**asked, **how}).encode()))
        assert (told["id"], told["outputs"][0]["data"]) == ("7", raw)
    torchserve.reads_frames = False
    told = outputs(ways.post(json.dumps({**asked, **how}).encode()))
    assert told["outputs"][0]["data"] == b"\x00\x00\xc0\x7f"
    assert [frames.is_frame(each) for each in torchserve.bodies] == [True, True, True, False]


def test_nan_in_json_is_refused_by_a_frame_too(tmp_path: Path) -> None:
    tensor = {**floats(count=1), "raw": b"\0\0\xc0\x7f"}
    torchserve = WorkedTorchServe(tmp_path, Arrays().handle)
    ways = primed(torchserve)
    refused = post(ways, [tensor])
    assert (refused.status, b"NaN or infinity" in refused.body) == (500, True)
    assert call(ways, [tensor]).raw_output_contents == [tensor["raw"]]
