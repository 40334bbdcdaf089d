"""What a run found out, as JSON Lines: a header, one record per check, a footer.

Every line is written and flushed on its own, so that a run that is killed leaves what it
knew. A file without a footer is of a run that was cut short, and readers say so.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Any

import jsonschema

from conformance.outcomes.verdicts import Verdict

SCHEMA_VERSION = 1
_KINDS = ("header", "check", "footer")
_SCHEMA = Path(__file__).with_name("results.schema.json")


class ResultsError(Exception):
    """A results file that can't be read. Its text names the file and the line."""


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

    @property
    def planned_checks(self) -> int:
        """Count the planned checks of all cells."""
        return sum(len(checks) for checks in self.planned.values())


@dataclass(frozen=True)
class Record:
    """The outcome of one check in one cell. Members are those of results.schema.json."""

    cell: str
    axes: Mapping[str, str]
    check: str
    verdict: Verdict
    expected_verdict: Verdict
    message: str
    expected: Any
    observed: Any
    seconds: float
    evidence: Mapping[str, Any] = field(default_factory=dict)
    binding: bool = True

    @property
    def as_expected(self) -> bool:
        """Tell whether the verdict is the one that expectations.toml gives."""
        return self.verdict is self.expected_verdict


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
        """List the planned checks without a record, as (cell, check)."""
        ran = {(record.cell, record.check) for record in self.records}
        planned = [
            (cell, check) for cell, checks in self.header.planned.items() for check in checks
        ]
        return [each for each in planned if each not in ran]

    def complete_cells(self) -> list[str]:
        """List the cells of which every planned check has a record."""
        incomplete = {cell for cell, _ in self.missing()}
        return [cell for cell in self.header.planned if cell not in incomplete]

    def counts(self) -> dict[str, int]:
        """Count the records by verdict."""
        return dict(Counter(str(record.verdict) for record in self.records))

    def exit_code(self) -> int:
        """Judge the run: 0 all as expected, 1 against the subject, 3 incomplete.

        A verdict against the subject stands even where other checks could not be made,
        so 1 goes before 3.
        """
        if any(_is_against_subject(record) for record in self.records):
            return 1
        harness = {Verdict.ERROR, Verdict.UNPROVISIONED}
        if self.missing() or any(record.verdict in harness for record in self.records):
            return 3
        return 0

    def sentence(self) -> str:
        """Say how far the run came."""
        cells = f"{len(self.complete_cells())} of {len(self.header.planned)} cells"
        checks = f"{len(self.records)} of {self.header.planned_checks} checks"
        if self.cut_short:
            return f"the run started {self.header.started} was cut short after {cells}, {checks}"
        return f"the run started {self.header.started} ended after {cells}, {checks}"


def _is_against_subject(record: Record) -> bool:
    about_subject = {Verdict.PASSED, Verdict.FAILED, Verdict.UNSUPPORTED}
    return record.verdict in about_subject and not record.as_expected and record.binding


class Writer:
    """Writes results line by line. Use as a context manager, or call `close`."""

    def __init__(self, path: Path, header: Header) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        # An answer may hold half of a surrogate pair; a backslash makes JSON's escape of it.
        self._file: IO[str] = path.open("w", encoding="utf-8", errors="backslashreplace")
        self._header = header
        self._records: list[Record] = []
        self._write("header", {"schema": SCHEMA_VERSION, **asdict(header)})

    def record(self, record: Record) -> None:
        """Add one check's outcome."""
        self._write("check", asdict(record))
        self._records.append(record)

    def finish(self, ended: str, seconds: float) -> Run:
        """Write the footer and give the whole run."""
        run = Run(self._header, self._records, None)
        footer = Footer(
            ended=ended,
            seconds=round(seconds, 3),
            cells=len(run.complete_cells()),
            checks=len(run.records),
            counts=run.counts(),
            exit_code=run.exit_code(),
        )
        self._write("footer", asdict(footer))
        self.close()
        return Run(run.header, run.records, footer)

    def close(self) -> None:
        """Close the file; without `finish` before, it is one of a run cut short."""
        self._file.close()

    def _write(self, kind: str, members: Mapping[str, Any]) -> None:
        line = {"kind": kind, **members}
        _validator(kind).validate(line)
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._file.flush()


def read(path: Path) -> Run:
    """Read a results file, a cut-short one too.

    Raises:
        ResultsError: when the file can't be read or breaks the schema; says which line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ResultsError(f"{path} can't be read: {error.strerror}") from None
    lines = text.split("\n")
    # What follows the last line's end is empty, or a line that a killed run left half-written.
    parsed = [_parse(path, number, line) for number, line in enumerate(lines[:-1], start=1)]
    kinds = [line.pop("kind") for line in parsed]
    if not kinds or kinds[0] != "header" or kinds.count("header") > 1:
        raise ResultsError(f"{path}: line 1 must be a header, and the only one")
    if "footer" in kinds[:-1]:
        raise ResultsError(f"{path}: line {kinds.index('footer') + 1} is a footer before the end")
    parsed[0].pop("schema")
    footer = Footer(**parsed[-1]) if kinds[-1] == "footer" else None
    checks = [_record(line) for line, kind in zip(parsed, kinds, strict=True) if kind == "check"]
    return Run(Header(**parsed[0]), checks, footer)


def _record(line: dict[str, Any]) -> Record:
    verdicts = {key: Verdict(line[key]) for key in ("verdict", "expected_verdict")}
    return Record(**{**line, **verdicts})


def _parse(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        parsed: dict[str, Any] = json.loads(line)
        kind = parsed["kind"]
        if kind not in _KINDS:
            raise ResultsError(f"{path}: line {number} is of no known kind: {kind!r}")
        _validator(kind).validate(parsed)
    except (ValueError, TypeError, KeyError) as error:
        raise ResultsError(f"{path}: line {number} is no line of results: {error!r}") from None
    except jsonschema.ValidationError as error:
        place = ".".join(str(part) for part in error.absolute_path) or "the line"
        raise ResultsError(
            f"{path}: line {number} breaks results.schema.json: {place}: {error.message[:200]}"
        ) from None
    return parsed


@cache
def _validator(kind: str) -> jsonschema.protocols.Validator:
    # By kind: the schema's own oneOf can't say what is wrong with a line.
    schema = json.loads(_SCHEMA.read_text(encoding="utf-8"))
    return jsonschema.Draft202012Validator({"$ref": f"#/$defs/{kind}", "$defs": schema["$defs"]})
