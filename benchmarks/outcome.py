"""What is kept of a benchmark: its rows, and what they were measured on."""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def keep(
    path: Path,
    rows: Sequence[Mapping[str, Any]],
    torchserve: str,
    seconds: int,
    rounds: int,
    further: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write a results file, and give what is in it.

    Args:
        torchserve: the release.
        seconds: of each measurement.
        rounds: whose median each figure is.
        further: what is kept beside; a ``schema`` takes the place of 1.
    """
    told = {
        "schema": 1,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": {"system": platform.platform(), "cores": os.cpu_count()},
        "torchserve": torchserve,
        "seconds": seconds,
        "rounds": rounds,
        **(further or {}),
        "rows": list(rows),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(told, indent=1) + "\n")
    return told


def medians(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Give each figure's median over rounds that have the same figures."""
    return {key: round(statistics.median(one[key] for one in rounds), 4) for key in rounds[0]}
