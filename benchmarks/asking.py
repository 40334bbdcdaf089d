"""A request of a benchmark: asked once, to see that the answer is right, and as a load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import grpc
import requests

from benchmarks import grpc_load, load
from benchmarks.load import PATIENCE, LoadError, Measured

_UNLIMITED = [(f"grpc.max_{way}_message_length", -1) for way in ("send", "receive")]


@dataclass(frozen=True)
class Place:
    """Where a server is: the base of its REST routes, and HOST:PORT of its gRPC."""

    rest: str
    grpc: str


class Request(Protocol):
    """What is asked of a server, over and over."""

    def once(self, place: Place) -> bytes:
        """Ask once, and give the answer.

        Raises:
            LoadError: when it is an error.
        """

    def load(self, place: Place, connections: int, seconds: int, answer: bytes) -> Measured:
        """Ask as often as it is answered.

        Args:
            answer: what `once` gave.

        Raises:
            LoadError: when an answer is an error.
        """


@dataclass(frozen=True)
class Post:
    """A request over HTTP."""

    path: str
    body: bytes
    headers: Mapping[str, str]

    def once(self, place: Place) -> bytes:
        """Post it once."""
        try:
            answer = requests.post(
                place.rest + self.path, self.body, headers=self.headers, timeout=PATIENCE
            )
        except requests.RequestException as error:
            raise LoadError(f"{self.path} isn't answered: {error}") from None
        if answer.status_code != 200:
            raise LoadError(f"{self.path} is answered {answer.status_code}: {answer.text[:200]}")
        return answer.content

    def load(self, place: Place, connections: int, seconds: int, answer: bytes) -> Measured:  # noqa: ARG002
        """Post it over and over, by wrk."""
        return load.put(place.rest + self.path, self.body, connections, seconds, self.headers)


@dataclass(frozen=True)
class Call:
    """A unary call over gRPC.

    Attributes:
        method: ``/PACKAGE.SERVICE/CALL``.
        message: the request, serialized.
    """

    method: str
    message: bytes

    def once(self, place: Place) -> bytes:
        """Make it once."""
        with grpc.insecure_channel(place.grpc, options=_UNLIMITED) as channel:
            try:
                answer: bytes = channel.unary_unary(self.method)(self.message, timeout=PATIENCE)
            except grpc.RpcError as error:
                said = f"{error.code().name}: {error.details()[:200]}"
                raise LoadError(f"{self.method} is answered {said}") from None
        return answer

    def load(self, place: Place, connections: int, seconds: int, answer: bytes) -> Measured:
        """Make it over and over, by h2load."""
        url = f"http://{place.grpc}{self.method}"
        return grpc_load.put(url, self.message, connections, seconds, len(answer))
