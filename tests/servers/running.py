"""Runs a server of this folder in threads of this process, REST and gRPC."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent import futures
from typing import Any

import grpc
import uvicorn
from tritonclient.grpc import service_pb2 as messages
from uvicorn.protocols.http.h11_impl import H11Protocol

from tests.servers.grpc_service import (
    CALLS,
    HEALTH_CHECK,
    HEALTH_WATCH,
    STREAM_INFER,
    Ended,
    Service,
)
from tests.servers.http import Answer, Handler, Request, serve
from tests.servers.rest import Rest
from tests.servers.state import State

RestFault = Callable[[Request, Handler], Awaitable[Answer]]
GrpcFault = Callable[[str, Any, Callable[[Any], Any]], Any]
WireFault = Callable[[bytes], bytes | None]
RawGrpcFault = Callable[[str, bytes], bytes | None]
Streaming = Callable[[Iterable[bytes]], Iterator[bytes]]
StreamFault = Callable[[str, Iterable[bytes], Streaming], Iterator[bytes]]


class RightServer:
    """Keeps every statement, unless it is given a fault.

    Attributes:
        rest_fault: called in place of REST, with the request and what would answer it.
        grpc_fault: called in place of gRPC, with the call's name, its request and what would
            answer it; may raise `Ended`.
        raw_grpc_fault: asked first, with the method and the bytes of any call, known or not; what
            it gives is the answer, where it isn't None; may raise `Ended`.
        metadata_fault: given the metadata of a call, says those of its answer.
        stream_fault: called in place of gRPC calls that stream, with the method, what is sent, and
            what would answer it; may raise `Ended`.
        raw_fault: called in place of the whole ASGI application.
        wire_fault: called with what comes on a connection, before it is read as HTTP; gives the
            bytes that answer it and end the connection, None where it is to be read.
    """

    def __init__(self) -> None:
        self.http_port = 0
        self.grpc_port = 0
        self.reset()

    def reset(self) -> None:
        """Make it right again, with its models as at the start."""
        self.state = State()
        self.rest = Rest(self.state)
        self.service = Service(self.state)
        self.rest_fault: RestFault | None = None
        self.grpc_fault: GrpcFault | None = None
        self.raw_grpc_fault: RawGrpcFault | None = None
        self.stream_fault: StreamFault | None = None
        self.metadata_fault: Callable[[Any], Any] | None = None
        self.raw_fault: Callable[..., Awaitable[None]] | None = None
        self.wire_fault: WireFault | None = None

    @property
    def url(self) -> str:
        """Give the base of its REST routes."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def grpc_target(self) -> str:
        """Give the address of its gRPC service."""
        return f"127.0.0.1:{self.grpc_port}"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve as an ASGI application."""
        if scope["type"] != "http":
            return
        if self.raw_fault is not None:
            await self.raw_fault(scope, receive, send)
            return
        await serve(scope, receive, send, self._handle)

    async def _handle(self, request: Request) -> Answer:
        if self.rest_fault is not None:
            return await self.rest_fault(request, self.rest.handle)
        return await self.rest.handle(request)

    def answer_call(self, name: str, message: bytes, context: grpc.ServicerContext) -> bytes:
        """Answer a gRPC call, its request and its answer as bytes."""
        if self.metadata_fault is not None:
            context.set_trailing_metadata(self.metadata_fault(context.invocation_metadata()))
        raw = self._raw(name, message, context)
        if raw is not None:
            return raw
        try:
            request = getattr(messages, f"{name}Request").FromString(message)
        except Exception:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "these bytes are no such message")

        def proceed(asked: Any) -> Any:
            return getattr(self.service, name)(asked)

        try:
            fault = self.grpc_fault
            answer = fault(name, request, proceed) if fault else proceed(request)
        except Ended as ended:
            context.abort(ended.code, ended.details)
        return answer if isinstance(answer, bytes) else answer.SerializeToString()

    def answer_unknown_call(
        self, method: str, message: bytes, context: grpc.ServicerContext
    ) -> bytes:
        """Answer a call that the service doesn't have: of health, or as gRPC does."""
        raw = self._raw(method, message, context)
        if raw is not None:
            return raw
        if method != HEALTH_CHECK:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
        try:
            return self.service.check_health(message)
        except Ended as ended:
            context.abort(ended.code, ended.details)
        raise AssertionError("abort raises")

    def answer_stream(
        self, method: str, asked: Iterable[bytes], context: grpc.ServicerContext
    ) -> Iterator[bytes]:
        """Answer a call that streams."""
        service = self.service
        proceed = service.watch_health if method == HEALTH_WATCH else service.stream_infer
        try:
            if self.stream_fault is not None:
                yield from self.stream_fault(method, asked, proceed)
            else:
                yield from proceed(asked)
        except Ended as ended:
            context.abort(ended.code, ended.details)

    def _raw(self, method: str, message: bytes, context: grpc.ServicerContext) -> bytes | None:
        try:
            return self.raw_grpc_fault(method, message) if self.raw_grpc_fault else None
        except Ended as ended:
            context.abort(ended.code, ended.details)
            raise AssertionError("abort raises") from None


@contextlib.contextmanager
def running() -> Iterator[RightServer]:
    """Run a server on free ports of the loopback address."""
    server = RightServer()
    with _grpc(server), _http(server):
        yield server


class _Unknown(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Hands on calls that no other handler takes."""

    def __init__(self, server: RightServer) -> None:
        self._server = server

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        if call.method in (STREAM_INFER, HEALTH_WATCH):
            return grpc.stream_stream_rpc_method_handler(
                lambda asked, context: self._server.answer_stream(call.method, asked, context)
            )
        return grpc.unary_unary_rpc_method_handler(
            lambda message, context: self._server.answer_unknown_call(call.method, message, context)
        )


@contextlib.contextmanager
def _grpc(server: RightServer) -> Iterator[None]:
    def answering(name: str) -> grpc.RpcMethodHandler:
        return grpc.unary_unary_rpc_method_handler(
            lambda message, context: server.answer_call(name, message, context)
        )

    handlers = {name: answering(name) for name in CALLS}
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    served = grpc.server(futures.ThreadPoolExecutor(4), options=options)
    served.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler("inference.GRPCInferenceService", handlers),
            _Unknown(server),
        )
    )
    server.grpc_port = served.add_insecure_port("127.0.0.1:0")
    served.start()
    try:
        yield
    finally:
        served.stop(None).wait()


@contextlib.contextmanager
def _http(server: RightServer) -> Iterator[None]:
    class Wire(H11Protocol):
        def data_received(self, data: bytes) -> None:
            answer = server.wire_fault(data) if server.wire_fault else None
            if answer is None:
                super().data_received(data)
            else:
                self.transport.write(answer)
                self.transport.close()

    config = uvicorn.Config(
        server,
        host="127.0.0.1",
        port=0,
        http=Wire,
        log_config=None,
        lifespan="off",
        access_log=False,
    )
    uvicorn_server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(uvicorn_server.serve()), daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not uvicorn_server.started:
        if time.monotonic() > deadline or not thread.is_alive():
            raise RuntimeError("the HTTP server did not start")
        time.sleep(0.01)
    server.http_port = uvicorn_server.servers[0].sockets[0].getsockname()[1]
    try:
        yield
    finally:
        uvicorn_server.should_exit = True
        thread.join(10)
