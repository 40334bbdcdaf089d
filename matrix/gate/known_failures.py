"""What becomes of the policy's lists: what is known to fail, what is known to fail at times."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence

from kserve_conformance.results.verdict import Verdict

from matrix.gate.reasons import Reason, Rule
from matrix.planning.policy import Known, Policy
from matrix.results.attempts import Attempts, JudgedCell, pass_rate
from matrix.results.pass_rate import PassRate, attempts_to_prove, percent

# A check that an entry is about, in one cell.
_Met = tuple[JudgedCell, Attempts]


def judged(cells: Sequence[JudgedCell], policy: Policy, today: datetime.date) -> list[Reason]:
    """Judge both lists: what they accept, and which of their entries are wrong themselves."""
    reasons: list[Reason] = []
    for entry in policy.known_failing:
        own = _own(entry, cells, policy, today)
        wrong = _wrong(entry, "known_failing", cells, own, today)
        reasons += [wrong] if wrong else _failing(entry, own, today)
    for entry in policy.known_flaky:
        own = _own(entry, cells, policy, today)
        wrong = _wrong(entry, "known_flaky", cells, own, today)
        checks = () if wrong else own.items()
        reasons += [wrong] if wrong else []
        reasons += [each for check, met in checks for each in _flaky(entry, check, met, policy)]
    return reasons


def _wrong(
    entry: Known,
    table: str,
    cells: Sequence[JudgedCell],
    own: Mapping[str, Sequence[_Met]],
    today: datetime.date,
) -> Reason | None:
    """Judge what is the same in both lists: whether the entry decides anything."""
    rule, checks = Rule.UNMATCHED, entry.checks
    unmatched = tuple(check for check in entry.checks if not _met(entry, check, cells))
    if entry.has_expired(today):
        rule, what = Rule.EXPIRED, f"expired on {entry.until}"
        mend = "mend what fails and remove the entry, or give it a new day and a reason"
    elif entry.since > today:
        what = f"is in force from {entry.since} on, and accepts nothing"
        mend = "mend its 'since', or list it when it is"
    elif unmatched:
        checks, what = unmatched, "meets no cell of these results"
        mend = "mend its 'when', remove it, or judge the results that it is about, too"
    elif not all(own.values()):
        checks = tuple(check for check, met in own.items() if not met)
        what = "decides nothing, since other entries go before it"
        mend = "remove it, or narrow the 'when' of those before it"
    else:
        return None
    return Reason(rule, f"{table}: '{entry.reason}' {what}", (mend,), checks=checks)


def _failing(entry: Known, own: Mapping[str, Sequence[_Met]], today: datetime.date) -> list[Reason]:
    failing = {check: list(filter(_fails, met)) for check, met in own.items()}
    reasons = [
        _stale(entry, check, passing, failing[check])
        for check, met in own.items()
        if (passing := [each for each in met if each[1].right])
    ]
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
    elif {cell.name for cell, _ in passing} & {cell.name for cell, _ in failing}:
        what, mend = "passes in some attempts", "move the check to known_flaky"
    else:
        what, mend = "passes in some of its cells", "narrow the entry's 'when'"
    sentence = f"known_failing: {check} {what}, listed as '{entry.reason}'"
    return Reason(Rule.STALE, sentence, (mend,), _cells(passing), (check,))


def _flaky(entry: Known, check: str, met: Sequence[_Met], policy: Policy) -> list[Reason]:
    least = entry.least_pass_rate or 0.0
    rate = _rate(met, policy.confidence)
    if rate.passed == rate.attempts:
        if not rate.is_proved_above(policy.stale_above):
            return []
        sentence = f"known_flaky: {check} never failed, listed as '{entry.reason}': {rate}"
        mend = "remove the check from the entry"
        return [Reason(Rule.STALE, sentence, (mend,), _cells(met), (check,))]
    # Of many cells one is unlucky: what each must prove grows with their number (Bonferroni).
    strict = 1 - (1 - policy.confidence) / len(met)
    worse = [each for each in met if _rate([each], strict).is_proved_below(least)]
    if rate.is_proved_below(least) or worse:
        told = met if rate.is_proved_below(least) else worse
        sentence = (
            f"known_flaky: {check} passes less often than {percent(least)}: "
            f"{_rate(told, policy.confidence)}"
        )
        detail = f"listed as '{entry.reason}'{_issue(entry)}"
        return [Reason(Rule.PASSES_TOO_RARELY, sentence, (detail,), _cells(told), (check,))]
    undecided = "" if rate.is_proved_above(least) else f": undecided{_advice(met, least, policy)}"
    return [
        Reason(
            Rule.KNOWN_FLAKY,
            f"{entry.reason}: {rate}, at least {percent(least)} is wanted{undecided}",
            (f"accepted until {entry.until}{_issue(entry)}",),
            _cells(filter(_fails, met)),
            (check,),
            blocks=False,
        )
    ]


def _advice(met: Sequence[_Met], least: float, policy: Policy) -> str:
    attempts = attempts_to_prove(least, policy.confidence)
    repeat = -(-attempts // len(met))
    return f", run with --repeat {max(repeat, 2)} to know (without luck it takes more)"


def _met(entry: Known, check: str, cells: Iterable[JudgedCell]) -> list[_Met]:
    """List where an entry meets a check that the wrapper should pass."""
    return [
        (cell, cell.attempts[check])
        for cell in cells
        if check in cell.attempts and entry.covers(check, cell.axes)
        if cell.attempts[check].expected is Verdict.PASSED
    ]


def _own(
    entry: Known, cells: Sequence[JudgedCell], policy: Policy, today: datetime.date
) -> dict[str, list[_Met]]:
    """List by check where this entry decides: the first that fits, of both lists in turn."""

    def decides(check: str, axes: Mapping[str, str]) -> bool:
        found = policy.failing(check, axes, today) or policy.flaky(check, axes, today)
        return found is entry

    return {
        check: [each for each in _met(entry, check, cells) if decides(check, each[0].axes)]
        for check in entry.checks
    }


def _fails(met: _Met) -> bool:
    return any(record.verdict is Verdict.FAILED for record in met[1].wrong)


def _rate(met: Sequence[_Met], confidence: float) -> PassRate:
    return pass_rate((attempts for _, attempts in met), confidence)


def _cells(met: Iterable[_Met]) -> tuple[JudgedCell, ...]:
    return tuple({cell.name: cell for cell, _ in met}.values())


def _issue(entry: Known) -> str:
    return f"; see {entry.issue}" if entry.issue else ""
