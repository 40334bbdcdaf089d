"""A clock that is put ahead is ahead in the process that has it, and in no other."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from drill import clock

# Tells its times, once more for each line that it gets.
_PROGRAM = """
import sys, time
for _ in sys.stdin:
    print(time.time(), time.time_ns() / 1e9, flush=True)
"""


def test_a_clock_jumps_while_its_process_runs(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    clock.put_ahead(file, 0)
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM],
        env={**os.environ, "PYTHONPATH": str(clock.FOLDER), clock.VARIABLE: str(file)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for ahead in (0.0, 3600.0, -3600.0, 0.0):
            clock.put_ahead(file, ahead)
            process.stdin.write("\n")
            process.stdin.flush()
            for told in process.stdout.readline().split():
                assert float(told) - time.time() == pytest.approx(ahead, abs=60)
        process.stdin.close()
