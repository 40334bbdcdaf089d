"""A worker of pytest-xdist for a run that a test makes, forked where such runs are.

``python -m tests.matrix.forked_worker CODE`` runs execnet's code as ``python -c CODE`` does, with
one socket for both of its streams: fork servers hand on none to read from.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence
from typing import Any

from execnet.gateway_base import Popen2IO

from tests import processes

# Where a run has it, its workers are forked. They aren't its children then.
VARIABLE = "MATRIX_FORKED_WORKERS"
_MODULE = "tests.matrix.forked_worker"


class Forked(Popen2IO):
    """What execnet makes of a command that starts a worker."""

    def __init__(self, args: Sequence[str], execmodel: Any) -> None:
        here, there = socket.socketpair()
        with here, there:
            started = processes.start([_MODULE, args[-1]], os.environ, there.fileno(), 2)
            super().__init__(here.makefile("wb"), here.makefile("rb"), execmodel)
        self.wait, self.kill = started.wait, started.kill


def main() -> None:
    """Be a worker."""
    os.dup2(1, 0)
    sys.stdin = open(0)  # noqa: SIM115 - for as long as the process lives
    exec(sys.argv[1], {})


if __name__ == "__main__":
    main()
