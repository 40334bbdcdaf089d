"""From what a check's function did to the verdict about the subject."""

from __future__ import annotations

from dataclasses import dataclass

from kserve_conformance.results.verdict import SubjectFailed, Unprovisioned, Unsupported, Verdict


@dataclass(frozen=True)
class Judgement:
    """A verdict with the reason for it, empty for passed."""

    verdict: Verdict
    message: str = ""


PASSED = Judgement(Verdict.PASSED)


def judge(error: BaseException | None) -> Judgement:
    """Give the verdict that an exception of a check stands for; None is passed.

    Only what the subject did is held against it: what is no finding about the subject, a
    skip included, is an error of the harness.
    """
    if error is None:
        return PASSED
    message = str(error)
    if isinstance(error, (AssertionError, SubjectFailed)):
        return Judgement(Verdict.FAILED, message or "an assertion without a sentence")
    if isinstance(error, Unprovisioned):
        return Judgement(Verdict.UNPROVISIONED, message)
    if isinstance(error, Unsupported):
        return Judgement(Verdict.UNSUPPORTED, message)
    return Judgement(Verdict.ERROR, f"{type(error).__name__}: {message}")
