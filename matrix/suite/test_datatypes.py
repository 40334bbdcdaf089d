"""Every datatype through TorchServe and back, where its envelope loses nothing."""

from __future__ import annotations

from typing import Any

import numpy
import tritonclient.grpc as triton_grpc
from kserve_conformance import tensors
from kserve_conformance.expect import reading
from kserve_conformance.results.exhibit import Exhibit
from tritonclient.utils import InferenceServerException, triton_to_np_dtype

from fixtures import payloads
from matrix.running.clients import TIMEOUT, GrpcClient, RestClient
from matrix.running.launch import RunningWrapper

_TENSORS: list[dict[str, Any]] = payloads.load("datatypes")["inputs"]


def test_json_datatypes(rest: RestClient, exhibit: Exhibit) -> None:
    for tensor in _TENSORS:
        answer = rest.post("/v2/models/contract/infer", {"inputs": [tensor]})
        exhibit.equal(answer.status, 200, f"status for {tensor['datatype']}")
        with reading("the answer"):
            returned = answer.json()["outputs"]
        exhibit.equal(returned, [tensor], f"{tensor['datatype']} as it came back")


def test_binary_datatypes(wrapper: RunningWrapper, exhibit: Exhibit) -> None:
    # It brings gevent, which each worker of a run would import, and few need.
    import tritonclient.http as triton_http

    with triton_http.InferenceServerClient(f"127.0.0.1:{wrapper.http_port}") as client:
        _judge(client, triton_http, exhibit)


def test_grpc_datatypes(wrapper: RunningWrapper, grpc_client: GrpcClient, exhibit: Exhibit) -> None:
    # tritonclient sends raw contents; typed ones go by the bare stub.
    with triton_grpc.InferenceServerClient(f"127.0.0.1:{wrapper.grpc_port}") as client:
        _judge(client, triton_grpc, exhibit)
    for tensor in _TENSORS:
        if tensor["datatype"] == "FP16":  # which has no typed contents
            continue
        answer = grpc_client.infer(tensors.request("contract", {"inputs": [tensor]}))
        with reading("the gRPC answer"):
            returned = tensors.outputs(answer)
        exhibit.equal(returned, [tensor], f"{tensor['datatype']} as it came back, typed")


def _judge(client: Any, triton: Any, exhibit: Exhibit) -> None:
    for tensor in _TENSORS:
        sent = triton.InferInput("returned", tensor["shape"], tensor["datatype"])
        sent.set_data_from_numpy(_array(tensor))
        wanted = triton.InferRequestedOutput("returned")
        more = {"client_timeout": TIMEOUT} if triton is triton_grpc else {}
        try:
            returned = client.infer("contract", [sent], outputs=[wanted], **more)
            with reading("the answer"):
                array = returned.as_numpy("returned")
        except InferenceServerException as error:
            raise AssertionError(f"{tensor['datatype']} was refused: {error}") from None
        assert array is not None, f"the answer to {tensor['datatype']} has no such output"
        exhibit.equal(str(array.dtype), str(_array(tensor).dtype), "type of what came back")
        exhibit.equal(list(array.shape), tensor["shape"], "shape of what came back")
        exhibit.equal(_plain(array), tensor["data"], f"{tensor['datatype']} as it came back")


def _array(tensor: dict[str, Any]) -> numpy.ndarray[Any, Any]:
    data = tensor["data"]
    if tensor["datatype"] == "BYTES":
        return numpy.array([text.encode() for text in data], object).reshape(tensor["shape"])
    return numpy.array(data, triton_to_np_dtype(tensor["datatype"])).reshape(tensor["shape"])


def _plain(array: numpy.ndarray[Any, Any]) -> list[Any]:
    return [each.decode() if isinstance(each, bytes) else each for each in array.ravel().tolist()]
