"""The policy of the release gate: gate.toml, read and checked."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from kserve_conformance import datafile
from kserve_conformance.errors import DataFileError, located

from matrix.planning import expectations
from matrix.planning.conditions import AnyOf
from matrix.planning.expectations import Expectations, checks_meant

FILE = Path(__file__).parents[1] / "gate.toml"
_SCHEMA = FILE.with_suffix(".schema.json")

Effect = Literal["block", "warn", "allow"]


@dataclass(frozen=True)
class Evidence:
    """What makes results evidence.

    Attributes:
        most_days: the age in days above which they are too old.
        least_coverage: the share of the cells' checks that must have been judged, 0 to 1.
        cut_short: what follows where the run was cut short.
        dirty_commit: what follows where files were changed since the commit, or none is known.
        other_commit: what follows where the commit isn't the one that is checked out.
        forked_start: what follows where wrappers weren't started as in a pod (`run --start`).
    """

    most_days: int
    least_coverage: float
    cut_short: Effect
    dirty_commit: Effect
    other_commit: Effect
    forked_start: Effect = "allow"


@dataclass(frozen=True)
class Requirement:
    """Cells that must be there and pass.

    Attributes:
        profile: the profile of axes.toml whose KServe releases must all be there.
        points: the points of axes that must be there, by axis.
        least: how many different points must be there, by axis; how many cells by ``cells``.
        least_cells_each: how many cells each point of an axis must have, by axis.
    """

    name: str
    when: AnyOf
    profile: str | None = None
    points: Mapping[str, Sequence[str]] = field(default_factory=dict)
    least: Mapping[str, int] = field(default_factory=dict)
    least_cells_each: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Known:
    """Checks that are known to fail, always or at times.

    Attributes:
        since: the day on which it was listed.
        until: the last day on which it is accepted.
        least_pass_rate: the share of attempts that must pass; None where all may fail.
    """

    checks: tuple[str, ...]
    when: AnyOf
    reason: str
    since: datetime.date
    until: datetime.date
    issue: str | None = None
    least_pass_rate: float | None = None

    def covers(self, check: str, axes: Mapping[str, str]) -> bool:
        """Tell whether it is about a check in the cell of these axes."""
        return check in self.checks and self.when.holds(axes)

    def has_expired(self, today: datetime.date) -> bool:
        """Tell whether its last day has passed."""
        return self.until < today


@dataclass(frozen=True)
class Policy:
    """The whole file.

    Attributes:
        blocking: the verdicts that block where another was expected, and ``missing``.
        first: the checks whose failure tells most, in their order.
        confidence: of the intervals of pass rates, 0 to 1.
        stale_above: the pass rate that takes a check off ``known_flaky`` once it is proved.
    """

    evidence: Evidence
    blocking: frozenset[str]
    first: tuple[str, ...]
    confidence: float
    stale_above: float
    requirements: tuple[Requirement, ...]
    known_failing: tuple[Known, ...]
    known_flaky: tuple[Known, ...]

    def failing(self, check: str, axes: Mapping[str, str], today: datetime.date) -> Known | None:
        """Give the entry by which a check may fail in a cell today."""
        return _find(self.known_failing, check, axes, today)

    def flaky(self, check: str, axes: Mapping[str, str], today: datetime.date) -> Known | None:
        """Give the entry by which a check may fail at times in a cell today."""
        return _find(self.known_flaky, check, axes, today)

    def is_required(self, axes: Mapping[str, str]) -> bool:
        """Tell whether the cell of these axes must pass."""
        return any(each.when.holds(axes) for each in self.requirements)


def load(path: Path = FILE, expected: Expectations | None = None) -> Policy:
    """Read the file.

    Args:
        expected: what says which checks there are; expectations.toml by default.

    Raises:
        DataFileError: when it can't be read, breaks its schema, names a check that there isn't,
            or contradicts itself. An entry that has expired is no error here.
    """
    document = datafile.read(path, _SCHEMA)
    known = expected or expectations.load()
    with located(path):
        return _policy(document, [*known.every])


def today() -> datetime.date:
    """Give the day by which entries expire and results age, the same on every machine: UTC's."""
    return datetime.datetime.now(datetime.UTC).date()


def _find(
    entries: Sequence[Known], check: str, axes: Mapping[str, str], today: datetime.date
) -> Known | None:
    in_force = (entry for entry in entries if entry.since <= today <= entry.until)
    return next((entry for entry in in_force if entry.covers(check, axes)), None)


def _policy(document: Mapping[str, Any], checks: Sequence[str]) -> Policy:
    for check in document["verdicts"]["first"]:
        if check not in checks:
            wrong = f"{check} is no check of expectations.toml{datafile.near(check, checks)}"
            raise DataFileError(wrong, "verdicts.first")
    failing, flaky = (
        tuple(
            _known(f"{table}[{index}]", entry, checks)
            for index, entry in enumerate(document.get(table, ()))
        )
        for table in ("known_failing", "known_flaky")
    )
    return Policy(
        evidence=Evidence(**document["evidence"]),
        blocking=frozenset(document["verdicts"]["block"]),
        first=tuple(document["verdicts"]["first"]),
        confidence=document["flaky"]["confidence"],
        stale_above=document["flaky"]["stale_above"],
        requirements=tuple(
            Requirement(**{**entry, "when": AnyOf.parse(entry["when"], f"require[{index}].when")})
            for index, entry in enumerate(document["require"])
        ),
        known_failing=failing,
        known_flaky=flaky,
    )


def _known(place: str, entry: Mapping[str, Any], checks: Sequence[str]) -> Known:
    meant = checks_meant(entry["check"], checks, "of expectations.toml", f"{place}.check")
    since, until = (_day(place, key, entry[key]) for key in ("since", "until"))
    if until < since:
        raise DataFileError(f"until {until} is before since {since}", place)
    return Known(
        checks=meant,
        when=AnyOf.parse(entry["when"], f"{place}.when"),
        reason=entry["reason"],
        since=since,
        until=until,
        issue=entry.get("issue"),
        least_pass_rate=entry.get("least_pass_rate"),
    )


def _day(place: str, key: str, value: Any) -> datetime.date:
    # A date with a time is a date, too, and compares with none.
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value
    raise DataFileError(f"{value!r} is no date: write for instance 2026-12-31", f"{place}.{key}")
