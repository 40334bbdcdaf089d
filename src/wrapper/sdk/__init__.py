"""The KServe SDK that is installed, behind one face for all its generations.

A generation is told by what the SDK offers, not by its version number.
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import os
from typing import Any, Protocol

from wrapper.envelope import Envelope
from wrapper.errors import ServingError
from wrapper.front import Front, MetricsFront
from wrapper.sdk.part import Part
from wrapper.settings import SettingsError


class Sdk(Protocol):
    """What changes between the generations of the SDK."""

    def open_inference_request(self, payload: Any, envelope: Envelope) -> dict[str, Any] | None:
        """Give the V2 request that a model's payload holds, or None when it holds a V1 one.

        Raises:
            ServingError: 400 when JSON can't hold the request.
        """

    def open_inference_response(self, answer: dict[str, Any], payload: Any) -> Any:
        """Give what a model has to return for TorchServe's V2 answer to this payload."""

    def exception(self, error: ServingError) -> Exception:
        """Give the exception that the SDK turns into the error's status."""

    def put_before(self, front: MetricsFront) -> None:
        """Have every ``kserve.ModelServer`` made from now on ask the front for a route first."""

    def put_before_grpc(self, front: Front) -> None:
        """Have every gRPC server made from now on serve the front in its service's place."""

    def make_server(self, grace_period: float) -> Any:
        """Make a ``kserve.ModelServer``, to register models with and to serve.

        Args:
            grace_period: seconds that requests in flight have once it is told to stop.
        """

    def serve(self, server: Any, part: Part) -> None:
        """Serve part of a server in this process until `wrapper.shutdown` tells it to stop."""


def version() -> str:
    """Give the installed SDK's version."""
    return importlib.metadata.version("kserve")


def has_grpc() -> bool:
    """Tell whether the installed SDK has a gRPC server: 0.8 and 0.9 have none."""
    return importlib.util.find_spec("kserve.protocol") is not None


def serves_grpc() -> bool:
    """Tell whether gRPC is to be served: it can be, and nobody has said ``--enable_grpc false``."""
    from kserve import model_server

    return has_grpc() and bool(model_server.args.enable_grpc)


def wait_for_grpc() -> None:
    """Wait until another process of this service serves gRPC, within bounds, where any is to."""
    if serves_grpc():
        from wrapper.sdk import grpc_server

        grpc_server.wait_until_served()


def processes_for_rest(workers: int) -> int:
    """Give the number of processes that ``--workers`` asks for.

    Raises:
        SettingsError: when that is none.
    """
    if workers == 0 and not has_grpc():
        # As tornado has it.
        return os.cpu_count() or 1
    if workers < 1:
        raise SettingsError(f"--workers {workers}: give 1 or more processes to answer requests")
    return workers


def serves_tls() -> bool:
    """Tell whether the installed SDK serves TLS: 0.21 and later do."""
    from kserve import model_server

    return hasattr(model_server.args, "ssl_certfile")


def http_port(port: int, is_tls: bool) -> int:
    """Give the port that REST is served on where it was told this one.

    With TLS the SDK takes another default.
    """
    from kserve import model_server

    if is_tls and port == model_server.DEFAULT_HTTP_PORT:
        return int(model_server.DEFAULT_HTTPS_PORT)
    return port


@functools.cache
def installed() -> Sdk:
    """Give the generation that is installed."""
    if not has_grpc():
        from wrapper.sdk.tornado_server import TornadoSdk

        return TornadoSdk()
    from kserve import model_server

    if hasattr(model_server, "RESTServer"):
        from wrapper.sdk.rest_server import RestServerSdk

        return RestServerSdk()
    from wrapper.sdk.uvicorn_server import UvicornServerSdk

    return UvicornServerSdk()
