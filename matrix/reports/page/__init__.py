"""The report as one HTML file, which opens from disk and needs no network."""

from __future__ import annotations

import base64
import datetime
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import jinja2
from kserve_conformance.results import whole_file
from kserve_conformance.results.record import Run
from kserve_conformance.text.visible import visible
from markupsafe import Markup

from matrix.planning.policy import Policy
from matrix.reports import by_control_plane, known_entries, surroundings, timings
from matrix.reports.contents import Contents
from matrix.reports.page import columns, figures, links, payload, rows
from matrix.results.states import State

_FOLDER = Path(__file__).parent
_STYLES = ("base", "layout", "tables", "results", "cell", "print")


def write(
    runs: Sequence[Run], policy: Policy, path: Path, today: datetime.date | None = None
) -> None:
    """Write the page of runs that are judged together; see `html`."""
    with whole_file.replacing(path) as unfinished:
        unfinished.write_text(html(runs, policy, today), encoding="utf-8")


def html(runs: Sequence[Run], policy: Policy, today: datetime.date | None = None) -> str:
    """Give the page of runs that are judged together; see `Contents.of`."""
    style = _joined(_FOLDER / "styles" / f"{name}.css" for name in _STYLES)
    script = _script()
    page = Contents.of(runs, policy, today)
    return _template().render(
        page=page,
        figures=figures.of(page),
        data=Markup(payload.packed(_data(page, policy))),
        style=Markup(style),
        style_digest=_digest(style),
        script=Markup(script),
        script_digest=_digest(script),
        link=links.to,
        states=list(State),
        timings=timings,
        surroundings=surroundings,
        by_control_plane=by_control_plane,
    )


def _data(page: Contents, policy: Policy) -> dict[str, Any]:
    return payload.of(
        list(rows.cells(page.runs, policy, page.found)),
        findings=[each.title for each in page.found],
        entries=[f"known {kind}: {entry.reason}" for kind, entry in known_entries.entries(policy)],
    )


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    return environment.get_template("page.html.jinja")


def _shown(value: object) -> object:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _script() -> str:
    # Each may use what others define, once the last of them runs.
    scripts = (_FOLDER / "scripts").glob("*.js")
    files = sorted(scripts, key=lambda file: (file.stem == "main", file.stem))
    return f'(() => {{\n"use strict";\n{columns.script()}{_joined(files)}}})();\n'


def _joined(files: Iterable[Path]) -> str:
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def _digest(text: str) -> str:
    """Give the digest by which the page's policy lets its own style and script in, and no other."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
