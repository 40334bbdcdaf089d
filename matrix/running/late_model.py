"""A model of one cell's own: configured there, and in TorchServe when a check says so.

It is the misbehaving model under another name, so that what it is told to do (to crash, to be
slow, ...) is nobody else's trouble, though all cells share one TorchServe.
"""

from __future__ import annotations

import requests

from fixtures.torchserve import Instance
from matrix.planning.cells import Cell
from matrix.running.clients import TIMEOUT
from matrix.running.reference import ReferenceMissingError
from matrix.running.spans import Activity, during

ARCHIVE = "misbehaving"

# Seconds within which a wrapper has to see what has become of a model.
SEEN_WITHIN = 1.0


def name_of(cell: Cell) -> str:
    """Give the name of a cell's own model."""
    return f"late-{cell.kserve}-{cell.protocol}-{cell.envelope}"


class LateModel:
    """Brings a model that nobody else asks for into TorchServe, and takes it away.

    Attributes:
        name: what it is there, such as `name_of` a cell.
        ready_within: seconds after which a wrapper is called wrong that doesn't call it ready.
    """

    def __init__(self, name: str, instance: Instance, ready_within: float) -> None:
        self.name = name
        self.ready_within = ready_within
        self._models = f"http://{instance.endpoints.host}:{instance.endpoints.management}/models"
        self._is_there = False

    def bring(self) -> None:
        """Have TorchServe load it, where it isn't there; returns when its worker is READY.

        Raises:
            ReferenceMissingError: when TorchServe doesn't.
        """
        if self._is_there:
            return
        # Also when the answer is lost, it has to be taken away.
        self._is_there = True
        asked = {"url": f"{ARCHIVE}.mar", "model_name": self.name}
        self._ask("POST", self._models, {**asked, "initial_workers": "1", "synchronous": "true"})

    def take_away(self) -> None:
        """Have TorchServe forget it, where it is there.

        Raises:
            ReferenceMissingError: when TorchServe doesn't.
        """
        if self._is_there:
            self._is_there = False
            self.withdraw()

    def withdraw(self) -> None:
        """Have TorchServe forget it, whoever brought it.

        Raises:
            ReferenceMissingError: when TorchServe doesn't.
        """
        url = f"{self._models}/{self.name}"
        # 500: it gave up on a worker that had just died, and goes on when asked again.
        if self._ask("DELETE", url, {}, but=(404, 500)) == 500:
            self._ask("DELETE", url, {}, but=(404,))

    @during(Activity.WAITING)
    def _ask(self, method: str, url: str, asked: dict[str, str], but: tuple[int, ...] = ()) -> int:
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.request(method, url, params=asked, timeout=2 * TIMEOUT)
        except requests.RequestException as error:
            raise ReferenceMissingError(f"TorchServe itself doesn't answer: {error}") from None
        if not answer.ok and answer.status_code not in but:
            raise ReferenceMissingError(f"TorchServe can't {method} {self.name}: {answer.text}")
        return answer.status_code
