"""The pod as a process: with a real TorchServe and a real SDK, or with stand-ins for both."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests

from fixtures import models
from fixtures.leftovers import Record
from fixtures.torchserve import (
    Endpoints,
    Envelope,
    class_archive,
    configuration,
    printout,
    process,
    releases,
)
from fixtures.torchserve.ports import Lease
from matrix.environments import provision
from matrix.planning.subject import base_environment
from matrix.running import ports

# What the container's end may take, in seconds, after one of the two has ended by itself.
WITHIN = 2.0
# A machine may be so busy with other things that it takes longer for that alone.
ATTEMPTS = 3

_LOCALHOST = "127.0.0.1"
# Seconds after which what is waited for will never come.
_NEVER = 240.0


@dataclass
class RunningPod:
    """``python -m wrapper.pod`` as a process, with its log in a file."""

    process: subprocess.Popen[bytes]
    folder: Path
    http_port: int

    @property
    def url(self) -> str:
        """Give the base of its REST routes."""
        return f"http://{_LOCALHOST}:{self.http_port}"

    @property
    def log(self) -> str:
        """Give all that it has written."""
        return (self.folder / "pod.log").read_text(errors="replace")

    @property
    def termination_message(self) -> str:
        """Give what it has left for Kubernetes to show."""
        return (self.folder / "termination-log").read_text()

    def processes(self, words: str = "") -> list[psutil.Process]:
        """Give those below it whose command line has some words, zombies only without words."""
        below = psutil.Process(self.process.pid).children(recursive=True)
        return [each for each in below if words in " ".join(_command(each))]

    def wait_for(self, is_so: Callable[[], bool]) -> None:
        """Wait until something is so, while it runs."""
        deadline = time.monotonic() + _NEVER
        while not is_so():
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)

    def wait_ready(self, model: str) -> None:
        """Wait until it calls a model ready."""

        def is_ready() -> bool:
            with contextlib.suppress(requests.RequestException):
                return requests.get(f"{self.url}/v2/models/{model}/ready", timeout=5).ok
            return False

        self.wait_for(is_ready)

    def end(self) -> int:
        """Tell it to stop as Kubernetes does, and give its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_NEVER)


def _command(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []


@contextlib.contextmanager
def real_pod(
    release: str, envelope: Envelope, *names: str, more: Mapping[str, str] | None = None
) -> Iterator[RunningPod]:
    """Start the pod with models of `fixtures.models`, as KServe's stock runtime starts it.

    It is run by the interpreter of an SDK's release, as in an image.

    Args:
        more: further variables of its environment.
    """
    environment = process.environment_of(releases.find("0.12.0"))
    archives = [models.archive(name) for name in names]
    folder = process.make_folder()
    with contextlib.ExitStack() as had:
        lease = Lease()
        had.callback(lease.end)
        for name in ("store", "logs", "tmp"):
            (folder / name).mkdir()
        for archive in archives:
            shutil.copy(archive, folder / "store")
        config = folder / "config.properties"
        config.write_text(
            configuration.properties(
                Endpoints(_LOCALHOST, *lease.ports),
                envelope,
                [archive.name for archive in archives],
                str(folder / "store"),
                {"vmargs": class_archive.settings(environment)},
            )
        )
        http, grpc = ports.free(2)
        arguments = [
            "torchserve",
            "--start",
            f"--model-store={folder / 'store'}",
            f"--ts-config={config}",
            *("--", "--http_port", str(http), "--grpc_port", str(grpc)),
        ]
        variables = {
            **base_environment(),
            **process.variables(environment, folder),
            "PYTHONPATH": base_environment()["PYTHONPATH"],
            **(more or {}),
        }
        python = provision.provision(release).python
        works_in = printout.empty_folder(folder)
        yield had.enter_context(
            _running(python, arguments, variables, folder, http, works_in=works_in)
        )


@contextlib.contextmanager
def stand_in_pod(
    folder: Path,
    torchserve: str,
    wrapper: str,
    *arguments: str,
    launcher: str | None = None,
    stdout: int | None = None,
    more: Mapping[str, str] | None = None,
) -> Iterator[RunningPod]:
    """Start the pod with two programs of Python in the place of TorchServe and of the wrapper.

    Args:
        torchserve: the server's text.
        arguments: what comes after TorchServe's arguments.
        launcher: what starts the server; otherwise it starts it and ends, as TorchServe's own does.
        stdout: a descriptor to write to, instead of the log's file.
        more: further variables of its environment.
    """
    programs = folder / "programs"
    programs.mkdir()
    (folder / "store").mkdir()
    config = folder / "config.properties"
    config.write_text(f"model_store={folder / 'store'}\n")
    (programs / "server.py").write_text(torchserve)
    launch = (
        "import subprocess, sys\n"
        f"subprocess.Popen([sys.executable, {str(programs / 'server.py')!r}, *sys.argv[1:]])\n"
    )
    for name, text in (("torchserve", launcher or launch), ("python", wrapper), ("java", "")):
        program = programs / name
        program.write_text(f"#!{sys.executable}\n{text}")
        program.chmod(0o755)
    variables = {
        **base_environment(),
        "PATH": os.pathsep.join([str(programs), os.environ["PATH"]]),
        "JAVA_HOME": "",
        "WRAPPER_PYTHON": str(programs / "python"),
        **(more or {}),
    }
    command = ["torchserve", "--start", f"--ts-config={config}", *arguments]
    with _running(Path(sys.executable), command, variables, folder, 0, stdout) as running:
        yield running


@contextlib.contextmanager
def _running(
    python: Path,
    arguments: Sequence[str],
    variables: Mapping[str, str],
    folder: Path,
    http: int,
    stdout: int | None = None,
    works_in: Path | None = None,
) -> Iterator[RunningPod]:
    with (
        contextlib.closing(Record(folder)) as record,
        (folder / "pod.log").open("ab") as log,
    ):
        started = subprocess.Popen(
            [python, "-m", "wrapper.pod", *arguments],
            cwd=works_in or folder,
            env={
                **variables,
                **record.environment,
                "TERMINATION_LOG_PATH": str(folder / "termination-log"),
            },
            stdin=subprocess.DEVNULL,
            stdout=log if stdout is None else stdout,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield RunningPod(started, folder, http)
        finally:
            started.kill()
            started.wait()
