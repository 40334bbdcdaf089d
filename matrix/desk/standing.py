"""Starts TorchServe and the wrapper as one pod, watches both, and leaves nothing of them."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from kserve_conformance.errors import ExitCode

from fixtures import leftovers
from fixtures import torchserve as torchserves
from fixtures.torchserve import Envelope, Runtime, TorchServe, log_lines
from matrix.desk.served import Served
from matrix.planning.control_planes import Pod
from matrix.planning.subject import Subject
from matrix.running import interrupts, launch
from matrix.running.launch import RunningWrapper, Situation

# As many as `wrapper.pod` shows of who ended a container.
_LAST_LINES = 10
_LOOK_EVERY = 0.5
# A terminal that is closed sends the last one.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Wanted:
    """What a pod is made of.

    Attributes:
        python: the interpreter of the wrapper's SDK environment.
        torchserve: a release of TorchServe.
        start_timeout: seconds that TorchServe, and then the wrapper, may take to be ready.
    """

    pod: Pod
    served: Served
    subject: Subject
    python: Path
    torchserve: str
    runtime: Runtime
    start_timeout: float


@dataclass(frozen=True)
class Standing:
    """A pod whose model is ready.

    Attributes:
        models: the folder that is /mnt/models in a pod.
    """

    torchserve: TorchServe
    wrapper: RunningWrapper
    models: Path

    @property
    def grpc(self) -> str:
        """Give host and port of its gRPC service."""
        return f"127.0.0.1:{self.wrapper.grpc_port}"


@contextlib.contextmanager
def pod(wanted: Wanted) -> Iterator[Standing]:
    """Start a pod, wait until its model is ready, and end all of it.

    Of SIGINT, SIGTERM and SIGHUP the first one raises KeyboardInterrupt; more of them don't keep
    what runs from being ended. Afterwards the process takes them no more.

    Raises:
        TorchServeError: when TorchServe doesn't start; with the end of its log.
        SubjectFailed: when the wrapper doesn't start; tells why by its log.
        PortError: when no ports are free, or one is held after the end.
    """
    with contextlib.ExitStack() as stack:
        _on_signals(_interrupt)
        record = leftovers.Record.of_new_folder("up-")
        stack.callback(record.close)
        folder = record.folder
        try:
            archive = wanted.served.archive_in(folder)
            torchserve = stack.enter_context(
                torchserves.start(
                    wanted.runtime,
                    release=wanted.torchserve,
                    envelope=cast("Envelope", wanted.pod.envelope),
                    models=[archive],
                    config=wanted.served.config,
                    timeout=wanted.start_timeout,
                )
            )
            situation = Situation(
                protocol_version=wanted.pod.protocol_version,
                envelope=wanted.pod.envelope,
                torchserve=torchserve.instance.endpoints,
                models=(wanted.served.name,),
                folder=folder / "pod",
                marks=record.environment,
                archives={wanted.served.name: archive},
            )
            wrapper = launch.start(
                wanted.subject,
                wanted.python,
                situation,
                wait_for=(wanted.served.name,),
                timeout=wanted.start_timeout,
            )
            stack.callback(wrapper.stop)
            yield Standing(torchserve, wrapper, situation.pod_models)
        finally:
            _on_signals(_pass)


def _on_signals(handler: Callable[..., None]) -> None:
    for number in _SIGNALS:
        signal.signal(number, handler)


def _interrupt(number: int, *_: object) -> None:
    _on_signals(_pass)
    interrupts.interrupt(number)


def _pass(*_: object) -> None:
    """Take a signal and do nothing, unlike SIG_IGN also with one that has come and waits."""


@dataclass(frozen=True)
class End:
    """How a pod ended that nobody ended: whose end it was, and the last lines of its log."""

    what: str
    last_lines: str
    exit_code: ExitCode


class _Wrapper(Protocol):
    def exit_code(self) -> int | None: ...

    def log(self) -> str: ...


class _TorchServe(Protocol):
    def has_ended(self) -> bool: ...

    def logs(self) -> str: ...


def watch(torchserve: _TorchServe, wrapper: _Wrapper) -> End:
    """Wait until one of the two ends by itself.

    Raises:
        KeyboardInterrupt: when a signal has asked for the end of both.
    """
    while True:
        interrupts.check()
        code = wrapper.exit_code()
        if code is not None:
            how = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
            return End(f"the wrapper has ended with {how}", _end(wrapper.log()), _AGAINST)
        if torchserve.has_ended():
            return End("TorchServe has ended", _end(torchserve.logs()), ExitCode.NOT_KNOWN)
        time.sleep(_LOOK_EVERY)


_AGAINST = ExitCode.AGAINST_SUBJECT


def _end(log: str) -> str:
    return log_lines.tail(log, _LAST_LINES)
