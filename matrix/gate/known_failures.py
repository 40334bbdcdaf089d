"""What becomes of the policy's lists: what is known to fail, what is known to fail at times."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kserve_conformance.results.verdict import Verdict

from matrix.gate.reasons import Reason, Rule
from matrix.planning.policy import Known, Policy
from matrix.results.attempts import Attempts, JudgedCell, pass_rate
from matrix.results.pass_rate import PassRate, attempts_to_prove, percent


@dataclass(frozen=True)
class _Met:
    """A check that an entry is about, in one cell."""

    cell: JudgedCell
    attempts: Attempts


def judged(cells: Sequence[JudgedCell], policy: Policy, today: datetime.date) -> list[Reason]:
    """Judge both lists: what they accept, and which of their entries are wrong themselves."""
    reasons: list[Reason] = []
    for entry in policy.known_failing:
        reasons += _of_entry(entry, "known_failing", cells, policy, today) or _failing(
            entry, cells, policy, today
        )
    for entry in policy.known_flaky:
        reasons += _of_entry(entry, "known_flaky", cells, policy, today) or _flaky(
            entry, cells, policy, today
        )
    return reasons


def _of_entry(
    entry: Known, table: str, cells: Sequence[JudgedCell], policy: Policy, today: datetime.date
) -> list[Reason]:
    """Judge what is the same in both lists."""
    if entry.has_expired(today):
        return [
            Reason(
                Rule.EXPIRED,
                f"{table}: '{entry.reason}' expired on {entry.until}",
                ("mend what fails and remove the entry, or give it a new day and a reason",),
                checks=entry.checks,
            )
        ]
    if entry.since > today:
        return [
            Reason(
                Rule.UNMATCHED,
                f"{table}: '{entry.reason}' is in force from {entry.since} on, and accepts nothing",
                ("mend its 'since', or list it when it is",),
                checks=entry.checks,
            )
        ]
    unmatched = [check for check in entry.checks if not _met(entry, check, cells)]
    if unmatched:
        return [
            Reason(
                Rule.UNMATCHED,
                f"{table}: '{entry.reason}' meets no cell of these results",
                ("mend its 'when', remove it, or judge the results that it is about, too",),
                checks=tuple(unmatched),
            )
        ]
    covered = [check for check in entry.checks if not _own(entry, check, cells, policy, today)]
    if covered:
        return [
            Reason(
                Rule.UNMATCHED,
                f"{table}: '{entry.reason}' decides nothing, since other entries go before it",
                ("remove it, or narrow the 'when' of those before it",),
                checks=tuple(covered),
            )
        ]
    return []


def _failing(
    entry: Known, cells: Sequence[JudgedCell], policy: Policy, today: datetime.date
) -> list[Reason]:
    reasons = []
    failing: dict[str, list[_Met]] = {}
    for check in entry.checks:
        met = _own(entry, check, cells, policy, today)
        passing = [each for each in met if each.attempts.right]
        failing[check] = [each for each in met if _fails(each)]
        if passing:
            reasons.append(_stale(entry, check, passing, failing[check]))
    listed = [each for every in failing.values() for each in every]
    if listed:
        left = (entry.until - today).days
        reasons.append(
            Reason(
                Rule.KNOWN_FAILING,
                entry.reason,
                (f"accepted until {entry.until}, {left} more days{_issue(entry)}",),
                cells=_cells(listed),
                checks=tuple(check for check, every in failing.items() if every),
                blocks=False,
            )
        )
    return reasons


def _stale(entry: Known, check: str, passing: Sequence[_Met], failing: Sequence[_Met]) -> Reason:
    if not failing:
        what, mend = "passes in all cells that it is about", "remove the check from the entry"
    elif set(_names(passing)) & set(_names(failing)):
        what, mend = "passes in some attempts", "move the check to known_flaky"
    else:
        what, mend = "passes in some of its cells", "narrow the entry's 'when'"
    return Reason(
        Rule.STALE,
        f"known_failing: {check} {what}, listed as '{entry.reason}'",
        (mend,),
        cells=_cells(passing),
        checks=(check,),
    )


def _flaky(
    entry: Known, cells: Sequence[JudgedCell], policy: Policy, today: datetime.date
) -> list[Reason]:
    reasons = []
    for check in entry.checks:
        met = _own(entry, check, cells, policy, today)
        reasons += _flaky_check(entry, check, met, policy)
    return reasons


def _flaky_check(entry: Known, check: str, met: Sequence[_Met], policy: Policy) -> list[Reason]:
    least = entry.least_pass_rate or 0.0
    rate = _rate(met, policy.confidence)
    if rate.passed == rate.attempts:
        return [_never_fails(entry, check, met, rate)] if _proved(rate, policy) else []
    # Of many cells one is unlucky: what each must prove grows with their number (Bonferroni).
    strict = 1 - (1 - policy.confidence) / len(met)
    worse = [each for each in met if _rate([each], strict).is_proved_below(least)]
    if rate.is_proved_below(least) or worse:
        told = met if rate.is_proved_below(least) else worse
        return [
            Reason(
                Rule.PASSES_TOO_RARELY,
                f"known_flaky: {check} passes less often than {percent(least)}: "
                f"{_rate(told, policy.confidence)}",
                (f"listed as '{entry.reason}'{_issue(entry)}",),
                cells=_cells(told),
                checks=(check,),
            )
        ]
    undecided = "" if rate.is_proved_above(least) else f": undecided{_advice(met, least, policy)}"
    return [
        Reason(
            Rule.KNOWN_FLAKY,
            f"{entry.reason}: {rate}, at least {percent(least)} is wanted{undecided}",
            (f"accepted until {entry.until}{_issue(entry)}",),
            cells=_cells([each for each in met if _fails(each)]),
            checks=(check,),
            blocks=False,
        )
    ]


def _never_fails(entry: Known, check: str, met: Sequence[_Met], rate: PassRate) -> Reason:
    return Reason(
        Rule.STALE,
        f"known_flaky: {check} never failed, listed as '{entry.reason}': {rate}",
        ("remove the check from the entry",),
        cells=_cells(met),
        checks=(check,),
    )


def _proved(rate: PassRate, policy: Policy) -> bool:
    return rate.is_proved_above(policy.stale_above)


def _advice(met: Sequence[_Met], least: float, policy: Policy) -> str:
    attempts = attempts_to_prove(least, policy.confidence)
    repeat = -(-attempts // len(met))
    return f", run with --repeat {max(repeat, 2)} to know (without luck it takes more)"


def _met(entry: Known, check: str, cells: Iterable[JudgedCell]) -> list[_Met]:
    """List where an entry meets a check that the wrapper should pass."""
    return [
        _Met(cell, cell.attempts[check])
        for cell in cells
        if check in cell.attempts and entry.covers(check, cell.axes)
        if cell.attempts[check].expected is Verdict.PASSED
    ]


def _own(
    entry: Known, check: str, cells: Iterable[JudgedCell], policy: Policy, today: datetime.date
) -> list[_Met]:
    """List where this entry decides: the first that fits, of known_failing before known_flaky."""

    def deciding(axes: Mapping[str, str]) -> Known | None:
        return policy.failing(check, axes, today) or policy.flaky(check, axes, today)

    return [each for each in _met(entry, check, cells) if deciding(each.cell.axes) is entry]


def _fails(met: _Met) -> bool:
    return any(record.verdict is Verdict.FAILED for record in met.attempts.wrong)


def _rate(met: Sequence[_Met], confidence: float) -> PassRate:
    return pass_rate((each.attempts for each in met), confidence)


def _names(met: Sequence[_Met]) -> list[str]:
    return [each.cell.name for each in met]


def _cells(met: Sequence[_Met]) -> tuple[JudgedCell, ...]:
    return tuple({each.cell.name: each.cell for each in met}.values())


def _issue(entry: Known) -> str:
    return f"; see {entry.issue}" if entry.issue else ""
