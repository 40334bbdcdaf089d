"""A stand-in for TorchServe's gRPC management server, which tells the versions of one model."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from wrapper.torchserve import messages

_SERVICE, _ = messages.DESCRIBE_MODEL.removeprefix("/").split("/")
_REQUESTS = {
    "DescribeModel": messages.DescribeModelRequest,
    "RegisterModel": messages.RegisterModelRequest,
    "UnregisterModel": messages.UnregisterModelRequest,
}


class GrpcStandin:
    """Answers what the test says, and remembers what it was asked.

    Attributes:
        versions: what each question about versions is answered; none for a model that isn't there.
        fails: what each call fails with instead, and in which words.
        asked: the name of each call, with the model's version, or what it is loaded from.
        authorizations: the token of each.
        delay: seconds that each answer takes.
    """

    def __init__(self) -> None:
        self.versions: list[Mapping[str, object]] = []
        self.fails: tuple[grpc.StatusCode, str] | None = None
        self.asked: list[tuple[str, str]] = []
        self.authorizations: list[str] = []
        self.delay = 0.0
        self._changing = threading.Lock()

    def handler(self) -> Any:
        """Give what a gRPC server takes."""
        methods = {
            name: grpc.unary_unary_rpc_method_handler(
                lambda asked, context, name=name: self._answer(name, asked, context),
                request_deserializer=request.FromString,
                response_serializer=messages.ManagementResponse.SerializeToString,
            )
            for name, request in _REQUESTS.items()
        }
        return grpc.method_handlers_generic_handler(_SERVICE, methods)

    def _answer(self, name: str, asked: Any, context: grpc.ServicerContext) -> Any:
        with self._changing:
            which = asked.url if name == "RegisterModel" else asked.model_version
            self.asked.append((name, which))
            self.authorizations += [
                str(value) for key, value in context.invocation_metadata() if key == "authorization"
            ]
        time.sleep(self.delay)
        if self.fails is not None:
            context.abort(*self.fails)
        with self._changing:
            if name == "UnregisterModel":
                self.versions = [each for each in self.versions if each["modelVersion"] != which]
            elif name == "DescribeModel" and not self.versions:
                context.abort(grpc.StatusCode.NOT_FOUND, "Model not found: it\norg.pytorch.serve.A")
            return messages.ManagementResponse(msg=json.dumps(self.versions))


@contextlib.contextmanager
def standing_in_by_grpc(standin: GrpcStandin, port: int = 0) -> Iterator[int]:
    """Have it answer until the context ends, at a port that is given."""
    server = grpc.server(ThreadPoolExecutor(4), handlers=[standin.handler()])
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield bound
    finally:
        server.stop(None).wait()
