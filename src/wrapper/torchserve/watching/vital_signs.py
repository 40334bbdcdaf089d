"""What tells without a question that TorchServe logs whether it can serve at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from wrapper.address import Address
from wrapper.torchserve.description import Worker
from wrapper.torchserve.watching.processes import Processes, Server
from wrapper.torchserve.watching.quiet_question import Answer, Finding, QuietQuestions


class Sign(NamedTuple):
    """What one look has told.

    Attributes:
        trouble: in a clause what keeps TorchServe as a whole from serving; None where nothing does.
        has_changed: whether something has come or gone, so that what was known of it may be over.
    """

    trouble: str | None
    has_changed: bool


class Signs(Protocol):
    """What is seen of one TorchServe and of its workers."""

    def look(self) -> Sign:
        """Look once; takes as long as a server is silent, at most some seconds."""

    def follow(self, workers: Iterable[Worker], /) -> bool:
        """Watch workers that TorchServe tells of; tell whether their end will be seen."""

    def is_dead(self, worker: Worker, /) -> bool:
        """Tell whether a worker that was watched has ended."""

    def identity(self) -> str:
        """Tell this TorchServe from its successors; empty where it isn't seen."""


class VitalSigns:
    """Watches a TorchServe's REST servers and, where they are seen, its processes.

    Belongs to the process that made it.
    """

    def __init__(self, inference: Address, management: Address) -> None:
        self._names = {management: "management", inference: "inference"}
        self._management = management
        self._processes = Processes()
        self._questions = QuietQuestions(self._names, self._gives_time)

    def look(self) -> Sign:
        """Look at the processes, then ask the servers; see `Signs.look`."""
        server, has_changed = self._processes.look()
        if server is Server.STOPPED:
            return Sign("TorchServe's process is stopped", has_changed)
        answers = self._questions.ask()
        is_new = any(answer.is_new for answer in answers.values())
        return Sign(self._trouble(answers), has_changed or is_new)

    def _trouble(self, answers: Mapping[Address, Answer]) -> str | None:
        for address, answer in answers.items():
            where = f"TorchServe's {self._names[address]} server at {address}"
            if answer.finding is Finding.GONE:
                return f"{where} takes no connection"
            if answer.finding is Finding.SILENT:
                return f"{where} doesn't answer"
        return None

    def _gives_time(self, is_silent_everywhere: bool) -> bool:
        if not self._processes.sees_server():
            # One that is busy looks like one that hangs.
            return True
        # A port that answers refutes that there is too little time for all.
        return is_silent_everywhere and self._processes.is_busy()

    def follow(self, workers: Iterable[Worker]) -> bool:
        """Watch workers whose processes are seen here; see `Signs.follow`."""
        # That a TorchServe which can't be asked quietly hangs is seen by asking it.
        return self._processes.follow(workers) and self._questions.is_quiet(self._management)

    def is_dead(self, worker: Worker) -> bool:
        """Tell whether a worker's process has ended."""
        return self._processes.is_dead(worker)

    def identity(self) -> str:
        """Give that of TorchServe's process."""
        return self._processes.identity()


class NoSigns:
    """Sees nothing, so that TorchServe is asked often."""

    def look(self) -> Sign:
        """See nothing."""
        return Sign(None, has_changed=False)

    def follow(self, _workers: Iterable[Worker]) -> bool:
        """Watch none."""
        return False

    def is_dead(self, _worker: Worker) -> bool:
        """Know of none."""
        return False

    def identity(self) -> str:
        """Know none."""
        return ""
