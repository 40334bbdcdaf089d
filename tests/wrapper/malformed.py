"""Hypothesis strategies for requests that break the protocols, each in one way that is known.

A strategy never makes a request that a server has to answer with success, so that whatever is
not refused is a finding.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st
from tritonclient.grpc import service_pb2

Tensor = dict[str, Any]

# TorchServe's names of models are found before its rules are.
MODEL = "contract"

_LIMITS = {
    f"{sign}INT{bits}": ((0, 2**bits - 1) if sign else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1))
    for sign in ("", "U")
    for bits in (8, 16, 32, 64)
}
_CONTENTS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
}
_SIZES = {"BOOL": 1, "FP16": 2, "FP32": 4, "FP64": 8} | {
    name: int(name.removeprefix("U").removeprefix("INT")) // 8 for name in _LIMITS
}

_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
json_values = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


def _not(*kinds: type) -> st.SearchStrategy[Any]:
    # type() and not isinstance(): a boolean is no integer here.
    return json_values.filter(lambda value: type(value) not in kinds)


def _encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


# ---------------------------------------------------------------- bodies that are no document


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return False


def broken_documents(whole: bytes) -> st.SearchStrategy[bytes]:
    """Bodies that are no JSON object, many of them nearly ``whole``."""
    cut = st.integers(0, len(whole) - 1).map(lambda end: whole[:end])
    more = st.binary(min_size=1, max_size=4).map(lambda tail: whole + tail)
    spoilt = st.tuples(st.integers(0, len(whole) - 1), st.integers(0x80, 0xFF)).map(
        lambda place: whole[: place[0]] + bytes([place[1]]) + whole[place[0] :]
    )
    others = _not(dict).map(_encoded)
    deep = st.integers(2000, 200000).map(lambda depth: b'{"inputs": ' + b"[" * depth)
    bodies = cut | more | spoilt | others | deep | st.binary(max_size=40)
    return bodies.filter(lambda body: not _is_object(body))


# ---------------------------------------------------------------- V1

_TOKENS = st.sampled_from([b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"01", b"'a'"])

v1_bodies: st.SearchStrategy[bytes] = st.one_of(
    broken_documents(b'{"instances": [[1.5, "a"], {"b": null}]}'),
    st.dictionaries(
        st.text(max_size=9).filter(lambda key: key not in ("instances", "inputs")),
        json_values,
        max_size=3,
    ).map(_encoded),
    _not(list).map(lambda value: _encoded({"instances": value})),
    _not(list).map(lambda value: _encoded({"inputs": value})),
    st.lists(json_values, max_size=2).flatmap(
        lambda values: _TOKENS.map(
            lambda token: _encoded({"instances": [*values, "@"]}).replace(b'"@"', token)
        )
    ),
)

# ---------------------------------------------------------------- V2


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    """Input tensors without fault, of every datatype with a numeric form."""
    datatype = draw(st.sampled_from([*_LIMITS, "BOOL", "FP16", "FP32", "FP64"]))
    shape = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    if datatype in _LIMITS:
        elements: st.SearchStrategy[Any] = st.integers(*_LIMITS[datatype])
    elif datatype == "BOOL":
        elements = st.booleans()
    else:
        elements = st.sampled_from([0.0, 0.5, -1.25, 1024.0])
    count = math.prod(shape)
    data = draw(st.lists(elements, min_size=count, max_size=count))
    return {
        "name": draw(st.text(st.characters(codec="utf-8"), max_size=5)),
        "shape": shape,
        "datatype": datatype,
        "data": data,
    }


def _changed(member: str, values: st.SearchStrategy[Any]) -> Callable[[Tensor], Any]:
    return lambda tensor: values.map(lambda value: {**tensor, member: value})


def _without(tensor: Tensor) -> st.SearchStrategy[Tensor]:
    return st.sampled_from(["name", "shape", "datatype", "data"]).map(
        lambda member: {key: value for key, value in tensor.items() if key != member}
    )


def _out_of_range(tensor: Tensor) -> st.SearchStrategy[Tensor]:
    least, greatest = _LIMITS.get(tensor["datatype"], (0, 0))
    if tensor["datatype"] in _LIMITS:
        wrong: st.SearchStrategy[Any] = st.integers(greatest + 1) | st.integers(max_value=least - 1)
        wrong |= st.sampled_from([0.5, True, "1", None, {}])
    elif tensor["datatype"] == "BOOL":
        wrong = st.sampled_from([0, 1, 1.0, "true", None])
    else:
        wrong = st.sampled_from([True, "1", None, {}, 10**400])
    return wrong.map(lambda value: {**tensor, "data": [value, *tensor["data"][1:]]})


def _miscounted(tensor: Tensor) -> st.SearchStrategy[Tensor]:
    shapes = st.lists(st.integers(0, 2**62), max_size=4).filter(
        lambda shape: math.prod(shape) != len(tensor["data"])
    )
    return shapes.map(lambda shape: {**tensor, "shape": shape})


_DATATYPES = [*_LIMITS, "BOOL", "FP16", "FP32", "FP64", "BYTES"]
_wrong_dimensions = st.lists(
    st.integers(max_value=-1) | st.integers(2**63) | _not(int), min_size=1, max_size=3
)
_tensor_faults: list[Callable[[Tensor], Any]] = [
    _without,
    _out_of_range,
    _miscounted,
    _changed("name", _not(str)),
    _changed("shape", _not(list) | _wrong_dimensions),
    _changed(
        "datatype",
        _not(str) | st.text(max_size=6).filter(lambda name: name not in _DATATYPES),
    ),
    _changed("data", _not(list)),
    _changed("data", st.just([[1], [1, 2]])),
    _changed("parameters", _not(dict) | st.just({"a": None}) | st.just({"a": [1]})),
]
broken_tensors = st.sampled_from(_tensor_faults).flatmap(
    lambda fault: tensors().flatmap(lambda tensor: fault(copy.deepcopy(tensor)))
)


@st.composite
def _v2_requests(draw: st.DrawFn) -> dict[str, Any]:
    request: dict[str, Any] = {"inputs": draw(st.lists(tensors(), min_size=1, max_size=2))}
    fault = draw(st.sampled_from(["tensor", "inputs", "id", "parameters", "outputs"]))
    if fault == "tensor":
        place = draw(st.integers(0, len(request["inputs"])))
        request["inputs"].insert(place, draw(broken_tensors | _not(dict)))
    elif fault == "inputs":
        request["inputs"] = draw(_not(list) | st.just([]))
    elif fault == "id":
        request["id"] = draw(_not(str))
    elif fault == "parameters":
        request["parameters"] = draw(_not(dict) | st.just({"a": []}))
        if draw(st.booleans()):
            request["parameters"] = {"binary_data_output": draw(_not(bool))}
    else:
        request["outputs"] = draw(
            _not(list, type(None))
            | st.just([{"name": "an output that no model has"}])
            | _not(dict).map(lambda value: [value])
            | _not(str).map(lambda value: [{"name": value}])
        )
    return request


v2_bodies: st.SearchStrategy[bytes] = _v2_requests().map(_encoded) | broken_documents(
    b'{"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [0.5]}]}'
)


@st.composite
def binary_requests(draw: st.DrawFn) -> tuple[bytes, str]:
    """Requests of the binary tensor extension: a body and Inference-Header-Content-Length."""
    tensor = draw(tensors())
    size = len(tensor.pop("data")) * _SIZES[tensor["datatype"]]
    parameters: dict[str, Any] = {"binary_data_size": size}
    raw = bytes(size)
    fault = draw(st.sampled_from(["length", "size", "bytes", "both", "shape"]))
    if fault == "size":
        parameters["binary_data_size"] = draw(
            _not(int) | st.integers().filter(lambda number: number != size)
        )
    elif fault == "bytes":
        raw = bytes(draw(st.integers(0, 3 * size + 3).filter(lambda number: number != size)))
    elif fault == "both":
        tensor["data"] = [0] * math.prod(tensor["shape"])
    elif fault == "shape":
        tensor["shape"] = [*tensor["shape"], 2]
    head = _encoded({"inputs": [{**tensor, "parameters": parameters}]})
    length = str(len(head))
    if fault == "length":
        numbers = st.integers().filter(lambda number: number != len(head)).map(str)
        # A header holds printable ASCII; the client itself refuses anything else.
        text = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=6)
        length = draw(numbers | text.filter(lambda each: each != length))
    return head + raw, length


# ---------------------------------------------------------------- what is around a body

paths: st.SearchStrategy[str] = st.one_of(
    st.text(min_size=1, max_size=12)
    .filter(lambda name: name != MODEL)
    .map(lambda name: quote(name.encode("utf-8", "surrogatepass"), safe=":")),
    st.sampled_from(["..", "%2e%2e", "%00", "a%2fb", "%ff", "%", "%zz", "contract%20", "~"]),
).flatmap(
    lambda name: st.sampled_from(
        [
            f"/v1/models/{name}:predict",
            f"/v1/models/{name}:explain",
            f"/v2/models/{name}/infer",
            f"/v2/models/{name}/explain",
            f"/v2/models/contract/{name}/infer",
            f"/v2/models/contract/versions/{name}/infer",
            f"/v2/repository/models/{name}/load",
            f"/v2/repository/models/{name}/unload",
        ]
    )
)

# ---------------------------------------------------------------- gRPC


_MESSAGE_FAULTS = (
    "model",
    "version",
    "datatype",
    "shape",
    "count",
    "member",
    "both contents",
    "raw size",
    "raw count",
    "FP16 typed",
    "BYTES",
    "parameter",
    "output",
    "no input",
)


@st.composite
def messages(draw: st.DrawFn) -> service_pb2.ModelInferRequest:
    """ModelInferRequests that break inference_grpc.md in one way."""
    tensor = draw(tensors().filter(lambda each: each["datatype"] != "FP16"))
    datatype, data = tensor["datatype"], tensor["data"]
    request = service_pb2.ModelInferRequest(model_name=MODEL)
    added = request.inputs.add(name=tensor["name"], datatype=datatype, shape=tensor["shape"])
    size = len(data) * _SIZES[datatype]
    fault = draw(st.sampled_from(_MESSAGE_FAULTS))
    if fault not in ("raw size", "raw count", "FP16 typed", "member", "BYTES"):
        getattr(added.contents, _CONTENTS[datatype]).extend(data)
    if fault == "model":
        names = st.text(st.characters(codec="utf-8"), max_size=9)
        request.model_name = draw(names.filter(lambda name: name != MODEL))
    elif fault == "version":
        request.model_version = draw(st.text(st.characters(codec="utf-8"), min_size=1, max_size=4))
    elif fault == "datatype":
        added.datatype = draw(
            st.text(st.characters(codec="utf-8"), max_size=6).filter(
                lambda name: name not in _DATATYPES
            )
        )
    elif fault == "shape":
        added.shape[0] = draw(st.integers(-(2**63), -1))
    elif fault == "count":
        added.shape.append(draw(st.integers(2, 2**62) | st.just(0)))
    elif fault == "member":
        members = sorted(set(_CONTENTS.values()) - {_CONTENTS[datatype]})
        getattr(added.contents, draw(st.sampled_from(members))).append(1)
        if draw(st.booleans()):
            getattr(added.contents, _CONTENTS[datatype]).extend(data)
    elif fault == "both contents":
        request.raw_input_contents.append(bytes(size))
    elif fault == "raw size":
        sizes = st.integers(0, 3 * size + 3).filter(lambda number: number != size)
        request.raw_input_contents.append(bytes(draw(sizes)))
    elif fault == "raw count":
        request.raw_input_contents.extend([bytes(size)] * draw(st.integers(2, 4)))
    elif fault == "FP16 typed":
        added.datatype = "FP16"
        added.contents.fp32_contents.extend([0.5] * len(data))
    elif fault == "BYTES":
        added.datatype, added.shape[:] = "BYTES", [1]
        if draw(st.booleans()):
            added.contents.bytes_contents.append(b"\xff" + draw(st.binary(max_size=4)))
        else:
            # An element's length without that many bytes behind it.
            request.raw_input_contents.append(b"\xff\xff\x00\x00" + draw(st.binary(max_size=4)))
    elif fault == "parameter":
        request.parameters["empty"].SetInParent()
    elif fault == "output":
        request.outputs.add(name="an output that no model has")
    else:
        del request.inputs[:]
    return request
