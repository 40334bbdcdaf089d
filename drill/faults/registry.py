"""The faults by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from drill.judging import Figure
from drill.scene import Scene

Fault = Callable[[Scene], Mapping[str, Figure]]

FAULTS: dict[str, Fault] = {}


def fault(strike: Fault) -> Fault:
    """Let rows name a function."""
    FAULTS[strike.__name__] = strike
    return strike
