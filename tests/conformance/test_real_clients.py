"""The clients that people use, unmodified, before the wrapper on real TorchServe."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import numpy
import pytest
import requests
import tritonclient.grpc as triton_grpc
import tritonclient.grpc.aio as triton_grpc_aio
import tritonclient.http as triton_http
import tritonclient.http.aio as triton_http_aio
from tritonclient.grpc import service_pb2, service_pb2_grpc

from matrix.environments import provision
from matrix.planning.subject import REPOSITORY
from tests import lending
from tests.conformance.serving import RELEASES, Serving, serving

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

# KServe's own clients, the oldest and the newest that ask in both protocols.
CLIENT_RELEASES = ("0.14.1", "0.21.0")
ARRAY = numpy.array([[1.5, -2.0], [0.0, 3.25]], numpy.float32)
BYTES = numpy.array([b"a", "é".encode(), b""], object)
IDS = ("client-1", "client-2", "client-3")
INSTANCES = [{"text": "é"}, [1, 2.5]]
BODY = {
    "id": "client-1",
    "inputs": [
        {"name": "returned", "shape": [2, 2], "datatype": "FP32", "data": ARRAY.ravel().tolist()}
    ],
}


@pytest.fixture(scope="module", params=RELEASES)
def v1(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    behind = lending.instance("kserve", "contract", "digits")
    with serving(request.param, behind, tmp_path_factory.mktemp("v1")) as running:
        yield running


@pytest.fixture(scope="module", params=RELEASES)
def v2(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Serving]:
    behind = lending.instance("kservev2_faithful", "contract", "digits")
    with serving(request.param, behind, tmp_path_factory.mktemp("v2")) as running:
        yield running


def test_requests_asks_in_v1(v1: Serving) -> None:
    url = f"{v1.url}/v1/models/contract:predict"
    answer = requests.post(url, json={"instances": INSTANCES}, timeout=30)
    answer.raise_for_status()
    assert [each["received"] for each in answer.json()["predictions"]] == INSTANCES


def test_requests_asks_in_v2(v2: Serving) -> None:
    answer = requests.post(f"{v2.url}/v2/models/contract/infer", json=BODY, timeout=30)
    answer.raise_for_status()
    assert answer.json()["outputs"] == BODY["inputs"]
    assert answer.json()["id"] == "client-1"


@pytest.mark.container
@pytest.mark.parametrize("how", ["--http1.1", "--http1.0", "--ipv6"])
def test_curl_asks_in_v2(v2: Serving, how: str) -> None:
    words = ["curl", "-sS", "--fail", "--globoff", how, "-H", "content-type: application/json"]
    host = "[::1]" if how == "--ipv6" else "127.0.0.1"
    url = f"http://{host}:{urlsplit(v2.url).port}/v2/models/contract/infer"
    told = subprocess.run(
        [*words, "--data", json.dumps(BODY), url],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert json.loads(told.stdout)["outputs"] == BODY["inputs"]


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
@pytest.mark.parametrize("array", [ARRAY, BYTES], ids=["FP32", "BYTES"])
def test_tritonclient_asks_by_http(v2: Serving, array: Any, binary: bool) -> None:
    datatype = "BYTES" if array is BYTES else "FP32"
    with triton_http.InferenceServerClient(v2.http) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("contract")
        assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
        assert client.get_model_metadata("contract")["name"] == "contract"
        sent = triton_http.InferInput("returned", array.shape, datatype)
        sent.set_data_from_numpy(array, binary_data=binary)
        wanted = triton_http.InferRequestedOutput("returned", binary_data=binary)
        answer = client.infer("contract", [sent], outputs=[wanted], request_id="client-1")
    returned = answer.as_numpy("returned")
    if binary or array is ARRAY:
        assert returned.tolist() == array.tolist()
    else:
        # As JSON, BYTES come back as text.
        assert [_bytes(each) for each in returned] == array.tolist()
    assert answer.get_response()["id"] == "client-1"


def test_tritonclient_asks_by_grpc(v2: Serving) -> None:
    if v2.grpc is None:
        _is_closed(v2)
        return
    with triton_grpc.InferenceServerClient(v2.grpc) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("contract")
        for array, datatype in ((ARRAY, "FP32"), (BYTES, "BYTES")):
            sent = triton_grpc.InferInput("returned", array.shape, datatype)
            sent.set_data_from_numpy(array)
            answer = client.infer("contract", [sent], request_id="client-1")
            assert answer.as_numpy("returned").tolist() == array.tolist()
            assert answer.get_response().id == "client-1"


@pytest.mark.parametrize("packed", [None, "gzip", "deflate"])
def test_tritonclient_asks_by_http_in_an_event_loop(v2: Serving, packed: str | None) -> None:
    async def ask() -> list[Any]:
        async with triton_http_aio.InferenceServerClient(v2.http) as client:
            sent = triton_http.InferInput("returned", ARRAY.shape, "FP32")
            packing = {"request": packed, "response": packed}
            return await _asked_at_once(
                client,
                sent,
                **{f"{way}_compression_algorithm": how for way, how in packing.items()},
            )

    answers = asyncio.run(ask())
    assert [each.get_response()["id"] for each in answers] == list(IDS)
    assert [each.as_numpy("returned").tolist() for each in answers] == [ARRAY.tolist()] * len(IDS)


@pytest.mark.parametrize("packed", [None, "gzip", "deflate"])
def test_tritonclient_asks_by_grpc_in_an_event_loop(v2: Serving, packed: str | None) -> None:
    if v2.grpc is None:
        _is_closed(v2)
        return

    async def ask() -> list[Any]:
        async with triton_grpc_aio.InferenceServerClient(v2.grpc) as client:
            sent = triton_grpc.InferInput("returned", ARRAY.shape, "FP32")
            return await _asked_at_once(client, sent, compression_algorithm=packed)

    answers = asyncio.run(ask())
    assert [each.get_response().id for each in answers] == list(IDS)
    assert [each.as_numpy("returned").tolist() for each in answers] == [ARRAY.tolist()] * len(IDS)


async def _asked_at_once(client: Any, sent: Any, **packing: str | None) -> list[Any]:
    """Infer with all that tritonclient can put beside the tensors."""
    assert await client.is_model_ready("contract")
    sent.set_data_from_numpy(ARRAY)
    beside = {"priority": 1, "parameters": {"temperature": 0.5, "top_k": 3, "greedy": False}}
    asked = (client.infer("contract", [sent], request_id=each, **beside, **packing) for each in IDS)
    return await asyncio.gather(*asked)


def test_bare_stubs_ask_by_grpc(v2: Serving) -> None:
    """No reflection is needed: the service's description is all that a client has."""
    if v2.grpc is None:
        _is_closed(v2)
        return
    with grpc.insecure_channel(v2.grpc, [("grpc.enable_http_proxy", 0)]) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        request = service_pb2.ModelInferRequest(model_name="contract", id="client-1")
        added = request.inputs.add(name="returned", shape=[2, 2], datatype="FP32")
        added.contents.fp32_contents.extend(ARRAY.ravel().tolist())
        answer = stub.ModelInfer(request, timeout=30)
    assert answer.id == "client-1"
    assert list(answer.outputs[0].contents.fp32_contents) == ARRAY.ravel().tolist()


