"""Peers started as their owners say, and ended: each with a contract model, on ports of its own."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import requests
from kserve_conformance.results.verdict import SubjectFailed
from kserve_conformance.text import messages

from fixtures import leftovers
from matrix.environments.roster import FOLDER, Peer
from matrix.peers import triton
from matrix.peers.confining import confined
from matrix.peers.place import MODEL, Place, Start
from matrix.planning.subject import base_environment
from matrix.running import launch, ports
from matrix.running.logs import last_lines

# The SDK of 0.10 imports ray, which takes over 10 s from a cold disk.
_READY_WITHIN = 120.0
_SHARED_MEMORY = Path("/dev/shm")


def _kserve_sdk(python: Path, place: Place) -> Start:
    flags = ["--http_port", str(place.http), "--grpc_port", str(place.grpc)]
    return [str(python), str(FOLDER / "kserve_sdk.py"), *flags], {}


def _mlserver(python: Path, place: Place) -> Start:
    return [str(python.with_name("mlserver")), "start", str(FOLDER / "mlserver")], {
        "MLSERVER_HTTP_PORT": str(place.http),
        "MLSERVER_GRPC_PORT": str(place.grpc),
        "MLSERVER_METRICS_PORT": str(place.metrics),
    }


def _omle(python: Path, place: Place) -> Start:
    flags = ["--rest-port", str(place.http), "--grpc-port", str(place.grpc)]
    # With one thread a call that lasts holds up those that come after it, health among them.
    flags += ["--rest-threads", "2", "--grpc-threads", "4"]
    # Made by the first start, and there for those after it.
    models = str(place.folder.parent / "models")
    program = [str(python), str(FOLDER / "omle" / "serve.py"), models, *flags]
    return confined("OMLE Server", program, (place.http, place.grpc))


_STARTS: Mapping[str, Callable[[Path, Place], Start]] = {
    "kserve-sdk": _kserve_sdk,
    "mlserver": _mlserver,
    "triton": triton.start,
    "omle": _omle,
}


class Running:
    """A peer whose model is ready, or was when it was started.

    Attributes:
        place: where it listens, however often it is started.
    """

    def __init__(self, peer: Peer, python: Path, place: Place) -> None:
        self.place = place
        self._peer = peer
        self._python = python
        self._starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._stop = contextlib.ExitStack()

    def start(self) -> None:
        """Start it, with a folder of its own, and wait until its model is ready.

        Raises:
            SubjectFailed: when it ends, or isn't ready in time; tells why by its log.
            Unprovisioned: when this machine lacks what it needs.
        """
        self._starts += 1
        folder = self.place.folder / str(self._starts)
        folder.mkdir()
        place = dataclasses.replace(self.place, folder=folder)
        argv, variables = _STARTS[self._peer.kind](self._python, place)
        record = leftovers.Record(folder)
        self._stop.callback(record.close)
        environment = {
            # A peer shares nothing with the wrapper.
            **{name: value for name, value in base_environment().items() if name != "PYTHONPATH"},
            # Its program lies in this checkout, which stays as it is.
            "PYTHONDONTWRITEBYTECODE": "1",
            **variables,
            **record.environment,
        }
        log = folder / "peer.log"
        with log.open("wb") as file:
            process = launch.start_group(argv, environment, folder, file.fileno(), file.fileno())
        self._process = process
        self._stop.callback(_remove_shared_memory, place)
        self._stop.callback(ports.wait_free, (place.http, place.grpc, place.metrics), seconds=10)
        self._stop.callback(launch.end_group, process)
        _wait_ready(process, place, log)

    def again(self) -> None:
        """Start it anew, in whatever state it is; see `start` and `stop`."""
        if self._process is not None:
            # What answers nothing any more may not end when it is told to, either.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self.stop()
        self.start()

    def stop(self) -> None:
        """End it and all that it started.

        Raises:
            PortError: when it doesn't let go of its ports.
        """
        # Connections of a closed session last until its pool is collected, and Triton waits for
        # them before it ends.
        gc.collect()
        self._stop.close()


@contextlib.contextmanager
def running(peer: Peer, python: Path) -> Iterator[Running]:
    """Start a peer, wait until its model is ready, and end it and all that it started.

    Raises:
        SubjectFailed, Unprovisioned: see `Running.start`.
        PortError: when there are no ports for it, or it doesn't let go of them.
    """
    http, grpc, metrics = ports.free(3)
    with tempfile.TemporaryDirectory(prefix="peer-") as name:
        started = Running(peer, python, Place(http, grpc, metrics, Path(name)))
        try:
            started.start()
            yield started
        finally:
            started.stop()


def _remove_shared_memory(place: Place) -> None:
    """Remove what a peer that was killed has left there."""
    for left in _SHARED_MEMORY.glob(f"{place.mark}*"):
        left.unlink(missing_ok=True)


def _wait_ready(process: subprocess.Popen[bytes], place: Place, log: Path) -> None:
    deadline = time.monotonic() + _READY_WITHIN
    url = f"{place.url}/v2/models/{MODEL}/ready"
    with requests.Session() as session:
        session.trust_env = False
        while not (_answers(session, url) and ports.is_open(place.grpc)):
            if process.poll() is not None:
                what = f"ended with exit code {process.returncode} before it was ready"
            elif time.monotonic() > deadline:
                what = f"wasn't ready within {_READY_WITHIN:.0f} s"
            else:
                time.sleep(0.1)
                continue
            tail = last_lines(log.read_text(encoding="utf-8", errors="replace"))
            raise SubjectFailed(messages.with_log(f"the peer {what}", tail))


def _answers(session: requests.Session, url: str) -> bool:
    try:
        return session.get(url, timeout=5).status_code == 200
    except requests.RequestException:
        return False
