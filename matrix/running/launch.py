"""Starts a wrapper as its users do, a command with an environment and ports, and ends it.

A wrapper gets a process group of its own: the server of SDK 0.10 starts workers that
outlive the process that was started, and a leftover would answer for the next cell.
What a killed runner leaves is found by marks in its environment; see `fixtures.leftovers`.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import requests
from kserve_conformance.results.verdict import SubjectFailed, Unprovisioned
from kserve_conformance.text import messages

from fixtures.torchserve import Endpoints
from matrix.planning.control_planes import NO_ENVELOPE
from matrix.planning.subject import Subject, base_environment
from matrix.probes import pod_paths
from matrix.running import pod_files, ports
from matrix.running.forks import CantFork, ForkedProcess, ForkServerLost, ForkServers, Process
from matrix.running.logs import last_lines
from matrix.running.spans import Activity, during

# The signals that end a group, and the seconds that each is given.
_ASKED = (signal.SIGTERM, 5.0)
# Killed processes whose parent has gone stay zombies where process 1 doesn't reap them.
_KILLED = (signal.SIGKILL, 1.0)
# How often a start that isn't ready is looked at for ports that it wasn't told to open.
_LOOK_EVERY = 2.0


@dataclass(frozen=True)
class Situation:
    """What surrounds a wrapper in its pod.

    Attributes:
        protocol_version: PROTOCOL_VERSION's value, None where it isn't set.
        envelope: TS_SERVICE_ENVELOPE.
        folder: an empty folder for the configuration, the logs, the termination log and temporary
            files.
        marks: variables by which a sweep knows the process, where the caller may be killed;
            see `fixtures.leftovers.Record`.
        archives: the archive of each model that the model store holds, by the model's name.
        signatures: the file that declares the models' tensors, None where nobody does.
        variables: further ones that the pod's spec sets.
    """

    protocol_version: str | None
    envelope: str
    torchserve: Endpoints
    models: Sequence[str]
    folder: Path
    marks: Mapping[str, str] = field(default_factory=dict)
    archives: Mapping[str, Path] = field(default_factory=dict)
    signatures: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def pod_models(self) -> Path:
        """Give the folder that is /mnt/models in the pod."""
        return self.folder / "models"

    @property
    def termination_log(self) -> Path:
        """Give the file that stands for the container's termination log."""
        return self.folder / "termination-log"

    @property
    def log(self) -> Path:
        """Give the file that a started wrapper's stdout and stderr go to."""
        return self.folder / "wrapper.log"

    def environment(self) -> dict[str, str]:
        """Write the files of its pod and give the environment of the wrapper's process."""
        config = pod_files.write(
            self.pod_models, self.torchserve, self.models, self.archives, self.signatures
        )
        value = self.protocol_version
        return {
            **base_environment(),
            **({} if value is None else {"PROTOCOL_VERSION": value}),
            "CONFIG_PATH": str(config),
            "TS_SERVICE_ENVELOPE": "" if self.envelope == NO_ENVELOPE else self.envelope,
            "TERMINATION_LOG_PATH": str(self.termination_log),
            # A pod has one of its own, and what is kept there would be left here.
            "TMPDIR": str(self.folder),
            # Wrappers of the usual design sleep this long (in seconds) before they ask
            # TorchServe for the first time; 30 is their default.
            "MODEL_LOAD_DELAY": "1",
            **self.variables,
            **self.marks,
        }


