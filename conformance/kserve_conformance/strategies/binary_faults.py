"""The ways in which a request of the binary tensor data extension is invalid."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from hypothesis import strategies as st

from kserve_conformance.asking.server import encode
from kserve_conformance.catalogue import Level
from kserve_conformance.strategies.documents import other_than
from kserve_conformance.strategies.fault import fault
from kserve_conformance.strategies.v2_faults import an_input
from kserve_conformance.strategies.valid import BinaryRequest, Tensor

_SIZE = "binary_data_size"


@fault("binary/length", Level.EXTENSION, "Inference-Header-Content-Length isn't the JSON's.")
def _length(draw: st.DrawFn, request: BinaryRequest) -> BinaryRequest:
    right = int(request.length or 0)
    numbers = st.integers(0, 2 * len(request.body)) | st.integers()
    # A header holds printable ASCII; clients refuse anything else.
    texts = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=6)
    # 0 is Triton's sign for a body without JSON.
    lengths = (numbers.map(str) | texts).filter(lambda each: _number(each) not in (right, 0))
    return dataclasses.replace(request, length=draw(lengths))


@fault("binary/no-length", Level.EXTENSION, "Inference-Header-Content-Length is left out.")
def _no_length(_: st.DrawFn, request: BinaryRequest) -> BinaryRequest:
    return dataclasses.replace(request, length=None)


@fault("binary/size", Level.EXTENSION, "binary_data_size isn't the number of a tensor's bytes.")
def _size(draw: st.DrawFn, request: BinaryRequest) -> BinaryRequest:
    right = _a_tensor(draw, request)["parameters"]
    numbers = st.integers(0, 2 * len(request.raw)) | st.integers()
    wrong = numbers.filter(lambda number: number != right[_SIZE])
    right[_SIZE] = draw(wrong | other_than(int, float, type(None)))
    return _measured(request)


@fault("binary/cut", Level.EXTENSION, "The bytes end before the last tensor does.")
def _cut(draw: st.DrawFn, request: BinaryRequest) -> BinaryRequest:
    _a_tensor(draw, request)
    end = draw(st.integers(0, len(request.raw) - 1))
    return dataclasses.replace(request, raw=request.raw[:end])


@fault("binary/extra", Level.EXTENSION, "Bytes follow the last tensor.")
def _extra(draw: st.DrawFn, request: BinaryRequest) -> BinaryRequest:
    more = draw(st.binary(min_size=1, max_size=8))
    return dataclasses.replace(request, raw=request.raw + more)


@fault("binary/both", Level.EXTENSION, "A tensor has data beside its binary_data_size.")
def _both(draw: st.DrawFn, request: BinaryRequest) -> BinaryRequest:
    tensor = _a_tensor(draw, request)
    tensor["data"] = ["0" if tensor["datatype"] == "BYTES" else 0] * math.prod(tensor["shape"])
    return _measured(request)


@fault("binary/count", Level.EXTENSION, "A tensor has not the bytes that its shape needs.")
def _count(draw: st.DrawFn, request: BinaryRequest) -> BinaryRequest:
    _a_tensor(draw, request)["shape"].append(draw(st.sampled_from([0, 2, 3, 2**40])))
    return _measured(request)


@fault("binary/flag", None, "binary_data_output is no boolean.")
def _flag(draw: st.DrawFn, request: BinaryRequest) -> BinaryRequest:
    asks = request.head.get("parameters", {}) | {"binary_data_output": draw(other_than(bool))}
    head = {**request.head, "parameters": asks}
    return _measured(dataclasses.replace(request, head=head))


def _a_tensor(draw: st.DrawFn, request: BinaryRequest) -> Tensor:
    return an_input(draw, dict(request.head), lambda each: bool(_bytes_of(each)))


def _bytes_of(tensor: Tensor) -> Any:
    return tensor.get("parameters", {}).get(_SIZE)


def _measured(request: BinaryRequest) -> BinaryRequest:
    # The head was changed: its length is to be right again.
    return dataclasses.replace(request, length=str(len(encode(request.head))))


def _number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None
