"""Several processes that serve as one (``--workers``): whose end is whose.

The process that was started makes all others, watches them, and serves nothing itself. It has no
thread and no connection, so that a process may be forked from it at any time.

| what happens | what follows |
|---|---|
| it is told to stop | all of them are, however far they have come; it ends with 0, after them |
| one of them ends by itself | another takes its place |
| too many do | the others finish what is in flight, and it ends with 1 |
| it is killed | each of them finishes what it has in flight, and ends |
"""

from __future__ import annotations

import dataclasses
import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing.process import BaseProcess
from typing import Callable

from wrapper import shutdown, termination
from wrapper.wakeups import Wakeups

# More ends than these within so many seconds are no accident: whatever is the cause, a process that
# is made anew does not mend it, and Kubernetes tells people of a container that has ended.
_ENDS, _WITHIN = 4, 60.0
# Seconds. Each process cuts off by itself what is in flight when the grace period is over.
_BEYOND_GRACE = 0.5

logger = logging.getLogger("wrapper")


@dataclasses.dataclass(frozen=True)
class Job:
    """What a process of its own does.

    Attributes:
        name: what the log calls it.
        serve: serves until the process is told to stop (`shutdown.process`).
        listens: whether on the sockets that the processes share.
    """

    name: str
    serve: Callable[[], None]
    listens: bool


@dataclasses.dataclass(frozen=True)
class _Worker:
    job: Job
    process: BaseProcess


class Workers:
    """Makes a process for each job, and watches them.

    Args:
        listening: the sockets that the processes share. Each closes its own when it stops, so that
            the last one to do so has nobody wait at a socket that nobody accepts from.
    """

    def __init__(
        self, jobs: Sequence[Job], listening: Sequence[socket.socket], grace_period: float
    ) -> None:
        self._jobs = jobs
        self._listening = listening
        self._grace_period = grace_period
        self._workers: list[_Worker] = []
        self._ends: deque[float] = deque(maxlen=_ENDS)
        # Only this process has the end that is written to: whoever reads sees that it has gone.
        self._alive, self._held = os.pipe()

    def run(self) -> int:
        """Serve until this process is told to stop, or can't go on, and give its exit code."""
        with Wakeups(shutdown.STOPS) as wakeups:
            try:
                for job in self._jobs:
                    self._begin(job)
                return self._watch(wakeups)
            finally:
                for worker in self._workers:
                    worker.process.kill()
                    worker.process.join()

    def _watch(self, wakeups: Wakeups) -> int:
        while True:
            if wakeups.wait() is not None:
                self._drain(wakeups)
                return 0
            for ended in self._take_ended():
                line = f"process {ended.process.pid} ({ended.job.name}) {_how(ended.process)}"
                if self._is_too_much():
                    self._give_up(f"{line}, as others did before: all are ended", wakeups)
                    return 1
                logger.error("%s: another one takes its place", line)
                self._begin(ended.job)

    def _begin(self, job: Job) -> None:
        # A signal that comes to the new process before it can handle it waits until then.
        signal.pthread_sigmask(signal.SIG_BLOCK, shutdown.STOPS)
        try:
            process = multiprocessing.get_context("fork").Process(target=self._run, args=(job,))
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, shutdown.STOPS)
        self._workers.append(_Worker(job, process))

    def _run(self, job: Job) -> None:
        """Be one of the processes."""
        signal.set_wakeup_fd(-1)
        for number in (*shutdown.STOPS, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        os.close(self._held)
        threading.Thread(target=self._end_with_the_first, daemon=True).start()
        if not job.listens:
            self._close()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, shutdown.STOPS)
        job.serve()

    def _end_with_the_first(self) -> None:
        os.read(self._alive, 1)
        logger.error("the process that made this one has gone: this one ends, too")
        os.kill(os.getpid(), signal.SIGTERM)
        # Whatever keeps that from being seen.
        shutdown.start_timer(self._grace_period)

    def _take_ended(self) -> Iterator[_Worker]:
        for worker in list(self._workers):
            if worker.process.exitcode is not None:
                self._workers.remove(worker)
                yield worker

    def _is_too_much(self) -> bool:
        now = time.monotonic()
        is_full = len(self._ends) == _ENDS
        too_much = is_full and now - self._ends[0] < _WITHIN
        self._ends.append(now)
        return too_much

    def _give_up(self, line: str, wakeups: Wakeups) -> None:
        logger.error(line)
        termination.leave(line)
        self._drain(wakeups)

    def _drain(self, wakeups: Wakeups) -> None:
        self._close()
        for worker in self._workers:
            worker.process.terminate()
        deadline = time.monotonic() + self._grace_period + _BEYOND_GRACE
        while any(worker.process.exitcode is None for worker in self._workers):
            left = deadline - time.monotonic()
            if left <= 0:
                return
            wakeups.wait(left)

    def _close(self) -> None:
        for each in self._listening:
            each.close()


def _how(process: BaseProcess) -> str:
    code = process.exitcode or 0
    if code == -signal.SIGKILL:
        return "was ended by SIGKILL, as it is when memory runs out"
    if code < 0:
        return f"was ended by signal {-code}"
    return f"ended by itself with exit code {code}"
