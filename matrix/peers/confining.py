"""Keeps a peer that listens on every address to a network of its own; see `matrix.probes`."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Sequence

from kserve_conformance.results.verdict import Unprovisioned

from matrix.peers.place import Start
from matrix.planning.subject import REPOSITORY
from matrix.probes import own_network

_PROGRAM = [sys.executable, "-m", own_network.__name__]
_VARIABLES = {"PYTHONPATH": str(REPOSITORY)}
_TRY_WITHIN = 30.0


def confined(title: str, command: Sequence[str], ports: Sequence[int]) -> Start:
    """Give what starts a command so that it is reached by these ports of 127.0.0.1 only.

    Args:
        title: what an error calls it.

    Raises:
        Unprovisioned: when this machine lets it have no network of its own.
    """
    if why := _why_not():
        raise Unprovisioned(
            f"{title} listens on every address of the machine, and can't be kept to a network of "
            f"its own here ({why}): run it as root, or where the kernel allows user namespaces"
        )
    return [*_PROGRAM, *map(str, ports), "--", *command], _VARIABLES


@functools.cache
def _why_not() -> str | None:
    try:
        tried = subprocess.run(
            _PROGRAM, env=_VARIABLES, capture_output=True, text=True, timeout=_TRY_WITHIN
        )
    except subprocess.TimeoutExpired as error:
        return str(error)
    return None if tried.returncode == 0 else tried.stderr.strip() or "it isn't told why"
