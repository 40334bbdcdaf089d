"""The data of the page: the rows in columns that share their texts, compressed."""

from __future__ import annotations

import base64
import functools
import gzip
import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from kserve_conformance import catalogue
from kserve_conformance.results.verdict import Verdict

from matrix.planning import axes, expectations
from matrix.planning.axis import NAMES
from matrix.reports.findings import MISSING
from matrix.reports.page.rows import OUTCOMES, Cell, Evidence, Row
from matrix.results.states import State

_VERDICTS = (*map(str, Verdict), MISSING)
_STATES = tuple(State)
# Seconds are kept as whole numbers of this part of one: results have four decimals.
_TICKS = 10_000

Value = TypeVar("Value", bound=Hashable)


def packed(document: Mapping[str, Any]) -> str:
    """Compress a document for a browser's ``DecompressionStream``, as text that HTML takes.

    JSON escapes keep halves of surrogate pairs, which UTF-8 can't.
    """
    text = json.dumps(document, ensure_ascii=True, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode("ascii"), mtime=0)).decode("ascii")


def of(
    cells: Sequence[Cell], findings: Sequence[str] = (), entries: Sequence[str] = ()
) -> dict[str, Any]:
    """Lay rows out in columns, those of a cell together.

    Texts, exchanges and evidence that rows share are there once, and told by their number.

    Args:
        findings: the titles of the findings, in the order of their numbers.
        entries: those of the policy's entries, the same.
    """
    rows = [(at, row) for at, cell in enumerate(cells) for row in cell.rows]
    texts = _Numbered(sorted({text for _, row in rows for text in _texts(row)}))
    checks, evidence, exchanges = _Numbered[str](), _Numbered[Evidence](), _Numbered[Any]()
    about = _Numbered[tuple[int, ...]]()

    def column(value: Callable[[Row], int]) -> list[int]:
        return [value(row) for _, row in rows]

    records = {
        "cell": [cell for cell, _ in rows],
        "check": column(lambda row: checks.number(row.check)),
        "attempt": column(lambda row: row.attempt),
        "verdict": column(lambda row: _VERDICTS.index(row.verdict)),
        "expectedVerdict": column(lambda row: _VERDICTS.index(row.expected_verdict)),
        "state": column(lambda row: _STATES.index(row.state)),
        "outcomes": column(lambda row: row.outcomes),
        "message": column(lambda row: texts.number(row.message)),
        "expected": column(lambda row: texts.number(row.expected)),
        "observed": column(lambda row: texts.number(row.observed)),
        "ticks": column(lambda row: round(row.seconds * _TICKS)),
        "evidence": column(lambda row: evidence.number(row.evidence)),
        "finding": column(lambda row: row.finding),
        "about": column(lambda row: about.number(row.entries)),
    }
    return {
        "axes": {
            name: axes.load().in_order(name, {cell.axes[name] for cell in cells}) for name in NAMES
        },
        "verdicts": _VERDICTS,
        "outcomes": list(OUTCOMES.items()),
        "states": [[state, state.letter, state.meaning] for state in _STATES],
        "ticks": _TICKS,
        "cells": [{"id": c.id, **c.axes, "run": c.run, "python": c.interpreter} for c in cells],
        "records": records,
        "finding": findings,
        "entry": entries,
        "about": list(about),
        "checks": [_about(check) for check in checks],
        "evidence": [
            [
                [exchanges.number(exchange) for exchange in each.exchanges],
                *map(texts.number, (each.wrapper_log, each.torchserve_log, each.traceback)),
            ]
            for each in evidence
        ],
        "exchanges": [[texts.number(asked), texts.number(said)] for asked, said in exchanges],
        # Sorted, so that those that are alike are near one another, where gzip finds them.
        "texts": list(texts),
    }


class _Numbered(Generic[Value]):
    """Values that are told by number, in the order in which they came."""

    def __init__(self, values: Iterable[Value] = ()) -> None:
        self._numbers = {value: number for number, value in enumerate(values)}

    def number(self, value: Value) -> int:
        return self._numbers.setdefault(value, len(self._numbers))

    def __iter__(self) -> Any:
        return iter(self._numbers)


def _texts(row: Row) -> Iterable[str]:
    evidence = row.evidence
    yield from (row.message, row.expected, row.observed)
    yield from (evidence.wrapper_log, evidence.torchserve_log, evidence.traceback)
    for exchange in evidence.exchanges:
        yield from exchange


def _about(check: str) -> dict[str, str]:
    """Say what a check proves, and where that is from."""
    statement = catalogue.load().get(check)
    if statement is not None:
        return {
            "id": check,
            "statement": statement.sentence,
            "level": str(statement.level),
            "source": str(statement.source),
            "address": statement.source.address,
            "cause": statement.usual_cause,
        }
    own = _expectations().checks.get(check)
    if own is not None:
        return {"id": check, "statement": own.statement, "source": "matrix/expectations.toml"}
    return {"id": check}


@functools.cache
def _expectations() -> expectations.Expectations:
    return expectations.load()
