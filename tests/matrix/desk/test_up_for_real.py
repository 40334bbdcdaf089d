"""``python -m matrix up`` with a real TorchServe: its lines pasted, and nothing left at its end."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from fixtures import cache, models
from matrix.desk import served
from tests import processes

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

_READY = "Ctrl-C ends all of it"
_ADDRESS = re.compile(r"REST at http://127\.0\.0\.1:(\d+), gRPC at")


@dataclass(frozen=True)
class Tried:
    """A line that was printed, and what was printed of its answer."""

    line: str
    told: str


class Up:
    """A running ``up``, with all its temporary files in a folder of its own."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self.process = process
        self.folder = folder
        self.told: list[str] = []

    @property
    def lines(self) -> Mapping[str, Tried]:
        """Give the lines to try by protocol."""
        at = {name: self.told.index(f"{name}:") for name in ("V1", "V2", "gRPC")}
        return {
            name: Tried(
                self.told[place + 1], "\n".join(self.told[place + 2 :]).partition("\n\n")[0]
            )
            for name, place in at.items()
        }

    def wrapper(self) -> psutil.Process:
        """Give the process that listens on the port of REST."""
        (found,) = (_ADDRESS.search(line) for line in self.told if _ADDRESS.search(line))
        port = int(found[1]) if found else 0
        for each in psutil.net_connections("tcp"):
            is_it = each.laddr and each.laddr.port == port
            if is_it and each.status == psutil.CONN_LISTEN and each.pid:
                return psutil.Process(each.pid)
        raise AssertionError(f"nothing listens on {port}")

    def ended(self, *signals: signal.Signals) -> tuple[int, str]:
        """Send signals, wait for the end, and give the exit code and what was said since."""
        for each in signals:
            self.process.send_signal(each)
        out, err = self.process.communicate(timeout=120)
        return self.process.returncode, out + err

    def left(self) -> list[object]:
        """List the files, processes and records that are there of it."""
        running = [
            each.pid
            for each in psutil.process_iter()
            if _variable(each, "TMPDIR").startswith(str(self.folder))
        ]
        records = [
            file
            for file in cache.directory("running").glob("*.json")
            if _folder(file).startswith(str(self.folder))
        ]
        return [*self.folder.iterdir(), *running, *records]


@contextlib.contextmanager
def up(*arguments: str) -> Iterator[Up]:
    """Start a pod as a process, wait for its lines, and end it where the test didn't."""
    # A short path: TorchServe's workers have their sockets below it.
    folder = Path(tempfile.mkdtemp(prefix="up-"))
    words = ["matrix", "up", "--runtime=process", "--start-timeout=400", *arguments]
    with subprocess.Popen(
        processes.command(words),
        cwd=processes.REPOSITORY,
        env={**processes.clean(), "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        here = Up(process, folder)
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            for line in process.stdout:
                here.told.append(line.rstrip("\n"))
                if here.told[-1] == _READY:
                    break
            else:
                raise AssertionError(process.stderr.read())
            yield here
        finally:
            if process.poll() is None:
                here.ended(signal.SIGTERM)
            shutil.rmtree(folder)


def paste(line: str) -> subprocess.CompletedProcess[str]:
    """Run a line as a person who pastes it."""
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=120)


@pytest.mark.container
def test_the_lines_are_answered_as_was_told_and_sigterm_leaves_nothing() -> None:
    """It needs no engine, but curl."""
    with up("--control-plane=0.9.0", "--kserve=0.13.1") as here:
        assert here.told[2:4] == ["  TS_SERVICE_ENVELOPE=kservev2", "  PROTOCOL_VERSION is not set"]
        for protocol, status in (("V1", 400), ("V2", 200)):
            tried = here.lines[protocol]
            head, _, body = paste(tried.line).stdout.partition("\n\n")
            assert head.startswith(f"HTTP/1.1 {status} ")
            assert f"  answered: {status} " in tried.told
            said = tried.told.removeprefix(f"  answered: {status} ").removesuffix(" - right")
            assert _steady(body) == _steady(said)
        assert here.lines["V2"].told.endswith(" - right")
        assert "speaks V2, not V1" in here.lines["V1"].told
        assert paste(here.lines["gRPC"].line).stdout == "[[7]]\n"
        assert here.lines["gRPC"].told == "  answered: [[7]] - right"
        # Who presses Ctrl-C again while it ends doesn't keep it from that.
        code, said = here.ended(signal.SIGTERM, signal.SIGINT, signal.SIGTERM)
        assert (code, said) == (0, "ending both\n")
        assert here.left() == []


def test_what_the_pod_refuses_is_told_with_its_reason_and_ctrl_c_leaves_nothing() -> None:
    with up("--kserve=0.9.0", "--protocol-version=absent") as here:
        told = {protocol: tried.told for protocol, tried in here.lines.items()}
        assert told["V1"] == '  answered: 200 { "predictions": [ 7 ] } - right'
        assert told["V2"].startswith('  answered: 400 {"error":"This service speaks V1, not V2: ')
        assert "[StatusCode.UNAVAILABLE]" in told["gRPC"]
        assert told["gRPC"].endswith("\n  since the SDK of KServe 0.9.0 has no gRPC server")
        pasted = paste(here.lines["gRPC"].line)
        assert pasted.returncode == 1
        assert "[StatusCode.UNAVAILABLE]" in pasted.stderr
        assert here.left() != []
        code, said = here.ended(signal.SIGINT)
        assert (code, said) == (0, "ending both\n")
        assert here.left() == []


def test_anybodys_archive_is_served_and_the_end_of_the_wrapper_is_told(tmp_path: Path) -> None:
    given = tmp_path / "anything.mar"
    shutil.copyfile(models.archive("digits"), given)
    with up(f"--mar={given}", "--kserve=0.13.1", "--protocol-version=grpc-v2") as here:
        for tried in here.lines.values():
            assert "/models/digits" in tried.line or 'infer("digits"' in tried.line
            assert "since it isn't known here what the model takes" in tried.told
        sample = served.of_fixtures("digits").sample
        assert sample is not None
        (tensor,) = sample.v2["inputs"]
        line = here.lines["gRPC"].line
        for word, value in (
            ("NAME", tensor["name"]),
            ("DATATYPE", tensor["datatype"]),
            ("SHAPE", json.dumps(tensor["shape"])[1:-1]),
            ("DATA", json.dumps(tensor["data"])[1:-1]),
        ):
            assert word in here.lines["gRPC"].told
            line = re.sub(rf"\b{word}\b", value, line)
        assert paste(line).stdout == "[[7]]\n"
        here.wrapper().kill()
        code, said = here.ended()
        assert code == 1
        first, *last = said.splitlines()
        assert first == "error: the wrapper has ended with SIGKILL; its last lines:"
        assert 1 < len(last) <= 10
        assert any("KServe" in line or "uvicorn" in line or "kserve" in line for line in last), last
        assert here.left() == []


def _variable(process: psutil.Process, name: str) -> str:
    with contextlib.suppress(psutil.Error, OSError):
        return process.environ().get(name, "")
    return ""


def _folder(record: Path) -> str:
    # Those of others come and go.
    with contextlib.suppress(FileNotFoundError):
        return str(json.loads(record.read_text())["folder"])
    return ""


def _steady(body: str) -> object:
    """Give an answer but for what is drawn anew for each."""
    read = json.loads(body)
    read.pop("id", None)
    return read
