"""Requests that a server has to answer, as the contract model of docs/conformance.md takes them.

Its outputs are its inputs, so that what comes back can be held against what was sent. For
another model, say which tensors it takes, and which outputs it has.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from tritonclient.grpc import service_pb2

from kserve_conformance import tensors as encodings
from kserve_conformance.asking.server import encode
from kserve_conformance.strategies.documents import json_values
from kserve_conformance.tensors import DATATYPES

Tensor = dict[str, Any]
Body = dict[str, Any]

# What has no typed contents in gRPC, and is problematic in JSON by inference_rest.md.
HALVES = "FP16"
TYPED = tuple(name for name, row in DATATYPES.items() if row.contents)
# What makes the contract model fail or sleep, and what TorchServe's own envelope takes for bytes.
_ORDERS = frozenset({"raise", "sleep", "b64"})
# The contract model gives back tensors that are called so.
_NAMES = st.text(max_size=3).map(lambda end: f"returned{end}")


@dataclass(frozen=True)
class BinaryRequest:
    """A request of the binary tensor data extension.

    Attributes:
        head: the JSON.
        raw: what follows it.
        length: Inference-Header-Content-Length, None where the header is left out.
    """

    head: Mapping[str, Any]
    raw: bytes
    length: str | None

    @property
    def body(self) -> bytes:
        """Give the HTTP body."""
        return encode(self.head) + self.raw


def elements(datatype: str, *, text: bool = True, finite: bool = True) -> st.SearchStrategy[Any]:
    """Give elements of a datatype, from all of its range.

    Args:
        text: whether BYTES are text, as JSON needs it.
        finite: whether to leave out NaN and infinities, which JSON doesn't have.
    """
    row = DATATYPES[datatype]
    if datatype == "BOOL":
        return st.booleans()
    if datatype == "BYTES":
        texts = st.text(max_size=6)
        return texts if text else st.binary(max_size=6) | texts.map(str.encode)
    if datatype.startswith("FP"):
        width: Any = 8 * row.size
        any_float = st.floats(width=width, allow_nan=not finite, allow_infinity=not finite)
        return any_float | st.sampled_from(row.extremes)
    return st.integers(min(row.extremes), max(row.extremes)) | st.sampled_from(row.extremes)


def shapes(
    *, min_rank: int = 1, max_rank: int = 4, min_side: int = 0, max_side: int = 3
) -> st.SearchStrategy[list[int]]:
    """Give shapes, those of no elements among them.

    The texts say nothing of tensors without a dimension: ``min_rank=0`` has them, too.
    """
    side = st.integers(min_side, max_side)
    return st.lists(side, min_size=min_rank, max_size=max_rank)


_SHAPES = shapes()


@st.composite
def tensors(
    draw: st.DrawFn,
    *,
    names: st.SearchStrategy[str] = _NAMES,
    datatypes: Collection[str] = tuple(DATATYPES),
    shapes: st.SearchStrategy[list[int]] = _SHAPES,
    text: bool = True,
    finite: bool = True,
) -> Tensor:
    """Give input tensors as V2 JSON has them, their data nested or flat.

    Args:
        text: see `elements`; without it the data are flat, too.
        finite: see `elements`.
    """
    datatype, shape = draw(st.sampled_from(list(datatypes))), draw(shapes)
    count = math.prod(shape)
    data = draw(_data(datatype, count, text, finite))
    if text and len(shape) > 1 and draw(st.booleans()):
        data = _nested(iter(data), shape)
    return encodings.tensor(draw(names), datatype, shape, data)


# A new strategy is worked out when it is first drawn from, which takes longer than to draw: what
# draws from one many times takes the same one.
_elements = functools.cache(elements)


@functools.lru_cache(maxsize=4096)
def _data(datatype: str, count: int, text: bool, finite: bool) -> st.SearchStrategy[list[Any]]:
    each = _elements(datatype, text=text, finite=finite)
    return st.lists(each, min_size=count, max_size=count)


def tensor_lists(
    each: st.SearchStrategy[Tensor] | None = None, max_size: int = 2
) -> st.SearchStrategy[list[Tensor]]:
    """Give the inputs of a request: tensors of different names."""
    return st.lists(
        each if each is not None else tensors(),
        min_size=1,
        max_size=max_size,
        unique_by=lambda tensor: tensor["name"],
    )


def parameters(fractions: bool = True) -> st.SearchStrategy[dict[str, Any]]:
    """Give parameters that no server knows.

    Args:
        fractions: with such numbers, which inference_grpc.md's parameters can't hold.
    """
    values: st.SearchStrategy[Any] = st.booleans() | st.integers(-(2**63), 2**63 - 1)
    values |= st.text(max_size=8)
    if fractions:
        values |= st.floats(allow_nan=False, allow_infinity=False)
    return st.dictionaries(st.text(max_size=4).map(lambda end: f"x-{end}"), values, max_size=2)


_INPUTS = tensor_lists()
_PARAMETERS = parameters()
_IDS = st.text(min_size=1, max_size=12)


def _is_no_order(instance: Any) -> bool:
    return not (isinstance(instance, dict) and _ORDERS & instance.keys())


_INSTANCES = json_values().filter(_is_no_order)


@st.composite
def v1_bodies(draw: st.DrawFn, *, instances: st.SearchStrategy[Any] | None = None) -> Body:
    """Give V1 bodies, under either of the two keys."""
    each = _INSTANCES if instances is None else instances
    listed = draw(st.lists(each, min_size=1, max_size=3))
    return {draw(st.sampled_from(["instances", "inputs"])): listed}


@st.composite
def v2_bodies(
    draw: st.DrawFn,
    *,
    inputs: st.SearchStrategy[list[Tensor]] | None = None,
    outputs: Collection[str] | None = None,
    ids: st.SearchStrategy[str] = _IDS,
    parameters: st.SearchStrategy[dict[str, Any]] = _PARAMETERS,
) -> Body:
    """Give V2 bodies, with and without each member that is optional.

    Args:
        outputs: names of the model's, which a request may ask for; None where they are those of
            the inputs, as they are for the contract model.
    """
    body: Body = {"inputs": draw(_INPUTS if inputs is None else inputs)}
    for holder in (body, *body["inputs"]):
        if draw(st.booleans()):
            holder["parameters"] = draw(parameters)
    if draw(st.booleans()):
        body["id"] = draw(ids)
    names = [each["name"] for each in body["inputs"]] if outputs is None else list(outputs)
    asks = bool(names) and draw(st.booleans())
    if asks:
        wanted = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
        body["outputs"] = [{"name": name} for name in wanted]
    return body


def plain_bodies(
    *, datatypes: Collection[str] = tuple(DATATYPES), text: bool = True
) -> st.SearchStrategy[Body]:
    """Give V2 bodies of which a server can only take the data amiss.

    Their names and ids are ASCII, they have no parameters, and each tensor has elements.
    """
    letters = st.text("abcxyz019-_", max_size=3)
    each = tensors(
        names=letters.map(lambda end: f"returned{end}"),
        datatypes=datatypes,
        shapes=shapes(min_side=1),
        text=text,
    )
    return v2_bodies(
        inputs=tensor_lists(each),
        ids=letters.map(lambda end: f"id-{end}"),
        parameters=st.just({}),
    )


_BODIES_OF_BYTES = v2_bodies(inputs=tensor_lists(tensors(text=False)))


@st.composite
def binary_requests(
    draw: st.DrawFn, *, bodies: st.SearchStrategy[Body] | None = None
) -> BinaryRequest:
    """Give requests with at least one binary input, and outputs as JSON or binary.

    Args:
        bodies: what they mean, as V2 bodies; BYTES may be bytes.
    """
    body = draw(_BODIES_OF_BYTES if bodies is None else bodies)
    # Else they would have to be JSON.
    needs_binary = {
        each["name"] for each in body["inputs"] if each["datatype"] in (HALVES, "BYTES")
    }
    chosen = {body["inputs"][draw(st.integers(0, len(body["inputs"]) - 1))]["name"]}
    chosen |= {each["name"] for each in body["inputs"] if draw(st.booleans())}
    for wanted in body.get("outputs", ()):
        binary = wanted["name"] in needs_binary or draw(st.booleans())
        wanted["parameters"] = {"binary_data": binary}
    if "outputs" not in body and (bool(needs_binary) or draw(st.booleans())):
        body["parameters"] = {**body.get("parameters", {}), "binary_data_output": True}
    return as_binary(body, chosen | needs_binary)


def as_binary(body: Body, names: Collection[str]) -> BinaryRequest:
    """Write a V2 body with the data of these of its inputs as bytes behind the JSON."""
    head, raw = encodings.binary(body, names)
    return BinaryRequest(head, raw, str(len(encode(head))))


def typed_requests(
    model: str = "contract", *, bodies: st.SearchStrategy[Body] | None = None
) -> st.SearchStrategy[service_pb2.ModelInferRequest]:
    """Give ModelInferRequests with typed contents.

    Args:
        bodies: what they mean, as V2 bodies without FP16, which has no typed contents, and without
            fractions as parameters; BYTES may be bytes.
    """
    bodies = _written_as_messages(TYPED) if bodies is None else bodies
    return bodies.map(lambda body: _with_parameters(encodings.request(model, body), body))


def raw_requests(
    model: str = "contract", *, bodies: st.SearchStrategy[Body] | None = None
) -> st.SearchStrategy[service_pb2.ModelInferRequest]:
    """Give ModelInferRequests with raw contents; see `typed_requests`."""
    bodies = _written_as_messages(tuple(DATATYPES)) if bodies is None else bodies
    return bodies.map(lambda body: _with_parameters(encodings.raw_request(model, body), body))


def _written_as_messages(datatypes: Collection[str]) -> st.SearchStrategy[Body]:
    each = tensors(text=False, datatypes=datatypes)
    return v2_bodies(inputs=tensor_lists(each), parameters=parameters(fractions=False))


def _with_parameters(
    message: service_pb2.ModelInferRequest, body: Body
) -> service_pb2.ModelInferRequest:
    holders = zip((message, *message.inputs), (body, *body["inputs"]), strict=True)
    for added, held in holders:
        for name, value in held.get("parameters", {}).items():
            member = {bool: "bool_param", int: "int64_param", str: "string_param"}[type(value)]
            setattr(added.parameters[name], member, value)
    return message


def _nested(data: Iterator[Any], shape: list[int]) -> list[Any]:
    if len(shape) == 1:
        return list(itertools.islice(data, shape[0]))
    return [_nested(data, shape[1:]) for _ in range(shape[0])]
