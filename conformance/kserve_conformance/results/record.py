"""What a run found out: a header, one record for each attempt at a check, a footer.

A header and its records are made in `kserve_conformance.run_folder`, and for the matrix in
`matrix/running`, by `recorder` and `observation`. `kserve_conformance.results.merging` says what
becomes of a header where runs are joined.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

from kserve_conformance.errors import ExitCode
from kserve_conformance.results.verdict import Verdict


@dataclass(frozen=True)
class Header:
    """What was run, where, and what was planned. Members are those of results.schema.json."""

    run: str
    started: str
    machine: Mapping[str, str | int]
    commit: str | None
    runtime: str | None
    torchserve: Sequence[Mapping[str, str]]
    locks: Mapping[str, str | None]
    wrapper: Mapping[str, str | None]
    planned: Mapping[str, Sequence[str]]
    suite: str | None = None
    engine: Mapping[str, str] | None = None
    repeat: int = 1
    start: str | None = None
    requirements: Sequence[str] = field(default_factory=list)
    pod_paths: bool | None = None
    shards: Sequence[Mapping[str, Any]] = field(default_factory=list)

    @property
    def started_as(self) -> str | None:
        """Give what was started, as it is told from others: a command, or an image's digest."""
        return self.wrapper.get("digest") or self.wrapper["command"]

    @property
    def planned_checks(self) -> int:
        """Count the planned attempts at the checks of all cells."""
        return self.repeat * sum(len(checks) for checks in self.planned.values())


class Exchange(TypedDict):
    """A request to the subject and its response, as text."""

    request: str
    response: str


class Evidence(TypedDict, total=False):
    """What lets a person see why; what is empty is left out.

    Members are those of results.schema.json.
    """

    interpreter: str
    exchanges: Sequence[Exchange]
    wrapper_log: str
    torchserve_log: str
    traceback: str


@dataclass(frozen=True)
class Record:
    """The outcome of one check in one cell. Members are those of results.schema.json.

    Attributes:
        attempt: which of the attempts at the check it is, from 1.
        family: of a statement, the name of the family of texts that it is from.
    """

    cell: str
    axes: Mapping[str, str]
    check: str
    verdict: Verdict
    expected_verdict: Verdict
    message: str
    expected: Any
    observed: Any
    seconds: float
    evidence: Evidence = field(default_factory=Evidence)
    binding: bool = True
    attempt: int = 1
    family: str | None = None

    @property
    def place(self) -> tuple[str, str]:
        """Give where it was made: the cell and the runtime."""
        return self.cell, self.axes.get("runtime", "")

    @property
    def key(self) -> tuple[str, str, str]:
        """Give what is judged, the same in every run of it: cell, runtime, check."""
        return *self.place, self.check

    @property
    def as_expected(self) -> bool:
        """Tell whether the verdict is the one that expectations.toml gives."""
        return self.verdict is self.expected_verdict

    @property
    def is_wrong(self) -> bool:
        """Tell whether it says of the subject what was not expected."""
        return self.verdict.is_about_subject and not self.as_expected


@dataclass(frozen=True)
class Footer:
    """The end of a run that came to its end. Members are those of results.schema.json."""

    ended: str
    seconds: float
    cells: int
    checks: int
    counts: Mapping[str, int]
    exit_code: int


@dataclass(frozen=True)
class Run:
    """A results file that was read; ``footer`` is None where the run was cut short."""

    header: Header
    records: Sequence[Record]
    footer: Footer | None

    @property
    def cut_short(self) -> bool:
        """Tell whether the run ended before it could write its footer."""
        return self.footer is None

    def missing(self) -> list[tuple[str, str]]:
        """List the planned checks that lack an attempt, as (cell, check)."""
        ran = Counter((record.cell, record.check) for record in self.records)
        planned = [
            (cell, check) for cell, checks in self.header.planned.items() for check in checks
        ]
        return [each for each in planned if ran[each] < self.header.repeat]

    def complete_cells(self) -> list[str]:
        """List the cells of which every planned check has a record."""
        incomplete = {cell for cell, _ in self.missing()}
        return [cell for cell in self.header.planned if cell not in incomplete]

    def ending(self, ended: str, seconds: float) -> Footer:
        """Give the footer of a run that has all its records."""
        return Footer(
            ended=ended,
            seconds=round(seconds, 3),
            cells=len(self.complete_cells()),
            checks=len(self.records),
            counts=self.counts(),
            exit_code=self.exit_code(),
        )

    def counts(self) -> dict[str, int]:
        """Count the records by verdict."""
        return dict(Counter(str(record.verdict) for record in self.records))

    def exit_code(self) -> ExitCode:
        """Judge the run: 0 all as expected, 1 against the subject, 3 incomplete.

        A verdict against the subject stands even where other checks could not be made,
        so 1 goes before 3.
        """
        if any(_is_against_subject(record) for record in self.records):
            return ExitCode.AGAINST_SUBJECT
        if self.missing() or not all(each.verdict.is_about_subject for each in self.records):
            return ExitCode.NOT_KNOWN
        return ExitCode.AS_EXPECTED

    def sentence(self) -> str:
        """Say how far the run came."""
        cells = f"{len(self.complete_cells())} of {len(self.header.planned)} cells"
        checks = f"{len(self.records)} of {self.header.planned_checks} checks"
        if self.cut_short:
            return f"the run started {self.header.started} was cut short after {cells}, {checks}"
        return f"the run started {self.header.started} ended after {cells}, {checks}"


def by_key(records: Iterable[Record]) -> dict[tuple[str, str, str], list[Record]]:
    """Gather the attempts at each check, by `Record.key`."""
    found: dict[tuple[str, str, str], list[Record]] = {}
    for record in records:
        found.setdefault(record.key, []).append(record)
    return found


def _is_against_subject(record: Record) -> bool:
    return record.is_wrong and record.binding
