"""The binary tensor extension, between its bytes and TorchServe's JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy
import pytest

from tests.wrapper.front.asking import V2_ANSWER, answer_to, error_of, speaks_v2
from tests.wrapper.surroundings import AnsweringTorchServe
from wrapper.front import Answer
from wrapper.torchserve.exchange import Reply


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
    return answer_to(
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
        ({"size": 8, "length": "9" * 5000}, "no length of a JSON head"),
        ({"size": 8, "length": "é"}, 'Length: "é" is no length'),
        ({"size": 8, "length": "0"}, "0 is a raw binary request"),
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
    assert said in error_of(answer)
