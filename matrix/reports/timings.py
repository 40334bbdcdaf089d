"""How long things took: runs, releases, checks, and the refusal of an invalid PROTOCOL_VERSION."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from kserve_conformance.results.record import Record, Run
from packaging.version import Version


@dataclass(frozen=True)
class Spent:
    """The seconds that records of one release, or of one check, took."""

    name: str
    total: float
    median: float
    longest: float
    records: int


def by_release(runs: Iterable[Run]) -> list[Spent]:
    """Give what the checks of each KServe release took, the longest first."""
    return _by(runs, lambda record: record.axes["kserve"])


def by_check(runs: Iterable[Run]) -> list[Spent]:
    """Give what each check took over all cells, the longest first."""
    return _by(runs, lambda record: record.check)


def refusals(records: Iterable[Record]) -> list[float]:
    """Give the seconds after which an invalid PROTOCOL_VERSION ended the process, by cell."""
    observed = (record.observed for record in records if record.check == "refusal-time")
    return [
        float(each["median"]) for each in observed if isinstance(each, dict) and "median" in each
    ]


def refusals_by_release(runs: Iterable[Run]) -> list[Spent]:
    """Give what `refusals` does for each KServe release that has any, the oldest first."""
    records: dict[str, list[Record]] = defaultdict(list)
    for record in (each for run in runs for each in run.records):
        records[record.axes["kserve"]].append(record)
    found = {release: refusals(records[release]) for release in sorted(records, key=Version)}
    return [_spent(release, seconds) for release, seconds in found.items() if seconds]


def duration(seconds: float) -> str:
    """Tell seconds as a person would; scripts/text.js of the page tells them alike."""
    if seconds < 0.1:
        return f"{_rounded(seconds * 1000, '0.1')} ms"
    if seconds < 10:
        return f"{_rounded(seconds, '0.01')} s"
    whole = int(_rounded(seconds, "1"))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _rounded(number: float, unit: str) -> Decimal:
    # Halves go up, as they do in JavaScript.
    return Decimal(number).quantize(Decimal(unit), ROUND_HALF_UP)


def _by(runs: Iterable[Run], of: Callable[[Record], str]) -> list[Spent]:
    seconds: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        for record in run.records:
            seconds[of(record)].append(record.seconds)
    found = [_spent(name, values) for name, values in seconds.items()]
    return sorted(found, key=lambda each: -each.total)


def _spent(name: str, seconds: Sequence[float]) -> Spent:
    return Spent(name, sum(seconds), statistics.median(seconds), max(seconds), len(seconds))
