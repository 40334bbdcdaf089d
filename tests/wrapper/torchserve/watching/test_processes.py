"""Processes of TorchServe are known by what they are, not by their ids alone."""

from __future__ import annotations

from pathlib import Path

from wrapper.torchserve.description import Worker
from wrapper.torchserve.watching.processes import Processes, Server

JAVA = ("java", "-Djava.io.tmpdir=/tmp", "org.pytorch.serve.ModelServer")
SCRIPT = "/lib/ts/model_service_worker.py"


class Proc:
    """A /proc of processes that the test makes and ends."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def make(
        self, process: int, parent: int, *command: str, state: str = "S", start: int = 5
    ) -> None:
        """Make one, or change it."""
        folder = self.root / str(process)
        folder.mkdir(exist_ok=True)
        (folder / "cmdline").write_bytes("\0".join(command).encode())
        # As a process may be called.
        told = f"{process} (a) R 1 (b) {state} {parent} " + "0 " * 17 + f"{start} 0"
        (folder / "stat").write_text(told)

    def make_worker(self, process: int, parent: int, name: str, **more: int) -> None:
        """Make one of TorchServe's workers."""
        socket = f"/tmp/.ts.sock.{name}"
        self.make(process, parent, "python", SCRIPT, "--sock-name", socket, **more)  # type: ignore[arg-type]

    def end(self, process: int) -> None:
        """End one."""
        for file in (self.root / str(process)).iterdir():
            file.unlink()
        (self.root / str(process)).rmdir()


def _with_torchserve(root: Path) -> tuple[Proc, Processes, Worker]:
    proc = Proc(root)
    proc.make(10, 1, *JAVA)
    proc.make_worker(11, 10, "9000")
    processes = Processes(root)
    worker = Worker("READY", 11, "9000")
    assert processes.follow([worker])
    processes.look()
    return proc, processes, worker


def test_a_worker_that_ends_is_seen_and_so_is_its_successor(tmp_path: Path) -> None:
    proc, processes, worker = _with_torchserve(tmp_path)
    assert processes.look() == (Server.RUNS, False)
    assert not processes.is_dead(worker)
    # Nobody has waited for it yet.
    proc.make(11, 10, state="Z")
    assert processes.look() == (Server.RUNS, True)
    assert processes.is_dead(worker)
    proc.end(11)
    assert processes.look() == (Server.RUNS, False)
    # As long as it is what made it, a process is none yet.
    proc.make(12, 10, *JAVA)
    assert processes.look() == (Server.RUNS, False)
    proc.make_worker(12, 10, "9000")
    assert processes.look() == (Server.RUNS, True)
    assert processes.follow([Worker("READY", 12, "9000")])
    assert processes.is_dead(worker)


def test_another_process_in_its_place_is_another(tmp_path: Path) -> None:
    proc, processes, worker = _with_torchserve(tmp_path)
    proc.make(11, 1, "sleep", start=9)
    assert processes.look() == (Server.RUNS, True)
    assert processes.is_dead(worker)


def test_what_torchserve_runs_beside_its_workers_changes_nothing(tmp_path: Path) -> None:
    proc, processes, _ = _with_torchserve(tmp_path)
    proc.make(13, 10, "python", "/lib/ts/metrics/metric_collector.py")
    assert processes.look() == (Server.RUNS, False)
    proc.end(13)
    assert processes.look() == (Server.RUNS, False)


def test_a_worker_below_another_program_is_found(tmp_path: Path) -> None:
    proc, processes, _ = _with_torchserve(tmp_path)
    proc.make(20, 10, "torchrun", "--nproc-per-node", SCRIPT, "--sock-name", "/tmp/.ts.sock.9001")
    proc.make_worker(21, 20, "9001")
    assert processes.look() == (Server.RUNS, True)
    assert processes.follow([Worker("READY", 21, "9001")])


def test_ids_of_another_namespace_are_nobodys(tmp_path: Path) -> None:
    proc = Proc(tmp_path)
    proc.make(1, 0, "sleep")
    proc.make(11, 1, "sleep")
    proc.make(12, 1, "python", SCRIPT, "--sock-name", "/tmp/.ts.sock.9001")
    processes = Processes(tmp_path)
    for worker in (Worker("READY", 11, "9000"), Worker("READY", 12, "9000"), Worker("READY")):
        assert not processes.follow([worker])
    # A worker, but not below a TorchServe.
    assert not processes.follow([Worker("READY", 12, "9001")])
    assert processes.look() == (Server.UNSEEN, False)
    assert processes.identity() == ""


def test_torchserve_that_stops_ends_or_is_another_is_seen(tmp_path: Path) -> None:
    proc, processes, worker = _with_torchserve(tmp_path)
    first = processes.identity()
    assert first
    proc.make(10, 1, *JAVA, state="T")
    assert processes.look() == (Server.STOPPED, False)
    proc.make(10, 1, *JAVA, start=6)
    assert processes.look() == (Server.ENDED, True)
    assert processes.identity() == ""
    assert processes.follow([worker])
    assert processes.identity() not in ("", first)


def test_torchserve_is_busy_while_one_of_its_threads_is(tmp_path: Path) -> None:
    proc, processes, _ = _with_torchserve(tmp_path)
    assert not processes.is_busy()
    (tmp_path / "10" / "task").mkdir()
    thread = Proc(tmp_path / "10" / "task")
    thread.make(10, 1)
    assert not processes.is_busy()
    thread.make(14, 1, state="R")
    assert processes.is_busy()
    proc.make(10, 1, *JAVA, state="T")
    assert not processes.is_busy()


def test_where_there_is_no_proc_nothing_is_seen(tmp_path: Path) -> None:
    processes = Processes(tmp_path / "missing")
    assert not processes.follow([Worker("READY", 11, "9000")])
    assert processes.look() == (Server.UNSEEN, False)
