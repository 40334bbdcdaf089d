"""The rows of the drill: rows.toml, read and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kserve_conformance import datafile
from kserve_conformance.errors import DataFileError, WrongUsage, located

from drill.faults import FAULTS
from drill.judging import Wanted
from drill.wrapper_setup import USUAL, Setup

FILE = Path(__file__).with_name("rows.toml")
_SCHEMA = FILE.with_suffix(".schema.json")


class RowsError(WrongUsage):
    """A name that no row has. Its text says which there are."""


@dataclass(frozen=True)
class Row:
    """One fault, and what is wanted while it lasts.

    Attributes:
        title: what is done, in words; may be that of one who reads a table.
        wanted_in_words: likewise, what is wanted.
        fault: a name of `drill.faults.FAULTS`.
        options: what the fault is told.
        clients: how many put load on, 0 for none.
        before: seconds of load before the fault.
        after: seconds after it until all must be well again, at most.
        short: options that replace some in the short form; None where the row isn't in it.
        ends: whether it ends the wrapper, or leaves it as no other row should find it.
        soak: whether it is done in a soak, too, in the short form where it has one.
    """

    name: str
    title: str
    wanted_in_words: str
    fault: str
    wanted: tuple[Wanted, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    setup: Setup = USUAL
    clients: int = 8
    before: float = 3.0
    after: float = 30.0
    short: Mapping[str, Any] | None = None
    ends: bool = False
    soak: bool = False

    def shortened(self) -> Row:
        """Give its short form."""
        changes = dict(self.short or {})
        return Row(
            **{
                **vars(self),
                "before": changes.pop("before", 0.5),
                "options": {**self.options, **changes},
            }
        )


def load(path: Path = FILE) -> dict[str, Row]:
    """Read the rows, by name in their order.

    Raises:
        DataFileError: when the file can't be read, breaks its schema or names no fault.
    """
    document = datafile.read(path, _SCHEMA)
    rows: dict[str, Row] = {}
    with located(path):
        for index, entry in enumerate(document["row"]):
            row = _row(entry, f"row[{index}]")
            if row.name in rows:
                raise DataFileError(f"name {row.name!r} is there twice", f"row[{index}]")
            rows[row.name] = row
    return rows


def chosen(rows: Mapping[str, Row], names: Sequence[str], short: bool) -> list[Row]:
    """Give the rows of these names, or all of a form, in their order.

    Raises:
        RowsError: when one has no such name, or no short form.
    """
    for name in names:
        if name not in rows:
            raise RowsError(f"--row {name}: no row has this name{datafile.near(name, rows)}")
        if short and rows[name].short is None:
            raise RowsError(f"--row {name} --short: this row has no short form")
    of_form = [row for row in rows.values() if not short or row.short is not None]
    found = [row for row in of_form if not names or row.name in names]
    return [row.shortened() for row in found] if short else found


def _row(entry: Mapping[str, Any], place: str) -> Row:
    if entry["fault"] not in FAULTS:
        told = datafile.nearest(entry["fault"], FAULTS)
        raise DataFileError(f"{entry['fault']!r} is no fault: {told}", f"{place}.fault")
    fields: dict[str, Any] = dict(entry)
    setup = fields.pop("setup", {})
    return Row(
        wanted=tuple(map(Wanted.of, fields.pop("wanted"))),
        options=fields.pop("with", {}),
        setup=Setup(**{**setup, "flags": tuple(setup.get("flags", ()))}),
        **fields,
    )
