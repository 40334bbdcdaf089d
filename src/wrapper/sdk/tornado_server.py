"""SDK 0.8 and 0.9: a tornado server without gRPC, whose models get and return dicts."""

from __future__ import annotations

from typing import Any

import kserve
import tornado.web

from wrapper.errors import ServingError
from wrapper.front import Call, Front

_ROUTES = (r"/v1/models/[^/]+:(?:predict|explain)", r"/v2/models/[^/]+/infer")


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
        """Add the front's routes to the SDK's application; they are tried first."""
        create_application = kserve.ModelServer.create_application

        def with_front(server: kserve.ModelServer) -> tornado.web.Application:
            application = create_application(server)
            routes = [(path, _FrontHandler, {"front": front}) for path in _ROUTES]
            application.add_handlers(".*", routes)
            return application

        kserve.ModelServer.create_application = with_front


class _FrontHandler(tornado.web.RequestHandler):
    def initialize(self, front: Front) -> None:
        self._front = front

    async def post(self) -> None:
        found: tuple[Call, str] | None = self._front.call_for("POST", self.request.path)
        if found is None:
            raise tornado.web.HTTPError(404)
        headers = {name.lower(): value for name, value in self.request.headers.get_all()}
        answer = await self._front.answer(*found, self.request.body, headers)
        self.set_status(answer.status)
        self.set_header("Content-Type", "application/json")
        self.finish(answer.body)
