"""The Open Inference Protocol's tensors, between their JSON, typed gRPC and raw forms.

Sources: inference_rest.md, "Tensor Data Types"; inference_grpc.md, "Tensor Data" and
InferTensorContents; for raw BYTES, Triton's binary tensor data extension.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tritonclient.grpc import service_pb2


@dataclass(frozen=True)
class Datatype:
    """One row of the table of datatypes.

    Attributes:
        format: struct's letter for one little-endian element; empty for BYTES, whose elements
            have their length before them.
        contents: InferTensorContents' member; empty for FP16, which has none.
        extremes: values at both ends of the range, and what rounding would lose.
    """

    name: str
    format: str
    contents: str
    extremes: tuple[Any, ...]

    @property
    def size(self) -> int:
        """Give the bytes of one element, 0 for BYTES."""
        return struct.calcsize(f"<{self.format}") if self.format else 0


_TABLE = (
    Datatype("BOOL", "?", "bool_contents", (True, False, False, True)),
    Datatype("UINT8", "B", "uint_contents", (0, 255)),
    Datatype("UINT16", "H", "uint_contents", (0, 65535)),
    Datatype("UINT32", "I", "uint_contents", (0, 4294967295)),
    Datatype("UINT64", "Q", "uint64_contents", (0, 2**53 + 1, 18446744073709551615)),
    Datatype("INT8", "b", "int_contents", (-128, 0, 127)),
    Datatype("INT16", "h", "int_contents", (-32768, 0, 32767)),
    Datatype("INT32", "i", "int_contents", (-2147483648, 0, 2147483647)),
    Datatype("INT64", "q", "int64_contents", (-9223372036854775808, 2**53 + 1, 2**63 - 1)),
    Datatype("FP16", "e", "", (0.5, -65504.0, 0.0999755859375)),
    Datatype("FP32", "f", "fp32_contents", (0.5, -3.4028234663852886e38, 0.10000000149011612)),
    Datatype("FP64", "d", "fp64_contents", (0.1, -1.7976931348623157e308)),
    Datatype("BYTES", "", "bytes_contents", ("a", "é漢", "")),
)
DATATYPES: Mapping[str, Datatype] = {each.name: each for each in _TABLE}
# Of the tensors that a check sends.
_MOST_DIMENSIONS = 4


def tensor(name: str, datatype: str, shape: Iterable[int], data: list[Any]) -> dict[str, Any]:
    """Write a tensor as a V2 REST request and a V2 REST answer hold it."""
    return {"name": name, "shape": list(shape), "datatype": datatype, "data": data}


def returned(
    datatype: str, shape: Sequence[int], data: list[Any], which: str = ""
) -> dict[str, Any]:
    """Write a tensor that the contract model gives back; see docs/conformance.md.

    Its name tells its datatype and its number of dimensions: there are servers whose models
    declare each input, which then has one of each.

    Args:
        which: tells two of one request apart that are alike in both; ``a``, ``b`` or ``c``.
    """
    return tensor(_name(datatype, len(shape), which), datatype, shape, data)


class Declared(NamedTuple):
    """An input of the contract model, for a server that takes none that isn't declared."""

    name: str
    datatype: str
    dimensions: int


def declared() -> list[Declared]:
    """List the inputs of the contract model, of which a request has some.

    Scalars are not among them: where inputs are declared, they can't be in general.
    """
    orders = [Declared("raise", "BYTES", 1), Declared("sleep", "FP32", 1)]
    return orders + [
        Declared(_name(datatype, dimensions, which), datatype, dimensions)
        for which in ("", "a", "b", "c")
        for datatype in DATATYPES
        for dimensions in range(1, _MOST_DIMENSIONS + 1)
    ]


def _name(datatype: str, dimensions: int, which: str) -> str:
    return "_".join(["returned", *([which] if which else []), datatype, f"{dimensions}d"])


def request(model: str, body: Mapping[str, Any]) -> service_pb2.ModelInferRequest:
    """Write a V2 REST body as the gRPC request with typed contents that means the same."""
    message = _head(model, body)
    for sent, added in zip(body["inputs"], message.inputs, strict=True):
        data = flat(sent["data"])
        if sent["datatype"] == "BYTES":
            data = [_bytes(element) for element in data]
        getattr(added.contents, DATATYPES[sent["datatype"]].contents).extend(data)
    return message


