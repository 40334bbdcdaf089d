"""Which handler a request's method and path mean.

A path is matched by its segments before they are decoded, so that an encoded slash stays
part of a name. One trailing slash is of no account.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Mapping, Sequence
from typing import Callable
from urllib.parse import unquote

from wrapper.errors import ServingError
from wrapper.front.answer import Answer, refusal

# Takes a request's body and headers (names in lower case).
Route = Callable[[bytes, Mapping[str, str]], Awaitable[Answer]]
# Takes a model's name (empty where the path has none), then what a Route takes.
Handler = Callable[[str, bytes, Mapping[str, str]], Awaitable[Answer]]

_MODEL = "{model}"
_ANY = "*"


@dataclasses.dataclass(frozen=True)
class Resource:
    """A kind of path and what answers it.

    Attributes:
        path: its segments; ``{model}`` stands for a name, ``*`` for anything, and a last
            segment ``**`` for all that follows.
        handlers: by HTTP method.
    """

    path: str
    handlers: Mapping[str, Handler]

    def model(self, segments: Sequence[str]) -> str | None:
        """Give the model's name in a path of this kind, None for a path of another kind."""
        pattern = self.path.split("/")
        if pattern[-1] == "**":
            pattern, segments = pattern[:-1], segments[: len(pattern) - 1]
        if len(pattern) != len(segments):
            return None
        name = ""
        for wanted, segment in zip(pattern, segments):
            _prefix, is_model, suffix = wanted.partition(_MODEL)
            if is_model:
                name = unquote(segment)
                if not name.endswith(suffix) or len(name) == len(suffix):
                    return None
                name = name[: len(name) - len(suffix)]
            elif wanted not in (_ANY, segment):
                return None
        return name


class Router:
    """Finds the route of a request among resources; the first that matches answers."""

    def __init__(self, resources: Sequence[Resource], owned: Sequence[str]) -> None:
        """Take the resources, and the first segments of the paths that nobody else answers."""
        self._resources = resources
        self._owned = frozenset(owned)

    def route(self, method: str, path: str) -> Route | None:
        """Give what answers a request, None for paths that are the SDK's.

        Args:
            path: the request's path, percent-encoded, without its query.
        """
        segments = path[1:-1].split("/") if path.endswith("/") else path[1:].split("/")
        for resource in self._resources:
            model = resource.model(segments)
            if model is not None:
                handler = resource.handlers.get("GET" if method == "HEAD" else method)
                if handler is None:
                    return _wrong_method(method, resource)
                return _bound(handler, model)
        return _not_found(path) if segments[0] in self._owned else None


def _bound(handler: Handler, model: str) -> Route:
    async def route(body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            return await handler(model, body, headers)
        except ServingError as error:
            return refusal(error)

    return route


def _wrong_method(method: str, resource: Resource) -> Route:
    allowed = sorted(resource.handlers)
    if "GET" in allowed:
        allowed.append("HEAD")
    listed = ", ".join(allowed)
    error = ServingError(405, f"{method} is not allowed here: use {listed}")

    async def route(_body: bytes, _headers: Mapping[str, str]) -> Answer:
        return dataclasses.replace(refusal(error), headers={"allow": listed})

    return route


def _not_found(path: str) -> Route:
    shown = path if len(path) <= 100 else path[:97] + "..."
    error = ServingError(404, f"There is nothing at {shown}")

    async def route(_body: bytes, _headers: Mapping[str, str]) -> Answer:
        return refusal(error)

    return route
