"""Machines that lack something, and runners that are killed."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
from kserve_conformance.results.results_file import read

from tests import processes
from tests.matrix import runs
from tests.matrix.given_torchserve import PYTHON
from tests.matrix.running.test_run import TINY
from tests.wrapper.sdk import without_ipv6

# Nothing listens on port 9 ("discard").
NO_INDEX = {
    "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple",
    "UV_HTTP_RETRIES": "0",
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
}


def _is_unprovisioned(ran: runs.Ran, *said: str) -> None:
    assert ran.exit_code == 3, ran.output
    assert "Traceback" not in ran.output
    for each in said:
        assert each in ran.output, ran.output
    verdicts = set().union(*ran.verdicts().values())
    assert "unprovisioned" in verdicts
    assert not verdicts & {"passed", "failed", "error"}, ran.output


def test_without_a_container_engine(tmp_path: Path) -> None:
    ran = runs.run(
        tmp_path,
        *("--runtime=container", "--kserve=0.13.1", "--protocol=v3", f"--wrapper={TINY}"),
        more={"DOCKER_HOST": f"unix://{tmp_path}/no-engine.sock"},
    )
    # What needs no TorchServe is no exception: the whole cell is of one machine.
    _is_unprovisioned(ran, "--runtime process")


def test_without_the_python_of_a_release(tmp_path: Path) -> None:
    for name in ("path", "pyenv", "uv"):
        (tmp_path / name).mkdir()
    ran = runs.run(
        tmp_path / "out",
        *("--runtime=process", "--kserve=0.9.0", "--protocol=v3"),
        given=runs.nowhere(),
        more={
            "PATH": str(tmp_path / "path"),
            "PYENV_ROOT": str(tmp_path / "pyenv"),
            "UV_PYTHON_INSTALL_DIR": str(tmp_path / "uv"),
            "UV_OFFLINE": "1",
        },
    )
    _is_unprovisioned(ran, "Python 3.9 is lacking", "uv python install 3.9")


def test_without_ipv6(tmp_path: Path) -> None:
    words = runs.words(
        tmp_path,
        *("--runtime=process", "--kserve=0.21.0", "--protocol=v2", "--check=ipv6", "--jobs=1"),
        *(f"--wrapper={TINY}", "--constructor=nobody:Asks"),
    )
    given = runs.environment(runs.nowhere(), {PYTHON: sys.executable})
    done = processes.run([without_ipv6.__name__, *words], env=given)
    ran = runs.Ran(done.returncode, done.stdout + done.stderr, tmp_path)
    _is_unprovisioned(ran, "this machine has no ::1", "docker run --sysctl")


@pytest.mark.integration
def test_without_network_for_the_sdk(tmp_path: Path) -> None:
    ran = runs.run(
        tmp_path / "out",
        *("--runtime=process", "--kserve=0.13.1", "--protocol=v3"),
        given=runs.nowhere(),
        more={
            **NO_INDEX,
            "HARNESS_CACHE_DIR": str(tmp_path / "cache"),
            "UV_CACHE_DIR": str(tmp_path / "uv"),
        },
    )
    _is_unprovisioned(ran, "KServe 0.13.1 can't be made: the package index can't be reached")


@pytest.mark.integration
def test_without_network_for_torchserve(tmp_path: Path) -> None:
    ran = runs.run(
        tmp_path / "out",
        *("--runtime=process", "--kserve=0.13.1", "--protocol=v3", f"--wrapper={TINY}"),
        more={
            **NO_INDEX,
            PYTHON: sys.executable,
            "HARNESS_CACHE_DIR": str(tmp_path / "cache"),
            "UV_CACHE_DIR": str(tmp_path / "uv"),
        },
    )
    _is_unprovisioned(ran)


def _end_in_the_middle(
    number: signal.Signals,
    folder: Path,
    *arguments: str,
    given: Mapping[str, Any] | None,
    more: Mapping[str, str],
) -> tuple[int, list[psutil.Process]]:
    """Start a run and send it a signal after its first check.

    Returns:
        its exit code, and all the processes that it had started.
    """
    with Path(os.devnull).open("wb") as nobody:
        runner = processes.start(
            runs.words(folder, *arguments),
            runs.environment(given, more),
            *(nobody.fileno(), nobody.fileno()),
        )
    results = folder / "results.jsonl"
    deadline = time.monotonic() + 240
    while not results.exists() or '"check"' not in results.read_text():
        assert runner.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline, "no check was recorded"
        time.sleep(0.05)
    started = psutil.Process(runner.pid).children(recursive=True)
    os.kill(runner.pid, number)
    return runner.wait(120), started


def _left(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Give those that still run; a zombie has ended, whoever has yet to notice."""
    return [
        each for each in processes if each.is_running() and each.status() != psutil.STATUS_ZOMBIE
    ]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_killed_runners_wrapper_is_swept_by_the_next_run(jobs: int, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    more = {PYTHON: sys.executable, "TMPDIR": str(temporary)}
    _, started = _end_in_the_middle(
        signal.SIGKILL,
        tmp_path,
        *("--runtime=process", "--kserve=0.13.1", "--kserve=0.9.0", "--protocol=v1"),
        *(f"--wrapper={TINY}", f"--jobs={jobs}"),
        given=runs.nowhere(),
        more=more,
    )
    wrappers = [each for each in started if "tiny_wrapper.py" in " ".join(_command(each))]
    assert wrappers, "no wrapper was running when the runner was killed"
    assert read(tmp_path / "results.jsonl").cut_short
    ran = runs.run(
        tmp_path,
        *("--runtime=process", "--kserve=0.13.1", "--protocol=v3", f"--wrapper={TINY}"),
        given=runs.nowhere(),
        more=more,
    )
    assert ran.exit_code == 0, ran.output
    assert "was cut short after" in ran.output
    # The workers of pytest-xdist too: they end when their controller has.
    assert _left(started) == []
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupted_run_cleans_up_and_is_cut_short(
    number: signal.Signals, jobs: int, tmp_path: Path
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    exit_code, started = _end_in_the_middle(
        number,
        tmp_path,
        *("--runtime=process", "--kserve=0.13.1", "--kserve=0.9.0", "--protocol=v1"),
        *(f"--wrapper={TINY}", f"--jobs={jobs}"),
        given=runs.nowhere(),
        more={PYTHON: sys.executable, "TMPDIR": str(temporary)},
    )
    assert exit_code == 3
    assert read(tmp_path / "results.jsonl").cut_short
    assert _left(started) == []
    assert list(temporary.iterdir()) == []


@pytest.mark.integration
def test_nothing_is_left_of_a_killed_run_on_a_real_torchserve(tmp_path: Path) -> None:
    served = [f"--cell=kserve{each}-v1-kserve-torchserve0.12.0" for each in ("0.9.0", "0.13.1")]
    _, started = _end_in_the_middle(
        signal.SIGKILL, tmp_path, *("--runtime=process", "--jobs=2", *served), given=None, more={}
    )
    assert any("java" in " ".join(_command(each)) for each in started)
    assert read(tmp_path / "results.jsonl").cut_short
    refused = "--cell=kserve0.13.1-v3-kserve-torchserve0.12.0"
    ran = runs.run(tmp_path, "--runtime=process", refused)
    assert ran.exit_code == 0, ran.output
    assert "was cut short after" in ran.output
    # Fork servers are lent to it by the tests' session.
    lent = processes.of_sdks()
    servers = str(lent.folder) if lent else "none"
    assert [each for each in _left(started) if servers not in " ".join(_command(each))] == []


def _command(process: psutil.Process) -> list[str]:
    try:
        command: list[str] = process.cmdline()
    except psutil.Error:
        return []
    return command