@dataclass(eq=False)
class RunningWrapper:
    """A wrapper that was started and said that its models are ready."""

    _process: Process
    _log: Path
    http_port: int
    grpc_port: int

    @property
    def process_group(self) -> int:
        """Give the id of the group of its processes."""
        return self._process.pid

    @property
    def url(self) -> str:
        """Give the base of its REST routes."""
        return f"http://127.0.0.1:{self.http_port}"

    def log(self) -> str:
        """Give all that it has written to stdout and stderr."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def log_tail(self) -> str:
        """Give the end of what it has written."""
        return last_lines(self.log())

    def failure(self, what: str) -> SubjectFailed:
        """Make the failure of it from what it did; tells the cause, and the end of its log."""
        return SubjectFailed(messages.with_log(f"the wrapper {what}", self.log_tail()))

    def lacks(self) -> str:
        """Say what its log looks for and this machine can't give it; nothing where it has all."""
        return pod_files.hint(self.log_tail())

    def log_size(self) -> int:
        """Count the bytes that it has written."""
        return self._log.stat().st_size

    def log_from(self, position: int, end: int | None = None) -> str:
        """Give what it has written since it had written so many bytes, until it had so many."""
        with self._log.open("rb") as log:
            log.seek(position)
            return log.read(-1 if end is None else end - position).decode("utf-8", "replace")

    def exit_code(self) -> int | None:
        """Give its exit code, or None while it runs."""
        return self._process.poll()

    def terminate(self) -> None:
        """Tell it to stop, as Kubernetes does: SIGTERM to its first process alone."""
        self._process.terminate()

    def stop(self) -> None:
        """End the whole process group, politely, then not.

        Raises:
            PortError: when one of its ports is held even so.
        """
        self._end(_ASKED, _KILLED)

    def kill(self) -> None:
        """End the whole process group at once: how it would end by itself is not what is asked.

        Raises:
            PortError: when one of its ports is held even so.
        """
        self._end(_KILLED)

    def _end(self, *steps: tuple[int, float]) -> None:
        end_group(self._process, steps)
        ports.wait_free((self.http_port, self.grpc_port), seconds=10)


def start(
    subject: Subject,
    python: Path,
    situation: Situation,
    wait_for: Sequence[str],
    timeout: float = 90.0,
    forks: ForkServers | None = None,
) -> RunningWrapper:
    """Start a wrapper and wait until it calls the models of ``wait_for`` ready.

    Args:
        timeout: seconds that this may take.
        forks: what starts it by a fork, where it can be started so.

    Raises:
        SubjectFailed: when it ends, or isn't ready in time; tells why by its log.
        Unprovisioned: when it can't be forked, and may not be started otherwise.
        PortError: when no ports are free.
    """
    with during(Activity.EXACT_START) as span:
        http, grpc = ports.of(subject)
        with situation_log(situation) as log:
            process = spawn(subject, subject.argv(python, http, grpc), situation, log, log, forks)
        if isinstance(process, ForkedProcess):
            span.activity = Activity.FORKED_START
        wrapper = RunningWrapper(process, situation.log, http, grpc)
        try:
            # Ours opens what it is told; to look costs.
            may_move = subject.ports is None and not subject.is_ours
            wait_ready(wrapper, wait_for, timeout, may_move=may_move)
        except BaseException:
            wrapper.stop()
            raise
        return wrapper


def spawn(
    subject: Subject,
    argv: Sequence[str],
    situation: Situation,
    stdout: int,
    stderr: int,
    forks: ForkServers | None = None,
) -> Process:
    """Start a subject's process in a process group of its own.

    Args:
        forks: what starts it by a fork, where it can be started so.

    Raises:
        SubjectFailed: when the command can't be run.
        Unprovisioned: when it can't be forked, and may not be started otherwise.
    """
    # Ours needs no folder; a user's own command may name files relative to theirs.
    folder = situation.folder if subject.is_ours else None
    environment = situation.environment()
    pod_models = None if pod_files.only_where_named() else situation.pod_models.absolute()
    if forks and subject.is_module:
        try:
            return forks.start(argv, environment, folder, stdout, stderr, pod_models=pod_models)
        except CantFork as error:
            if forks.only:
                raise Unprovisioned(f"--start forked: {error}") from None
    return start_group(argv, environment, folder, stdout, stderr, pod_models=pod_models)


