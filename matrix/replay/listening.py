"""Listens to the run of a cell again: tells then and now, and keeps what runs where asked to."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from kserve_conformance.results.record import Run
from kserve_conformance.results.verdict import SubjectFailed, Unprovisioned

from matrix.planning.cells import Cell
from matrix.planning.plan import Plan
from matrix.replay import replaying, words
from matrix.replay.replaying import PastCell, Replayed
from matrix.results.last_exchange import Address
from matrix.running.launch import RunningWrapper
from matrix.running.starting import Notices, Say
from matrix.running.worker import HarnessError, Stage


class Listener(Notices):
    """A pytest plugin of the new run; with ``keep`` it leaves what runs running until Ctrl-C."""

    _cell: Cell

    def __init__(self, say: Say, past: PastCell, checks: Sequence[str], *, keep: bool) -> None:
        super().__init__(say)
        self._past = past
        self._checks = checks
        self._keep = keep
        self._comparisons: list[Replayed] = []

    def pytest_matrix_planned(self, plan: Plan) -> None:
        """Take the cell."""
        (self._cell,) = plan.cells

    def pytest_matrix_finished(self, run: Run) -> None:
        """Compare."""
        self._comparisons = replaying.compare(self._past, self._checks, run)

    def pytest_matrix_standing(self, stage: Stage) -> None:
        """Tell then and now, with lines that reach the wrapper where it is kept."""
        wrapper = self._kept(stage) if self._keep else None
        address = Address(wrapper.http_port, wrapper.grpc_port) if wrapper else None
        for line in words.comparisons(self._comparisons, address):
            self.say(line)
        if wrapper is not None:
            torchserve = stage.instance(self._cell).endpoints
            self.say(
                f"the wrapper answers at {wrapper.url}, by gRPC at 127.0.0.1:{wrapper.grpc_port}, "
                f"and TorchServe at http://{torchserve.host}:{torchserve.inference}; Ctrl-C ends "
                "both"
            )
            self._hold(wrapper)

    def _kept(self, stage: Stage) -> RunningWrapper | None:
        """Give the running wrapper, started where no check needed it; None where it can't be."""
        try:
            return stage.wrapper(self._cell)
        except (SubjectFailed, Unprovisioned, HarnessError) as error:
            self.say(f"there is nothing to keep: {error}")
            return None

    def _hold(self, wrapper: RunningWrapper) -> None:
        sys.stdout.flush()
        try:
            while wrapper.exit_code() is None:
                time.sleep(0.2)
            self.say(f"the wrapper has ended with exit code {wrapper.exit_code()}")
        except KeyboardInterrupt:
            # What was started is ended as at any end of a run.
            self.say("ending both")
