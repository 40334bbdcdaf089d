"""``--workers``: processes that end with one another, and are replaced, on real SDKs."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import psutil
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from matrix.running.launch import RunningWrapper
from matrix.running.timing import seconds_until
from tests import lending
from tests.wrapper.running import NOBODY, is_alive, wrapper

pytestmark = pytest.mark.integration

# Each way in which a generation of the SDK has worker processes by itself, or has none.
RELEASES = ("0.9.0", "0.10.2", "0.13.1", "0.15.2", "0.21.0")
# Seconds, many times what it takes.
WITHIN = 120


@contextlib.contextmanager
def _started(release: str, folder: Path, flags: str = "--workers 2") -> Iterator[RunningWrapper]:
    instance = lending.instance("kserve", "contract")
    with wrapper(release, instance, folder, flags=flags, wait=False) as subject:
        yield subject


@contextlib.contextmanager
def _serving(release: str, folder: Path) -> Iterator[RunningWrapper]:
    """Start two processes for REST and wait until all that are wanted answer."""
    with _started(release, folder) as subject:
        seconds_until(lambda: _serves(subject, release), WITHIN, "all processes")
        yield subject


def _others(subject: RunningWrapper) -> list[psutil.Process]:
    """Give all processes of the group but the first, also those whose parent has gone."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            is_one = os.getpgid(process.pid) == subject.process_group != process.pid
            if is_one and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _for_rest(subject: RunningWrapper) -> list[psutil.Process]:
    """Give those that listen on the port of REST."""
    return [process for process in _others(subject) if _listens(process, subject.http_port)]


def _listens(process: psutil.Process, port: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return any(each.laddr.port == port for each in process.net_connections("tcp"))
    return False


def _for_grpc(subject: RunningWrapper) -> list[psutil.Process]:
    of_rest = {process.pid for process in _for_rest(subject)}
    return [process for process in _others(subject) if process.pid not in of_rest]


def _serves(subject: RunningWrapper, release: str) -> bool:
    for_grpc = 0 if release == "0.9.0" else 1
    return (
        (len(_for_rest(subject)), len(_for_grpc(subject))) == (2, for_grpc)
        and is_alive(subject.url)
        and (release == "0.9.0" or _is_live_by_grpc(subject))
    )


def _is_live_by_grpc(subject: RunningWrapper) -> bool:
    with grpc.insecure_channel(f"127.0.0.1:{subject.grpc_port}") as channel:
        live = service_pb2_grpc.GRPCInferenceServiceStub(channel).ServerLive
        return bool(live(service_pb2.ServerLiveRequest(), timeout=WITHIN, wait_for_ready=True).live)


def _kill(process: psutil.Process) -> None:
    process.kill()
    with contextlib.suppress(psutil.NoSuchProcess):
        seconds_until(lambda: process.status() == psutil.STATUS_ZOMBIE, WITHIN)


@pytest.mark.parametrize("release", RELEASES)
def test_who_dies_is_replaced_and_none_outlives_the_first(release: str, tmp_path: Path) -> None:
    with _serving(release, tmp_path) as subject:
        killed = [_for_rest(subject)[0], *_for_grpc(subject)]
        for process in killed:
            _kill(process)
        seconds_until(lambda: _serves(subject, release), WITHIN, "others in their place")
        left = {process.pid for process in _others(subject)}
        assert not left & {process.pid for process in killed}
        for process in killed:
            (line,) = [line for line in subject.log().splitlines() if f" {process.pid} (" in line]
            assert "was ended by SIGKILL" in line
            assert "another one takes its place" in line
        os.kill(subject.process_group, signal.SIGKILL)
        seconds_until(lambda: not _others(subject), WITHIN, "the end of all")


def test_too_many_ends_are_the_end(tmp_path: Path) -> None:
    with _serving("0.21.0", tmp_path) as subject:
        ended: set[int] = set()

        def has_given_up() -> bool:
            # Each as soon as it is there, until no more are made.
            for process in _for_rest(subject):
                if process.pid not in ended:
                    ended.add(process.pid)
                    _kill(process)
            return subject.exit_code() is not None

        seconds_until(has_given_up, WITHIN)
        assert subject.exit_code() == 1
        assert not _others(subject)
        told = (tmp_path / "termination-log").read_text()
        assert told.count("\n") == 1
        assert "(REST) was ended by SIGKILL" in told
        assert "all are ended" in told
        assert told.strip() in subject.log()


# It looks at its settings; the first of its processes is there; that one has come on.
MOMENTS = {
    "settings": (1, 0.0),
    "settings of two": (2, 0.0),
    "process": (2, 0.0),
    "later": (2, 0.1),
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("release", RELEASES)
def test_sigterm_while_it_starts_ends_all(release: str, moment: str, tmp_path: Path) -> None:
    workers, seconds = MOMENTS[moment]
    with _started(release, tmp_path, f"--workers {workers}") as subject:
        if "settings" in moment:
            seconds_until(lambda: "KServe SDK" in subject.log(), WITHIN)
        else:
            seconds_until(lambda: bool(_others(subject)), WITHIN)
        time.sleep(seconds)
        subject.terminate()
        assert subject._process.wait(timeout=WITHIN) == 0
        assert not _others(subject)
        assert "Traceback" not in subject.log()


def test_sigterm_while_the_sdk_is_imported_ends_it_with_0(tmp_path: Path) -> None:
    # With an option it isn't forked from a process that has imported it.
    command = "{python} -X utf8 -m wrapper"
    with wrapper("0.13.1", NOBODY, tmp_path, wait=False, command=command) as subject:
        maps = Path(f"/proc/{subject.process_group}/maps")
        # Ray has a handler of its own, which ends a process with 15.
        seconds_until(lambda: "_raylet" in maps.read_text(), WITHIN)
        time.sleep(0.3)
        subject.terminate()
        assert subject._process.wait(timeout=WITHIN) == 0
        assert subject.log() == ""


@pytest.mark.parametrize(("release", "workers"), [("0.9.0", -1), ("0.13.1", 0), ("0.21.0", 0)])
def test_no_process_at_all_is_refused_in_one_line(
    release: str, workers: int, tmp_path: Path
) -> None:
    with _started(release, tmp_path, f"--workers {workers}") as subject:
        assert subject._process.wait(timeout=WITHIN) == 2
        (line,) = subject.log().splitlines()
        assert line.startswith(f"--workers {workers}: give 1 or more")
