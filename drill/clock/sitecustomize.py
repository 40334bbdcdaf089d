"""Lets the clock of a Python process jump, as one that is set does: what `time.time` gives.

It is on the path of a wrapper whose environment names a file in DRILL_CLOCK, which holds the
seconds that the clock is ahead, as a double of 8 bytes. What C code asks the kernel for by itself
(`datetime.datetime.now`, gRPC's core, the JVM) and what never jumps (`time.monotonic`, by which
event loops wait) is as it was.
"""

import mmap
import os
import struct
import time


def _jump() -> None:
    with open(os.environ["DRILL_CLOCK"], "rb") as file:
        ahead = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)
    seconds, nanoseconds = time.time, time.time_ns

    def jumped() -> float:
        return seconds() + float(struct.unpack("d", ahead[:8])[0])

    def jumped_ns() -> int:
        return nanoseconds() + int(struct.unpack("d", ahead[:8])[0] * 1e9)

    time.time, time.time_ns = jumped, jumped_ns


if "DRILL_CLOCK" in os.environ:
    _jump()
