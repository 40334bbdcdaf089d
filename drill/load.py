"""Load on a wrapper from clients of all its protocols, and a probe that asks for its readiness."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping

from drill import asking
from drill.asking import Address
from drill.background import Background
from drill.outcomes import Look, Outcome

CLIENTS = 8
# Seconds that the model takes for each: one of them is always with a worker that is killed.
USUAL_ORDER = {"sleep": 0.005}
# Seconds between the beginnings of two looks at readiness, and that one waits, as a kubelet's does.
PROBE_EVERY, PROBE_PATIENCE = 0.25, 1.0
# Seconds that a client waits after a failure, so that refusals don't outnumber all else.
_AFTER_FAILURE = 0.05


class Load(Background):
    """Clients that ask one request after another.

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
        super().__init__([functools.partial(self._ask_on, place) for place in range(clients)])
        self.outcomes: list[Outcome] = []
        self._address = address
        self._order = order
        self._pause = clients / rate if rate else 0.0
        self._apart = self._pause / clients

    def _ask_on(self, place: int) -> None:
        protocols = self._address.protocols
        client = asking.client(protocols[place % len(protocols)], self._address)
        due = time.monotonic() + self._apart * place
        while not self.over.wait(max(0.0, due - time.monotonic()) if self._pause else 0):
            outcome = client.ask(self._order)
            self.outcomes.append(outcome)
            # Those that are late aren't caught up with: a client waits for its answers.
            due = max(due + self._pause, time.monotonic())
            if not outcome.is_well:
                self.over.wait(_AFTER_FAILURE)
        client.close()


class Probe(Background):
    """Asks four times a second whether the server is ready, each time by a connection of its own.

    Attributes:
        looks: what it was told.
    """

    def __init__(self, port: int) -> None:
        super().__init__([self._look_on])
        self.looks: list[Look] = []
        self._port = port

    def _look_on(self) -> None:
        while not self.over.is_set():
            began = time.monotonic()
            status = asking.get(self._port, "/v2/health/ready", PROBE_PATIENCE)
            self.looks.append(Look(began, time.monotonic(), status == "200"))
            self.over.wait(max(0.0, began + PROBE_EVERY - time.monotonic()))
