"""Tensors that reach a handler as the bytes that they are, and go back so: the envelope's side.

`test_tensors_as_bytes.py` has the wrapper before it, and `test_faithful_data.py` real TorchServe.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.wrapper.envelopes import worker
from tests.wrapper.envelopes.worker import PredictionException
from wrapper.errors import ServingError
from wrapper.openinference import answer as answers
from wrapper.openinference import datatypes, frames, tensors
from wrapper.openinference.raw_data import RawData
from wrapper.openinference.request import Wanted
from wrapper.steps import at_once

MOST = 2**20

thoroughly = settings(
    max_examples=200, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module", autouse=True)
def inside_torchserve() -> Iterator[None]:
    """Have as much of TorchServe's package as the envelopes import."""
    with worker.inside_torchserve():
        yield


@st.composite
def raw_tensors(draw: Callable[..., Any], names: Any = datatypes.NAMES) -> dict[str, Any]:
    """Draw tensors with any bytes that are some of their datatype."""
    datatype = datatypes.find("x", draw(st.sampled_from(names)))
    shape = draw(st.lists(st.integers(0, 3), max_size=4))
    count = math.prod(shape)
    if datatype.numpy is None:
        raw = tensors.to_raw(
            datatype, draw(st.lists(st.binary(max_size=9), min_size=count, max_size=count))
        )
    else:
        size = count * numpy.dtype(datatype.numpy).itemsize
        raw = draw(st.binary(min_size=size, max_size=size))
        if datatype.name == "BOOL":
            raw = bytes(each % 2 for each in raw)
    name = draw(st.text(max_size=3))
    return {"name": name, "shape": shape, "datatype": datatype.name, "raw": raw}


def of_json(tensor: dict[str, Any]) -> dict[str, Any]:
    """Give a tensor with no NaN but the one that JSON has; bytes have many."""
    datatype = datatypes.find("x", tensor["datatype"])
    elements = tensors.from_raw("x", datatype, tensor["raw"])
    plain = [
        math.nan if isinstance(each, float) and math.isnan(each) else each for each in elements
    ]
    return {**tensor, "raw": tensors.to_raw(datatype, plain)}


def framed(*sent: dict[str, Any], most: int = MOST, **more: Any) -> dict[str, Any]:
    """Write a request as TorchServe hands it over."""
    inputs = []
    for each in sent:
        tensor = dict(each)
        if "raw" in each:
            datatype = datatypes.find("x", each["datatype"])
            tensor["data"] = at_once(RawData.of("x", datatype, tensor.pop("raw")))
        inputs.append(tensor)
    writing = frames.write({"inputs": inputs, **more}, most, lambda _: None)
    return {"body": bytearray(bytes(at_once(writing)))}


