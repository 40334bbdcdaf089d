"""Runs inside an SDK's environment: imports packages once, and forks for each start of a module.

Usage: ``python -m fork_server SOCKET MODULES``, in this file's folder, where MODULES is a file with
a JSON list of names.
Who connects gets one start. A line of JSON, ``{"argv": ["MODULE", ARGUMENT, ...], "environment":
{...}, "folder": PATH, "pod_models": PATH or null}``, comes with the descriptors of stdout and
stderr; the line ``{"pid": N}`` goes back, and once the process has ended ``{"exit_code": N}``,
negative for a signal. Of one who goes away before that, the whole process group is killed. The
server ends when the socket's file is removed.

The child runs the module as ``python -m MODULE`` does. Standalone, and for Python 3.9 and later:
nothing of the harness is installed here.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import os
import runpy
import selectors
import signal
import socket
import stat
import sys
import threading
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

# How often the server looks whether the socket's file is still there, in seconds.
_LOOK_EVERY = 1.0
# A client sends its request at once.
_REQUEST_WITHIN = 5.0
# Stands in the path for the folder that a start works in.
_FOLDER = "(the folder of the start)"


class _Child(BaseException):
    """Takes a forked child out of the server's loop, with what it is to run."""

    def __init__(self, request: dict[str, Any]) -> None:
        super().__init__()
        self.request = request


class _Server:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._clients: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._woken, self._wake = socket.socketpair()
        self._listener = socket.socket(socket.AF_UNIX)
        for each in (self._woken, self._wake):
            each.setblocking(False)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        self._usual = signal.signal(signal.SIGCHLD, lambda *_: None)
        # Whoever waits for the file finds a socket that is listened to.
        unready = path.with_suffix(".unready")
        self._listener.bind(str(unready))
        self._listener.listen(64)
        unready.rename(path)
        for each in (self._woken, self._listener):
            self._selector.register(each, selectors.EVENT_READ)

    def serve(self) -> None:
        """Serve until the socket's file is gone.

        Raises:
            _Child: in each forked child.
        """
        while self._path.exists():
            for key, _ in self._selector.select(_LOOK_EVERY):
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj is self._woken:
                    self._woken.recv(4096)
                else:
                    self._lose(key.data)
            self._reap()
        for pid in self._clients:
            _kill(pid)
        self._reap(wait=True)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        client.settimeout(_REQUEST_WITHIN)
        try:
            request, descriptors = _received(client)
        except (OSError, ValueError):
            client.close()
            return
        try:
            pid = os.fork()
        except OSError:
            # The client hears the end of its connection, and starts the module itself.
            for each in (client.detach(), *descriptors):
                os.close(each)
            return
        if pid == 0:
            self._leave(*descriptors)
            # Not before it leads its group, by which it is ended.
            _tell(client, {"pid": os.getpid()})
            client.close()
            raise _Child(request)
        for each in descriptors:
            os.close(each)
        self._clients[pid] = client
        self._selector.register(client, selectors.EVENT_READ, pid)

    def _leave(self, stdout: int, stderr: int) -> None:
        """Give a child the session, signals and descriptors of a process that was started."""
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, self._usual)
        for name, number, descriptor in (("stdout", 1, stdout), ("stderr", 2, stderr)):
            was = stat.S_IFMT(os.fstat(number).st_mode)
            os.dup2(descriptor, number)
            os.close(descriptor)
            if stat.S_IFMT(os.fstat(number).st_mode) != was:
                opened = _opened(getattr(sys, name), number)
                setattr(sys, name, opened)
                setattr(sys, f"__{name}__", opened)
        self._selector.close()
        for each in (*self._clients.values(), self._listener, self._woken, self._wake):
            each.close()

    def _reap(self, *, wait: bool = False) -> None:
        while self._clients:
            pid, status = os.waitpid(-1, 0 if wait else os.WNOHANG)
            if pid == 0:
                return
            client = self._clients.pop(pid, None)
            if client is None:
                continue  # an import has started it
            with contextlib.suppress(KeyError):
                self._selector.unregister(client)
            _tell(client, {"exit_code": os.waitstatus_to_exitcode(status)})
            client.close()

    def _lose(self, pid: int) -> None:
        self._selector.unregister(self._clients[pid])
        _kill(pid)


