"""SDK 0.8 and 0.9: a tornado server without gRPC, whose models get and return dicts."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Mapping
from typing import Any

import kserve
import tornado.httpserver
import tornado.httputil
import tornado.ioloop
import tornado.iostream
import tornado.netutil
import tornado.routing
import tornado.web

from wrapper import connections, errands, shutdown
from wrapper.envelope import Envelope
from wrapper.errands import ClientGone, Errand, Rounds
from wrapper.errors import ServingError
from wrapper.front import Answer, Front, MetricsFront, Route
from wrapper.front.body import FORGOTTEN_BYTES, FORGOTTEN_SECONDS, Body, waits_for_an_answer
from wrapper.front.limits import BodyLimit
from wrapper.sdk import listening, tornado_chunks
from wrapper.sdk.part import Part
from wrapper.settings import Settings

# Connections that nobody has accepted yet, as tornado has it.
_BACKLOG = 128


class TornadoSdk:
    """The first generation (0.8.0 to 0.9.0)."""

    def open_inference_request(self, payload: Any, envelope: Envelope) -> dict[str, Any] | None:
        """Take a dict for a V2 request where the envelope reads V2: the SDK doesn't say."""
        reads_v2 = envelope.speaks == "V2"
        return payload if reads_v2 and isinstance(payload, dict) else None

    def open_inference_response(self, answer: dict[str, Any], payload: Any) -> Any:
        """Give the dict as it is; the SDK writes it as JSON."""
        return answer

    def exception(self, error: ServingError) -> Exception:
        """Give tornado's own, which the SDK writes as ``{"error": reason}``."""
        return tornado.web.HTTPError(status_code=error.status, reason=error.message)

    def put_before(self, front: MetricsFront) -> None:
        """Have the SDK's application ask the front for a route before its own."""
        create_application = kserve.ModelServer.create_application

        def with_front(server: kserve.ModelServer) -> tornado.web.Application:
            application = create_application(server)
            rule = tornado.routing.Rule(_FrontMatcher(front), _FrontHandler)
            application.default_router.rules.insert(0, rule)
            return application

        kserve.ModelServer.create_application = with_front
        settings = front.torchserve.settings

        class FrontedServer(_DrainingServer):
            def initialize(self, *args: Any, **kwargs: Any) -> None:
                super().initialize(
                    *args, idle_connection_timeout=settings.keep_alive_timeout, **kwargs
                )
                self.settings = settings

        # The SDK offers no hook: it makes its server by this name when it starts.
        tornado.httpserver.HTTPServer = FrontedServer
        tornado_chunks.install()

    def put_before_grpc(self, front: Front) -> None:
        """Do nothing: there is no gRPC server."""

    def make_server(self, grace_period: float) -> Any:
        """Make a server of one process."""
        return kserve.ModelServer()

    def serve(self, server: Any, part: Part) -> None:
        """Serve REST in this process until it is told to stop."""
        server.workers = 1
        server.start([])


class _FrontMatcher(tornado.routing.Matcher):
    """Matches the requests that the front has a route for, and hands the route on."""

    def __init__(self, front: MetricsFront) -> None:
        self._front = front
        self._limit = BodyLimit(front.torchserve.settings.max_request_size)

    def match(self, request: Any) -> dict[str, Any] | None:
        cors = self._front.cors
        told = {name.lower(): value for name, value in request.headers.get_all()}
        route = cors.preflight(request.method, told) or self._front.route(
            request.method, request.path
        )
        if route is None:
            errands.of_client.set(_Request(request.connection.stream))
            return None
        passed = {"route": route, "limit": self._limit, "told": told, "cors": cors.headers}
        return {"target_kwargs": passed}


@tornado.web.stream_request_body
class _FrontHandler(tornado.web.RequestHandler):
    SUPPORTED_METHODS = (*tornado.web.RequestHandler.SUPPORTED_METHODS, "TRACE")

    def initialize(
        self,
        route: Route,
        limit: BodyLimit,
        told: Mapping[str, str],
        cors: Mapping[str, str],
    ) -> None:
        self._route = route
        self._limit = limit
        self._told = told
        for name, value in cors.items():
            self.set_header(name, value)
        # None where the request is refused.
        self._body: Body | None = None
        self._left = FORGOTTEN_BYTES
        self._closing: object | None = None
        self._errand = _Request(self.request.connection.stream)

    async def prepare(self) -> None:
        # The limit is the wrapper's; tornado's own is for the routes of the SDK.
        self.request.connection.set_max_body_size(sys.maxsize)
        try:
            self._body = Body(self._limit, self._told)
        except ServingError as error:
            await self._refuse(error)

    async def data_received(self, chunk: bytes) -> None:
        if self._body is None:
            self._left -= len(chunk)
            if self._left <= 0:
                self._close()
            return
        try:
            for _ in self._body.add(chunk):
                await asyncio.sleep(0)
        except ServingError as error:
            await self._refuse(error)

    async def _refuse(self, error: ServingError) -> None:
        """Answer; close the connection when the body has come, or part of it."""
        self._body = None
        self.set_header("Connection", "close")
        self._write(self._route.refuse(error))
        if waits_for_an_answer(self._told):
            self._close()
            return
        loop = tornado.ioloop.IOLoop.current()
        self._closing = loop.call_later(FORGOTTEN_SECONDS, self._close)
        with contextlib.suppress(tornado.iostream.StreamClosedError):
            await self.flush()

    def _close(self) -> None:
        if not self._finished:
            # Tornado closes the connection, since it has not read the body to its end.
            self.finish()

    async def _answer(self) -> None:
        if self._body is not None:
            try:
                with self._errand:
                    answer = await self._answered(self._body)
            except ClientGone as gone:
                # For tornado's log: nobody reads what is written.
                self.set_status(gone.status, gone.message)
                self.finish()
                return
            self._write(answer)
        if not self._finished:
            await self.finish()

    async def _answered(self, body: Body) -> Answer:
        try:
            whole = body.whole()
        except ServingError as error:
            return self._route.refuse(error)
        return await self._route(whole, self._told)

    def _write(self, answer: Answer) -> None:
        self.set_status(answer.status)
        self.set_header("Content-Type", answer.content_type)
        self.set_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.set_header(name, value)
        if answer.body:
            self.write(answer.body)

    def on_finish(self) -> None:
        if self._closing is not None:
            tornado.ioloop.IOLoop.current().remove_timeout(self._closing)

    def compute_etag(self) -> None:
        """Answer without a validator, as the other releases do."""

    get = head = post = put = patch = delete = options = trace = _answer


