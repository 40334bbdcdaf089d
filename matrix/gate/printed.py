"""What the gate says: the decision in one line, then the reasons, the weightiest first."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence

from kserve_conformance import catalogue
from kserve_conformance.errors import ExitCode
from kserve_conformance.results.results_file import Given

from matrix.gate.deciding import Decision
from matrix.gate.reasons import Reason, Rule
from matrix.planning.counted import many
from matrix.results import cells_in_words
from matrix.results.attempts import JudgedCell

# By exit code: the decision in a word, and what reasons for it are.
_WORDS = {
    ExitCode.AGAINST_SUBJECT: ("RED", "against it"),
    ExitCode.NOT_KNOWN: ("UNPROVEN", "of insufficient evidence"),
    ExitCode.AS_EXPECTED: ("GREEN", "that only warn"),
}
_MOST_REASONS = 12
_MOST_NAMES = 6
# What a single cell, run again, can show.
_REPLAYABLE = frozenset({Rule.FAILED, Rule.UNSUPPORTED, Rule.PASSED, Rule.FLAKY, Rule.STALE})


def lines(
    decision: Decision, given: Sequence[Given], all_reasons: bool, options: Sequence[str] = ()
) -> Iterator[str]:
    """Give the lines that the command prints.

    Args:
        all_reasons: whether the less weighty are told, too, where there are many.
        options: those of the command line by which it was decided, such as ``--policy``.
    """
    again = [*(str(each.path) for each in given), *options]
    yield headline(decision, given)
    shown = decision.reasons if all_reasons else decision.reasons[:_MOST_REASONS]
    for number, reason in enumerate(shown, start=1):
        yield from _reason(number, reason, decision, again)
    if len(shown) < len(decision.reasons):
        yield f"... and {len(decision.reasons) - len(shown)} more: --all tells them"


def headline(decision: Decision, given: Sequence[Given]) -> str:
    """Say in one line what was decided, of what, and why."""
    runtimes = " and ".join(dict.fromkeys(str(each.run.header.runtime) for each in given))
    name = given[0].run.header.wrapper["name"]
    records = sum(len(each.run.records) for each in given)
    what = f"{name}, {many(len(decision.cells), 'cell')} on {runtimes}, {records} records"
    counts = Counter(reason.exit_code for reason in decision.reasons)
    told = ", ".join(f"{counts[code]} {kind}" for code, (_, kind) in _WORDS.items() if counts[code])
    word, _ = _WORDS[decision.exit_code]
    if not decision.exit_code:
        return f"{word}: {what}: all that the policy wants" + (f"; {told}" if told else "")
    return f"{word}: {_title(decision.reasons[0], decision)}; {what}; reasons: {told}"


def _reason(number: int, reason: Reason, decision: Decision, again: Sequence[str]) -> Iterator[str]:
    warns = "warning: " if not reason.exit_code else ""
    said = f": {reason.sentence}" if reason.rule in _VERBS else ""
    yield f"{number}. {warns}{_title(reason, decision)}{said}"
    for detail in reason.details:
        yield f"     {detail}"
    if reason.also:
        yield f"     also there: {_names(reason.also)}"
    yield from (f"     look: {command}" for command in _commands(reason, again))


_VERBS = {
    Rule.FAILED: "failed",
    Rule.UNSUPPORTED: "is said not to be offered",
    Rule.PASSED: "passed, and was said not to be offered",
    Rule.FLAKY: "is flaky",
    Rule.UNPROVISIONED: "could not be provisioned",
    Rule.ERROR: "ended in an error of the harness",
    Rule.MISSING: "never ran, or not as often as planned",
}


def _title(reason: Reason, decision: Decision) -> str:
    where = f" in {_where(reason.cells, decision)}" if reason.cells else ""
    checks = _names(reason.checks)
    if reason.rule in _VERBS:
        return f"{checks} {_VERBS[reason.rule]}{where}"
    if reason.rule is Rule.KNOWN_FAILING:
        return f"{checks} failed{where}, as is known: {reason.sentence}"
    if reason.rule is Rule.KNOWN_FLAKY:
        return f"{checks} failed at times{where}, as is known: {reason.sentence}"
    if reason.rule is Rule.UNMATCHED:
        return f"{reason.sentence} for {checks}"
    return reason.sentence + where


def _names(checks: Sequence[str]) -> str:
    statements = catalogue.load()
    own = [check for check in checks if check not in statements]
    suite = [check for check in checks if check in statements]
    shown = own[:_MOST_NAMES], suite[: max(0, 2 - len(own))]
    hidden = {
        "of the matrix": len(own) - len(shown[0]),
        "of the suite": len(suite) - len(shown[1]),
    }
    more = (f"{number} more {kind}" for kind, number in hidden.items() if number)
    return ", ".join([*shown[0], *shown[1], *more])


def _where(cells: Sequence[JudgedCell], decision: Decision) -> str:
    chosen, every = ([cell.axes for cell in each] for each in (cells, decision.cells))
    return f"{len(cells)} of {many(len(every), 'cell')} ({cells_in_words.of(chosen, every)})"


def _commands(reason: Reason, again: Sequence[str]) -> Iterator[str]:
    if not reason.cells:
        return
    cell = reason.cells[0]
    if reason.rule in _REPLAYABLE:
        wanted = ("--check", reason.checks[0], "--results", str(cell.source))
        yield shlex.join(("python", "-m", "matrix", "replay", cell.id, *wanted))
    yield shlex.join(("python", "-m", "matrix", "gate", *again, "--explain", cell.id))