def raw_request(model: str, body: Mapping[str, Any]) -> service_pb2.ModelInferRequest:
    """Write a V2 REST body as the gRPC request with raw contents that means the same."""
    message = _head(model, body)
    raw = (pack(sent["datatype"], flat(sent["data"])) for sent in body["inputs"])
    message.raw_input_contents.extend(raw)
    return message


def any_request(model: str, body: Mapping[str, Any]) -> service_pb2.ModelInferRequest:
    """Write a V2 REST body with raw contents where it has FP16, which has no others, else typed."""
    halves = any(each["datatype"] == "FP16" for each in body["inputs"])
    return (raw_request if halves else request)(model, body)


def binary(
    body: Mapping[str, Any], names: Collection[str] | None = None
) -> tuple[dict[str, Any], bytes]:
    """Write a V2 REST body with data as bytes behind the JSON, of all inputs or of these.

    Returns:
        The JSON, with a ``binary_data_size`` for each such input, and the bytes.
    """
    inputs, raw = [], b""
    for each in body["inputs"]:
        sent = dict(each)
        if names is None or each["name"] in names:
            packed = pack(each["datatype"], flat(sent.pop("data")))
            parameters = each.get("parameters") or {}
            sent["parameters"] = {**parameters, "binary_data_size": len(packed)}
            raw += packed
        inputs.append(sent)
    return {**body, "inputs": inputs}, raw


def outputs(response: service_pb2.ModelInferResponse) -> list[dict[str, Any]]:
    """Write a response's outputs as V2 REST has them; `AssertionError` where raw ones don't fit."""
    raw = list(response.raw_output_contents)
    assert not raw or len(raw) == len(response.outputs), (
        f"{len(raw)} raw contents for {len(response.outputs)} outputs"
    )
    return [
        {
            "name": output.name,
            "datatype": output.datatype,
            "shape": list(output.shape),
            "data": unpack(output.datatype, raw[index]) if raw else _contents(output),
        }
        for index, output in enumerate(response.outputs)
    ]


def essential(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give the outputs of a V2 REST answer with the members that gRPC has too, data flat."""
    return [
        {
            "name": output["name"],
            "datatype": output["datatype"],
            "shape": list(output["shape"]),
            "data": flat(output["data"]),
        }
        for output in answer["outputs"]
    ]


def flat(data: Any) -> list[Any]:
    """Give the elements of nested data in row-major order."""
    if not isinstance(data, list):
        return [data]
    return [element for each in data for element in flat(each)]


def pack(datatype: str, data: Iterable[Any]) -> bytes:
    """Write elements as raw contents: little-endian, BYTES each after its length."""
    if datatype == "BYTES":
        elements = [_bytes(element) for element in data]
        return b"".join(struct.pack("<I", len(element)) + element for element in elements)
    values = list(data)
    return struct.pack(f"<{len(values)}{DATATYPES[datatype].format}", *values)


def unpack(datatype: str, raw: bytes) -> list[Any]:
    """Read raw contents, BYTES as text; `AssertionError` where they are no whole elements."""
    try:
        if datatype != "BYTES":
            return [each[0] for each in struct.iter_unpack(f"<{DATATYPES[datatype].format}", raw)]
        return [element.decode() for element in split(raw)]
    except (struct.error, UnicodeDecodeError) as error:
        raise AssertionError(f"raw contents of {datatype} can't be read: {error}") from None


def split(raw: bytes) -> list[bytes]:
    """Read raw contents of BYTES, be they no text; `AssertionError` where they end within one."""
    elements: list[bytes] = []
    at = 0
    while at < len(raw):
        end = at + 4 + int.from_bytes(raw[at : at + 4], "little")
        if end > len(raw):
            raise AssertionError(f"raw contents of BYTES end within element {len(elements)}")
        elements.append(raw[at + 4 : end])
        at = end
    return elements


def _head(model: str, body: Mapping[str, Any]) -> service_pb2.ModelInferRequest:
    message = service_pb2.ModelInferRequest(model_name=model, id=body.get("id", ""))
    for sent in body["inputs"]:
        message.inputs.add(name=sent["name"], datatype=sent["datatype"], shape=sent["shape"])
    for wanted in body.get("outputs", ()):
        message.outputs.add(name=wanted["name"])
    return message


def _contents(output: Any) -> list[Any]:
    data = list(getattr(output.contents, DATATYPES[output.datatype].contents))
    return [element.decode() for element in data] if output.datatype == "BYTES" else data


def _bytes(element: str | bytes) -> bytes:
    return element.encode() if isinstance(element, str) else element