def start_group(
    argv: Sequence[str],
    environment: Mapping[str, str],
    folder: Path | None,
    stdout: int,
    stderr: int,
    *,
    pod_models: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process in a process group of its own.

    Args:
        folder: where it works; where the caller does if it is None.
        pod_models: what it finds at /mnt/models; what is there is there if it is None.

    Raises:
        SubjectFailed: when the command can't be run.
    """
    enter: Callable[[], None] | None = None
    if pod_models is not None:
        enter = functools.partial(pod_paths.enter, str(pod_models))
    try:
        return subprocess.Popen(
            argv,
            preexec_fn=enter,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
    except OSError as error:
        raise SubjectFailed(f"{argv[0]} can't be run: {error.strerror}") from None


def end_group(process: Process, steps: Sequence[tuple[int, float]] = (_ASKED, _KILLED)) -> None:
    """End a process that leads its group, and all that it started.

    Args:
        steps: the signals that it is sent until it has ended, each with the seconds that it has.
    """
    with contextlib.suppress(ForkServerLost):
        process.poll()
    for number, seconds in steps:
        _signal_group(process, number)
        deadline = time.monotonic() + seconds
        while _signal_group(process, 0) and time.monotonic() < deadline:
            time.sleep(0.02)
    process.wait()


@contextlib.contextmanager
def situation_log(situation: Situation) -> Iterator[int]:
    """Open the wrapper's log for a process to inherit."""
    situation.folder.mkdir(parents=True, exist_ok=True)
    with situation.log.open("wb") as log:
        yield log.fileno()


def wait_ready(
    wrapper: RunningWrapper, models: Sequence[str], timeout: float, *, may_move: bool
) -> None:
    """Wait until all models are ready.

    Args:
        timeout: seconds that this may take.
        may_move: whether to look if it serves on another port than it was told.

    Raises:
        SubjectFailed: when it ends, or isn't ready in time; tells why by its log.
    """
    began = time.monotonic()
    deadline = began + timeout
    look = began + _LOOK_EVERY
    waiting = list(models)
    with requests.Session() as session:
        session.trust_env = False
        while waiting:
            if wrapper.exit_code() is not None:
                raise wrapper.failure(
                    f"ended with exit code {wrapper.exit_code()} before it was ready"
                    + wrapper.lacks()
                )
            if time.monotonic() > deadline:
                raise wrapper.failure(f"didn't call {waiting[0]} ready within {timeout:.0f} s")
            if _is_ready(session, wrapper.url, waiting[0]):
                waiting.pop(0)
            elif may_move and time.monotonic() > look:
                look = time.monotonic() + _LOOK_EVERY
                _refuse_other_ports(wrapper, session, waiting[0])
            else:
                time.sleep(0.1)


def _refuse_other_ports(wrapper: RunningWrapper, session: requests.Session, model: str) -> None:
    """Refuse a wrapper that serves, and not where it was told: nothing would be asked of it."""
    opened = ports.opened_by(wrapper.process_group) - {wrapper.http_port, wrapper.grpc_port}
    served = [port for port in opened if _is_ready(session, f"http://127.0.0.1:{port}", model)]
    if served:
        (http,) = served[:1]
        grpc = min(opened - {http}, key=lambda port: abs(port - http), default=http + 1)
        raise wrapper.failure(
            f"serves on port {http}, whatever --http_port says: run it with --ports {http},{grpc}"
        )


def _is_ready(session: requests.Session, url: str, model: str) -> bool:
    try:
        answer = session.get(f"{url}/v1/models/{model}", timeout=5)
        # SDK 0.11 answers the string "True".
        return answer.status_code == 200 and answer.json().get("ready") in (True, "True")
    except (requests.RequestException, AttributeError):
        return False


def _signal_group(process: Process, number: int) -> bool:
    """Send a signal to a process' group, 0 for none, and tell whether there is anybody in it."""
    process.poll()  # reaps the leader, which else stays in the group as a zombie
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
        return True
    return False