class _Request(Errand):
    """One that is being answered: called off when its client is gone."""

    def __init__(self, stream: tornado.iostream.IOStream) -> None:
        super().__init__(_rounds)
        self._stream = stream

    def look(self) -> None:
        """Look whether its client has closed the connection.

        Tornado does so, too, unless another request has been sent behind this one: it doesn't
        read then.
        """
        if self._stream.closed() or connections.is_left(self._stream.socket):
            self.call_off(ClientGone())


_rounds: Rounds[_Request] = Rounds(connections.LOOK_EVERY, _Request.look)


class _DrainingServer(tornado.httpserver.HTTPServer):
    """Ends when its requests are answered, where tornado's own leaves that to others."""

    settings: Settings

    def initialize(self, *args: Any, **kwargs: Any) -> None:
        super().initialize(*args, **kwargs)
        # Each connection, with the request that is in flight on it.
        self._requests: dict[Any, Any] = {}

    def bind(self, port: int, *_: Any, **__: Any) -> None:
        """Take the addresses that the SDKs of all releases have here."""
        self._listening = listening.on_all_addresses(port)

    def start(self, *_: Any, **__: Any) -> None:
        """Serve in this process, until it is told to stop."""
        self._stop_accepting = []
        for each in self._listening:
            each.setblocking(False)
            each.listen(_BACKLOG)
            stop = tornado.netutil.add_accept_handler(each, self._handle_connection)
            self._stop_accepting.append(stop)
        tornado.ioloop.IOLoop.current().add_callback(self._listen_to_signals)

    async def _listen_to_signals(self) -> None:
        loop = tornado.ioloop.IOLoop.current()
        shutdown.process.on_begin(lambda: self._stop_to_listen(loop))
        shutdown.process.listen(self.settings.grace_period)

    def start_request(self, server_conn: Any, request_conn: Any) -> Any:
        """Take note that a connection waits for its next request."""
        self._requests[server_conn] = None
        delegate = super().start_request(server_conn, request_conn)
        return _Begun(self, server_conn, request_conn, delegate)

    def begin(self, server_conn: Any, request_conn: Any) -> None:
        """Take note that a request has come on a connection."""
        self._requests[server_conn] = request_conn
        if shutdown.process.has_begun:
            _answer_last(request_conn)

    def on_close(self, server_conn: Any) -> None:
        """Forget a connection."""
        self._requests.pop(server_conn, None)
        super().on_close(server_conn)

    def _stop_to_listen(self, loop: tornado.ioloop.IOLoop) -> None:
        # At once: whoever is told that his connection ends comes back with another.
        for bound, stop_accepting in zip(self._listening, self._stop_accepting):
            stop_accepting()
            accepted = listening.accept_all(bound)
            bound.close()
            for connection, address in accepted:
                self._handle_connection(connection, address)
        for in_flight in self._requests.values():
            if in_flight is not None:
                _answer_last(in_flight)
        loop.add_callback(self._drain, loop)

    async def _drain(self, loop: tornado.ioloop.IOLoop) -> None:
        await shutdown.linger(lambda: self._requests)
        for connection, in_flight in list(self._requests.items()):
            if in_flight is None:
                connection.stream.close()
        while self._requests:
            await asyncio.sleep(0.02)
        loop.stop()


class _Begun(tornado.httputil.HTTPMessageDelegate):
    """Tells the server when a request has come, and is what tornado made beside."""

    def __init__(
        self, server: _DrainingServer, server_conn: Any, request_conn: Any, delegate: Any
    ) -> None:
        self._server = server
        self._connections = server_conn, request_conn
        self._delegate = delegate

    def headers_received(self, start_line: Any, headers: Any) -> Awaitable[None] | None:
        self._server.begin(*self._connections)
        return self._delegate.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._delegate.data_received(chunk)

    def finish(self) -> None:
        self._delegate.finish()

    def on_connection_close(self) -> None:
        self._delegate.on_connection_close()


def _answer_last(request_conn: Any) -> None:
    """Have the answer to a request say ``Connection: close``, and be the connection's last."""
    # Tornado has no public name for it. It sets it anew as it reads a request's headers.
    request_conn._disconnect_on_finish = True
