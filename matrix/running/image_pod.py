"""A pod of an image under test: one container in which its own TorchServe and wrapper run.

TorchServe and the wrapper read one configuration, as in KServe. So the model that is to come late
is in it, too, without a worker, and is taken out of TorchServe before anything is asked.
"""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import cast

from docker.errors import DockerException
from kserve_conformance.results.verdict import SubjectFailed
from kserve_conformance.text import messages

from fixtures import pods
from fixtures.pods import Pod, PodError
from fixtures.torchserve import Envelope, Instance, TorchServeError, WorkerCrashed, readiness
from matrix.planning.cells import Cell
from matrix.planning.control_planes import NO_ENVELOPE
from matrix.running import launch, pod_files, ports
from matrix.running.late_model import SEEN_WITHIN, LateModel, name_of
from matrix.running.launch import RunningWrapper
from matrix.running.logs import last_lines
from matrix.running.quiet import Quiet
from matrix.running.refusal import AT_MOST, WATCH_FOR, Refusal

# A container is looked at by asking the engine.
_LOOK_EVERY = 0.2

# What KServe's examples have of each model in the snapshot, with one worker.
_SERVED = {"batchSize": 1, "maxBatchDelay": 10, "responseTimeout": 120}
_WORKERS = {"minWorkers": 1, "maxWorkers": 1}
_NO_WORKERS = {"minWorkers": 0, "maxWorkers": 0}

# What the examples lack: TorchServe has to be asked beside the wrapper, and to be given models.
_BESIDE = (
    "grpc_inference_address=0.0.0.0\n"
    "grpc_management_address=0.0.0.0\n"
    "enable_model_api=true\n"
    "disable_token_authorization=true\n"
)


@dataclass(frozen=True)
class PodSituation:
    """What decides what a pod does.

    Attributes:
        image: by its digest.
        protocol_version: what a control plane sets, None where it sets nothing.
        envelope: likewise.
        archives: the archive of each model that is configured, by the model's name.
        idle: the models of these that get no worker.
        stored: archives that are in the model store beside these, by the name of a model.
        folder: one for its log.
        signatures: the file that declares the models' tensors, None where nobody does.
    """

    image: str
    protocol_version: str | None
    envelope: str
    archives: Mapping[str, Path]
    idle: frozenset[str]
    stored: Mapping[str, Path]
    folder: Path
    signatures: Path | None = None

    def start(self) -> Pod:
        """Start it.

        Raises:
            SubjectFailed: when the engine can't run the image as KServe does.
        """
        value = self.protocol_version
        variables = {
            **({} if value is None else {"PROTOCOL_VERSION": value}),
            "TS_SERVICE_ENVELOPE": "" if self.envelope == NO_ENVELOPE else self.envelope,
        }
        snapshot = {
            name: {**_SERVED, **(_NO_WORKERS if name in self.idle else _WORKERS)}
            for name in self.archives
        }
        config = pod_files.properties(pods.TORCHSERVE, snapshot, pods.MODEL_STORE) + _BESIDE
        files: dict[PurePosixPath, bytes | Path] = {
            pods.MODEL_STORE / pod_files.stored(name): archive
            for name, archive in {**self.archives, **self.stored}.items()
        }
        files[pods.CONFIG] = config.encode()
        if self.signatures is not None:
            files[pods.CONFIG.with_name(pod_files.SIGNATURES)] = self.signatures
        try:
            return Pod(self.image, variables, files)
        except PodError as error:
            raise SubjectFailed(str(error)) from None


class RunningPod(RunningWrapper):
    """A pod that was started; its TorchServe may be asked, too.

    Attributes:
        instance: its TorchServe.
        torchserve_told: whether that was seen to answer from outside of the pod.
    """

    def __init__(self, pod: Pod, situation: PodSituation, instance: Instance) -> None:
        log = situation.folder / "pod.log"
        super().__init__(pod, log, pod.http_port, pod.grpc_port)
        self.instance = instance
        self.torchserve_told = False
        self._pod = pod
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch()
        threading.Thread(target=self._keep_log, daemon=True).start()

    def _keep_log(self) -> None:
        with self._log.open("ab") as log, contextlib.suppress(DockerException):
            for written in self._pod.written():
                log.write(written)
                log.flush()

    def lacks(self) -> str:
        """Say nothing: it has all that a pod has."""
        return ""

    def has_ended(self) -> bool:
        """Tell whether it has ended by itself."""
        return self.exit_code() is not None

    def stop(self) -> None:
        """Remove the container."""
        self._pod.remove()


