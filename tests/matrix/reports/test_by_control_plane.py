"""The view by control plane: where each service arrives, and what its cells came to."""

from __future__ import annotations

import html
import re

from kserve_conformance.results.record import Run
from kserve_conformance.results.verdict import Verdict

from matrix.planning import axes, policy
from matrix.planning.control_planes import DECLARED
from matrix.reports import by_control_plane, markdown, page
from matrix.reports.by_control_plane import NO_START, REFUSED
from matrix.results import judging
from matrix.results.states import State
from tests.matrix.gate.gate_cases import with_verdict
from tests.matrix.variants import with_one_protocol

_PASSED = State.PASSED


def told(run: Run) -> dict[str, list[State | str | None]]:
    """Give what is shown of each control plane, in the order of the columns."""
    return {
        row.control_plane: [
            each.in_a_word or (each.point.state if each.point else None)
            for each in row.arrivals.values()
        ]
        for row in by_control_plane.of([run])
    }


def test_each_control_plane_has_a_row_with_what_it_refuses(process_run: Run) -> None:
    assert told(process_run) == {
        "KServe 0.8.0-0.8.0.2": [_PASSED] * 5,
        "KServe 0.9.0": [*[_PASSED] * 4, REFUSED],
        "KServe 0.10.0-0.10.2": [*[_PASSED] * 4, REFUSED],
        "KServe 0.11.0": [*[_PASSED] * 4, REFUSED],
        # It sets PROTOCOL_VERSION=grpc-v1.
        "KServe 0.11.1, 0.11.2": [*[_PASSED] * 3, NO_START, REFUSED],
        "KServe 0.12.0-0.16.0": [*[_PASSED] * 3, REFUSED, _PASSED],
        "KServe 0.17.0-0.21.0": [*[_PASSED] * 3, REFUSED, _PASSED],
        "after-removal": [_PASSED] * 5,
    }


def test_a_control_plane_that_leads_to_no_cell_of_the_results_has_no_row(process_run: Run) -> None:
    found = told(with_one_protocol(process_run, "grpc-v2"))
    assert "KServe 0.12.0-0.16.0" in found
    assert "KServe 0.9.0" not in found, "it never sets the variable"


def test_cells_that_the_results_lack_are_blank(unfixed_run: Run) -> None:
    row = told(unfixed_run)["KServe 0.12.0-0.16.0"]
    assert row == [State.FAILED, State.FAILED, None, REFUSED, None]


def test_a_failure_is_shown_where_its_cell_is_arrived_at(process_run: Run) -> None:
    found = told(with_verdict(process_run, "v1-predict", Verdict.FAILED, "kserve0.9.0-v1-kserve-"))
    assert found["KServe 0.12.0-0.16.0"][:3] == [State.FAILED, State.FAILED, _PASSED]
    assert found["KServe 0.9.0"][:3] == [_PASSED] * 3, "it leaves the variable unset"


def test_every_control_plane_of_the_file_is_a_row(process_run: Run) -> None:
    rows = by_control_plane.of([process_run])
    assert len(rows) == len(axes.load().control_planes)
    assert all(list(row.arrivals) == list(DECLARED) for row in rows)


def test_markdown_has_the_table(process_run: Run) -> None:
    text = markdown.text([process_run], policy.load())
    section = text[text.index(f"## {by_control_plane.TITLE}") :]
    assert "| KServe 0.12.0-0.16.0" in section
    assert "refused" in section


def test_each_entry_of_the_page_leads_to_a_cell_that_its_pod_is_at(process_run: Run) -> None:
    run = process_run
    links = re.findall(
        r'href="#control-planes\?cell=([^"]+)%40process" aria-label="([^"]+)">([^<]+)<small',
        page.html([run], policy.load()),
    )
    cells = judging.cells_of(run.header)
    told = {html.unescape(label): (cells[cell], shown) for cell, label, shown in links}
    assert len(told) == len(links) == 8 * len(DECLARED) - 6
    for label, (cell, shown) in told.items():
        place = f"which becomes {cell.protocol}, {cell.envelope}: "
        assert place in label
        ends = "no start, " if shown == NO_START else ""
        assert label.endswith(f"{place}{ends}as expected")
    assert "KServe 0.9.0, protocolVersion v2, which becomes unset, kservev2: as expected" in told
    refused = "KServe 0.11.1, 0.11.2, protocolVersion grpc-v1, which becomes grpc-v1, kserve: "
    assert told[f"{refused}no start, as expected"][1] == NO_START


def test_a_page_without_such_a_cell_has_no_such_view(unfixed_run: Run) -> None:
    run = with_one_protocol(unfixed_run, "v3")
    assert "control-planes" not in _body(page.html([run], policy.load()))
    assert "control-planes" in _body(page.html([unfixed_run], policy.load()))


def _body(text: str) -> str:
    return text[text.index("<body>") : text.index('<script type="text/plain"')]
