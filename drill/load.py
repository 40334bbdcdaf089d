"""Load on a wrapper from clients of all its protocols, and a probe that asks for its readiness."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from drill import asking
from drill.asking import Address
from drill.outcomes import Look, Outcome

CLIENTS = 8
# Seconds that the model takes for each: one of them is always with a worker that is killed.
USUAL_ORDER = {"sleep": 0.005}
# Seconds between the beginnings of two looks at readiness, and that one waits, as a kubelet's does.
PROBE_EVERY, PROBE_PATIENCE = 0.25, 1.0
# Seconds that a client waits after a failure, so that refusals don't outnumber all else.
_AFTER_FAILURE = 0.05


class Load:
    """Clients that ask one request after another, from its entry to `stop`.

    Args:
        order: what is asked of the model.
        rate: requests a second of all clients together; None for as many as are answered.

    Attributes:
        outcomes: of the requests that have ended.
    """

    def __init__(
        self,
        address: Address,
        clients: int = CLIENTS,
        order: Mapping[str, float] = USUAL_ORDER,
        rate: float | None = None,
    ) -> None:
        self.outcomes: list[Outcome] = []
        self._address = address
        self._order = order
        self._pause = clients / rate if rate else 0.0
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask_on, args=(place,), daemon=True)
            for place in range(clients)
        ]

    def start(self) -> None:
        """Let the clients begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let the requests in flight end, and no other begin."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask_on(self, place: int) -> None:
        protocols = self._address.protocols
        client = asking.client(protocols[place % len(protocols)], self._address)
        due = time.monotonic() + self._pause * place / len(self._threads)
        while not self._over.wait(max(0.0, due - time.monotonic()) if self._pause else 0):
            outcome = client.ask(self._order)
            self.outcomes.append(outcome)
            # Those that are late aren't caught up with: a client waits for its answers.
            due = max(due + self._pause, time.monotonic())
            if not outcome.is_well:
                self._over.wait(_AFTER_FAILURE)
        client.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


class Probe:
    """Asks four times a second whether the server is ready, each time by a connection of its own.

    Attributes:
        looks: what it was told.
    """

    def __init__(self, port: int) -> None:
        self.looks: list[Look] = []
        self._port = port
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)

    def stop(self) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join()

    def _look_on(self) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            status = asking.get(self._port, "/v2/health/ready", PROBE_PATIENCE)
            self.looks.append(Look(began, time.monotonic(), status == "200"))
            self._over.wait(max(0.0, began + PROBE_EVERY - time.monotonic()))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
