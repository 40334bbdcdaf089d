"""What the page knows of each row: the one table of it, for the page's data and for its script."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable
from dataclasses import asdict, dataclass, fields
from typing import Any

from kserve_conformance.results.record import Record
from kserve_conformance.results.verdict import Verdict
from kserve_conformance.text import messages

from matrix.planning.axis_table import AXES
from matrix.reports.page.rows import Row

# Seconds are kept as whole numbers of this part of one: results have four decimals.
TICKS = 10_000


@dataclass(frozen=True)
class Column:
    """One thing that the page knows of each row.

    Attributes:
        name: by which the script asks for it.
        value: gives it: a whole number, or what stands in a list of the page's data.
        of: the name of that list, of which the column keeps numbers; what is in ``texts`` is
            found by a search for words. Empty where the value is a number itself.
        fact: what it is called where one line says how a check was judged, empty if not there.
        usual: the value that isn't worth telling there.
        title: of the box that the open check shows its text in, empty where it has none.
        copied: what the button of that box says that it copies.
    """

    name: str
    value: Callable[[Row], Hashable]
    of: str = ""
    fact: str = ""
    usual: str | int = ""
    title: str = ""
    copied: str = ""


@dataclass(frozen=True)
class Heading:
    """The name and title of a filter, or of what heads a part of the list of results.

    Attributes:
        full: the title in full, where that is too long for the list.
    """

    name: str
    title: str
    full: str | None = None


def _text(read: Callable[[Record], str]) -> Callable[[Row], str]:
    """Read a text of the record, empty where a planned row has none."""
    return lambda row: read(row.record) if row.record else ""


def _exchanges(row: Row) -> tuple[tuple[str, str], ...]:
    exchanges = row.record.evidence.get("exchanges", ()) if row.record else ()
    return tuple((each["request"], each["response"]) for each in exchanges)


def _log(name: str, member: str, title: str, copied: str) -> Column:
    """Give the column of a log, which is a member of the evidence."""
    read = _text(lambda record: str(record.evidence.get(member, "")))
    return Column(name, read, "texts", title=title, copied=copied)


def _in_words(value: Any) -> str:
    """Give a value as a person reads it; nothing where there is none."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)


COLUMNS = (
    Column("check", lambda row: row.check, "checks"),
    Column("attempt", lambda row: row.attempt, fact="attempt", usual=1),
    Column("verdict", lambda row: row.verdict, "verdicts"),
    Column(
        "expectedVerdict",
        lambda row: str(row.record.expected_verdict if row.record else Verdict.PASSED),
        "verdicts",
    ),
    Column("state", lambda row: row.state, "states"),
    Column("outcomes", lambda row: row.outcomes),
    Column("message", _text(lambda record: messages.with_cause(record.message)), "texts"),
    Column("expected", _text(lambda record: _in_words(record.expected)), "texts"),
    Column("observed", _text(lambda record: _in_words(record.observed)), "texts"),
    Column("ticks", lambda row: round(row.record.seconds * TICKS) if row.record else 0),
    Column("exchanges", _exchanges, "conversations"),
    _log("wrapperLog", "wrapper_log", "The wrapper's log of that moment", "the wrapper's log"),
    _log("torchserveLog", "torchserve_log", "TorchServe's log of that moment", "TorchServe's log"),
    _log("traceback", "traceback", "Traceback of the harness", "the traceback"),
    Column("finding", lambda row: row.finding),
    Column("about", lambda row: row.entries, "about"),
)

_FILTERS = (
    Heading("outcome", "Outcome"),
    Heading("verdict", "Verdict"),
    *(Heading(axis.name, axis.legend) for axis in AXES),
)
_LIST = (
    Heading("outcome", "Outcome"),
    Heading("check", "Check"),
    *(Heading(axis.name, axis.column, axis.column_in_full) for axis in AXES),
    Heading("message", "Message"),
    Heading("took", "Took"),
)


def script() -> str:
    """Give the tables as the script has them: it knows columns by their names alone."""
    told = [each.name for each in fields(Column) if each.name != "value"]
    tables = {
        "AXES": {each.name: {"title": each.title, "ofReleases": each.of_releases} for each in AXES},
        "COLUMNS": [{name: getattr(each, name) for name in told} for each in COLUMNS],
        "FILTERS": [asdict(each) for each in _FILTERS],
        "LIST_COLUMNS": [asdict(each) for each in _LIST],
    }
    constants = (f"const {name} = {json.dumps(table)};\n" for name, table in tables.items())
    return f"// Of matrix/reports/page/columns.py.\n{''.join(constants)}"