def start(
    situation: PodSituation, cell: Cell, wait_for: Sequence[str], timeout: float
) -> RunningPod:
    """Start a pod and wait until it calls models ready.

    The cell's own model is taken out of its TorchServe, unless it is waited for.

    Args:
        timeout: seconds that this may take.

    Raises:
        SubjectFailed: when it can't be run, ends, or isn't ready in time; tells why by its log.
        ReferenceMissingError: when its TorchServe keeps that model.
    """
    pod = situation.start()
    try:
        with _published(pod):
            instance = Instance(
                release=cell.torchserve,
                envelope=cast("Envelope", cell.envelope),
                runtime="container",
                endpoints=pod.torchserve,
                models=tuple(situation.archives),
                identity=situation.image,
            )
            running = RunningPod(pod, situation, instance)
        late = LateModel(name_of(cell), instance, timeout)
        _wait_for_torchserve(running, wait_for, timeout)
        if running.torchserve_told and late.name not in wait_for:
            late.withdraw()
            # Whoever calls it by what TorchServe had a moment ago isn't wrong yet.
            time.sleep(SEEN_WITHIN)
        launch.wait_ready(running, wait_for, timeout, may_move=False)
    except BaseException:
        pod.remove()
        raise
    return running


def _wait_for_torchserve(running: RunningPod, models: Sequence[str], timeout: float) -> None:
    """Wait until TorchServe has models, which a wrapper may call ready before.

    Where TorchServe doesn't answer from outside of the pod, nothing is known of it.
    """
    endpoints = running.instance.endpoints
    try:
        readiness.wait(endpoints, models, running.log, running.has_ended, timeout)
    except WorkerCrashed as error:
        raise SubjectFailed(messages.with_cause(f"the pod's TorchServe: {error}")) from None
    except TorchServeError:
        return
    running.torchserve_told = True


@contextlib.contextmanager
def _published(pod: Pod) -> Iterator[None]:
    """Tell, of a pod that had ended before its ports could be looked up, what it said."""
    try:
        yield
    except PodError:
        what = f"the pod ended with exit code {pod.poll()} at once"
        raise SubjectFailed(messages.with_log(what, last_lines(pod.logs()))) from None


def observe(situation: PodSituation, quiet: Quiet) -> Refusal:
    """Start a pod with a value that it must refuse, and tell what it does.

    Raises:
        SubjectFailed: when it can't be run.
    """
    pod = situation.start()
    try:
        opened = _watch(pod)
        code = pod.poll()
        took = None if code is None else quiet.best(lambda: _time(situation), AT_MOST)
        return Refusal(
            exit_code=code,
            stdout=pod.logs(stderr=False),
            stderr=pod.logs(stdout=False),
            termination_log=pod.termination_message() or None,
            opened_ports=opened,
            took=took,
        )
    finally:
        pod.remove()


def _watch(pod: Pod) -> tuple[str, ...]:
    """Wait for its end, or for its ports, which are given."""
    try:
        published = {"http": pod.http_port, "grpc": pod.grpc_port}
    except PodError:  # it has ended
        return ()
    deadline = time.monotonic() + WATCH_FOR
    while pod.poll() is None and time.monotonic() < deadline:
        opened = [name for name, port in published.items() if ports.is_served(port)]
        if opened:
            return tuple(opened)
        time.sleep(_LOOK_EVERY)
    return ()


def _time(situation: PodSituation) -> float:
    pod = situation.start()
    try:
        with contextlib.suppress(subprocess.TimeoutExpired):
            pod.wait(WATCH_FOR)
            return pod.took()
        return WATCH_FOR
    finally:
        pod.remove()