class Client:
    """KServe's own clients of a release, in a process of theirs: they take long to import."""

    def __init__(self, release: str, log: Path) -> None:
        self._log = log
        script = REPOSITORY / "tests" / "clients" / "kserve_clients.py"
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                [provision.provision(release).python, script],
                cwd=script.parent,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def ask(self, version: str, url: str, grpc_target: str | None = None) -> dict[str, Any]:
        """Give what they told of a server, by question."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([version, url, grpc_target]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, self._log.read_text(errors="replace")[-2000:]
        told: dict[str, Any] = json.loads(line)
        return told

    def close(self) -> None:
        """End the process."""
        with self._process:
            self._process.kill()


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Client]]:
    """Give what gives the clients of a release, which all servers are asked with."""
    folder = tmp_path_factory.mktemp("clients")
    with contextlib.ExitStack() as stack:

        @functools.cache
        def started(release: str) -> Client:
            return stack.enter_context(contextlib.closing(Client(release, folder / release)))

        yield started


@pytest.mark.parametrize("release", CLIENT_RELEASES)
def test_the_clients_of_kserve_ask_in_v1(
    v1: Serving, clients: Callable[[str], Client], release: str
) -> None:
    told = clients(release).ask("v1", v1.url)
    assert told["model-ready"] is True
    assert [each["received"] for each in told["predict"]["predictions"]] == INSTANCES
    assert [each["explained"] for each in told["explain"]["explanations"]] == INSTANCES


@pytest.mark.parametrize("release", CLIENT_RELEASES)
def test_the_clients_of_kserve_ask_in_v2(
    v2: Serving, clients: Callable[[str], Client], release: str
) -> None:
    told = clients(release).ask("v2", v2.url, v2.grpc)
    tensor = {"shape": [2, 2], "datatype": "FP32", "data": ARRAY.tolist()}
    inferred = {"id": "client-1", "model": "contract", **tensor}
    ways = ["json", "binary", *(["grpc-typed", "grpc-raw"] if v2.grpc else [])]
    assert {way: told.pop(way) for way in ways} == dict.fromkeys(ways, inferred)
    assert set(told.values()) == {True}


def _is_closed(running: Serving) -> None:
    """SDK 0.8 and 0.9 have no gRPC server: what answers there would be somebody else's."""
    assert running.release == "0.9.0"


def _bytes(element: str | bytes) -> bytes:
    return element.encode() if isinstance(element, str) else element
