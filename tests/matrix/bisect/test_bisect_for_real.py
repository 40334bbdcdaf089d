"""`bisect` on real SDK environments: the original bug's two turns, and changes of each cause.

Ends are near to each other: how a search goes over many releases is told by `test_bisection`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from matrix.environments import provision
from matrix.running.forks import Process
from tests import processes
from tests.matrix import runs, with_addopts

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

UNFIXED = (
    "--check=v1-predict",
    "--wrapper={python} -m fixtures.wrappers.unfixed",
    "--wrapper-name=unfixed",
)
DATED = "{python} {repository}/tests/matrix/running/dated_wrapper.py"
FIRST_WORDS = 'failed, 500 {"error":"ValueError : None is not a valid PredictorProtocol"}'
LATER_WORDS = 'failed, 501 {"error":"Unsupported protocol None."}'


def words(good: str, bad: str, *more: str) -> list[str]:
    return [
        with_addopts.MODULE,
        "bisect",
        "--runtime=process",
        f"--good={good}",
        f"--bad={bad}",
        *more,
    ]


def bisect(
    good: str, bad: str, *options: str, real: bool = False, more: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Give the exit code and all output; without ``real``, there is no TorchServe.

    Args:
        more: environment variables.
    """
    given = runs.lent("kserve") if real else runs.nowhere()
    environment = runs.environment(given, more)
    ran = processes.run(words(good, bad, *options), env=environment)
    return ran.returncode, ran.stdout + ran.stderr


