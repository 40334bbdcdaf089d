"""The view by control plane: where each service arrives, and what its cells came to."""

from __future__ import annotations

from kserve_conformance.results.record import Run
from kserve_conformance.results.verdict import Verdict

from matrix.planning import axes, policy
from matrix.planning.control_planes import DECLARED
from matrix.reports import by_control_plane, markdown
from matrix.reports.by_control_plane import NO_START, REFUSED
from matrix.reports.grid import Point
from matrix.results.states import State
from tests.matrix.gate.gate_cases import with_verdict

_PASSED = State.PASSED


def told(run: Run) -> dict[str, list[State | str | None]]:
    """Give what is shown of each control plane, in the order of the columns."""
    return {
        row.control_plane: [
            each.state if isinstance(each, Point) else each for each in row.points.values()
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
    assert "after-removal" not in told(process_run)


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
    assert all(list(row.points) == list(DECLARED) for row in rows)


def test_markdown_has_the_table(process_run: Run) -> None:
    text = markdown.text([process_run], policy.load())
    section = text[text.index(f"## {by_control_plane.TITLE}") :]
    assert "| KServe 0.12.0-0.16.0" in section
    assert "refused" in section