def as_json(*sent: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Write the same as TorchServe hands over JSON."""
    inputs = []
    for each in sent:
        tensor = {key: value for key, value in each.items() if key != "raw"}
        if "raw" in each:
            elements = tensors.from_raw("x", datatypes.find("x", each["datatype"]), each["raw"])
            tensor["data"], how = tensors.to_json("x", elements, answers._ANY)
            if how:
                tensor["parameters"] = {**tensor.get("parameters", {}), **how}
        inputs.append(tensor)
    return {"body": json.loads(json.dumps({"inputs": inputs, **more}))}


def ask(handler: Any, *rows: dict[str, Any]) -> list[Any]:
    """Give the outputs of each answer as raw bytes, and whatever else they say."""
    bodies, _ = worker.told("kservev2_faithful", handler, *rows)
    return [_plain(bytes(body)) for body in bodies]


def _to_clients(body: bytes) -> str:
    """Give what a client of JSON is told; written, since 1 and 1.0 are equal."""
    answer = at_once(answers.in_json(answers.read(body, Wanted())))
    try:
        written = bytes(answers.to_json(answer))
    except ServingError as error:
        return error.message
    return json.dumps(json.loads(written), sort_keys=True)


def _plain(body: bytes) -> Any:
    answer = answers.read(body, Wanted())
    for output in answer["outputs"]:
        output["data"] = bytes(at_once(answers.to_raw(output)))
        output.get("parameters", {}).pop(tensors.ENCODING, None)
        if not output.get("parameters"):
            output.pop("parameters", None)
    return answer


class Arrays:
    """A handler that asks for arrays, and gives back what it got."""

    takes_arrays = True

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def handle(self, data: list[Any], _context: Any) -> list[Any]:
        """Answer each input."""
        self.seen.append(data)
        return data


def test_the_question_whether_frames_are_read_is_no_request() -> None:
    asked: list[Any] = []

    def handler(data: list[Any], _context: Any) -> list[Any]:
        asked.append(len(data))
        return data

    question = {"body": bytearray(frames.EMPTY)}
    tensor = {"name": "x", "shape": [1], "datatype": "INT8", "raw": b"\1"}
    assert worker.told("kservev2_faithful", handler, question)[0] == [frames.EMPTY]
    assert asked == []
    told, _ = worker.told("kservev2_faithful", handler, framed(tensor), question, as_json(tensor))
    assert told[1] == frames.EMPTY
    assert asked == [2]
    # As gRPC has it.
    by_grpc = {"data": bytearray(frames.EMPTY)}
    assert worker.told("kservev2_faithful", handler, by_grpc)[0] == [frames.EMPTY]


@thoroughly
@given(sent=st.lists(raw_tensors(), min_size=1, max_size=4))
def test_a_handler_gets_of_a_frame_what_it_gets_of_json(sent: list[dict[str, Any]]) -> None:
    seen: list[Any] = []
    sent = [of_json(each) for each in sent]

    def handler(data: list[Any], context: Any) -> list[Any]:
        seen.append(data)
        requests = context.open_inference_requests
        assert [each["name"] for each in requests[0]["inputs"]] == [each["name"] for each in data]
        return data

    told = ask(handler, framed(*sent, id="a")), ask(handler, as_json(*sent, id="a"))
    # Written, since NaN is nothing's equal.
    by_frame, by_json = ([sorted(each.items()) for each in data] for data in seen)
    assert repr(by_frame) == repr(by_json)
    assert told[0] == told[1]


@thoroughly
@given(sent=st.lists(raw_tensors(), min_size=1, max_size=4))
def test_arrays_come_back_byte_for_byte(sent: list[dict[str, Any]]) -> None:
    handler = Arrays()
    row = framed(*sent)
    (answer,) = ask(handler.handle, row)
    assert [each["data"] for each in answer["outputs"]] == [each["raw"] for each in sent]
    memory = numpy.frombuffer(row["body"], "u1")
    for tensor, got in zip(sent, handler.seen[0], strict=True):
        if tensor["datatype"] == "BYTES":
            continue
        array = got["data"]
        assert (list(array.shape), array.tobytes()) == (tensor["shape"], tensor["raw"])
        assert array.flags.writeable
        assert array.flags.aligned
        assert array.size == 0 or numpy.shares_memory(array, memory)


@pytest.mark.parametrize("count", [1, 3])
def test_what_a_failed_batch_did_to_an_array_is_undone_before_it_is_asked_again(count: int) -> None:
    seen: list[list[float]] = []

    class Scales(Arrays):
        def handle(self, data: list[Any], _context: Any) -> list[Any]:
            seen.append([each["data"][0].item() for each in data])
            for each in data:
                each["data"] *= 2
            if len(data) > 1:
                raise ValueError("one at a time")
            return data

    rows = [
        framed({"name": "x", "shape": [1], "datatype": "FP32", "raw": numpy.float32(n).tobytes()})
        for n in range(count)
    ]
    told = ask(Scales().handle, *rows)
    assert seen[-count:] == [[n] for n in range(count)]
    assert [each["outputs"][0]["data"] for each in told] == [
        numpy.float32(2 * n).tobytes() for n in range(count)
    ]


def test_who_takes_arrays_gets_them_by_json_too() -> None:
    handler = Arrays()
    tensor = {"name": "x", "shape": [2, 1], "datatype": "FP16", "data": [[0.1], [65519]]}
    text = {"name": "y", "shape": [1], "datatype": "BYTES", "data": ["é"]}
    (answer,) = ask(handler.handle, as_json(tensor, text))
    x, y = handler.seen[0]
    assert (x["data"].dtype, x["data"].shape) == (numpy.float16, (2, 1))
    assert y["data"] == "é"
    half = numpy.array([0.1, 65504], "<f2").tobytes()
    assert [each["data"] for each in answer["outputs"]] == [half, b"\2\0\0\0\xc3\xa9"]
    for wrong in ({"data": [1]}, {"data": [[1, 2]]}, {"data": ["a", "b"]}, {"datatype": "x"}):
        with pytest.raises(PredictionException) as refused:
            ask(handler.handle, as_json({**tensor, **wrong}))
        assert refused.value.error_code == 400


def test_any_bool_but_0_is_true() -> None:
    handler = Arrays()
    (answer,) = ask(
        handler.handle, framed({"name": "x", "shape": [3], "datatype": "BOOL", "raw": b"\0\1\2"})
    )
    assert handler.seen[0][0]["data"].tolist() == [False, True, True]
    assert answer["outputs"][0]["data"] == b"\0\1\1"


_ARRAY = numpy.arange(12, dtype="float32").reshape(3, 4)


def _dictionary(datatype: Any, data: Any, **more: Any) -> dict[str, Any]:
    return {"datatype": datatype, "shape": [numpy.size(data)], "data": data, **more}


@pytest.mark.parametrize(
    "result",
    [
        _ARRAY,
        _ARRAY.T,
        _ARRAY[:, 1],
        numpy.float64(0.1),
        numpy.array(True),
        numpy.array(["a", "é"]),
        numpy.array([], "int64"),
        [1, 2**62],
        [2**63],
        [True, False],
        [0.5, 1],
        ["a", b"\xff"],
        [{"a": 1}],
        "text",
        _dictionary("FP16", [65519, 0.1, math.inf]),
        _dictionary("FP32", numpy.array([0.1, 1e30])),
        _dictionary("FP32", [1e-46, math.nan]),
        _dictionary("UINT8", _ARRAY.astype("uint8").reshape(-1), name="own", parameters={"a": 1}),
        _dictionary("INT64", numpy.array([1, 2], "int8"), parameters={"binary_data": True}),
        _dictionary("BOOL", [True]),
        _dictionary("BYTES", numpy.array(["a"])),
        _dictionary("BYTES", ["a", {"b": 1}]),
        _dictionary("BYTES", ["//4="], parameters={tensors.ENCODING: "base64", "a": 1}),
        _dictionary("BYTES", [b"YQ=="], parameters={tensors.ENCODING: "base64"}),
        _dictionary("FP64", [1, 2**60 + 1]),
        _dictionary("FP64", [0.1, -0.0]),
        _dictionary("FP32", [1, 2]),
        _dictionary("FP32", [0.1]),
        _dictionary("FP32", [0.5, -0.0]),
        _dictionary("FP16", [65519.0]),
        _dictionary("FP32", numpy.array([1, 2])),
        _ARRAY.astype(">f4"),
        numpy.arange(3, dtype=">i8"),
        _dictionary("FP32", _ARRAY.reshape(-1).astype(">f4")),
    ],
    ids=repr,
)
def test_an_output_is_the_same_in_a_frame_as_in_json(result: Any) -> None:
    tensor = {"name": "x", "shape": [1], "datatype": "INT8", "raw": b"\1"}
    by_frame, by_json = (
        bytes(worker.told("kservev2_faithful", lambda *_: [result], row)[0][0])
        for row in (framed(tensor), as_json(tensor))
    )
    assert frames.is_frame(by_frame)
    assert _plain(by_frame) == _plain(by_json)
    assert _to_clients(by_frame) == _to_clients(by_json)


@pytest.mark.parametrize("datatype", [each for each in datatypes.NAMES if each != "BYTES"])
@pytest.mark.parametrize("order", "<>")
def test_arrays_are_their_datatype_in_any_order_of_bytes(datatype: str, order: str) -> None:
    little = numpy.array([0, 1], datatypes.find("x", datatype).numpy)
    array = little.astype(little.dtype.str.replace("<", order))
    tensor = {"name": "x", "shape": [1], "datatype": "INT8", "raw": b"\1"}
    for row in (framed(tensor), as_json(tensor)):
        ((output,),) = (each["outputs"] for each in ask(lambda *_: [array], row))
        assert (output["datatype"], output["data"]) == (datatype, little.tobytes())


@pytest.mark.parametrize(
    ("data", "goes_as_bytes"),
    [([0.5], True), ([0.1], False), ([1], False), (numpy.array([0.1], "<f4"), True)],
)
def test_what_bytes_would_round_is_json_in_a_frame(data: Any, goes_as_bytes: bool) -> None:
    tensor = {"name": "x", "shape": [1], "datatype": "INT8", "raw": b"\1"}
    result = _dictionary("FP32", data)
    (frame,), _ = worker.told("kservev2_faithful", lambda *_: [result], framed(tensor))
    head, _tail = frames.split(bytes(frame))
    assert ("data" in json.loads(head)["outputs"][0]) != goes_as_bytes


@pytest.mark.parametrize(
    ("datatype", "data"),
    [
        ("BOOL", ["a"]),
        ("BOOL", [1]),
        ("UINT8", [0.5]),
        ("UINT8", [256]),
        ("FP32", [1e39]),
        ("FP32", ["a"]),
        ("FP64", [10**400]),
        ("nonsense", [1]),
    ],
)
def test_what_an_array_cant_hold_is_refused_by_its_name(datatype: str, data: list[Any]) -> None:
    tensor = {"name": "pixels", "shape": [1], "datatype": datatype, "data": data}
    with pytest.raises(
        PredictionException, match=f"Tensor pixels .* {datatype} can.t hold"
    ) as refused:
        ask(Arrays().handle, as_json(tensor))
    assert refused.value.error_code == 400


@pytest.mark.parametrize(
    "result",
    [
        _dictionary("UINT8", [256]),
        _dictionary("INT8", [0.5]),
        _dictionary("FP16", [65520]),
        _dictionary("FP32", [1e39]),
        _dictionary("FP64", [10**400]),
        _dictionary("BOOL", [1]),
        _dictionary("FP32", ["a"]),
        _dictionary("nonsense", [1]),
        _dictionary(None, [1]),
        {"datatype": "INT8", "shape": [2], "data": [1]},
        {"datatype": "INT8", "shape": [2], "data": numpy.array([1], "int8")},
    ],
    ids=repr,
)
def test_a_wrong_output_is_refused_in_a_frame_as_in_json(result: Any) -> None:
    tensor = {"name": "x", "shape": [1], "datatype": "INT8", "raw": b"\1"}
    said = []
    for row in (framed(tensor), as_json(tensor)):
        with pytest.raises(Exception, match="The model's answer is wrong") as refused:
            ask(lambda *_: [result], row)
        said.append(str(refused.value))
    assert said[0] == said[1]


def test_what_is_more_than_torchserve_passes_on_is_json() -> None:
    tensor = {"name": "x", "shape": [9], "datatype": "INT64", "raw": bytes(72)}
    (frame,), _ = worker.told("kservev2_faithful", lambda data, _: data, framed(tensor))
    assert frames.is_frame(frame)
    for most, is_frame in ((len(frame), True), (len(frame) - 1, False)):
        row = framed(tensor, most=most)
        (body,), _ = worker.told("kservev2_faithful", lambda data, _: data, row)
        assert frames.is_frame(body) == is_frame
        assert _plain(bytes(body))["outputs"][0]["data"] == bytes(72)


@pytest.mark.parametrize(
    "body",
    [
        b"\0tensors",
        frames.EMPTY[:12],
        frames.EMPTY + b"x",
        frames.EMPTY.replace(b"{}", b"[]"),
        frames.EMPTY.replace(b"{} ", b'{"]'),
    ],
)
def test_what_is_no_frame_is_no_request(body: bytes) -> None:
    with pytest.raises(PredictionException, match="no Open Inference request") as refused:
        worker.told("kservev2_faithful", lambda data, _: data, {"body": bytearray(body)})
    assert refused.value.error_code == 400
