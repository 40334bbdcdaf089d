"""Puts load on an HTTP server with wrk (Debian's package ``wrk``) and reads what it says."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
# Seconds, beyond which an answer is an error. A megabyte waits longer than wrk's own two.
PATIENCE = 60


class LoadError(Exception):
    """Load that couldn't be put on, or was answered by errors. Its text is a sentence."""


@dataclass(frozen=True)
class Measured:
    """What one load saw: requests that were answered, how many per second, latencies in seconds."""

    requests: int
    requests_per_second: float
    p50: float
    p99: float


def put(
    url: str,
    body: bytes,
    connections: int,
    seconds: int,
    headers: Mapping[str, str] = MappingProxyType({"Content-Type": "application/json"}),
) -> Measured:
    """Post a body over and over, from one thread over several connections.

    Raises:
        LoadError: when wrk is missing or an answer isn't 2xx.
    """
    wrk = tool("wrk", "wrk")
    with tempfile.TemporaryDirectory() as folder:
        script, content = Path(folder) / "post.lua", Path(folder) / "body"
        content.write_bytes(body)
        script.write_text(
            'wrk.method = "POST"\n'
            f'wrk.body = io.open("{content}", "rb"):read("*a")\n'
            + "".join(f'wrk.headers["{name}"] = "{told}"\n' for name, told in headers.items())
        )
        command = [wrk, "-t1", f"-c{connections}", f"-d{seconds}", f"--timeout={PATIENCE}"]
        ran = subprocess.run(
            [*command, "-s", str(script), "--latency", url],
            capture_output=True,
            text=True,
            check=False,
        )
    return _read(ran.stdout + ran.stderr)


def tool(name: str, package: str) -> str:
    """Give the path of a program.

    Args:
        package: Debian's.

    Raises:
        LoadError: when it isn't installed.
    """
    found = shutil.which(name)
    if found is None:
        raise LoadError(f"{name} is not installed: apt-get install {package}")
    return found


def _read(said: str) -> Measured:
    if "Non-2xx" in said or "Socket errors" in said:
        raise LoadError(f"wrk met errors:\n{said}")
    rate = re.search(r"^Requests/sec:\s+([\d.]+)", said, re.MULTILINE)
    answered = re.search(r"^\s*(\d+) requests in ", said, re.MULTILINE)
    if rate is None or answered is None:
        raise LoadError(f"wrk met errors:\n{said}")
    if float(rate[1]) == 0:
        raise LoadError(f"wrk got no answer in its time: give it more seconds:\n{said}")
    return Measured(int(answered[1]), float(rate[1]), _latency(said, 50), _latency(said, 99))


def _latency(said: str, percentile: int) -> float:
    found = re.search(rf"^\s+{percentile}%\s+([\d.]+)(us|ms|s)\s*$", said, re.MULTILINE)
    if found is None:
        raise LoadError(f"wrk told no {percentile}th percentile:\n{said}")
    return float(found[1]) * _UNITS[found[2]]
