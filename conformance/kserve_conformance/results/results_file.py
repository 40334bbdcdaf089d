"""Results as a file of JSON Lines, written line by line and read with its schema.

Each line is one write of the operating system, so that a run that is killed leaves what it
knew. A file without a footer is of a run that was cut short, and readers say so. What is known
as a whole, such as runs that were joined, is there as a whole or not at all.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

from kserve_conformance.errors import WrongUsage
from kserve_conformance.results import whole_file
from kserve_conformance.results.json_form import from_json
from kserve_conformance.results.record import Footer, Header, Record, Run
from kserve_conformance.text.redaction import redacted, without_secrets

SCHEMA_VERSION = 2
_TIMES = frozenset({"started", "ended"})
_MEMBERS = tuple(each.name for each in fields(Record))
# What a subject may have said.
_SHOWN = ("message", "expected", "observed", "evidence")
_LONGEST_ERROR = 200
_KINDS = ("header", "check", "footer")
_SCHEMA = Path(__file__).with_name("results.schema.json")


class ResultsError(WrongUsage):
    """A results file that can't be read. Its text names the file and the line."""


@dataclass(frozen=True)
class Given:
    """A results file and what it holds.

    Attributes:
        sha256: of the bytes that were read; empty where the run isn't of a file.
    """

    path: Path
    run: Run
    sha256: str = ""


class Writer:
    """Writes results line by line; `finish` or `close` ends the file."""

    def __init__(self, path: Path, header: Header) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = path.open("wb", buffering=0)
        self._header = _without_secrets(header)
        self._records: list[Record] = []
        self._write("header", {"schema": SCHEMA_VERSION, **asdict(self._header)})

    def record(self, record: Record) -> Record:
        """Add one check's outcome without its secrets; as it is given back it may be shown."""
        shown = {name: redacted(getattr(record, name)) for name in _SHOWN}
        # All that evidence has is text.
        shown.update({name: _strict(shown[name]) for name in ("expected", "observed")})
        written = replace(record, **shown)
        # Not `asdict`, which copies each text of it, too: half of what a write takes.
        self._write("check", {name: getattr(written, name) for name in _MEMBERS})
        self._records.append(written)
        return written

    def finish(self, ended: str, seconds: float) -> Run:
        """Write the footer and give the whole run."""
        run = Run(self._header, self._records, None)
        footer = run.ending(ended, seconds)
        self._write("footer", asdict(footer))
        self.close()
        return Run(run.header, run.records, footer)

    def close(self) -> None:
        """Close the file; without `finish` before, it is one of a run cut short."""
        self._file.close()

    def _write(self, kind: str, members: Mapping[str, Any]) -> None:
        line = {"kind": kind, **members}
        _validator(kind).validate(line)
        # An answer may hold half of a surrogate pair; a backslash makes JSON's escape of it.
        text = json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n"
        _write_whole(self._file.fileno(), text.encode("utf-8", "backslashreplace"))


def write(path: Path, run: Run) -> Run:
    """Write a run that is known as a whole, in the place of the file that may be there.

    Whoever reads the file meanwhile, and whoever is interrupted, finds the one or the other.

    Returns:
        The run as it was written: its footer counts what the file holds.
    """
    with (
        whole_file.replacing(path) as unfinished,
        contextlib.closing(Writer(unfinished, run.header)) as writer,
    ):
        for record in run.records:
            writer.record(record)
        if run.footer is not None:
            run = writer.finish(run.footer.ended, run.footer.seconds)
    return run


def _without_secrets(header: Header) -> Header:
    # With its folders, unlike what is redacted: the command is run again from results.
    wrapper = {
        name: value if value is None else without_secrets(value)
        for name, value in header.wrapper.items()
    }
    return replace(header, wrapper=wrapper)


def _strict(value: Any) -> Any:
    """Give a value as JSON has it: what is no number there, such as NaN, as text."""
    if value is None or isinstance(value, (str, int)):
        return value
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return json.loads(json.dumps(value), parse_constant=str)
    return value


def _write_whole(file: int, data: bytes) -> None:
    # One call, most often: a file takes all of it unless its disk is full.
    while data:
        data = data[os.write(file, data) :]


