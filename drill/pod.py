"""One pod: a TorchServe and the wrapper before it, which is started as rows need it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
from kserve_conformance.errors import NotKnown
from kserve_conformance.text import messages

from drill import clock, torchserve
from drill.asking import Address
from drill.proxy import Proxy
from drill.wrapper_setup import Setup
from fixtures.leftovers import Record
from fixtures.torchserve.process import ProcessTorchServe
from matrix.environments import provision
from matrix.planning.subject import REPOSITORY, Subject
from matrix.running import launch, ports
from matrix.running.forks import ForkServers
from matrix.running.launch import RunningWrapper, Situation

_START_WITHIN = 120.0
# A gRPC server may be there a little later than that of HTTP, which is waited for.
_GRPC_WITHIN = 1.0
_WRONG_USAGE = 2
# Nothing is ever written to it for want of space.
_FULL_DISK = Path("/dev/full")


class Refused(Exception):
    """A wrapper that ended with exit code 2, as one that can't serve what it was told to."""


class NotStarted(NotKnown):
    """A wrapper that a row needs and that isn't ready in time."""


class Wrapper:
    """A wrapper that was started.

    Attributes:
        address: where it is asked.
    """

    def __init__(self, running: RunningWrapper, setup: Setup) -> None:
        self.running = running
        self.setup = setup
        self.address = Address(running.http_port, None)

    def look_for_grpc(self) -> None:
        """Find out whether it serves gRPC, which the SDK doesn't before 0.10."""
        deadline = time.monotonic() + _GRPC_WITHIN
        while not (is_open := ports.is_open(self.running.grpc_port)):
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        self.address = Address(self.running.http_port, self.running.grpc_port if is_open else None)

    @property
    def has_ended(self) -> bool:
        """Tell whether its first process has."""
        return self.running.exit_code() is not None

    def ends_within(self, seconds: float) -> bool:
        """Wait for the end of its first process; tell whether it came."""
        deadline = time.monotonic() + seconds
        while not self.has_ended and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.has_ended

    def processes(self) -> list[psutil.Process]:
        """Give its processes that live, the first of them first."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, ProcessLookupError):
                is_its = os.getpgid(process.pid) == self.running.process_group
                if is_its and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return sorted(found, key=lambda each: (each.pid != self.running.process_group, each.pid))

    def serving(self) -> list[psutil.Process]:
        """Give its processes beside the first that hold a port to listen on."""
        found = []
        for process in self.processes()[1:]:
            with contextlib.suppress(psutil.Error):
                held = process.net_connections("tcp")
                if any(each.status == psutil.CONN_LISTEN for each in held):
                    found.append(process)
        return found

    def memory(self) -> int:
        """Give the bytes of memory that its processes have together."""
        return sum(_told(each, lambda one: one.memory_info().rss) for each in self.processes())

    def open_files(self) -> int:
        """Count the open files of its processes."""
        return sum(_told(each, lambda one: one.num_fds()) for each in self.processes())

    def connections_to(self, port: int) -> int:
        """Count its connections to a port that are open."""
        return sum(
            each.status == psutil.CONN_ESTABLISHED and bool(each.raddr) and each.raddr.port == port
            for process in self.processes()
            for each in _connections(process)
        )


class Pod:
    """A TorchServe, and a wrapper of one release of the SDK before it.

    Attributes:
        torchserve: what the wrapper stands before.
        proxy: what may stand between them.
    """

    def __init__(
        self,
        subject: Subject,
        release: str,
        running: ProcessTorchServe,
        record: Record,
        forks: ForkServers | None = None,
    ) -> None:
        self.torchserve = running
        self.release = release
        self.proxy = Proxy(running.instance.endpoints.inference)
        self.clock = record.folder / "clock"
        self._subject = subject
        self._record = record
        self._forks = forks
        self._starts = 0
        self._wrapper: Wrapper | None = None

    @property
    def wrapper(self) -> Wrapper:
        """Give the wrapper that runs, or ran last."""
        assert self._wrapper is not None, "no wrapper was started"
        return self._wrapper

    def have(self, setup: Setup) -> None:
        """Have a wrapper of a setup that calls its models ready: that which is there, or another.

        Raises:
            Refused: when it says that it can't be started so.
            NotStarted: when it isn't ready in time, or ends.
        """
        if self._wrapper and self._wrapper.setup == setup and not self._wrapper.has_ended:
            return
        self.start(setup)
        wrapper = self.wrapper
        try:
            launch.wait_ready(wrapper.running, torchserve.MODELS, _START_WITHIN, may_move=False)
        except Exception as error:
            said = messages.telling_line(wrapper.running.log()) or "nothing"
            code = wrapper.running.exit_code()
            self.end_wrapper()
            if code == _WRONG_USAGE:
                raise Refused(said) from None
            raise NotStarted(f"the wrapper isn't ready: {error}") from None
        wrapper.look_for_grpc()

    def start(self, setup: Setup) -> None:
        """Start another wrapper in the place of the one that is there, and wait for nothing.

        Raises:
            SubjectFailed: when its command can't be run.
        """
        self.end_wrapper()
        self._starts += 1
        endpoints = self.torchserve.instance.endpoints
        if setup.proxied:
            endpoints = dataclasses.replace(endpoints, inference=self.proxy.port)
        marks = dict(self._record.environment)
        if setup.clock_jumps:
            clock.put_ahead(self.clock, 0)
            path = os.pathsep.join([str(clock.FOLDER), str(REPOSITORY / "src")])
            marks.update({clock.VARIABLE: str(self.clock), "PYTHONPATH": path})
        situation = Situation(
            protocol_version="v2",
            envelope="none",
            torchserve=endpoints,
            models=torchserve.MODELS,
            folder=self._record.folder / f"wrapper-{self._starts}",
            marks=marks,
            # That of the pod, which a wrapper that is started again finds as it was.
            variables={"TMPDIR": str(self._record.folder)},
            archives=torchserve.archives(),
        )
        command = " ".join([self._subject.command, *setup.flags])
        subject = dataclasses.replace(self._subject, command=command)
        http, grpc = ports.of(subject)
        python = provision.provision(self.release).python
        with launch.situation_log(situation) as log, _FULL_DISK.open("wb") as full:
            written = full.fileno() if setup.log_is_full else log
            argv = subject.argv(python, http, grpc)
            process = launch.spawn(subject, argv, situation, written, written, self._forks)
        self._wrapper = Wrapper(RunningWrapper(process, situation.log, http, grpc), setup)

    def end_wrapper(self) -> None:
        """End the wrapper, where there is one."""
        if self._wrapper is not None:
            self._wrapper.running.stop()
            self._wrapper = None

    def close(self) -> None:
        """End all that it started, but for TorchServe."""
        self.end_wrapper()
        self.proxy.close()


@contextlib.contextmanager
def before(
    subject: Subject,
    release: str,
    running: ProcessTorchServe,
    forks: ForkServers | None = None,
) -> Iterator[Pod]:
    """Give a pod with a TorchServe that runs; the rest of it ends with the context.

    Args:
        forks: what starts its wrappers by a fork, where they can be started so.
    """
    with contextlib.closing(Record.of_new_folder("drill-")) as record:
        pod = Pod(subject, release, running, record, forks)
        try:
            yield pod
        finally:
            pod.close()


def _told(process: psutil.Process, ask: Callable[[psutil.Process], int]) -> int:
    with contextlib.suppress(psutil.Error):
        return ask(process)
    return 0


def _connections(process: psutil.Process) -> list[Any]:
    with contextlib.suppress(psutil.Error):
        return list(process.net_connections("tcp"))
    return []
