"""TorchServe's management API: what it says of a model's workers."""

from __future__ import annotations

import http.client
import json
import os
from typing import Any
from urllib.parse import quote

from wrapper.configuration import Address


class Management:
    """Asks TorchServe about its models, on a thread of the caller's own.

    Blocking on purpose: it is used by the readiness poller's thread, never on an event
    loop. One connection is kept alive between questions.
    """

    def __init__(self, address: Address, timeout: float, customized: bool) -> None:
        self._address = address
        self._timeout = timeout
        self._query = "?customized=true" if customized else ""
        self._connection: http.client.HTTPConnection | None = None
        self._owner = os.getpid()

    def why_not_ready(self, model: str) -> str | None:
        """Say why a model can't be served now, or None when it can.

        A model can be served when at least one of its workers is READY.
        """
        try:
            status, body = self._get(f"/models/{quote(model)}{self._query}")
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return f"TorchServe doesn't answer ({type(error).__name__})"
        if status != 200:
            return f"TorchServe answers {status} when asked about it"
        return _why_no_worker(body)

    def close(self) -> None:
        """Close the kept connection; the next question opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _get(self, path: str) -> tuple[int, bytes]:
        if self._owner != os.getpid():
            # Forked: the socket is the parent's too, which would read our answers.
            self._owner = os.getpid()
            self.close()
        if self._connection is None:
            self._connection = http.client.HTTPConnection(
                self._address.host, self._address.port, timeout=self._timeout
            )
        self._connection.request("GET", path)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_connection": None}


def _why_no_worker(body: bytes) -> str | None:
    try:
        described: Any = json.loads(body)
        workers = [str(worker["status"]) for model in described for worker in model["workers"]]
    except (ValueError, KeyError, TypeError):
        return "TorchServe's answer about it can't be read"
    if "READY" in workers:
        return None
    return f"none of its {len(workers)} workers is READY" if workers else "it has no worker"