def read(path: Path) -> Run:
    """Read a results file, a cut-short one too; a `ResultsError` names the line that breaks it."""
    return given(path).run


def given(path: Path) -> Given:
    """Read a results file as `read` does, once: what is hashed is what is judged."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ResultsError(f"{path} can't be read: {error.strerror}") from None
    return Given(path, _run(path, content), hashlib.sha256(content).hexdigest())


def _run(path: Path, content: bytes) -> Run:
    if not content:
        raise ResultsError(f"{path} is empty: the run ended before it could say what it was of")
    lines = content.split(b"\n")
    # What follows the last line's end is empty, or a line that a killed run left half-written.
    parsed = [_parse(path, number, line) for number, line in enumerate(lines[:-1], start=1)]
    kinds = [line.pop("kind") for line in parsed]
    if not kinds:
        raise ResultsError(f"{path}: line 1 is cut off: the run ended while it wrote its header")
    if kinds[0] != "header" or kinds.count("header") > 1:
        raise ResultsError(f"{path}: line 1 must be a header, and the only one")
    if "footer" in kinds[:-1]:
        raise ResultsError(f"{path}: line {kinds.index('footer') + 1} is a footer before the end")
    parsed[0].pop("schema")
    footer = from_json(Footer, parsed[-1]) if kinds[-1] == "footer" else None
    checks = [
        from_json(Record, line) for line, kind in zip(parsed, kinds, strict=True) if kind == "check"
    ]
    _refuse_repeats(path, checks)
    if footer is not None and footer.checks != len(checks):
        raise ResultsError(
            f"{path}: line {len(parsed)}: the footer counts {footer.checks} checks, and the file "
            f"has {len(checks)}: lines were lost or added"
        )
    return Run(from_json(Header, parsed[0]), checks, footer)


def _refuse_repeats(path: Path, records: Sequence[Record]) -> None:
    seen: set[tuple[str, str, str, int]] = set()
    for number, record in enumerate(records, start=2):
        attempt = (*record.key, record.attempt)
        if attempt in seen:
            raise ResultsError(
                f"{path}: line {number} is one more record of attempt {record.attempt} at "
                f"{record.check} in {record.cell}"
            )
        seen.add(attempt)


def _parse(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        parsed: dict[str, Any] = json.loads(line)
        kind = parsed["kind"]
        if kind not in _KINDS:
            raise ResultsError(f"{path}: line {number} is of an unknown kind: {kind!r}")
        schema = parsed.get("schema", SCHEMA_VERSION)
        if schema != SCHEMA_VERSION:
            raise ResultsError(
                f"{path}: line {number}: results of schema {schema!r}, and this release reads "
                f"schema {SCHEMA_VERSION}: run again, or read them with the release that wrote them"
            )
        _validator(kind).validate(parsed)
        _refuse_no_time(path, number, parsed)
    # A ValueError itself, so that it goes first.
    except jsonschema_rs.ValidationError as error:
        place = ".".join(str(part) for part in error.instance_path) or "the line"
        raise ResultsError(
            f"{path}: line {number} breaks results.schema.json: {place}: {error.message[:200]}"
        ) from None
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ResultsError(
            f"{path}: line {number} is no line of results: {repr(error)[:_LONGEST_ERROR]}"
        ) from None
    return parsed


def _refuse_no_time(path: Path, number: int, line: Mapping[str, Any]) -> None:
    # Those of RFC 3339, as the schema has them, are more than Python can reckon with.
    for name in _TIMES & line.keys():
        try:
            datetime.datetime.fromisoformat(line[name]).astimezone(datetime.UTC)
        except (ValueError, OverflowError):
            raise ResultsError(
                f"{path}: line {number}: {name}: {line[name]!r} is not a usable time"
            ) from None


@cache
def _validator(kind: str) -> jsonschema_rs.Draft202012Validator:
    # By kind: the schema's own oneOf can't say what is wrong with a line.
    schema = json.loads(_SCHEMA.read_text(encoding="utf-8"))
    line = {"$ref": f"#/$defs/{kind}", "$defs": schema["$defs"]}
    # Formats, too: readers reckon with dates.
    return jsonschema_rs.Draft202012Validator(line, validate_formats=True)
