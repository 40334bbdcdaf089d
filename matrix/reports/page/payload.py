"""The data of the page: the rows in columns that share their texts, compressed."""

from __future__ import annotations

import base64
import gzip
import json
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from kserve_conformance import catalogue
from kserve_conformance.results.verdict import Verdict

from matrix.planning import axes
from matrix.planning.axis_table import NAMES
from matrix.reports.findings import MISSING
from matrix.reports.page.columns import COLUMNS, TICKS
from matrix.reports.page.rows import OUTCOMES, PageCell
from matrix.results import judging
from matrix.results.states import State

_VERDICTS = (*map(str, Verdict), MISSING)

Value = TypeVar("Value", bound=Hashable)


def packed(document: Mapping[str, Any]) -> str:
    """Compress a document for a browser's ``DecompressionStream``, as text that HTML takes.

    JSON escapes keep halves of surrogate pairs, which UTF-8 can't.
    """
    text = json.dumps(document, ensure_ascii=True, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode("ascii"), mtime=0)).decode("ascii")


def of(
    cells: Sequence[PageCell], findings: Sequence[str] = (), entries: Sequence[str] = ()
) -> dict[str, Any]:
    """Lay rows out in columns, those of a cell together.

    Texts and exchanges that rows share are there once, and told by their number.

    Args:
        findings: the titles of the findings, in the order of their numbers.
        entries: those of the policy's entries, the same.
    """
    rows = [row for cell in cells for row in cell.rows]
    found: dict[str, list[Any]] = {
        column.name: [column.value(row) for row in rows] for column in COLUMNS
    }
    exchanges = _Numbered(each for said in found["exchanges"] for each in said)
    words = {each for column in COLUMNS if column.of == "texts" for each in found[column.name]}
    # Sorted, so that those that are alike are near one another, where gzip finds them.
    texts = _Numbered(sorted(words.union(*exchanges)))
    lists: dict[str, _Numbered[Any]] = defaultdict(
        _Numbered, verdicts=_Numbered(_VERDICTS), states=_Numbered(State), texts=texts
    )
    records = {
        column.name: [*map(lists[column.of].number, found[column.name])]
        if column.of
        else found[column.name]
        for column in COLUMNS
    }
    return {
        "axes": {
            name: axes.load().in_order(name, {cell.axes[name] for cell in cells}) for name in NAMES
        },
        "verdicts": _VERDICTS,
        "outcomes": list(OUTCOMES.items()),
        "states": [[state, state.letter, state.meaning] for state in State],
        "ticks": TICKS,
        "cells": [{"id": c.id, **c.axes, "run": c.run, "python": c.interpreter} for c in cells],
        "records": {"cell": [at for at, cell in enumerate(cells) for _ in cell.rows], **records},
        "finding": findings,
        "entry": entries,
        "about": list(lists["about"]),
        "checks": [_about(check) for check in lists["checks"]],
        "conversations": [[*map(exchanges.number, each)] for each in lists["conversations"]],
        "exchanges": [[*map(texts.number, each)] for each in exchanges],
        "texts": list(texts),
    }


class _Numbered(Generic[Value]):
    """Values that are told by number, in the order in which they came."""

    def __init__(self, values: Iterable[Value] = ()) -> None:
        self._numbers = {value: number for number, value in enumerate(dict.fromkeys(values))}

    def number(self, value: Value) -> int:
        return self._numbers.setdefault(value, len(self._numbers))

    def __iter__(self) -> Any:
        return iter(self._numbers)


def _about(check: str) -> dict[str, str]:
    """Say what a check proves, and where that is from."""
    statement = catalogue.load().get(check)
    if statement is not None:
        return {
            "id": check,
            "statement": statement.sentence,
            "level": str(statement.level),
            "departure": statement.family.departure,
            "source": str(statement.source),
            "address": statement.source.address,
            "cause": statement.usual_cause,
        }
    own = judging.today().checks.get(check)
    if own is not None:
        return {"id": check, "statement": own.statement, "source": "matrix/expectations.toml"}
    return {"id": check}
