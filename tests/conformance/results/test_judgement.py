"""Which exception of a check means which verdict."""

from __future__ import annotations

import pytest
from kserve_conformance.results.judgement import Judgement, judge
from kserve_conformance.results.verdict import SubjectFailed, Unprovisioned, Unsupported, Verdict


@pytest.mark.parametrize(
    ("error", "verdict", "message"),
    [
        (None, Verdict.PASSED, ""),
        (AssertionError("x"), Verdict.FAILED, "x"),
        (SubjectFailed("x"), Verdict.FAILED, "x"),
        (Unprovisioned("x"), Verdict.UNPROVISIONED, "x"),
        (Unsupported("x"), Verdict.UNSUPPORTED, "x"),
        (ValueError("x"), Verdict.ERROR, "ValueError: x"),
        (ConnectionRefusedError("x"), Verdict.ERROR, "ConnectionRefusedError: x"),
        (TimeoutError("x"), Verdict.ERROR, "TimeoutError: x"),
        # No check may pass, or be left out, by being skipped.
        (pytest.skip.Exception("x"), Verdict.ERROR, "Skipped: x"),
        (pytest.fail.Exception("x"), Verdict.ERROR, "Failed: x"),
        (pytest.xfail.Exception("x"), Verdict.ERROR, "XFailed: x"),
    ],
    ids=repr,
)
def test_verdict(error: BaseException | None, verdict: Verdict, message: str) -> None:
    assert judge(error) == Judgement(verdict, message)


def test_an_assertion_without_a_sentence_gets_one() -> None:
    assert judge(AssertionError()).message == "an assertion without a sentence"
