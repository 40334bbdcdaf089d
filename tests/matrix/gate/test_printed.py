"""How the gate words its reasons: which checks it names, and how many reasons it tells."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from kserve_conformance import catalogue
from kserve_conformance.results.record import Run

from matrix.gate import printed
from matrix.gate.deciding import Decision
from matrix.gate.reasons import Reason, Rule
from tests.conformance.tiny_run import HEADER
from tests.matrix.gate.gate_cases import given
from tests.matrix.gate.test_reasons import A, B

OWN = [f"own-{number}" for number in range(8)]
SUITE = list(itertools.islice(catalogue.load(), 4))


def told(*reasons: Reason, all_reasons: bool = False) -> list[str]:
    """Give the lines after the first, which is the decision itself."""
    decision, run = Decision([A, B], reasons, []), Run(HEADER, [], None)
    return list(printed.lines(decision, given(run), all_reasons))[1:]


def about(rule: Rule, *checks: str, blocks: bool = True, sentence: str = "why") -> Reason:
    return Reason(rule, sentence, ("more",), checks=checks, blocks=blocks)


@pytest.mark.parametrize(
    ("checks", "names"),
    [
        (OWN[:6], ", ".join(OWN[:6])),
        (OWN[:7], ", ".join(OWN[:6]) + ", 1 more of the matrix"),
        (SUITE[:2], ", ".join(SUITE[:2])),
        (SUITE, ", ".join(SUITE[:2]) + ", 2 more of the suite"),
        # Those of the matrix say more, and are named first.
        ([*SUITE[:2], OWN[0]], f"{OWN[0]}, {SUITE[0]}, 1 more of the suite"),
        ([*SUITE[:2], *OWN[:2]], f"{OWN[0]}, {OWN[1]}, 2 more of the suite"),
        ([SUITE[0], *OWN[:3]], ", ".join(OWN[:3]) + ", 1 more of the suite"),
    ],
)
def test_few_checks_are_named_and_the_others_counted(checks: Sequence[str], names: str) -> None:
    assert told(about(Rule.FAILED, *checks)) == [f"1. {names} failed: why", "     more"]


@pytest.mark.parametrize(
    ("reason", "line"),
    [
        (about(Rule.MISSING, "x"), "1. x never ran, or not as often as planned: why"),
        (about(Rule.FAILED, "x", blocks=False), "1. warning: x failed: why"),
        (about(Rule.KNOWN_FAILING, "x", blocks=False), "1. warning: x failed, as is known: why"),
        (
            about(Rule.KNOWN_FLAKY, "x", blocks=False),
            "1. warning: x failed at times, as is known: why",
        ),
        (about(Rule.UNMATCHED, "x", "y"), "1. why for x, y"),
        # Its sentence names the check.
        (about(Rule.STALE, "x"), "1. why"),
        (about(Rule.CUT_SHORT), "1. why"),
    ],
    ids=lambda value: value.rule.words if isinstance(value, Reason) else "",
)
def test_a_reason_is_told_by_its_rule(reason: Reason, line: str) -> None:
    assert told(reason) == [line, "     more"]


@pytest.mark.parametrize(
    ("number", "all_reasons", "shown", "end"),
    [
        (12, False, 12, []),
        (13, False, 12, ["... and 1 more: --all tells them"]),
        (13, True, 13, []),
    ],
)
def test_the_weightiest_reasons_are_told_and_the_others_counted(
    number: int, all_reasons: bool, shown: int, end: list[str]
) -> None:
    reasons = [Reason(Rule.CUT_SHORT, f"file {at}") for at in range(1, number + 1)]
    assert told(*reasons, all_reasons=all_reasons) == [
        *(f"{at}. file {at}" for at in range(1, shown + 1)),
        *end,
    ]
