"""What goes in comes out: every datatype, shape and encoding, through real TorchServe.

The model ``echo`` gives back what it got; TorchServe has the envelope ``kservev2_faithful``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy
import pytest
import requests
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from tritonclient.grpc import service_pb2, service_pb2_grpc

from fixtures import models
from fixtures import torchserve as torchserves
from fixtures.torchserve import Instance
from matrix.running.launch import RunningWrapper
from tests import lending
from tests.wrapper.running import RELEASES, wrapper

pytestmark = pytest.mark.integration

_INTEGERS = ("INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64")
ARRAYS: dict[str, numpy.ndarray[Any, Any]] = {
    "BOOL": numpy.array([[True, False], [False, True]]),
    **{
        name: numpy.array(
            [[numpy.iinfo(name.lower()).min, numpy.iinfo(name.lower()).max]], name.lower()
        )
        for name in _INTEGERS
    },
    "FP16": numpy.array([0.1, -65504, 6e-8], "float16"),
    "FP32": numpy.array([0.1, -3.4028235e38, 1e-45], "float32"),
    "FP64": numpy.array([0.1, 1.7976931348623157e308, 5e-324], "float64"),
    "BYTES": numpy.array([b"a", "é".encode(), b""], object),
}


@pytest.fixture(scope="module")
def torchserve() -> Instance:
    """A TorchServe whose envelope loses nothing."""
    return lending.instance("kservev2_faithful", "echo", "arrays")


@pytest.fixture(
    scope="module",
    params=[(release, protocol) for release in RELEASES for protocol in ("v2", "grpc-v2")],
    ids="-".join,
)
def subject(
    request: pytest.FixtureRequest,
    torchserve: Instance,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningWrapper]:
    """The wrapper on one SDK, with one transport towards TorchServe."""
    release, protocol = request.param
    folder = tmp_path_factory.mktemp("wrapper")
    with wrapper(release, torchserve, folder, protocol=protocol) as running:
        yield running


@pytest.fixture
def has_grpc(subject: RunningWrapper) -> bool:
    """Whether the SDK has a gRPC server: 0.8 and 0.9 have none."""
    return "KServe SDK 0.9" not in subject.log()


def _infer(subject: RunningWrapper, *inputs: dict[str, Any], **more: Any) -> Any:
    body = {"inputs": inputs, **more}
    answer = requests.post(f"{subject.url}/v2/models/echo/infer", json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


def _tensor(datatype: str, array: numpy.ndarray[Any, Any], **more: Any) -> dict[str, Any]:
    data = [each.decode() if isinstance(each, bytes) else each for each in array.ravel().tolist()]
    return {"name": "x", "shape": list(array.shape), "datatype": datatype, "data": data, **more}


@pytest.mark.parametrize("datatype", ARRAYS)
def test_json_comes_back_as_it_went(subject: RunningWrapper, datatype: str) -> None:
    tensor = _tensor(datatype, ARRAYS[datatype])
    assert _infer(subject, tensor)["outputs"] == [tensor]
    if datatype != "BYTES":
        # The model's own numpy array, whose shape and type are told by nothing else.
        told = _infer(subject, {**tensor, "parameters": {"as": "array"}})["outputs"]
        assert told == [tensor]


@pytest.mark.parametrize("datatype", ARRAYS)
def test_binary_tensors_come_back_as_they_went(subject: RunningWrapper, datatype: str) -> None:
    array = ARRAYS[datatype]
    with triton_http.InferenceServerClient(f"127.0.0.1:{subject.http_port}") as client:
        tensor = triton_http.InferInput("x", list(array.shape), datatype)
        tensor.set_data_from_numpy(array)
        answer = client.infer(
            "echo", [tensor], outputs=[triton_http.InferRequestedOutput("x")], request_id="é-1"
        )
        assert answer.get_response()["id"] == "é-1"
        told = answer.as_numpy("x")
        assert told.dtype == array.dtype
        assert told.tolist() == array.tolist()


@pytest.mark.parametrize("datatype", ARRAYS)
def test_grpc_tensors_come_back_as_they_went(
    subject: RunningWrapper, datatype: str, has_grpc: bool
) -> None:
    if not has_grpc:
        return
    array = ARRAYS[datatype]
    assert _by_grpc(subject, datatype, array).tolist() == array.tolist()


def _by_grpc(
    subject: RunningWrapper, datatype: str, array: numpy.ndarray[Any, Any]
) -> numpy.ndarray[Any, Any]:
    with triton_grpc.InferenceServerClient(f"127.0.0.1:{subject.grpc_port}") as client:
        tensor = triton_grpc.InferInput("x", list(array.shape), datatype)
        tensor.set_data_from_numpy(array)
        told: numpy.ndarray[Any, Any] = client.infer("echo", [tensor]).as_numpy("x")
        return told


# A picture as networks take it, 5 MB: as JSON it would be beyond TorchServe's limits.
PICTURE = numpy.arange(3 * 640 * 640, dtype="float32").reshape(1, 3, 640, 640)
# Such as JSON doesn't tell apart.
NANS = numpy.array([0x7FC00001, 0xFFC00000, 0x7F800001], "uint32").view("float32")


@pytest.mark.parametrize("of", [*ARRAYS, "PICTURE", "NANS", "nothing"])
def test_arrays_come_back_byte_for_byte(subject: RunningWrapper, of: str, has_grpc: bool) -> None:
    more = {"PICTURE": PICTURE, "NANS": NANS, "nothing": numpy.zeros((2, 0, 3), "float32")}
    array, datatype = (ARRAYS | more)[of], of if of in ARRAYS else "FP32"
    # Of its answer the wrapper knows that frames are read.
    tensor = _tensor("FP64", ARRAYS["FP64"])
    answer = requests.post(
        f"{subject.url}/v2/models/arrays/infer", json={"inputs": [tensor]}, timeout=30
    )
    assert answer.json()["outputs"] == [tensor]
    with triton_http.InferenceServerClient(f"127.0.0.1:{subject.http_port}") as client:
        told = [_asked(triton_http, client, datatype, array)]
    if has_grpc:
        with triton_grpc.InferenceServerClient(f"127.0.0.1:{subject.grpc_port}") as client:
            told.append(_asked(triton_grpc, client, datatype, array))
    for each in told:
        assert (each.dtype, each.shape) == (array.dtype, array.shape)
        assert (
            each.tolist() == array.tolist() if of == "BYTES" else each.tobytes() == array.tobytes()
        )


def _asked(
    triton: Any, client: Any, datatype: str, array: numpy.ndarray[Any, Any]
) -> numpy.ndarray[Any, Any]:
    tensor = triton.InferInput("x", list(array.shape), datatype)
    tensor.set_data_from_numpy(array)
    wanted = [triton.InferRequestedOutput("x")]
    told: numpy.ndarray[Any, Any] = client.infer("arrays", [tensor], outputs=wanted).as_numpy("x")
    return told


def test_a_picture_is_the_first_that_is_asked(torchserve: Instance, tmp_path: Path) -> None:
    with (
        wrapper(RELEASES[-1], torchserve, tmp_path) as subject,
        triton_http.InferenceServerClient(f"127.0.0.1:{subject.http_port}") as client,
    ):
        told = _asked(triton_http, client, "FP32", PICTURE)
        assert told.tobytes() == PICTURE.tobytes()


@pytest.mark.parametrize("protocol", ["v2", "grpc-v2"])
def test_the_oldest_torchserve_hands_bytes_over(protocol: str, tmp_path: Path) -> None:
    with (
        torchserves.start(
            "process",
            release="0.5.3",
            envelope="kservev2_faithful",
            models=[models.archive_with_torch("arrays")],
        ) as running,
        wrapper(RELEASES[-1], running.instance, tmp_path, protocol=protocol) as subject,
        triton_grpc.InferenceServerClient(f"127.0.0.1:{subject.grpc_port}") as client,
    ):
        for array in (PICTURE, NANS):
            assert _asked(triton_grpc, client, "FP32", array).tobytes() == array.tobytes()


def test_what_json_does_not_have_goes_by_grpc_and_binary(
    subject: RunningWrapper, has_grpc: bool
) -> None:
    odd = numpy.array([math.inf, -math.inf, 1], "float32")
    blob = numpy.array([b"\xff\x00", b"text"], object)
    with triton_http.InferenceServerClient(f"127.0.0.1:{subject.http_port}") as client:
        for datatype, array in (("FP32", odd), ("BYTES", blob)):
            tensor = triton_http.InferInput("x", [len(array)], datatype)
            tensor.set_data_from_numpy(array)
            wanted = [triton_http.InferRequestedOutput("x", binary_data=True)]
            answer = client.infer("echo", [tensor], outputs=wanted).as_numpy("x")
            assert answer.tolist() == array.tolist()
            if has_grpc:
                assert _by_grpc(subject, datatype, array).tolist() == array.tolist()


def test_shapes_are_kept(subject: RunningWrapper) -> None:
    for shape, data in (([2, 2], [1, 2, 3, 4]), ([0], []), ([2, 0], []), ([], [5]), ([1, 1], [7])):
        tensor = {"name": "x", "shape": shape, "datatype": "INT64", "data": data}
        assert _infer(subject, tensor)["outputs"] == [tensor]
    alone = {"name": "x", "shape": [], "datatype": "INT64", "data": 5}
    assert _infer(subject, alone)["outputs"] == [{**alone, "data": [5]}]
    # An element of no dimension, where [5] would be a list of one.
    told = _infer(subject, {**alone, "parameters": {"as": "array"}})["outputs"]
    assert (told[0]["shape"], told[0]["data"]) == ([], [5])
    nested = {"name": "x", "shape": [2, 2], "datatype": "INT64", "data": [[1, 2], [3, 4]]}
    assert _infer(subject, nested)["outputs"][0]["data"] == [1, 2, 3, 4]


def test_a_label_of_base64_changes_no_data(subject: RunningWrapper, has_grpc: bool) -> None:
    labelled = {"content_type": "base64"}
    tensor = {"name": "x", "shape": [1], "datatype": "BYTES", "data": ["YWJjZA=="]}
    told = _infer(subject, {**tensor, "parameters": labelled})["outputs"]
    assert told == [{**tensor, "data": ["abcd"]}]
    beyond = {**tensor, "data": ["/w=="]}
    told = _infer(subject, {**beyond, "parameters": labelled})["outputs"]
    assert told == [{**beyond, "parameters": {"torchserve_wrapper_encoding": "base64"}}]
    # What was answered may be sent again.
    assert _infer(subject, told[0])["outputs"] == told
    wrong = {"inputs": [{**tensor, "data": ["!"], "parameters": labelled}]}
    answer = requests.post(f"{subject.url}/v2/models/echo/infer", json=wrong, timeout=30)
    assert answer.status_code == 400
    assert "base64" in answer.json()["error"]
    with triton_http.InferenceServerClient(f"127.0.0.1:{subject.http_port}") as client:
        asked = triton_http.InferInput("x", [1], "BYTES")
        asked.set_data_from_numpy(numpy.array([b"YWJjZA=="], object))
        asked._parameters.update(labelled)
        wanted = [triton_http.InferRequestedOutput("x", binary_data=True)]
        answer = client.infer("echo", [asked], outputs=wanted)
        assert answer.as_numpy("x").tolist() == [b"abcd"]
        assert "content_type" not in answer.get_output("x")["parameters"]
    if has_grpc:
        output = _called(subject, BYTES, content_type="base64").outputs[0]
        assert (list(output.contents.bytes_contents), dict(output.parameters)) == ([b"abcd"], {})


def test_parameters_are_the_same_on_every_way(subject: RunningWrapper, has_grpc: bool) -> None:
    sent = {
        "content_type": "np",
        "temperature": 0.7,
        "priority": 2**64 - 1,
        "top_k": 3,
        "deep": True,
    }
    tensor = {"name": "x", "shape": [1], "datatype": "BYTES", "data": ["text"], "parameters": sent}
    assert _infer(subject, tensor)["outputs"] == [tensor]
    with triton_http.InferenceServerClient(f"127.0.0.1:{subject.http_port}") as client:
        asked = triton_http.InferInput("x", [1], "BYTES")
        asked.set_data_from_numpy(numpy.array([b"text"], object))
        asked._parameters.update(sent)
        wanted = [triton_http.InferRequestedOutput("x", binary_data=True)]
        # Its own arguments are parameters, too.
        told = client.infer("echo", [asked], outputs=wanted, priority=1, parameters={"t": 0.5})
        size = {"binary_data_size": 8}
        assert told.get_output("x")["parameters"] == {**sent, **size}
    if has_grpc:
        told = _called(subject, [b"text"], **sent).outputs[0].parameters
        assert {
            name: getattr(each, each.WhichOneof("parameter_choice")) for name, each in told.items()
        } == sent
        with triton_grpc.InferenceServerClient(f"127.0.0.1:{subject.grpc_port}") as grpc_client:
            asked = triton_grpc.InferInput("x", [1], "FP32")
            asked.set_data_from_numpy(numpy.array([0.5], "float32"))
            answer = grpc_client.infer("echo", [asked], priority=1, parameters={"t": 0.7})
            assert answer.as_numpy("x").tolist() == [0.5]


BYTES = [b"YWJjZA=="]


def _called(subject: RunningWrapper, elements: list[bytes], **parameters: Any) -> Any:
    """Call ModelInfer with typed contents."""
    message = service_pb2.ModelInferRequest(model_name="echo")
    tensor = message.inputs.add(name="x", datatype="BYTES", shape=[len(elements)])
    tensor.contents.bytes_contents.extend(elements)
    for name, value in parameters.items():
        kind = {bool: "bool_param", float: "double_param", str: "string_param"}.get(type(value))
        member = kind or ("int64_param" if value < 2**63 else "uint64_param")
        setattr(tensor.parameters[name], member, value)
    with grpc.insecure_channel(f"127.0.0.1:{subject.grpc_port}") as channel:
        infer = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer
        return infer(message, timeout=30)


def test_null_is_absent_and_an_empty_id_comes_back(subject: RunningWrapper) -> None:
    tensor = {"name": "x", "shape": [1], "datatype": "FP16", "data": [65519]}
    told = _infer(subject, {**tensor, "parameters": None}, id="", parameters=None, outputs=None)
    assert (told["id"], told["outputs"]) == ("", [tensor])
    head = {"inputs": [{**tensor, "data": None, "parameters": {"binary_data_size": 2}}], "id": None}
    written = json.dumps(head).encode()
    answer = requests.post(
        f"{subject.url}/v2/models/echo/infer",
        data=written + b"\xff\x7b",
        headers={"Inference-Header-Content-Length": str(len(written))},
        timeout=30,
    )
    assert answer.json()["outputs"] == [{**tensor, "data": [65504.0]}]


def test_inputs_and_outputs_may_be_any_number(subject: RunningWrapper) -> None:
    one = {"name": "a", "shape": [1], "datatype": "INT64", "data": [1]}
    two = {"name": "b", "shape": [1], "datatype": "BYTES", "data": ["t"]}
    told = _infer(subject, one, two, id="7")
    assert (told["id"], told["outputs"]) == ("7", [one, two])
    assert "parameters" not in told
    told = _infer(subject, {**one, "parameters": {"as": "twice"}})["outputs"]
    assert [output["name"] for output in told] == ["first", "second"]
    told = _infer(subject, one, {**two, "parameters": {"as": "none"}})["outputs"]
    assert [output["data"] for output in told] == [[1]]
    told = _infer(subject, one, two, outputs=[{"name": "b"}])["outputs"]
    assert told == [two]


def test_plain_python_answers_become_tensors(subject: RunningWrapper) -> None:
    asked = {"name": "x", "shape": [2, 1], "datatype": "FP32", "data": [0.5, 1.0]}
    told = _infer(subject, {**asked, "parameters": {"as": "python"}})["outputs"]
    assert told == [{**asked, "datatype": "FP64"}]
    flat = {**asked, "shape": [2]}
    told = _infer(subject, {**flat, "parameters": {"as": "numbers"}})["outputs"]
    assert told == [{**flat, "datatype": "FP64"}]


def test_v1_instances_come_back_exactly(tmp_path: Path) -> None:
    instances = [2**64 + 1, 0.1, "é", None, {"a": [True]}, -(2**63), 1e-300]
    torchserve = lending.instance("kserve_faithful", "echo")
    for release in RELEASES:
        folder = tmp_path / release
        folder.mkdir()
        with wrapper(release, torchserve, folder) as subject:
            url = f"{subject.url}/v1/models/echo:predict"
            for key in ("instances", "inputs"):
                answer = requests.post(url, json={key: instances}, timeout=30)
                assert answer.json() == {"predictions": instances}
            asked = {"instances": [{"as": "requests"}], "parameters": {"top_k": 3}}
            answer = requests.post(url, json=asked, timeout=30)
            assert answer.json() == {"predictions": [[asked]]}
            image = {"Content-Type": "image/jpeg"}
            answer = requests.post(url, data=b"\xff\xd8abc", headers=image, timeout=30)
            assert answer.json() == {"predictions": [5]}
