"""Starts ``python -m MODULE`` by a fork of a process that has imported the packages it needs.

Half of the time of a run is the import of what the KServe SDK depends on. A server for each SDK
environment, `matrix.probes.fork_server`, imports that once; the SDK and the subject are
imported by each start itself.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, Self

import filelock
from kserve_conformance.errors import NotKnown

from fixtures import cache
from matrix.environments import preload
from matrix.running.spans import Activity, during

_SERVER = Path(__file__).resolve().parents[1] / "probes" / "fork_server.py"
# What an interpreter reads when it starts; a fork comes too late for it.
_READ_AT_START = ("PYTHON", "LC_", "LANG", "LD_", "GRPC_", "OMP_", "TZ")
# Not gRPC's own, in spite of its name: wrappers read it once they are there.
_READ_LATER = frozenset({"GRPC_REFLECTION"})
_SERVER_WITHIN = 60.0
_STARTED_WITHIN = 30.0
_SETTINGS = "settings.json"


class CantFork(Exception):
    """A start that has to be exact. Its text says why."""


class ForkServerLost(NotKnown):
    """A fork server that has ended before what it started."""


class Process(Protocol):
    """A started process, as `subprocess.Popen` is one."""

    @property
    def pid(self) -> int:
        """Give its id, which is that of its process group."""

    def poll(self) -> int | None:
        """Give its exit code, negative for a signal; None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, so many seconds at most, and give its exit code.

        Raises:
            subprocess.TimeoutExpired: when it runs on.
        """

    def terminate(self) -> None:
        """Send it, and no other, SIGTERM."""

    def kill(self) -> None:
        """Send it, and no other, SIGKILL."""


class ForkedProcess:
    """A process that a fork server has started; it is killed with its group if this is let go."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._heard = b""
        self._exit_code: int | None = None
        self._connection.settimeout(_STARTED_WITHIN)
        try:
            self.pid = self._hear()["pid"]
        except (OSError, KeyError):
            self._connection.close()
            raise CantFork("the fork server didn't start it") from None

    def poll(self) -> int | None:
        """Give its exit code, negative for a signal; None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, so many seconds at most, and give its exit code.

        Raises:
            subprocess.TimeoutExpired: when it runs on.
        """
        if self._exit_code is None:
            self._connection.settimeout(timeout)
            try:
                self._exit_code = self._hear()["exit_code"]
            except (BlockingIOError, TimeoutError):
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0) from None
            except OSError:
                # Nobody else would end it, nor tell how it ended.
                self._exit_code = -signal.SIGKILL
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.pid, signal.SIGKILL)
                lost = f"the fork server of process {self.pid} has ended, and so has the process"
                raise ForkServerLost(lost) from None
            finally:
                if self._exit_code is not None:
                    self._connection.close()
        return self._exit_code

    def terminate(self) -> None:
        """Send it, and no other, SIGTERM."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """Send it, and no other, SIGKILL."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def _hear(self) -> dict[str, int]:
        while b"\n" not in self._heard:
            more = self._connection.recv(4096)
            if not more:
                raise ConnectionResetError
            self._heard += more
        line, _, self._heard = self._heard.partition(b"\n")
        heard: dict[str, int] = json.loads(line)
        return heard


class ForkServers:
    """The fork servers of a run: one for each environment and subject, started when it is needed.

    Any number of processes may use those of one folder.
    """

    def __init__(self, folder: Path) -> None:
        """Use those of a folder that `make` made."""
        self.folder = folder

    @classmethod
    def make(
        cls, folder: Path, sdk: str, environment: Mapping[str, str], *, only: bool = False
    ) -> Self:
        """Make the folder of a run's servers.

        Args:
            folder: where none is yet; with a short name, since those of sockets may not be long.
            sdk: the SDK's package, which isn't imported beforehand.
            environment: that of the servers. What an interpreter reads when it starts has to be the
                same in the starts that they make.
            only: whether what can't be forked is not to be started at all.
        """
        folder.mkdir()
        (folder / _SETTINGS).write_text(json.dumps([sdk, dict(environment), only]))
        return cls(folder)

    def start(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        folder: Path | None,
        stdout: int,
        stderr: int,
        *,
        beside: str | None = None,
        pod_models: Path | None = None,
    ) -> ForkedProcess:
        """Start a process in a process group of its own.

        Args:
            argv: an interpreter, ``-m``, a module, and its arguments.
            folder: where it works; where the caller does if it is None.
            beside: another module, which needs the same packages, and so whose server starts it.
            pod_models: what it finds at /mnt/models; what is there is there if it is None.

        Raises:
            CantFork: when it isn't of that form, or can't be forked here.
        """
        if len(argv) < 3 or argv[1] != "-m":
            raise CantFork("only PYTHON -m MODULE can be forked")
        if _at_start(environment) != _at_start(self._settings[1]):
            raise CantFork("its interpreter's environment is another")
        request = {
            "argv": argv[2:],
            "environment": dict(environment),
            "folder": str(folder or Path.cwd()),
            "pod_models": str(pod_models) if pod_models else None,
        }
        connection = self._connect(Path(argv[0]), beside or argv[2])
        try:
            socket.send_fds(connection, [json.dumps(request).encode() + b"\n"], [stdout, stderr])
        except OSError as error:
            connection.close()
            raise CantFork(f"the fork server doesn't take it: {error}") from None
        return ForkedProcess(connection)

    def _connect(self, python: Path, module: str) -> socket.socket:
        path = self.folder / f"{cache.digest(str(python), module)[:12]}.sock"
        if not path.exists():
            with filelock.FileLock(path.with_suffix(".lock")):
                # It may have come up while this process waited.
                if not path.exists():
                    self._serve(path, python, module)
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(path))
        except OSError as error:
            connection.close()
            raise CantFork(f"the fork server of {python} doesn't answer: {error}") from None
        return connection

    def _serve(self, path: Path, python: Path, module: str) -> None:
        failed = path.with_suffix(".failed")
        if failed.exists():
            raise CantFork(failed.read_text())
        try:
            self._start_server(path, python, module)
        except (CantFork, OSError) as error:
            why = f"the fork server of {python} didn't start: {error}"
            # The next start doesn't wait for the same.
            failed.write_text(why)
            raise CantFork(why) from None

    @during(Activity.FORK_SERVER)
    def _start_server(self, path: Path, python: Path, module: str) -> None:
        sdk, environment, _ = self._settings
        named, log = path.with_suffix(".json"), path.with_suffix(".log")
        named.write_text(json.dumps(preload.modules(python, sdk, module, environment)))
        with log.open("wb") as out:
            server = subprocess.Popen(
                [python, "-m", _SERVER.stem, path, named],
                # As a start of a module, whose interpreter ends in another way than a file's.
                cwd=_SERVER.parent,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        deadline = time.monotonic() + _SERVER_WITHIN
        while not path.exists():
            if server.poll() is not None or time.monotonic() > deadline:
                server.kill()
                raise CantFork(log.read_text(errors="replace").strip().rpartition("\n")[2])
            time.sleep(0.01)

    @property
    def only(self) -> bool:
        """Tell whether what can't be forked is not to be started at all."""
        return self._settings[2]

    @functools.cached_property
    def _settings(self) -> tuple[str, dict[str, str], bool]:
        sdk, environment, only = json.loads((self.folder / _SETTINGS).read_text())
        return sdk, environment, only

    def close(self) -> None:
        """End the servers, and what they started."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(_READ_AT_START) and name not in _READ_LATER
    }
