"""The page of all statements, made from the catalogue."""

from __future__ import annotations

from itertools import groupby

from kserve_conformance import VERSION, catalogue
from kserve_conformance.catalogue import Statement

_HEAD = f"""\
# What a server is judged by

Made by `kserve-conformance page` from the suite's `statements/`; version {VERSION} of the suite.
**MUST** decides what a server may claim, **MAY-extension** what it may claim of an extension that
it declares or shows, where they are from a text that decides; **SHOULD** is told.
"""


def text() -> str:
    """Give the page as Markdown."""
    sections = [
        _section(area, list(statements))
        for area, statements in groupby(catalogue.load().values(), lambda each: each.area)
    ]
    return _HEAD + _families() + "".join(sections)


def _families() -> str:
    named: dict[str, list[str]] = {}
    for statement in catalogue.load().values():
        titles = named.setdefault(statement.family.name, [])
        title = _title(statement)
        titles += [] if title in titles else [title]
    rows = [
        f"| {family.departure} | {'yes' if family.decides else ''} | {'; '.join(named[name])} |\n"
        for name, family in catalogue.families().items()
        if name in named
    ]
    return f"\n| a server | decides | where a statement is from |\n|---|---|---|\n{''.join(rows)}"


def _section(area: str, statements: list[Statement]) -> str:
    rows = "".join(_row(each) for each in statements)
    return f"\n## {area}\n\n| id | level | statement | source |\n|---|---|---|---|\n{rows}"


def _row(statement: Statement) -> str:
    title, place = _title(statement), statement.source.place
    level = statement.level + (f" {statement.feature}" if statement.feature else "")
    cells = (statement.id, level, statement.sentence, f"{title}, {place}")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _title(statement: Statement) -> str:
    source = statement.source
    return f"[{source.title}]({source.address})" if source.address else source.title
