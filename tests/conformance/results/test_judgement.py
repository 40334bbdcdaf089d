"""Which exception of a check means which verdict."""

from __future__ import annotations

import pytest
from kserve_conformance.results.judgement import judge
from kserve_conformance.results.verdict import SubjectFailed, Unprovisioned, Unsupported, Verdict


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (None, Verdict.PASSED),
        (AssertionError("x"), Verdict.FAILED),
        (SubjectFailed("x"), Verdict.FAILED),
        (Unprovisioned("x"), Verdict.UNPROVISIONED),
        (Unsupported("x"), Verdict.UNSUPPORTED),
        (ValueError("x"), Verdict.ERROR),
        (ConnectionRefusedError("x"), Verdict.ERROR),
        (TimeoutError("x"), Verdict.ERROR),
        # No check may pass, or be left out, by being skipped.
        (pytest.skip.Exception("x"), Verdict.ERROR),
        (pytest.fail.Exception("x"), Verdict.ERROR),
        (pytest.xfail.Exception("x"), Verdict.ERROR),
    ],
    ids=repr,
)
def test_verdict(error: BaseException | None, verdict: Verdict) -> None:
    judgement = judge(error)
    assert judgement.verdict is verdict
    assert (judgement.message == "") is (error is None)


def test_an_assertion_without_a_sentence_gets_one() -> None:
    assert judge(AssertionError()).message
