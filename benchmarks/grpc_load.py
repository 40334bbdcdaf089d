"""Puts load on a gRPC server with h2load (Debian's package ``nghttp2-client``)."""

from __future__ import annotations

import re
import statistics
import subprocess
import tempfile
from pathlib import Path

from kserve_conformance.asking.grpc_client import framed

from benchmarks.load import LoadError, Measured, tool

# What gRPC writes before each message: whether it is packed, and its length.
_PREFIX = 5


def put(url: str, message: bytes, connections: int, seconds: int, answer_bytes: int) -> Measured:
    """Make a unary call over and over, one at a time on each of several connections.

    Args:
        url: that of the server with the path of the method, ``http://HOST:PORT/PACKAGE.SERVICE/CALL``.
        message: the request, serialized.
        answer_bytes: the length of each right answer: the status of a call that fails isn't
            HTTP's, but it has no message.

    Raises:
        LoadError: when h2load is missing or a call fails.
    """
    h2load = tool("h2load", "nghttp2-client")
    with tempfile.TemporaryDirectory() as folder:
        content, log = Path(folder) / "message", Path(folder) / "log"
        content.write_bytes(framed(message))
        command = [
            h2load,
            f"--clients={connections}",
            "--max-concurrent-streams=1",
            f"--duration={seconds}",
            f"--data={content}",
            f"--log-file={log}",
            "--header=content-type: application/grpc",
            "--header=te: trailers",
        ]
        ran = subprocess.run([*command, url], capture_output=True, text=True, check=False)
        said, logged = ran.stdout + ran.stderr, log.read_text() if log.exists() else ""
    return read(said, logged, answer_bytes)


def read(said: str, logged: str, answer_bytes: int) -> Measured:
    """Read what h2load said, and its log: a line for each request with its microseconds.

    Raises:
        LoadError: when a call failed, or none was answered.
    """
    rate = re.search(r"^finished in [^,]+, ([\d.]+) req/s", said, re.MULTILINE)
    told = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", said)
    data = re.search(r"\((\d+)\) data$", said, re.MULTILINE)
    if rate is None or told is None or data is None:
        raise LoadError(f"h2load met errors:\n{said}")
    requests, *wrong = (int(each) for each in told.groups())
    if any(wrong) or int(data[1]) < requests * (answer_bytes + _PREFIX):
        raise LoadError(f"h2load met errors, or answers without their message:\n{said}")
    times = [int(line.split("\t")[2]) / 1e6 for line in logged.splitlines()]
    if requests == 0 or len(times) < 2:
        raise LoadError(f"h2load got no answer in its time: give it more seconds:\n{said}")
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    return Measured(requests, float(rate[1]), cuts[49], cuts[98])