def _opened(stream: TextIO, number: int) -> TextIO:
    """Open a standard stream as the interpreter does: it asks what kind of file it is."""
    raw = io.FileIO(number, "w", closefd=False)
    raw.name = stream.name
    opened = io.TextIOWrapper(
        io.BufferedWriter(raw),
        stream.encoding,
        stream.errors,
        newline="\n",
        line_buffering=number == 2 or raw.isatty(),
        write_through=getattr(stream, "write_through", False),
    )
    opened.mode = "w"  # type: ignore[misc]
    return opened


def _received(client: socket.socket) -> tuple[dict[str, Any], list[int]]:
    text, descriptors, _, _ = socket.recv_fds(client, 1 << 16, 2)
    try:
        while not text.endswith(b"\n"):
            more = client.recv(1 << 16)
            if not more:
                raise ValueError("the client went away")
            text += more
        if len(descriptors) != 2:
            raise ValueError("stdout and stderr are needed")
    except (OSError, ValueError):
        for each in descriptors:
            os.close(each)
        raise
    return json.loads(text), descriptors


def _tell(client: socket.socket, told: dict[str, int]) -> None:
    with contextlib.suppress(OSError):
        client.sendall(json.dumps(told).encode() + b"\n")


def _kill(pid: int) -> None:
    # The child as well: it may not lead its group yet. It isn't reaped, so that it is no other.
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def _preload(names: list[str]) -> None:
    for name in names:
        # Some are of a kind that is made by another's import, and can't be imported.
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    # Python's own: what native libraries start they start again after a fork.
    if threading.active_count() > 1:
        raise SystemExit("an import has started a thread, which a fork would lose")
    sys.stdout.flush()
    sys.stderr.flush()
    gc.collect()
    # What is here already is then not looked at, and so not copied, by the children's collections.
    gc.freeze()


def _become(
    request: dict[str, Any], at_start: dict[str, str], enter_pod: Callable[[str], None]
) -> None:
    """Run a module in this process as ``python -m`` does, to its end."""
    if request["pod_models"] is not None:
        enter_pod(request["pod_models"])
    # What imports have set stays set, as if they had come after the start.
    given = request["environment"]
    for name in os.environ.keys() | given.keys():
        untouched = os.environ.get(name) == at_start.get(name)
        if name in given and (untouched or name not in at_start):
            os.environ[name] = given[name]
        elif untouched:
            os.environ.pop(name, None)
    os.chdir(request["folder"])
    sys.path[sys.path.index(_FOLDER)] = str(Path.cwd())
    module, *arguments = request["argv"]
    sys.argv[:] = ["-m", *arguments]
    if hasattr(sys, "orig_argv"):
        sys.orig_argv[:] = [sys.executable, "-m", module, *arguments]
    main = types.ModuleType("__main__")
    main.__dict__.update(__builtins__=__builtins__, __annotations__={})
    sys.modules["__main__"] = main
    try:
        runpy._run_module_as_main(module)  # type: ignore[attr-defined]
    except BaseException as error:
        # The interpreter ends as it always does; what it prints begins where it does else.
        told, usual = error.__traceback__, sys.excepthook
        frames = told and told.tb_next
        sys.excepthook = lambda kind, value, _: usual(kind, value.with_traceback(frames), frames)
        raise


def main() -> None:
    """Import the modules, then serve."""
    path, modules = map(Path, sys.argv[1:])
    at_start = dict(os.environ)
    # Stands in this file's folder. A start's own module may have the name.
    enter_pod = importlib.import_module("pod_paths").enter
    del sys.modules["pod_paths"]
    # Imports put folders before it. This file's folder holds nothing that is to be imported.
    sys.path[0] = _FOLDER
    sys.argv[1:] = []
    _preload(json.loads(modules.read_text()))
    try:
        _Server(path).serve()
    except _Child as child:
        request = child.request
    else:
        return
    # Not in the handler: whatever fails there would be told with this exception as its context.
    _become(request, at_start, enter_pod)


if __name__ == "__main__":
    main()
