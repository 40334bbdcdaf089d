"""Clients of a pod that may end while they ask, and what became of each of their requests."""

from __future__ import annotations

import http.client
import itertools
import json
import math
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit


@dataclass
class Request:
    """A request, when it was sent, and what it came to.

    Attributes:
        instance: what was asked; no other request of these clients has the same.
        sent: when it had been sent, in seconds of the monotonic clock; never where nobody listened.
        answered: when it came to what it came to, by the same clock; never while it hasn't.
        predictions: what was answered, None where nothing was, or no success.
        is_unheard: whether no answer came, as nobody listened or the connection was closed.
    """

    instance: Any
    sent: float = math.inf
    answered: float = math.inf
    predictions: list[Any] | None = None
    is_unheard: bool = False

    @property
    def is_right(self) -> bool:
        """Tell whether it was answered, and by the answer to itself."""
        if self.predictions is None or len(self.predictions) != 1:
            return False
        (answer,) = self.predictions
        # The model `contract` tells what it received beside more; `echo` gives back that alone.
        return bool(
            answer.get("received") == self.instance
            if "received" in answer
            else answer == self.instance
        )


class Load:
    """Clients that ask a model, one request after another, each on a connection of its own.

    Attributes:
        requests: all that were sent, in order.
    """

    def __init__(self, url: str, model: str, clients: int, seconds: float = 0) -> None:
        self._address = urlsplit(url).netloc
        self._path = f"/v1/models/{model}:predict"
        self._seconds = seconds
        self._numbers = itertools.count(1)
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask_on) for _ in range(clients)]
        self.requests: list[Request] = []

    def right(self) -> int:
        """Count the requests that have been answered rightly."""
        return sum(each.is_right for each in list(self.requests))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _ask_on(self) -> None:
        while not self._ended.is_set():
            request = Request({"sleep": self._seconds, "number": next(self._numbers)})
            self.requests.append(request)
            connection = http.client.HTTPConnection(self._address, timeout=60)
            try:
                body = json.dumps({"instances": [request.instance]})
                connection.request("POST", self._path, body, {"Content-Type": "application/json"})
                request.sent = time.monotonic()
                answer = connection.getresponse()
                content = answer.read()
                request.answered = time.monotonic()
                if answer.status == http.HTTPStatus.OK:
                    request.predictions = json.loads(content)["predictions"]
            except (ConnectionError, http.client.IncompleteRead):
                request.is_unheard = True
                # Nobody listens any more.
                time.sleep(0.05)
            finally:
                connection.close()
