"""Which handler a request's method and path mean.

A path is matched by its segments before they are decoded, so that an encoded slash stays
part of a name. One trailing slash is of no account.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Callable
from urllib.parse import unquote

from wrapper.errors import UNEXPECTED, ServingError
from wrapper.front.answer import Answer, refusal
from wrapper.names import Target

# Takes what the path names (nothing where it names no model), then what a Route takes.
Handler = Callable[[Target, bytes, Mapping[str, str]], Awaitable[Answer]]
# Takes a model's name, and gives the context in which a request to it is counted.
Counting = Callable[[str], contextlib.AbstractContextManager[Any]]
# Takes what the path names, and raises a ServingError where there is no such model or version.
Naming = Callable[[Target], None]

logger = logging.getLogger("wrapper")

_NAMED = re.compile(r"\{(?:model|version)\}(.*)")

_NOTHING = Target("")


class Resource:
    """A kind of path and what answers it.

    Attributes:
        handlers: by HTTP method.
        counting: as the handlers themselves count; None where they don't.
        check_name: refuses a name as the handlers do before they look at a body; None where the
            path names none.
    """

    def __init__(
        self,
        path: str,
        handlers: Mapping[str, Handler],
        counting: Counting | None = None,
        check_name: Naming | None = None,
    ) -> None:
        """Take a pattern, in which ``{model}`` and ``{version}`` each stand for a name."""
        self.handlers = handlers
        self.counting = counting
        self.check_name = check_name
        self._pattern = [(each, _after_name(each)) for each in path.split("/")]

    def target(self, segments: Sequence[str]) -> Target | None:
        """Give what a path of this kind names, None for a path of another kind."""
        if len(self._pattern) != len(segments):
            return None
        names = []
        for (wanted, suffix), segment in zip(self._pattern, segments):
            if suffix is not None:
                name = unquote(segment)
                if not name.endswith(suffix) or len(name) == len(suffix):
                    return None
                names.append(name[: len(name) - len(suffix)])
            elif wanted != segment:
                return None
        return Target(*names) if names else _NOTHING


class Route:
    """What answers one request."""

    __slots__ = ("_check_name", "_counting", "_handler", "_target")

    def __init__(
        self,
        handler: Handler,
        target: Target = _NOTHING,
        counting: Counting | None = None,
        check_name: Naming | None = None,
    ) -> None:
        self._handler = handler
        self._target = target
        self._counting = counting
        self._check_name = check_name

    async def __call__(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Answer the request, whatever happens.

        Args:
            headers: names in lower case.
        """
        try:
            return await self._handler(self._target, body, headers)
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
                self._check_name(self._target)
            except ServingError as unknown:
                error = unknown
        if self._counting is not None:
            with contextlib.suppress(ServingError), self._counting(self._target.model):
                raise error
        # By its traceback it would keep this frame, and those that have what came; and they it.
        return refusal(error.with_traceback(None))


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
            target = resource.target(segments)
            if target is not None:
                handler = resource.handlers.get("GET" if method == "HEAD" else method)
                if handler is None:
                    return always(_wrong_method(method, resource))
                return Route(handler, target, resource.counting, resource.check_name)
        return always(_not_found(path)) if segments[0] in self._owned else None


def _after_name(segment: str) -> str | None:
    """Give what follows the name in a pattern's segment, None for one that has no name."""
    named = _NAMED.fullmatch(segment)
    return None if named is None else named[1]


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
    return refusal(error)._replace(headers={"allow": listed})


def _not_found(path: str) -> Answer:
    shown = path if len(path) <= 100 else path[:97] + "..."
    return refusal(ServingError(404, f"There is nothing at {shown}"))
