"""SDK 0.8 and 0.9: a tornado server without gRPC, whose models get and return dicts."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Mapping
from typing import Any

import kserve
import psutil
import tornado.httpserver
import tornado.ioloop
import tornado.iostream
import tornado.routing
import tornado.web

from wrapper import shutdown
from wrapper.envelope import Envelope
from wrapper.errors import ServingError
from wrapper.front import Answer, Front, MetricsFront, Route
from wrapper.front.body import FORGOTTEN_BYTES, FORGOTTEN_SECONDS, Body, waits_for_an_answer
from wrapper.front.limits import BodyLimit
from wrapper.sdk import tornado_chunks

# Seconds: many times what a request needs from the socket to its handler.
_READ_WITHIN = 0.2


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
        timeout = front.torchserve.settings.keep_alive_timeout

        class PatientServer(tornado.httpserver.HTTPServer):
            def initialize(self, *args: Any, **kwargs: Any) -> None:
                super().initialize(*args, idle_connection_timeout=timeout, **kwargs)

        # The SDK offers no hook: it makes its server by this name when it starts.
        tornado.httpserver.HTTPServer = PatientServer
        tornado_chunks.install()

    def put_before_grpc(self, front: Front) -> None:
        """Do nothing: there is no gRPC server."""

    def has_processes(self, workers: int) -> bool:
        """Tell whether tornado forks; 0 is as many as there are processors."""
        return workers != 1

    def forks(self, workers: int) -> bool:
        """Tell whether tornado forks; the process that does never serves."""
        return self.has_processes(workers)

    def make_server(self, grace_period: float) -> Any:
        """Make a server that drains, which the SDK's own doesn't."""
        server = _DrainingServer()
        server.grace_period = grace_period
        return server


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

    async def _execute(self, *args: Any, **kwargs: Any) -> None:
        _in_flight.add(self)
        try:
            await super()._execute(*args, **kwargs)
        finally:
            _in_flight.discard(self)

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
            self._body.add(chunk)
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
            self._write(await self._answered(self._body))
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


_in_flight: set[_FrontHandler] = set()


class _DrainingServer(kserve.ModelServer):
    """Ends on SIGTERM when its requests are answered, where the SDK's own ends at once."""

    grace_period = 0.0

    def start(self, *args: Any, **kwargs: Any) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        super().start(*args, **kwargs)

    def _stop(self, number: int, _frame: Any) -> None:
        shutdown.start_timer(self.grace_period)
        # With several workers this is the process that made them, which ends with them.
        for child in psutil.Process().children():
            child.send_signal(number)
        loop = tornado.ioloop.IOLoop.current(instance=False)
        if loop is not None:
            loop.add_callback_from_signal(self._drain, loop)

    async def _drain(self, loop: tornado.ioloop.IOLoop) -> None:
        self._http_server.stop()
        # What was sent before that has to be read before it is seen to be in flight.
        await asyncio.sleep(_READ_WITHIN)
        while _in_flight:
            await asyncio.sleep(0.02)
        loop.stop()
