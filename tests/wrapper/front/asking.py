"""Asks the front, as the web frameworks around it do."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from wrapper.front import Answer, Front
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

without_envelope = pytest.mark.parametrize("torchserve", [""], indirect=True)
speaks_v2 = pytest.mark.parametrize("torchserve", ["kservev2"], indirect=True)


def answer_to(
    torchserve: TorchServe, path: str, body: bytes = b"", method: str = "", **headers: str
) -> Answer:
    route = Front(torchserve).route(method or ("POST" if body else "GET"), path)
    assert route is not None

    async def answer() -> Answer:
        return await route(body, {name.replace("_", "-"): each for name, each in headers.items()})

    return asyncio.run(answer())


def body_of(answer: Answer) -> Any:
    return json.loads(answer.body)


def error_of(answer: Answer) -> str:
    error = body_of(answer)["error"]
    assert isinstance(error, str)
    return error
