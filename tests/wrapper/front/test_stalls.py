"""No single request keeps the event loop from others for long, whatever its body and its answer."""

from __future__ import annotations

import asyncio
import base64
import gc
import gzip
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from kserve_conformance import tensors as encodings
from tritonclient.grpc import service_pb2

from tests.wrapper.surroundings import AnsweringTorchServe, settings
from wrapper.envelopes import faithful_frame
from wrapper.front import Front
from wrapper.front.asgi import FrontApplication
from wrapper.names import Target
from wrapper.openinference import datatypes, frames, infer_messages, messages
from wrapper.openinference.raw_data import RawData
from wrapper.spliced import pieces
from wrapper.steps import at_once, one_by_one
from wrapper.torchserve.exchange import Reply

MEGABYTE = 1_000_000
SIZE = 12 * MEGABYTE
# Of what takes so much longer by the byte that its steps, done at once, are noticed anyway.
COSTLY_SIZE = 3 * MEGABYTE
# Seconds of the processor between two turns of the loop; of the processor, since on a machine with
# much else to do a turn takes as long as it takes.
LONGEST = 0.050

V1 = "/v1/models/digits:predict"
V2 = "/v2/models/digits/infer"


def _repeated(element: bytes, size: int = SIZE) -> bytes:
    return ((element + b",") * (size // (len(element) + 1)))[:-1]


def _v1(element: bytes, key: bytes = b"instances") -> bytes:
    return b'{"' + key + b'":[' + _repeated(element) + b"]}"


def _v2(
    element: bytes,
    more: bytes = b"",
    datatype: bytes = b"FP64",
    inner: bytes = b"",
    size: int = SIZE,
) -> bytes:
    data = _repeated(element, size)
    count = b"%d" % (size // (len(element) + 1))
    described = b'"name":"x","shape":[' + count + inner + b'],"datatype":"' + datatype + b'"'
    return b'{"inputs":[{' + described + more + b',"data":[' + data + b"]}]}"


def _binary(datatype: bytes, itemsize: int) -> tuple[bytes, dict[str, str]]:
    size = SIZE // 4
    tensor = b'{"name":"x","shape":[%d],"datatype":"%b","parameters":{"binary_data_size":%d}}'
    written = b'{"inputs":[' + tensor % (size // itemsize, datatype, size) + b"]}"
    return written + bytes(size), {"inference-header-content-length": str(len(written))}


REQUESTS: dict[str, Callable[[], tuple[str, bytes, dict[str, str]]]] = {
    "v1 numbers": lambda: (V1, _v1(b"0.123456"), {}),
    "v1 rows": lambda: (V1, _v1(b"[1,2,3,4,5,6,7,8,9,10]"), {}),
    "v1 one text": lambda: (V1, _v1(b'{"b64":"' + base64.b64encode(bytes(SIZE // 2)) + b'"}'), {}),
    "v1 objects by the other name": lambda: (V1, _v1(b'{"a":1,"b":"x"}', b"inputs"), {}),
    "v1 that is cut short": lambda: (V1, _v1(b"1.5")[:-1], {}),
    "v1 that is no UTF-8": lambda: (V1, _v1(b"1.5")[:-3] + b'"\xff"]}', {}),
    "v1 with brackets": lambda: (V1, _v1(b"[]"), {}),
    "v1 in gzip": lambda: (V1, gzip.compress(_v1(b"1"), 1), {"content-encoding": "gzip"}),
    "v2 numbers": lambda: (V2, _v2(b"0.123456"), {}),
    "v2 rows, written anew": lambda: (V2, _v2(b"[1,2,3]", b',"parameters":null', inner=b",3"), {}),
    "v2 texts": lambda: (V2, _v2(b'"some text"', datatype=b"BYTES"), {}),
    "v2 that is refused for its last": lambda: (V2, _v2(b"7").replace(b"7]}", b"true]}"), {}),
    "binary floats": lambda: (V2, *_binary(b"FP32", 4)),
    "binary integers": lambda: (V2, *_binary(b"INT8", 1)),
}

REPLIES: dict[str, Callable[[], tuple[str, bytes, dict[str, str]]]] = {
    "v1 with NaN": lambda: (V1, _v1(b"0.5")[:-2] + b",NaN]}", {}),
    "v2 as it comes": lambda: (V2, _answer(b"0.5"), {}),
    "v2 with null": lambda: (V2, _answer(b"0.5", b'"parameters":null,', COSTLY_SIZE), {}),
    "v2 as binary": lambda: (V2, _answer(b"0.5", size=COSTLY_SIZE), {"binary_data_output": "yes"}),
}


def _answer(element: bytes, more: bytes = b"", size: int = SIZE) -> bytes:
    body = _v2(element, size=size).replace(b'"inputs"', b'"outputs"', 1)
    return b'{"model_name":"digits",' + more + body[1:]


@pytest.fixture(scope="module", autouse=True)
def little_to_search() -> None:
    """Leave what a test runner has in memory, which takes long, out of the searches for garbage."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def made(tmp_path: Path) -> Callable[[str], AnsweringTorchServe]:
    """Gives a TorchServe with an envelope that takes such bodies."""
    return lambda envelope: AnsweringTorchServe(
        settings(tmp_path, more=f"service_envelope={envelope}\nmax_request_size={SIZE * 3}")
    )


async def _longest_turn(work: Callable[[], Any]) -> float:
    """Give the longest time of the processor between two turns of the loop until work is done."""
    task = asyncio.ensure_future(work())
    longest = 0.0
    while not task.done():
        began = time.thread_time()
        await asyncio.sleep(0)
        longest = max(longest, time.thread_time() - began)
    await task
    return longest


async def _post(torchserve: Any, path: str, body: bytes, headers: dict[str, str]) -> list[Any]:
    """Post a body as uvicorn hands it on, and give what was sent."""
    parts = [body[start : start + 65536] for start in range(0, len(body), 65536)]
    parts.reverse()
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": parts.pop(), "more_body": bool(parts)}

    async def send(message: Any) -> None:
        sent.append(message)

    told = {"content-type": "application/json", **headers}
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "headers": [(name.encode(), value.encode()) for name, value in told.items()],
    }
    application = FrontApplication(Front(torchserve), send)  # type: ignore[arg-type]
    await application(scope, receive, send)
    return sent


@pytest.mark.parametrize("name", REQUESTS)
def test_a_large_body_does_not_stop_the_loop(
    made: Callable[[str], AnsweringTorchServe], name: str
) -> None:
    path, body, headers = REQUESTS[name]()
    torchserve = made("kserve_faithful" if path == V1 else "kservev2_faithful")
    torchserve.reply = Reply(b'{"model_name":"digits","outputs":[],"predictions":[]}')
    longest = asyncio.run(_longest_turn(partial(_post, torchserve, path, body, headers)))
    assert longest < LONGEST
    is_wrong = any(word in name for word in ("cut short", "no UTF-8", "refused"))
    assert len(torchserve.calls) == (0 if is_wrong else 1)


@pytest.mark.parametrize("name", REPLIES)
def test_a_large_answer_does_not_stop_the_loop(
    made: Callable[[str], AnsweringTorchServe], name: str
) -> None:
    path, reply, how = REPLIES[name]()
    torchserve = made("kserve_faithful" if path == V1 else "kservev2_faithful")
    torchserve.reply = Reply(reply)
    tensor = encodings.tensor("x", "INT8", [1], [1])
    asked: dict[str, Any] = {"inputs": [tensor], "instances": [1]}
    if how:
        asked["parameters"] = {"binary_data_output": True}
    body = json.dumps(asked).encode()
    sent: list[Any] = []

    async def post() -> None:
        sent.extend(await _post(torchserve, path, body, {}))

    assert asyncio.run(_longest_turn(post)) < LONGEST
    assert sent[0]["status"] == (500 if "NaN" in name else 200)


def _raw(datatype: str, element: bytes) -> service_pb2.ModelInferRequest:
    count = SIZE // 4 // len(element)
    request = service_pb2.ModelInferRequest(model_name="digits")
    request.inputs.add(name="x", datatype=datatype, shape=[count])
    request.raw_input_contents.append(element * count)
    return request


def _typed(datatype: str, member: str, element: float) -> service_pb2.ModelInferRequest:
    request = service_pb2.ModelInferRequest(model_name="digits")
    count = SIZE // 8
    tensor = request.inputs.add(name="x", datatype=datatype, shape=[count])
    getattr(tensor.contents, member).extend([element] * count)
    return request


def _many(count: int, tensors: int) -> service_pb2.ModelInferRequest:
    request = service_pb2.ModelInferRequest(model_name="digits")
    for index in range(tensors):
        tensor = request.inputs.add(name=f"x{index}", datatype="INT64", shape=[count // tensors])
        tensor.contents.int64_contents.extend([7] * (count // tensors))
    return request


async def _infer(front: Front, message: bytes, response: Any, raw: bool) -> None:
    """Make the call ModelInfer as the servicer does."""
    reading = infer_messages.long_request(service_pb2.ModelInferRequest, message)
    read = partial(messages.request_to_json, await one_by_one(reading))
    answer = await front.inference.infer_document(Target("digits"), read, {})
    await one_by_one(messages.fill_response(response, answer, raw))


_ANSWER = b'{"model_name":"digits","outputs":[]}'
MESSAGES: dict[str, Callable[[], service_pb2.ModelInferRequest]] = {
    "raw floats": lambda: _raw("FP32", bytes(4)),
    "raw integers": lambda: _raw("UINT8", b"\0"),
    "raw texts": lambda: _raw("BYTES", b"\x0c\x00\x00\x00some text \xff\xff"),
    "typed floats": lambda: _typed("FP32", "fp32_contents", 0.5),
    "typed integers": lambda: _typed("INT64", "int64_contents", 7),
    "many tensors": lambda: _many(SIZE // 8, 200),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_large_message_does_not_stop_the_loop(
    made: Callable[[str], AnsweringTorchServe], name: str
) -> None:
    torchserve = made("kservev2_faithful")
    torchserve.reply = Reply(_ANSWER)
    message = MESSAGES[name]().SerializeToString()
    response = service_pb2.ModelInferResponse()

    infer = partial(_infer, Front(torchserve), message, response, True)
    assert asyncio.run(_longest_turn(infer)) < LONGEST
    assert len(torchserve.calls) == 1


def test_a_large_answer_to_a_message_does_not_stop_the_loop(
    made: Callable[[str], AnsweringTorchServe],
) -> None:
    torchserve = made("kservev2_faithful")
    torchserve.reply = Reply(_answer(b"0.5", size=COSTLY_SIZE))
    message = _short(1).SerializeToString()
    response = service_pb2.ModelInferResponse()

    infer = partial(_infer, Front(torchserve), message, response, True)
    assert asyncio.run(_longest_turn(infer)) < LONGEST
    assert len(response.raw_output_contents[0]) == COSTLY_SIZE // 4 * 8


def _short(count: int) -> service_pb2.ModelInferRequest:
    request = service_pb2.ModelInferRequest(model_name="digits")
    for index in range(count):
        request.inputs.add(name=f"x{index}", datatype="FP32", shape=[1])
        request.raw_input_contents.append(bytes(4))
    return request


MESSAGES_AS_BYTES: dict[str, Callable[[], service_pb2.ModelInferRequest]] = {
    **MESSAGES,
    "short tensors": lambda: _short(20_000),
}
# The datatype of an answer, an element, and whether the client asks by raw contents.
ANSWERS_AS_BYTES = {
    "raw floats": ("FP32", bytes(4), True),
    "raw letters": ("BYTES", b"\x01\x00\x00\x00a", True),
    "typed floats": ("FP32", bytes(4), False),
    "typed letters": ("BYTES", b"\x01\x00\x00\x00a", False),
}


def _frame(datatype: str, element: bytes) -> bytes:
    """Give an answer as an envelope that reads frames writes it."""
    count = COSTLY_SIZE // len(element)
    output = {"name": "x", "shape": [count], "datatype": datatype, "data": element * count}
    write: Any = faithful_frame.write
    frame: bytes = write({"model_name": "digits", "outputs": [output]})
    return frame


async def _reading_frames(torchserve: AnsweringTorchServe) -> Front:
    """Give a front that knows that frames are read."""
    front = Front(torchserve)
    told = torchserve.reply
    torchserve.reply = Reply(_ANSWER + frames.MARK)
    message = _short(1).SerializeToString()
    await _infer(front, message, service_pb2.ModelInferResponse(), True)
    torchserve.calls.clear()
    torchserve.reply = told
    return front


@pytest.mark.parametrize("name", MESSAGES_AS_BYTES)
def test_a_large_message_that_goes_as_bytes_does_not_stop_the_loop(
    made: Callable[[str], AnsweringTorchServe], name: str
) -> None:
    torchserve = made("kservev2_faithful")
    torchserve.reply = Reply(_ANSWER)
    message = MESSAGES_AS_BYTES[name]().SerializeToString()

    async def infer() -> float:
        front = await _reading_frames(torchserve)
        response = service_pb2.ModelInferResponse()
        return await _longest_turn(partial(_infer, front, message, response, True))

    assert asyncio.run(infer()) < LONGEST
    ((_verb, body, _headers),) = torchserve.calls
    assert frames.is_frame(body)


def test_tensors_that_are_short_are_sent_together() -> None:
    inputs = [
        {"name": "x", "data": RawData(datatypes.find("x", "FP32"), bytes(4), 1)}
        for _ in range(20_000)
    ]
    frame = at_once(frames.write({"inputs": inputs}, 0, lambda _: None))
    # Each is a write to the connection.
    assert len(list(pieces(frame))) < 100


@pytest.mark.parametrize("name", ANSWERS_AS_BYTES)
def test_a_large_answer_in_bytes_does_not_stop_the_loop(
    made: Callable[[str], AnsweringTorchServe], name: str
) -> None:
    datatype, element, raw = ANSWERS_AS_BYTES[name]
    torchserve = made("kservev2_faithful")
    torchserve.reply = Reply(_frame(datatype, element))
    message = _short(1).SerializeToString()
    response = service_pb2.ModelInferResponse()

    async def infer() -> float:
        front = await _reading_frames(torchserve)
        return await _longest_turn(partial(_infer, front, message, response, raw))

    assert asyncio.run(infer()) < LONGEST
    if raw:
        assert response.raw_output_contents[0] == element * (COSTLY_SIZE // len(element))
    else:
        (output,) = response.outputs
        member = str(datatypes.find("x", datatype).contents)
        assert len(getattr(output.contents, member)) == COSTLY_SIZE // len(element)


@pytest.mark.parametrize("element", [bytes(4), b"\x01\x00\x00\x00a"], ids=["floats", "letters"])
@pytest.mark.parametrize("binary", [False, True])
def test_a_large_answer_in_bytes_to_a_client_of_rest_does_not_stop_the_loop(
    made: Callable[[str], AnsweringTorchServe], element: bytes, binary: bool
) -> None:
    torchserve = made("kservev2_faithful")
    torchserve.reply = Reply(_frame("FP32" if len(element) == 4 else "BYTES", element))
    tensor = {"name": "x", "shape": [1], "datatype": "FP32", "parameters": {"binary_data_size": 4}}
    asked = {"inputs": [tensor], "parameters": {"binary_data_output": binary}}
    head = json.dumps(asked).encode()
    headers = {"inference-header-content-length": str(len(head))}
    sent: list[Any] = []

    async def post() -> None:
        sent.extend(await _post(torchserve, V2, head + bytes(4), headers))

    assert asyncio.run(_longest_turn(post)) < LONGEST
    assert sent[0]["status"] == 200
