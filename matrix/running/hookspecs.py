"""The hooks by which a run tells how it goes and is lent what it needs, in the controller only."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from kserve_conformance.results.record import Record, Run

from matrix.planning.cells import Cell
from matrix.planning.plan import Plan
from matrix.running.instances import Instances
from matrix.running.spans import Work
from matrix.running.worker import Stage


def pytest_matrix_planned(plan: Plan) -> None:
    """Told once, before anything is started."""


def pytest_matrix_environments_lacking(releases: Sequence[str]) -> None:
    """Told after that: the KServe releases whose environments this run has to make."""


def pytest_matrix_notice(sentence: str) -> None:
    """Told whenever there is something that a person should know."""


def pytest_matrix_cell_entered(cell: Cell) -> None:
    """Told whenever a check of the cell begins."""


def pytest_matrix_worked(work: Work) -> None:
    """Told after each phase of a check, before its record."""


def pytest_matrix_record(record: Record) -> None:
    """Told after each check."""


def pytest_matrix_finished(run: Run) -> None:
    """Told at the end, with all that the run found."""


def pytest_matrix_standing(stage: Stage) -> None:
    """Told after that, while what the checks stood on is still there; not with several workers."""


@pytest.hookspec(firstresult=True)
def pytest_matrix_instances() -> Instances | None:
    """Lend a run the TorchServe instances of whoever makes several: it ends none of them."""
