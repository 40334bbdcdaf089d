"""Puts load on an HTTP server with wrk (Debian's package ``wrk``) and reads what it says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


class LoadError(Exception):
    """Load that couldn't be put on, or was answered by errors. Its text is a sentence."""


@dataclass(frozen=True)
class Measured:
    """What one run of wrk saw: requests per second, and latencies in seconds."""

    requests_per_second: float
    p50: float
    p99: float


def put(url: str, body: bytes, connections: int, seconds: int) -> Measured:
    """Post a JSON body over and over, from one thread over several connections.

    Raises:
        LoadError: when wrk is missing or an answer isn't 2xx.
    """
    wrk = shutil.which("wrk")
    if wrk is None:
        raise LoadError("wrk is not installed: apt-get install wrk")
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "post.lua"
        script.write_text(
            'wrk.method = "POST"\n'
            f"wrk.body = {json.dumps(body.decode())}\n"
            'wrk.headers["Content-Type"] = "application/json"\n'
        )
        command = [wrk, "-t1", f"-c{connections}", f"-d{seconds}", "-s", str(script)]
        ran = subprocess.run(
            [*command, "--latency", url], capture_output=True, text=True, check=False
        )
    return _read(ran.stdout + ran.stderr)


def _read(said: str) -> Measured:
    if "Non-2xx" in said or "Socket errors" in said or "Requests/sec" not in said:
        raise LoadError(f"wrk met errors:\n{said}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert rate is not None
    if float(rate[1]) == 0:
        raise LoadError(f"wrk got no answer in its time: give it more seconds:\n{said}")
    return Measured(float(rate[1]), _latency(said, 50), _latency(said, 99))


def _latency(said: str, percentile: int) -> float:
    found = re.search(rf"^\s+{percentile}%\s+([\d.]+)(us|ms|s)\s*$", said, re.MULTILINE)
    if found is None:
        raise LoadError(f"wrk told no {percentile}th percentile:\n{said}")
    return float(found[1]) * _UNITS[found[2]]
