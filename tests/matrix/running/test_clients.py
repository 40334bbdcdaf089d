"""The matrix's clients: each request is kept as a line that a person can copy, and sent once."""

from __future__ import annotations

import itertools
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import cast

import pytest
from kserve_conformance import tensors
from kserve_conformance.asking.grpc_client import CallFailed
from kserve_conformance.asking.http_client import NoAnswer
from kserve_conformance.results.exhibit import Exhibit

from fixtures.torchserve import Instance
from matrix.running import reference
from matrix.running.clients import GrpcClient, RestClient
from matrix.running.launch import RunningWrapper
from matrix.running.reference import ReferenceMissingError
from tests import servers
from tests.matrix import runs
from tests.servers import RightServer


@pytest.fixture(scope="module")
def server() -> Iterator[RightServer]:
    """Serve the right answers."""
    with servers.running() as running:
        yield running


def wrapper_at(http_port: int, grpc_port: int = 9) -> RunningWrapper:
    """Stand for a wrapper that answers at these ports."""
    place = {"http_port": http_port, "grpc_port": grpc_port}
    return cast("RunningWrapper", SimpleNamespace(**place))


@pytest.fixture
def wrapper(server: RightServer) -> RunningWrapper:
    """Stand for a wrapper with the right answers."""
    return wrapper_at(server.http_port, server.grpc_port)


@contextmanager
def listening(answer: bytes | None) -> Iterator[tuple[int, list[int]]]:
    """Give all requests one answer, or end the connection where it is None.

    Yields:
        The port, and for each request the number of the connection that it came on.
    """
    connections = itertools.count()
    requests: list[int] = []

    class Connection(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            number = next(connections)
            while self.request.recv(65536):
                requests.append(number)
                if answer is None:
                    return
                self.request.sendall(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connection) as listener:
        listener.daemon_threads = True
        threading.Thread(target=listener.serve_forever).start()
        yield listener.server_address[1], requests
        listener.shutdown()


def test_an_http_exchange_is_a_curl_line_and_the_whole_answer(
    server: RightServer, wrapper: RunningWrapper
) -> None:
    exhibit = Exhibit()
    answer = RestClient(wrapper, exhibit).post("/v1/models/contract:predict", [1])
    assert exhibit.exchanges == [
        {
            "request": (
                f"curl -sS -i -X POST --path-as-is {server.url}/v1/models/contract:predict "
                "-H 'content-type: application/json' --data-binary '[1]'"
            ),
            "response": answer.shown(),
        }
    ]
    status, *headers = answer.shown().partition("\n\n")[0].splitlines()
    assert status == "400"
    assert "content-type: application/json" in headers


def test_a_grpc_exchange_is_a_grpcurl_line(wrapper: RunningWrapper) -> None:
    exhibit = Exhibit()
    sent = {"inputs": [tensors.tensor("returned", "INT32", [1], [7])]}
    client = GrpcClient(wrapper, exhibit)
    assert tensors.outputs(client.infer(tensors.request("contract", sent)))
    with pytest.raises(CallFailed, match="ModelInfer ended with NOT_FOUND: "):
        client.infer(tensors.request("nobody", sent))
    answered, refused = exhibit.exchanges
    assert answered["request"].startswith("grpcurl -plaintext -protoset ")
    assert answered["request"].endswith(
        f"127.0.0.1:{wrapper.grpc_port} inference.GRPCInferenceService/ModelInfer"
    )
    assert "model_name" in answered["response"]
    assert refused["response"].startswith("NOT_FOUND: ")


def test_a_body_of_megabytes_is_told_by_its_size(wrapper: RunningWrapper) -> None:
    exhibit = Exhibit()
    large = "x" * 6_600_000
    RestClient(wrapper, exhibit).post("/v1/models/contract:predict", {"instances": [large]})
    sent = {"inputs": [tensors.tensor("returned", "BYTES", [1], [large])]}
    GrpcClient(wrapper, exhibit).infer(tensors.request("contract", sent))
    http, grpc = exhibit.exchanges
    assert http["request"].endswith("--data-binary @BODY   # 6600019 bytes")
    assert "-d @ " in grpc["request"]
    assert grpc["request"].endswith(" characters of JSON")
    assert all(
        len(text) < 4100 for each in (http, grpc) for text in (each["request"], each["response"])
    )


def test_bytes_that_a_shell_needs_escaped_dont_make_a_line_that_is_cut_off(
    wrapper: RunningWrapper,
) -> None:
    exhibit = Exhibit()
    RestClient(wrapper, exhibit).post("/v2/models/contract/infer", bytes(2000))
    assert exhibit.exchanges[0]["request"].endswith("--data-binary @BODY   # 2000 bytes")


def test_a_request_that_isnt_answered_is_sent_once() -> None:
    exhibit = Exhibit()
    with listening(None) as (port, requests):
        client = RestClient(wrapper_at(port), exhibit)
        with pytest.raises(NoAnswer, match="POST /v1/models/late:predict was not answered"):
            client.post("/v1/models/late:predict", {"instances": [{"die": 1}]})
    assert requests == [0]
    assert exhibit.exchanges[0]["request"].startswith("curl ")
    assert "was not answered" in exhibit.exchanges[0]["response"]


def test_each_request_has_a_connection_of_its_own() -> None:
    with listening(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n") as (port, requests):
        client = RestClient(wrapper_at(port), Exhibit())
        assert client.get("/v2").status == client.get("/v2").status == 200
    assert requests == [0, 1]


def test_a_redirection_is_an_answer() -> None:
    moved = b"HTTP/1.1 307 Moved\r\nlocation: /v2\r\ncontent-length: 0\r\n\r\n"
    with listening(moved) as (port, requests):
        assert RestClient(wrapper_at(port), Exhibit()).get("/v2/").status == 307
    assert requests == [0]


def test_a_torchserve_that_doesnt_answer_is_the_harnesss_fault() -> None:
    nowhere = Instance.from_dict(runs.nowhere()["kserve"])
    with pytest.raises(ReferenceMissingError, match="TorchServe itself can't answer: POST /v1"):
        reference.by_rest(nowhere, "/v1/models/contract:predict", {"instances": []})
