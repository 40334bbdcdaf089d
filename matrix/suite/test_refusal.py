"""PROTOCOL_VERSION values that must stop the start: how it stops, what it says, how fast."""

from __future__ import annotations

from kserve_conformance.results.exhibit import Exhibit

from matrix.planning.cells import Cell
from matrix.planning.expectations import Expectations
from matrix.running.refusal import AT_MOST, Refusal, output_of


def test_refusal_exit_code(refusal: Refusal, exhibit: Exhibit) -> None:
    exhibit.equal(refusal.exit_code, 2, "exit code (None: it had to be ended)")


def test_refusal_line(
    refusal: Refusal, cell: Cell, expected: Expectations, exhibit: Exhibit
) -> None:
    exhibit.equal(refusal.output, output_of(expected.refusals[cell.protocol]), "output")


def test_refusal_termination_log(
    refusal: Refusal, cell: Cell, expected: Expectations, exhibit: Exhibit
) -> None:
    line = expected.refusals[cell.protocol]
    exhibit.equal(refusal.termination_line, line, "termination log")


def test_refusal_time(refusal: Refusal, exhibit: Exhibit) -> None:
    exhibit.expected = f"at most {AT_MOST} s"
    if refusal.took is None:
        raise AssertionError("the process did not end by itself")
    best = refusal.took.decisive
    exhibit.observed = refusal.took.told()
    assert best <= AT_MOST, f"took {best:.2f} s to exit at best, at most {AT_MOST} s are allowed"


def test_refusal_ports(refusal: Refusal, exhibit: Exhibit) -> None:
    exhibit.equal(list(refusal.opened_ports), [], "ports that were opened")