def dated(
    good: str, bad: str, conditions: str, more: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Look for where a wrapper breaks that is made to break with something's version."""
    wrapper = f"--wrapper={DATED} {conditions}"
    return bisect(good, bad, "--check=v1-transport", wrapper, more=more)


# Minutes of a processor.
@pytest.mark.container
def test_finds_where_the_original_bug_begins() -> None:
    code, output = bisect("0.10.2", "0.11.1", *UNFIXED, real=True)
    assert code == 0, output
    first = f"v1-predict changes first in KServe 0.11.0: 0.10.2 passed; 0.11.0 {FIRST_WORDS}"
    assert f"{first}; cause: KServe itself" in output
    assert "KServe 0.11.0 beside the packages of 0.10.2: failed, 500" in output


@pytest.mark.container
def test_finds_where_the_original_bug_changes_its_words() -> None:
    code, output = bisect("0.13.1", "0.14.1", *UNFIXED, real=True)
    assert code == 0, output
    change = f"0.14.0: 0.13.1 {FIRST_WORDS}; 0.14.0 {LATER_WORDS}"
    assert f"v1-predict changes first in KServe {change}; cause: KServe itself, not a" in output
    assert f"0.13.1 again: 3 of 3: {FIRST_WORDS}" in output


def test_our_wrapper_is_the_same_at_both_ends() -> None:
    code, output = bisect("0.8.0", "newest", "--check=v1-predict", real=True)
    assert code == 1, output
    assert "v1-predict is the same on KServe 0.8.0 and 0.21.0: passed; 25 releases" in output


def test_a_change_of_kserve_is_kserves_own() -> None:
    code, output = dated("0.13.0", "0.14.0", "--breaks-with kserve=0.13.1")
    assert code == 0, output
    assert "changes first in KServe 0.13.1" in output
    assert "cause: KServe itself, not a dependency\n" in output


def test_a_change_of_a_dependency_is_told_apart() -> None:
    code, output = dated("0.13.0", "0.13.1", "--breaks-with orjson=3.10.7")
    assert code == 0, output
    assert "changes first in KServe 0.13.1" in output
    assert "cause: a dependency, not KServe itself\n" in output
    assert "KServe 0.13.1 beside the packages of 0.13.0: passed\n" in output
    assert "orjson 3.10.5 -> 3.10.7" in output


def test_a_change_of_python_is_told_apart() -> None:
    code, output = dated("0.11.2", "0.12.0", "--breaks-with python=3.10")
    assert code == 0, output
    assert "cause: the Python that it runs on" in output
    assert "KServe 0.11.2 beside its own packages: failed" in output


def test_a_hybrid_that_cannot_be_made_leaves_the_cause_open(tmp_path: Path) -> None:
    for release in ("0.14.0", "0.14.1"):
        provision.provision(release)
    # What isn't made yet can't be installed from an empty cache without a network.
    nothing_new = {"UV_OFFLINE": "1", "UV_CACHE_DIR": str(tmp_path)}
    code, output = dated("0.14.0", "0.14.1", "--breaks-with kserve=0.14.1", more=nothing_new)
    assert code == 0, output
    assert "changes first in KServe 0.14.1" in output
    assert "cause: can't be told apart\n" in output
    assert (
        "beside the packages of 0.14.0: unprovisioned, the environment of KServe 0.14.1" in output
    )


def test_the_attempts_of_a_flaky_check_disagree(tmp_path: Path) -> None:
    code, output = dated(
        "0.13.0", "0.13.1", f"--breaks-with kserve=0.14.0 --every-second {tmp_path / 'starts'}"
    )
    assert code == 3, output
    assert "v1-transport is flaky on KServe 0.13.0: " in output
    assert '1 of 3: failed, 500 {"error": "this was a second start"}' in output


def test_a_cell_may_stand_for_its_axes() -> None:
    code, output = bisect(
        *("0.13.0", "0.13.1", "--check=v1-transport"),
        "--cell=kserve0.9.0-v1-kserve-torchserve0.12.0",
        f"--wrapper={DATED} --breaks-with kserve=0.14.0",
    )
    assert code == 1, output
    assert "kserve0.13.0-v1-kserve-torchserve0.12.0 (process) to kserve0.13.1-v1-" in output


def test_releases_of_torchserve_can_be_searched_too() -> None:
    code, output = bisect(
        *("0.8.2", "0.12.0", "--axis=torchserve", "--kserve=0.13.1", "--check=v1-transport"),
        f"--wrapper={DATED} --breaks-with kserve=0.14.0",
    )
    assert code == 1, output
    assert "v1-transport is the same on TorchServe 0.8.2 and 0.12.0: passed" in output


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Give a folder whose path leaves room for the sockets of TorchServe's workers.

    A path of AF_UNIX has 108 bytes at most; pytest's own folders take most of it.
    """
    with tempfile.TemporaryDirectory(prefix="b-") as folder:
        yield Path(folder)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing_behind(number: signal.Signals, short_folder: Path) -> None:
    read, write = os.pipe()
    environment = {**runs.environment(None), "TMPDIR": str(short_folder)}
    search = processes.start(words("0.10.2", "0.13.1", *UNFIXED), environment, write, write)
    os.close(write)
    with os.fdopen(read) as said:
        told = []
        for line in said:
            told.append(line)
            if line.startswith("0.10.2: passed"):
                break
        else:
            pytest.fail(f"it ended before: {''.join(told)}")
        started = _end_while_it_starts_one(search, number)
        rest = said.read()
    assert search.wait(60) == 3, rest
    assert "error: " in rest
    assert "Traceback" not in rest
    # What forks wrappers is the session's, and ends with it.
    own = [each for each in started if not _is_fork_server(each)]
    # Who was told to end may take a moment for it, on a busy machine.
    _, left = psutil.wait_procs(own, timeout=30)
    assert left == []
    assert list(short_folder.iterdir()) == []


def _end_while_it_starts_one(search: Process, number: signal.Signals) -> list[psutil.Process]:
    """Send a signal once something is being started; give all that runs for it then."""
    # The next wrapper is being started, beside TorchServe; a busy machine takes its time.
    deadline = time.monotonic() + 30
    while not (started := psutil.Process(search.pid).children(recursive=True)):
        assert time.monotonic() < deadline, "nothing was started"
        time.sleep(0.1)
    time.sleep(0.5)
    os.kill(search.pid, number)
    return started


def _is_fork_server(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return "fork_server" in process.cmdline()
    return False
