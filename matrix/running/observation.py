"""What a check came to, from the worker that made it to the controller, which writes its record."""

from __future__ import annotations

import pickle
import traceback
from dataclasses import dataclass
from typing import Self

import pytest
from kserve_conformance import catalogue
from kserve_conformance.asking.transcript import Seen
from kserve_conformance.outcome import Outcome
from kserve_conformance.results.exhibit import Exhibit
from kserve_conformance.results.judgement import Judgement, judge
from kserve_conformance.results.record import Evidence, Record
from kserve_conformance.results.verdict import Verdict

from matrix.planning.cells import Cell
from matrix.planning.plan import Plan
from matrix.running.logs import last_lines
from matrix.running.spans import TimeSpent
from matrix.running.timing import Moment


@dataclass(frozen=True)
class Observation:
    """What a check came to, and when.

    Attributes:
        record: lacks what only the controller has, the log of TorchServe.
        began: in seconds since the epoch.
        ended: likewise.
    """

    record: Record
    began: float
    ended: float


@dataclass(frozen=True)
class Phase:
    """What is told of one phase of a test: its set-up, its call or its tear-down.

    Attributes:
        check: what the test's own check came to.
        statements: what those of the conformance suite came to that the test judged.
        seen: what the cell's wrapper answered them; None where the test judges none.
        time: what the worker spent on it, and on what it had done since the phase before.
    """

    check: Observation
    time: TimeSpent
    statements: tuple[Observation, ...] = ()
    seen: tuple[Seen, ...] | None = None

    def attach(self, report: pytest.TestReport) -> None:
        """Send it along with a report. As bytes: pytest-xdist carries no dataclasses."""
        report.matrix_phase = pickle.dumps(self)  # type: ignore[attr-defined]

    @classmethod
    def of(cls, report: pytest.TestReport) -> Self:
        """Give what was sent along with a report."""
        phase: Self = pickle.loads(report.matrix_phase)
        return phase


def of_check(
    plan: Plan,
    cell: Cell,
    check: str,
    error: BaseException | None,
    exhibit: Exhibit,
    seconds: float,
    moment: Moment,
    interpreter: str | None,
) -> Observation:
    """Judge a phase of a check by the error that it ended with, None where it ended well."""
    judgement = judge(error)
    evidence: Evidence = {}
    if interpreter:
        evidence["interpreter"] = interpreter
    if exhibit.told:
        evidence["exchanges"] = exhibit.exchanges
    if judgement.verdict is Verdict.ERROR and error is not None:
        evidence["traceback"] = last_lines("".join(traceback.format_exception(error)))
    return _of(plan, cell, check, judgement, exhibit, seconds, moment, evidence)


def of_statement(plan: Plan, cell: Cell, outcome: Outcome, moment: Moment) -> Observation:
    """Give what a statement of the conformance suite came to."""
    check, judgement, exhibit = outcome.statement.id, outcome.judgement, outcome.exhibit
    return _of(plan, cell, check, judgement, exhibit, outcome.seconds, moment, outcome.evidence)


def of_crash(plan: Plan, cell: Cell, check: str, message: str, moment: Moment) -> Observation:
    """Give what a check came to whose process died under it."""
    judgement = Judgement(Verdict.ERROR, message)
    seconds = moment.ended - moment.began
    return _of(plan, cell, check, judgement, Exhibit(), seconds, moment, {})


def _of(
    plan: Plan,
    cell: Cell,
    check: str,
    judgement: Judgement,
    exhibit: Exhibit,
    seconds: float,
    moment: Moment,
    evidence: Evidence,
) -> Observation:
    expected = plan.expected_verdict(cell, check)
    statement = catalogue.load().get(check)
    # What is as expected needs no log, and there are tens of thousands of checks.
    if moment.whole_log and judgement.verdict is not expected:
        evidence = {**evidence, "wrapper_log": moment.whole_log}
    record = Record(
        cell=cell.id,
        axes=cell.axes(),
        check=check,
        verdict=judgement.verdict,
        expected_verdict=expected,
        message=judgement.message,
        expected=exhibit.expected,
        observed=exhibit.observed,
        seconds=seconds,
        evidence=evidence,
        binding=plan.is_binding(cell, check),
        attempt=cell.attempt,
        family=statement.family.name if statement else None,
    )
    return Observation(record, moment.began, moment.ended)
