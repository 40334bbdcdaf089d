"""The reasons of a decision: each told once, the weightiest first, with what belongs to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from matrix.gate import reasons
from matrix.gate.reasons import Objection, Reason, Rule
from matrix.planning import expectations
from matrix.results.attempts import JudgedCell

FIRST = ("starts",)


def cell(protocol: str, kserve: str = "0.9.0") -> JudgedCell:
    axes = {"kserve": kserve, "protocol": protocol, "envelope": "kserve", "runtime": "container"}
    return JudgedCell(f"kserve{kserve}-{protocol}", axes, Path("results.jsonl"), {})


A, B, C = cell("unset"), cell("v1"), cell("v2", "0.13.1")
DOWN = Objection(Rule.FAILED, A, "drains", "it is down", blocks=True)


def joined(*findings: Objection) -> list[Reason]:
    return reasons.joined(findings, expectations.load(), FIRST)


def reason(rule: Rule, check: str, *cells: JudgedCell, blocks: bool = True) -> Reason:
    return Reason(rule, "", cells=cells, checks=(check,), blocks=blocks)


@pytest.mark.parametrize(
    "other",
    [
        replace(DOWN, rule=Rule.UNSUPPORTED),
        replace(DOWN, blocks=False),
        replace(DOWN, check="starts"),
        replace(DOWN, message="it is late"),
    ],
)
def test_what_differs_is_another_reason(other: Objection) -> None:
    assert len(joined(DOWN, replace(other, cell=B))) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("port 45001 of KServe 0.9.0", "port 45002 of KServe 0.13.1"),
        ("expected [], got: [1, 2]", "expected [], got: [3]"),
        ("late-0.9.0-unset-kserve is gone", "late-0.13.1-v2-kserve is gone"),
        ("status 500\nat line 1", "status 500\nat line 2"),
    ],
)
def test_words_that_say_the_same_are_one_reason(one: str, other: str) -> None:
    (told,) = joined(replace(DOWN, message=one), replace(DOWN, cell=C, message=other))
    assert told.cells == (A, C)
    assert told.details == (one.partition("\n")[0],)


def test_small_numbers_make_a_difference() -> None:
    assert len(joined(replace(DOWN, message="got 1"), replace(DOWN, message="got 2"))) == 2


def test_a_reason_has_each_cell_once_and_short_words() -> None:
    (told,) = joined(*[replace(DOWN, message="x" * 999, detail="mend it")] * 2)
    assert told.cells == (A,)
    assert told.details == ("x" * 397 + "...", "mend it")


def test_reasons_are_in_the_order_of_their_weight() -> None:
    findings = [
        replace(DOWN, check="starts", blocks=False),
        replace(DOWN, rule=Rule.ERROR, check="starts"),
        replace(DOWN, message="in one cell"),
        DOWN,
        replace(DOWN, cell=B),
        replace(DOWN, check="v1-predict"),
        replace(DOWN, check="starts"),
    ]
    told = joined(*findings)
    assert [(each.rule, each.checks[0], len(each.cells), each.blocks) for each in told] == [
        (Rule.FAILED, "starts", 1, True),
        (Rule.FAILED, "v1-predict", 1, True),
        (Rule.FAILED, "drains", 2, True),
        (Rule.FAILED, "drains", 1, True),
        (Rule.ERROR, "starts", 1, True),
        (Rule.FAILED, "starts", 1, False),
    ]


@pytest.mark.parametrize(
    ("later", "also"),
    [
        ([reason(Rule.FAILED, "drains", A)], ("drains",)),
        ([reason(Rule.FAILED, "drains", A), reason(Rule.FAILED, "drains", B)], ("drains",)),
        ([reason(Rule.FAILED, "drains", A), reason(Rule.FAILED, "x", A, B)], ("drains", "x")),
        # In further cells, by another rule, a warning, or one that tells much.
        ([reason(Rule.FAILED, "drains", A, B, C)], ()),
        ([reason(Rule.ERROR, "drains", A)], ()),
        ([reason(Rule.FAILED, "drains", A, blocks=False)], ()),
        ([reason(Rule.FAILED, "starts", A)], ()),
    ],
)
def test_what_only_is_in_cells_of_an_earlier_reason_is_told_with_it(
    later: Sequence[Reason], also: tuple[str, ...]
) -> None:
    earlier = reason(Rule.FAILED, "v1-predict", A, B)
    kept = reasons.folded([earlier, *later], FIRST)
    assert kept == [replace(earlier, also=also), *([] if also else later)]


def test_what_is_known_against_the_wrapper_goes_first_and_warnings_last() -> None:
    warning = reason(Rule.FAILED, "starts", A, blocks=False)
    unknown, stale = reason(Rule.CUT_SHORT, "x"), reason(Rule.STALE, "x")
    failed, worse = reason(Rule.FAILED, "x"), reason(Rule.FAILED, "y")
    assert reasons.ordered([warning, unknown, stale, failed, worse]) == [
        *(failed, worse, stale, unknown, warning)
    ]
