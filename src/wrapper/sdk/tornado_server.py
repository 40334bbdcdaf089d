"""SDK 0.8 and 0.9: a tornado server without gRPC, whose models get and return dicts."""

from __future__ import annotations

from typing import Any

import kserve
import tornado.routing
import tornado.web

from wrapper.errors import ServingError
from wrapper.front import Front, Route


class TornadoSdk:
    """The first generation (0.8.0 to 0.9.0)."""

    def open_inference_request(self, payload: Any, envelope: str | None) -> dict[str, Any] | None:
        """Take a dict for a V2 request where the envelope reads V2: the SDK doesn't say."""
        return payload if envelope == "kservev2" and isinstance(payload, dict) else None

    def open_inference_response(self, answer: dict[str, Any], payload: Any) -> Any:
        """Give the dict as it is; the SDK writes it as JSON."""
        return answer

    def exception(self, error: ServingError) -> Exception:
        """Give tornado's own, which the SDK writes as ``{"error": reason}``."""
        return tornado.web.HTTPError(status_code=error.status, reason=error.message)

    def put_before(self, front: Front) -> None:
        """Have the SDK's application ask the front for a route before its own."""
        create_application = kserve.ModelServer.create_application

        def with_front(server: kserve.ModelServer) -> tornado.web.Application:
            application = create_application(server)
            rule = tornado.routing.Rule(_FrontMatcher(front), _FrontHandler)
            application.default_router.rules.insert(0, rule)
            return application

        kserve.ModelServer.create_application = with_front


class _FrontMatcher(tornado.routing.Matcher):
    """Matches the requests that the front has a route for, and hands the route on."""

    def __init__(self, front: Front) -> None:
        self._front = front

    def match(self, request: Any) -> dict[str, Any] | None:
        route = self._front.route(request.method, request.path)
        return None if route is None else {"target_kwargs": {"route": route}}


class _FrontHandler(tornado.web.RequestHandler):
    def initialize(self, route: Route) -> None:
        self._route = route

    async def get(self) -> None:
        await self._answer()

    async def post(self) -> None:
        await self._answer()

    async def _answer(self) -> None:
        headers = {name.lower(): value for name, value in self.request.headers.get_all()}
        answer = await self._route(self.request.body, headers)
        self.set_status(answer.status)
        self.set_header("Content-Type", "application/json")
        self.finish(answer.body)
