"""TorchServe's processes, seen in /proc where the pid namespace is the wrapper's, as in a pod.

A worker's process is known by what TorchServe tells of it (its process id and its own id, which is
in its command line), TorchServe's own by being its ancestor. What isn't so is not looked at: ids of
another namespace may be those of anybody here.

Sources: `WorkerLifeCycle.startWorker` of pytorch/serve, 0.5.3 to 0.12.0; proc(5).
"""

from __future__ import annotations

import contextlib
import enum
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from wrapper.torchserve.description import Worker

# In the command lines of workers in Python and in C++, and of TorchServe itself.
_OF_WORKERS = (b"model_service_worker", b"model_worker_socket")
_OF_TORCHSERVE = b"org.pytorch.serve"
# Between a worker and TorchServe is, at most, torchrun.
_GENERATIONS = 3

_ENDED = ("Z", "X", "x")
_STOPPED = ("T", "t")
_HAS_WORK = ("R", "D")


class Server(enum.Enum):
    """What is seen of TorchServe's own process."""

    RUNS = "runs"
    STOPPED = "stopped"
    ENDED = "ended"
    UNSEEN = "unseen"


class _Status(NamedTuple):
    """What /proc says of a process; its start, in clock ticks, tells it from a later one."""

    state: str
    parent: int
    start: str


class Processes:
    """Looks at TorchServe's own process and at those of its workers; on any thread.

    Args:
        root: where proc(5) is; nothing is seen where there is none.
    """

    def __init__(self, root: Path = Path("/proc")) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._server: tuple[int, str] | None = None
        self._identity = ""
        # By process id the starts of those that live, and the ids of those that have ended.
        self._workers: dict[int, str] = {}
        self._ended: set[int] = set()
        # What else there was at the last look.
        self._others: frozenset[int] = frozenset()
        self._listed: list[str] = []

    def identity(self) -> str:
        """Tell this TorchServe from its successors, also after a restart of the machine; or ""."""
        return self._identity

    def follow(self, workers: Iterable[Worker]) -> bool:
        """Look from now on at the workers that TorchServe tells of, too.

        Returns:
            Whether the process of each is seen, or was and has ended.
        """
        with self._lock:
            followed = [self._follow(worker) for worker in workers]
            return all(followed)

    def look(self) -> tuple[Server, bool]:
        """Look once.

        Returns:
            What is seen of TorchServe, and whether workers have come or ended since the last look.
        """
        with self._lock:
            return self._look()

    def _look(self) -> tuple[Server, bool]:
        if self._server is None:
            return Server.UNSEEN, False
        process, start = self._server
        status = self._status(process)
        if status is None or status.start != start or status.state in _ENDED:
            self._server, self._identity = None, ""
            self._workers, self._ended = {}, set()
            self._others, self._listed = frozenset(), []
            return Server.ENDED, True
        has_changed = self._look_at_workers()
        return (Server.STOPPED if status.state in _STOPPED else Server.RUNS), has_changed

    def is_dead(self, worker: Worker) -> bool:
        """Tell whether a worker had been seen, and had ended at the last look."""
        return worker.process in self._ended

    def sees_server(self) -> bool:
        """Tell whether the process of TorchServe itself is seen."""
        return self._server is not None

    def is_busy(self) -> bool:
        """Tell whether TorchServe has work to do, or waits for a processor to do it."""
        server = self._server
        if server is None or self._stands(server[0]):
            return False
        tasks = f"{server[0]}/task"
        statuses = (self._status(f"{tasks}/{each}") for each in self._list(tasks))
        return any(status is not None and status.state in _HAS_WORK for status in statuses)

    def _stands(self, process: int) -> bool:
        status = self._status(process)
        return status is None or status.state in (*_STOPPED, *_ENDED)

    def _look_at_workers(self) -> bool:
        """Tell whether a worker has come or ended."""
        before = dict(self._workers)
        for process in before:
            if not self._lives(process):
                del self._workers[process]
                self._ended.add(process)
        self._find_workers()
        return self._workers != before

    def _find_workers(self) -> None:
        listed = self._list("")
        if listed == self._listed:
            return
        here = frozenset(map(int, listed))
        undecided = set()
        for process in here - self._others - self._workers.keys():
            status = self._status(process)
            if status is None or not self._is_of_server(status.parent):
                continue
            if self._is_worker(process):
                self._add(process, status)
            else:
                # It may be about to become one.
                undecided.add(process)
        self._others = here - self._workers.keys() - undecided
        self._listed = [] if undecided else listed

    def _is_of_server(self, parent: int) -> bool:
        return parent in self._workers or (self._server is not None and parent == self._server[0])

    def _follow(self, worker: Worker) -> bool:
        process = worker.process
        if process in self._workers or process in self._ended:
            return True
        status = self._status(process) if process > 0 else None
        if status is None or not self._is_worker(process, worker.id):
            return False
        ancestor = self._torchserve_above(status.parent)
        if ancestor is None or self._server not in (None, ancestor):
            return False
        if self._server is None:
            boot = self._read("sys/kernel/random/boot_id").decode("ascii", "replace").strip()
            self._server, self._identity = ancestor, f"{boot}-{ancestor[0]}-{ancestor[1]}"
        self._add(process, status)
        return True

    def _add(self, process: int, status: _Status) -> None:
        self._workers[process] = status.start
        self._ended.discard(process)

    def _torchserve_above(self, process: int) -> tuple[int, str] | None:
        for _ in range(_GENERATIONS):
            status = self._status(process)
            if status is None:
                return None
            if _OF_TORCHSERVE in self._read(f"{process}/cmdline"):
                return process, status.start
            process = status.parent
        return None

    def _is_worker(self, process: int, name: str = "") -> bool:
        command = self._read(f"{process}/cmdline")
        if not any(each in command for each in _OF_WORKERS):
            return False
        # The name of its socket, or its port.
        end = name.encode()
        return not name or any(word.endswith(end) for word in command.split(b"\0"))

    def _lives(self, process: int) -> bool:
        status = self._status(process)
        start = self._workers.get(process)
        return status is not None and status.state not in _ENDED and status.start == start

    def _status(self, process: int | str) -> _Status | None:
        # The name, in parentheses, may have any character.
        told = self._read(f"{process}/stat").rpartition(b")")[2].split()
        if len(told) < 20:
            return None
        return _Status(told[0].decode(), int(told[1]), told[19].decode())

    def _list(self, path: str) -> list[str]:
        with contextlib.suppress(OSError):
            # Many times a second, so without a Path for each.
            return [name for name in os.listdir(self._root / path) if name.isdigit()]  # noqa: PTH208
        return []

    def _read(self, path: str) -> bytes:
        with contextlib.suppress(OSError):
            return (self._root / path).read_bytes()
        return b""
