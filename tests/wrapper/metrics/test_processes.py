"""Counting together, in processes that are forked and spawned."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from matrix.running.scrape import Scrape
from wrapper.metrics import processes

COUNT = """
import multiprocessing, os, signal, sys, time
from pathlib import Path
from prometheus_client import generate_latest
from wrapper.metrics import families, kinds, processes
from wrapper.metrics.requests import Requests

def count(requests, number, more=None):
    for _ in range(number):
        with requests.counting(kinds.V1_PREDICT, "digits"):
            pass
    if more is not None:
        with requests.counting(kinds.V1_PREDICT, "digits"):
            more.set()
            time.sleep(60)

def known(model):
    return True

if __name__ == "__main__":
    processes.count_together(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    folder = os.environ[processes.VARIABLE]
    requests = Requests(known)
    count(requests, 1)
    for method, number in (("fork", 2), ("spawn", 4)):
        context = multiprocessing.get_context(method)
        child = context.Process(target=count, args=(requests, number))
        child.start()
        child.join()
    context = multiprocessing.get_context("fork")
    begun = context.Event()
    cut_off = context.Process(target=count, args=(requests, 0, begun))
    cut_off.start()
    begun.wait()
    print(generate_latest(processes.collector()).decode())
    print("----")
    # Nobody has waited for it yet.
    os.kill(cut_off.pid, signal.SIGKILL)
    os.waitid(os.P_PID, cut_off.pid, os.WEXITED | os.WNOWAIT)
    print(generate_latest(processes.collector()).decode())
    print("----")
    print(folder)
"""


def _count(folder: Path, *arguments: str) -> tuple[Scrape, Scrape, Path]:
    script = folder / "count.py"
    script.write_text(COUNT)
    ran = subprocess.run(
        [sys.executable, str(script), *arguments], capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    alive, dead, kept = ran.stdout.split("----\n")
    return Scrape(alive), Scrape(dead), Path(kept.strip())


def test_all_processes_are_summed_up_and_the_dead_have_nothing_in_flight(tmp_path: Path) -> None:
    alive, dead, kept = _count(tmp_path)
    for scrape in (alive, dead):
        assert scrape.total("torchserve_wrapper_requests_total", model="digits") == 7
        assert scrape.total("torchserve_wrapper_request_duration_seconds_count") == 7
    assert alive.total("torchserve_wrapper_requests_in_flight") == 1
    assert dead.total("torchserve_wrapper_requests_in_flight") == 0
    assert not kept.exists(), "it was made for this process alone"


def test_a_folder_that_is_named_is_kept_without_what_an_earlier_start_left(tmp_path: Path) -> None:
    folder = tmp_path / "given"
    for _ in range(2):
        alive, _, kept = _count(tmp_path, str(folder))
        assert alive.total("torchserve_wrapper_requests_total") == 7
        assert kept == folder
    assert list(folder.glob("counter_*.db"))


def test_a_process_that_has_only_begun_to_count_spoils_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(processes.VARIABLE, str(tmp_path))
    # The library makes a file before it gives it a size.
    (tmp_path / "counter_1.db").touch()
    assert list(processes.collector().collect()) == []  # type: ignore[no-untyped-call]


def test_a_folder_that_cannot_be_used_is_told_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(processes.NoFolderError, match=r"PROMETHEUS_MULTIPROC_DIR='.*file' can't"):
        processes.count_together(file)
    assert not processes.is_together()


def test_no_place_for_a_folder_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> str:
        raise PermissionError(13, "Read-only file system")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    with pytest.raises(processes.NoFolderError, match="set PROMETHEUS_MULTIPROC_DIR"):
        processes.count_together(None)
