"""Asks every 20 ms whether a server lives, in a process of its own, and tells the longest wait.

What the drill itself does meanwhile would be told as the server's otherwise: it has one
interpreter for all of its clients. As a program it takes the port, and ends with its input.
"""

from __future__ import annotations

import http.client
import select
import subprocess
import sys
import time
from typing import Self

_BEAT = 0.02
_PATIENCE = 15.0


class Heartbeat:
    """Asks from its entry to its exit.

    Attributes:
        longest: seconds that one answer took at most, known at its exit.
    """

    def __init__(self, port: int) -> None:
        self.longest = 0.0
        self._port = port

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(self._port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        told = self._process.communicate()[0]
        self.longest = float(told or 0)


def _beat(port: int) -> float:
    longest = 0.0
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
    while not select.select([sys.stdin], [], [], _BEAT)[0]:
        began = time.monotonic()
        try:
            connection.request("GET", "/v2/health/live")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            connection.close()
        longest = max(longest, time.monotonic() - began)
    return longest


if __name__ == "__main__":
    sys.stdout.write(str(_beat(int(sys.argv[1]))))
