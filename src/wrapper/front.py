"""The front: answers requests before the SDK sees them, alike on every release.

It knows paths and bodies, not web frameworks. `asgi` puts it before the SDK's
application on 0.10 and later, ``sdk.tornado_server`` before the routes of 0.8 and 0.9. What
it has no route for goes to the SDK.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Awaitable, Mapping
from typing import Any, Callable
from urllib.parse import unquote

from wrapper.errors import ServingError
from wrapper.torchserve.reply import Reply
from wrapper.torchserve.service import TorchServe

_V1 = "/v1/models/"
_V2 = "/v2/models/"


@dataclasses.dataclass(frozen=True)
class Answer:
    """An HTTP answer whose body is JSON."""

    status: int
    body: bytes


# Takes a request's body and headers (names in lower case).
Route = Callable[[bytes, Mapping[str, str]], Awaitable[Answer]]
_Call = Callable[[str, bytes, Mapping[str, str]], Awaitable[Reply]]


class Front:
    """Finds the route of a request; the route answers it."""

    def __init__(self, torchserve: TorchServe) -> None:
        self._torchserve = torchserve

    def route(self, method: str, path: str) -> Route | None:
        """Give what answers a request, None for the SDK's own routes.

        Args:
            path: the request's path, percent-encoded, without its query.
        """
        if method == "POST":
            return self._inference_route(path)
        if method == "GET":
            return self._readiness_route(path)
        return None

    async def infer(self, model: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        """Answer the JSON body that a gRPC request stands for.

        Raises:
            ServingError: for whatever keeps the request from being answered.
        """
        return (await self._torchserve.infer(model, body, self._forwarded(headers))).body

    def _inference_route(self, path: str) -> Route | None:
        if path.startswith(_V1):
            name, _, verb = path[len(_V1) :].rpartition(":")
            calls = {"predict": self._torchserve.predict, "explain": self._torchserve.explain}
            return self._inference(calls[verb], name) if verb in calls and _is_name(name) else None
        if path.startswith(_V2) and path.endswith("/infer"):
            name = path[len(_V2) : -len("/infer")]
            return self._inference(self._torchserve.infer, name) if _is_name(name) else None
        return None

    def _readiness_route(self, path: str) -> Route | None:
        if path.startswith(_V1):
            name = path[len(_V1) :]
        elif path.startswith(_V2) and path.endswith("/ready"):
            name = path[len(_V2) : -len("/ready")]
        else:
            return None
        return self._readiness(unquote(name)) if _is_name(name) else None

    def _readiness(self, model: str) -> Route:
        async def route(_body: bytes, _headers: Mapping[str, str]) -> Answer:
            try:
                self._torchserve.check_ready(model)
            except ServingError as error:
                return _refusal(error)
            return _json(200, {"name": model, "ready": True})

        return route

    def _inference(self, call: _Call, encoded_name: str) -> Route:
        model = unquote(encoded_name)

        async def route(body: bytes, headers: Mapping[str, str]) -> Answer:
            try:
                return Answer(200, (await call(model, body, self._forwarded(headers))).body)
            except ServingError as error:
                return _refusal(error)

        return route

    def _forwarded(self, headers: Mapping[str, str]) -> dict[str, str]:
        names = self._torchserve.settings.forwarded_headers
        return {name: headers[name] for name in names if name in headers}


def _is_name(encoded_name: str) -> bool:
    return bool(encoded_name) and "/" not in encoded_name


def _refusal(error: ServingError) -> Answer:
    return _json(error.status, {"error": error.message})


def _json(status: int, body: dict[str, Any]) -> Answer:
    return Answer(status, json.dumps(body).encode())
