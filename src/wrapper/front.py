"""The front: answers inference requests before the SDK sees them, alike on every release.

It knows paths and bodies, not web frameworks. `asgi` puts it before the SDK's
application on 0.10 and later, ``sdk.tornado`` into the routes of 0.8 and 0.9. What it
doesn't answer goes to the SDK.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Awaitable, Mapping
from typing import Callable
from urllib.parse import unquote

from wrapper.errors import ServingError
from wrapper.torchserve.service import TorchServe

# Joins a request's logs and spans across the pod. Nothing else of a client's request is
# TorchServe's business.
_FORWARDED = (
    "x-request-id",
    "traceparent",
    "tracestate",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "b3",
)

Call = Callable[[str, bytes, Mapping[str, str]], Awaitable[bytes]]


@dataclasses.dataclass(frozen=True)
class Answer:
    """An HTTP answer whose body is JSON."""

    status: int
    body: bytes


class Front:
    """Chooses the call that answers a request, and makes it."""

    def __init__(self, torchserve: TorchServe) -> None:
        self._torchserve = torchserve

    def call_for(self, method: str, path: str) -> tuple[Call, str] | None:
        """Give the call and the model name that a request is for, None for the SDK's own routes.

        Args:
            path: the request's path, percent-encoded, without its query.
        """
        if method != "POST":
            return None
        if path.startswith("/v1/models/"):
            name, _, verb = path[len("/v1/models/") :].rpartition(":")
            calls = {"predict": self._torchserve.predict, "explain": self._torchserve.explain}
            call = calls.get(verb)
            return (call, unquote(name)) if call and "/" not in name else None
        if path.startswith("/v2/models/") and path.endswith("/infer"):
            name = path[len("/v2/models/") : -len("/infer")]
            return (self._torchserve.infer, unquote(name)) if "/" not in name else None
        return None

    async def answer(
        self, call: Call, model: str, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        """Make a call and turn its outcome into an answer.

        Args:
            headers: the request's headers, names in lower case.
        """
        try:
            return Answer(200, await call(model, body, _forwarded(headers)))
        except ServingError as error:
            return Answer(error.status, json.dumps({"error": error.message}).encode())

    async def infer(self, model: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        """Answer the JSON body that a gRPC request stands for.

        Raises:
            ServingError: for whatever keeps the request from being answered.
        """
        return await self._torchserve.infer(model, body, _forwarded(headers))


def _forwarded(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: headers[name] for name in _FORWARDED if name in headers}
