"""Why the gate decides as it does about one cell: each rule, and which of them decided."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from matrix.gate import reasons
from matrix.gate.deciding import Decision, GateError
from matrix.gate.reasons import Reason, Rule
from matrix.planning.expectations import Expectations
from matrix.planning.policy import Policy
from matrix.results import grouping
from matrix.results.attempts import Attempts, JudgedCell


def find(decision: Decision, name: str) -> list[JudgedCell]:
    """Give the cell of an id, once for each backend that it was run on.

    Raises:
        GateError: when the results don't have it; names those that are near.
    """
    found = [cell for cell in decision.cells if name in (cell.id, cell.name)]
    if not found:
        ids = list(dict.fromkeys(cell.id for cell in decision.cells))
        near = difflib.get_close_matches(name, ids, 3) or ids[:3]
        raise GateError(
            f"--explain {name}: the results have no such cell; there are for instance "
            f"{', '.join(near)}"
        )
    return found


def of(decision: Decision, cell: JudgedCell, policy: Policy, expected: Expectations) -> list[str]:
    """Say, a line each, what each rule makes of a cell, what decided it, and its checks."""
    about = _reasons_about(decision, cell, policy, expected)
    spoke = {reason.rule for reason in about}
    quiet = (rule.words for rule in Rule if rule not in spoke)
    return [
        f"{cell.name}: {_verdict(about)}",
        *_required(cell, policy),
        *map(_rule, about),
        f"  nothing by the rules {', '.join(quiet)}",
        *_checks(cell),
    ]


def _reasons_about(
    decision: Decision, cell: JudgedCell, policy: Policy, expected: Expectations
) -> list[Reason]:
    objections = [each for each in decision.objections if each.cell is cell]
    # Anew for this cell: those of the decision stand for many cells and checks at once.
    of_checks = reasons.joined(objections, expected, policy.first)
    rules = {each.rule for each in decision.objections}
    others = [
        reason
        for reason in decision.reasons
        if reason.rule not in rules and (not reason.cells or cell in reason.cells)
    ]
    return reasons.ordered([*of_checks, *others])


def _verdict(about: Sequence[Reason]) -> str:
    deciding = [reason for reason in about if reason.exit_code]
    if not deciding:
        return "nothing holds the release back" + (", with warnings" if about else "")
    own = next((reason for reason in deciding if reason.cells), deciding[0])
    whose = "" if own.cells else ", which is about the results as a whole"
    checks = f" ({', '.join(own.checks[:3])})" if own.checks else ""
    return f"exit code {own.exit_code}, decided by the rule '{own.rule.words}'{checks}{whose}"


def _required(cell: JudgedCell, policy: Policy) -> Iterator[str]:
    for each in policy.requirements:
        if each.when.holds(cell.axes):
            yield f"  required: '{each.name}'"
    if not policy.is_required(cell.axes):
        yield "  required: by nothing, so that what is wrong in it only warns"


def _rule(reason: Reason) -> str:
    effect = "holds the release back" if reason.exit_code else "warns"
    checks = f"{', '.join(reason.checks)}: " if reason.checks else ""
    said = "; ".join((reason.sentence, *reason.details))
    return f"  rule '{reason.rule.words}' {effect}: {checks}{said}"


def _checks(cell: JudgedCell) -> Iterator[str]:
    for alike in grouping.gathered(cell.attempts.values(), _state):
        checks = ", ".join(each.check for each in alike)
        yield f"  {len(alike)} checks {_state(alike[0])}: {checks}"


def _state(made: Attempts) -> str:
    verdicts = dict.fromkeys(str(record.verdict) for record in made.records)
    words = " and ".join(verdicts) or ("missing" if made.planned else "left out of the run")
    is_wrong = made.wrong or made.unjudged
    return f"{words}, where {made.expected} is right" if is_wrong else words
