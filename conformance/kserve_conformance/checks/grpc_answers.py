"""Makes ModelInfer requests for checks, and reads the answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tritonclient.grpc import service_pb2

from kserve_conformance import expect, tensors
from kserve_conformance.asking.server import Server
from kserve_conformance.expect import Departure
from kserve_conformance.results.verdict import Unsupported

Writer = Callable[[str, Mapping[str, Any]], service_pb2.ModelInferRequest]
"""`kserve_conformance.tensors.request` or `kserve_conformance.tensors.raw_request`."""


def outputs(answer: service_pb2.ModelInferResponse) -> dict[str, dict[str, Any]]:
    """Give outputs by name, as a V2 REST answer has them; `Departure` where they can't be read."""
    with expect.reading("the answer of ModelInfer"):
        try:
            return {each["name"]: each for each in tensors.outputs(answer)}
        except AssertionError as error:
            raise Departure(f"the answer of ModelInfer: {error}") from None


def expect_back(server: Server, write: Writer, *sent: Mapping[str, Any]) -> None:
    """Need the contract model, and raise `Departure` where it doesn't give tensors back."""
    server.need_contract_v2()
    came = outputs(server.infer_grpc(write(server.model, {"inputs": sent})))
    for each in sent:
        expect.equal(came.get(each["name"]), each, f"the output {each['name']}")


def expect_outputs(answer: service_pb2.ModelInferResponse) -> None:
    """Go on where an answer has outputs; raise `Departure` where it has none."""
    expect.that(len(answer.outputs) > 0, "the answer has no outputs")


def byte_elements(answer: service_pb2.ModelInferResponse) -> list[bytes]:
    """Give the elements of the only output, BYTES that need be no text; else raise `Departure`."""
    expect.equal(len(answer.outputs), 1, "the number of outputs")
    raw = list(answer.raw_output_contents)
    try:
        return tensors.split(raw[0]) if raw else list(answer.outputs[0].contents.bytes_contents)
    except AssertionError as error:
        raise Departure(f"the answer of ModelInfer: {error}") from None


def typed_sample(server: Server) -> service_pb2.ModelInferRequest:
    """Give the sample with typed contents; `Unsupported` also where it has FP16 without such."""
    body = _sample_with_elements(server)
    if any(each["datatype"] == "FP16" for each in body["inputs"]):
        raise Unsupported("the sample has an FP16 tensor, which has no typed contents")
    return tensors.request(server.model, body)


def raw_sample(server: Server) -> service_pb2.ModelInferRequest:
    """Give the sample with raw contents; `Unsupported` where its first tensor has no elements."""
    return tensors.raw_request(server.model, _sample_with_elements(server))


def _sample_with_elements(server: Server) -> dict[str, Any]:
    # The first tensor is the one that checks break, and nothing can be left out of nothing.
    body = server.v2_sample()
    if not tensors.flat(body["inputs"][0]["data"]):
        raise Unsupported("the sample's first tensor has no elements")
    return body
