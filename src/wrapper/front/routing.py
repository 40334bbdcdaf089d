"""Which handler a request's method and path mean.

A path is matched by its segments before they are decoded, so that an encoded slash stays
part of a name. One trailing slash is of no account.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Callable
from urllib.parse import unquote

from wrapper.errors import UNEXPECTED, ServingError
from wrapper.front.answer import Answer, refusal

# Takes a model's name (empty where the path has none), then what a Route takes.
Handler = Callable[[str, bytes, Mapping[str, str]], Awaitable[Answer]]
# Takes a model's name, and gives the context in which a request to it is counted.
Counting = Callable[[str], contextlib.AbstractContextManager[Any]]
# Takes a model's name, and raises a ServingError where there is no such model.
Naming = Callable[[str], None]

logger = logging.getLogger("wrapper")

_MODEL = "{model}"
_MORE = "**"


class Resource:
    """A kind of path and what answers it.

    Attributes:
        handlers: by HTTP method.
        counting: as the handlers themselves count; None where they don't.
        check_name: refuses a model as the handlers do before they look at a body; None where the
            path names none.
    """

    def __init__(
        self,
        path: str,
        handlers: Mapping[str, Handler],
        counting: Counting | None = None,
        check_name: Naming | None = None,
    ) -> None:
        """Take a pattern: ``{model}`` stands for a name, a last ``**`` for all that follows."""
        self.handlers = handlers
        self.counting = counting
        self.check_name = check_name
        self._pattern = path.split("/")
        self._goes_on = self._pattern[-1] == _MORE
        if self._goes_on:
            self._pattern.pop()

    def model(self, segments: Sequence[str]) -> str | None:
        """Give the model's name in a path of this kind, None for a path of another kind."""
        if self._goes_on:
            segments = segments[: len(self._pattern)]
        if len(self._pattern) != len(segments):
            return None
        name = ""
        for wanted, segment in zip(self._pattern, segments):
            _prefix, is_model, suffix = wanted.partition(_MODEL)
            if is_model:
                name = unquote(segment)
                if not name.endswith(suffix) or len(name) == len(suffix):
                    return None
                name = name[: len(name) - len(suffix)]
            elif wanted != segment:
                return None
        return name


class Route:
    """What answers one request."""

    __slots__ = ("_check_name", "_counting", "_handler", "_model")

    def __init__(
        self,
        handler: Handler,
        model: str = "",
        counting: Counting | None = None,
        check_name: Naming | None = None,
    ) -> None:
        self._handler = handler
        self._model = model
        self._counting = counting
        self._check_name = check_name

    async def __call__(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Answer the request, whatever happens.

        Args:
            headers: names in lower case.
        """
        try:
            return await self._handler(self._model, body, headers)
        except ServingError as error:
            return refusal(error)
        except Exception:
            logger.exception("a request could not be answered")
            return refusal(UNEXPECTED)

    def refuse(self, error: ServingError) -> Answer:
        """Refuse the request for its body before its handler gets it.

        A wrong name is told first, and all is counted, as the handler would.
        """
        if self._check_name is not None:
            try:
                self._check_name(self._model)
            except ServingError as unknown:
                error = unknown
        if self._counting is not None:
            with contextlib.suppress(ServingError), self._counting(self._model):
                raise error
        return refusal(error)


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
                    return always(_wrong_method(method, resource))
                return Route(handler, model, resource.counting, resource.check_name)
        return always(_not_found(path)) if segments[0] in self._owned else None


def always(answer: Answer) -> Route:
    """Give a route that always answers the same."""

    async def handler(*_: object) -> Answer:
        return answer

    return Route(handler)


def _wrong_method(method: str, resource: Resource) -> Answer:
    allowed = sorted(resource.handlers)
    if "GET" in allowed:
        allowed.append("HEAD")
    listed = ", ".join(allowed)
    error = ServingError(405, f"{method} is not allowed here: use {listed}")
    return dataclasses.replace(refusal(error), headers={"allow": listed})


def _not_found(path: str) -> Answer:
    shown = path if len(path) <= 100 else path[:97] + "..."
    return refusal(ServingError(404, f"There is nothing at {shown}"))
