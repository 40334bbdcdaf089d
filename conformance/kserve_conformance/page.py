"""The page of all statements, made from the catalogue."""

from __future__ import annotations

from itertools import groupby

from kserve_conformance import VERSION, catalogue
from kserve_conformance.catalogue import Statement

_HEAD = f"""\
# What a server is judged by

Made by `kserve-conformance page` from the suite's `statements/`; version {VERSION} of the suite.
**MUST** decides what a server may claim; **SHOULD** is told; **MAY-extension** is asked of servers
that declare or show the extension.
"""


def text() -> str:
    """Give the page as Markdown."""
    sections = [
        _section(area, list(statements))
        for area, statements in groupby(catalogue.load().values(), lambda each: each.area)
    ]
    return _HEAD + "".join(sections)


def _section(area: str, statements: list[Statement]) -> str:
    rows = "".join(_row(each) for each in statements)
    return f"\n## {area}\n\n| id | level | statement | source |\n|---|---|---|---|\n{rows}"


def _row(statement: Statement) -> str:
    source = statement.source
    title = f"[{source.title}]({source.address})" if source.address else source.title
    level = statement.level + (f" {statement.feature}" if statement.feature else "")
    cells = (statement.id, level, statement.sentence, f"{title}, {source.place}")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
