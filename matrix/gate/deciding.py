"""The release gate: what a policy makes of results."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kserve_conformance.errors import ExitCode, WrongUsage
from kserve_conformance.results.record import Header, Record
from kserve_conformance.results.results_file import Given
from kserve_conformance.results.verdict import Verdict

from matrix.gate import known_failures, reasons, sufficiency
from matrix.gate.reasons import Objection, Reason, Rule
from matrix.planning.axes import Axes
from matrix.planning.expectations import Expectations
from matrix.planning.policy import Policy
from matrix.results import attempts, last_exchange
from matrix.results.attempts import Attempts, JudgedCell

_MISSING = "missing"
_LONGEST_ANSWER = 300
# What results have in common that are judged together, and how each is told.
_THE_SAME: Mapping[str, Callable[[Header], str | None]] = {
    "wrappers": lambda header: header.started_as,
    "model classes of the wrapper": lambda header: header.wrapper["constructor"],
    "requirements of the wrapper": lambda header: ", ".join(header.requirements) or None,
    "conformance suites": lambda header: header.suite,
}


class GateError(WrongUsage):
    """Results that can't be judged together, or by this gate. Its text says why."""


@dataclass(frozen=True)
class Decision:
    """What the gate decided.

    Attributes:
        reasons: why, the weightiest first; those that only warn come last.
        objections: what stands behind those that are about checks.
    """

    cells: Sequence[JudgedCell]
    reasons: Sequence[Reason]
    objections: Sequence[Objection]

    @property
    def exit_code(self) -> ExitCode:
        """Give 0 for go, 1 for no, 3 where the evidence is insufficient; 1 goes before 3."""
        codes = {reason.exit_code for reason in self.reasons}
        against = ExitCode.AGAINST_SUBJECT
        return against if against in codes else max(codes, default=ExitCode.AS_EXPECTED)


def decide(
    given: Sequence[Given],
    policy: Policy,
    expected: Expectations,
    axes: Axes,
    today: datetime.date,
    checked_out: str | None,
) -> Decision:
    """Judge results by a policy.

    Args:
        checked_out: the commit of the checkout that judges, None where it isn't known.
        today: the day on which results have an age and entries of lists expire.

    Raises:
        GateError: when they are of two wrappers, or by two suites.
    """
    _refuse_strangers(given)
    cells = attempts.cells(given, expected)
    objections = [each for cell in cells for each in _objections(cell, policy, today)]
    found = [
        *reasons.folded(reasons.joined(objections, expected, policy.first), policy.first),
        *known_failures.judged(cells, policy, today),
        *sufficiency.judged(given, cells, policy, axes, today, checked_out),
    ]
    return Decision(cells, reasons.ordered(found), objections)


def _refuse_strangers(given: Sequence[Given]) -> None:
    for what, of in _THE_SAME.items():
        found = {of(each.run.header): each.path for each in given}
        if len(found) > 1:
            told = ", ".join(f"{path} is of '{name}'" for name, path in found.items())
            raise GateError(f"the results are of different {what}: {told}; judge each by itself")


def _objections(cell: JudgedCell, policy: Policy, today: datetime.date) -> Iterator[Objection]:
    required = policy.is_required(cell.axes)

    def blocks(verdict: str) -> bool:
        return required and verdict in policy.blocking

    def weight(record: Record) -> tuple[bool, int]:
        return not blocks(record.verdict), _rule(record).place

    def objection(record: Record, rule: Rule, detail: str = "") -> Objection:
        blocked = blocks(record.verdict)
        return Objection(rule, cell, record.check, record.message, blocked, detail)

    for each in cell.attempts.values():
        if each.is_missing:
            told = f"{len(each.records)} of {each.planned} planned attempts ran"
            yield Objection(Rule.MISSING, cell, each.check, told, blocks(_MISSING))
        # Of several attempts the one that weighs most stands for all.
        if each.unjudged:
            record = min(each.unjudged, key=weight)
            yield objection(record, _rule(record))
        if each.wrong and not _is_known(cell, each, policy, today):
            record = min(each.wrong, key=weight)
            if each.is_flaky:
                rate = attempts.pass_rate([each], policy.confidence)
                advice = f"{rate}: mend it, or list it under known_flaky"
                yield objection(record, Rule.FLAKY, advice)
            else:
                yield objection(record, _rule(record), _answer(record))


def _rule(record: Record) -> Rule:
    return Rule[record.verdict.name]


def _answer(record: Record) -> str:
    """Tell the answer that a check failed at, where it is short: it often names the cause."""
    answer = last_exchange.answer_of(record)
    if record.verdict is not Verdict.FAILED or answer is None:
        return ""
    is_told = len(answer) > _LONGEST_ANSWER or answer in record.message
    return "" if is_told else f"the last answer: {answer}"


def _is_known(cell: JudgedCell, made: Attempts, policy: Policy, today: datetime.date) -> bool:
    """Tell whether a list of the policy accepts what stands against the wrapper."""
    if any(record.verdict is not Verdict.FAILED for record in made.wrong):
        return False
    listed = policy.failing, policy.flaky
    return any(find(made.check, cell.axes, today) for find in listed)
