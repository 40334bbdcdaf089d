"""All attempts at one check in one cell: what they say for and against the wrapper."""

from __future__ import annotations

import pytest
from kserve_conformance.results.record import Record
from kserve_conformance.results.verdict import Verdict

from matrix.results import attempts
from matrix.results.attempts import Attempts, Merit

PASSED, FAILED, UNSUPPORTED, ERROR = (
    *(Verdict.PASSED, Verdict.FAILED, Verdict.UNSUPPORTED),
    Verdict.ERROR,
)


def made(*verdicts: Verdict, expected: Verdict = PASSED) -> Attempts:
    """Give attempts, of which the records say that a verdict was expected."""
    return Attempts.of(
        [
            Record("cell", {}, "starts", each, expected, str(each), None, None, 0.1, attempt=at)
            for at, each in enumerate(verdicts, start=1)
        ]
    )


@pytest.mark.parametrize(
    ("several", "said", "level", "counts"),
    [
        (made(PASSED, PASSED), "passed", Merit.RIGHT, (2, 0, 0)),
        (made(PASSED, FAILED, ERROR), "flaky", Merit.WRONG, (1, 1, 1)),
        (made(UNSUPPORTED), "unsupported", Merit.WRONG, (0, 1, 0)),
        (made(UNSUPPORTED, expected=UNSUPPORTED), "unsupported", Merit.NOT_OFFERED, (1, 0, 0)),
        (made(FAILED, ERROR), "failed and error", Merit.WRONG, (0, 1, 1)),
        # A failure that is known stays one, and what isn't offered may pass.
        (made(FAILED, expected=FAILED), "failed", Merit.WRONG, (0, 1, 0)),
        (made(PASSED, expected=UNSUPPORTED), "passed", Merit.RIGHT, (0, 1, 0)),
    ],
    ids=str,
)
def test_attempts_say_what_they_come_to(
    several: Attempts, said: str, level: Merit, counts: tuple[int, int, int]
) -> None:
    lists = (several.right, several.wrong, several.unjudged)
    assert (str(several), several.worst, tuple(map(len, lists))) == (said, level, counts)
    assert several.is_flaky is (said == "flaky")
    assert several.fails is (level is Merit.WRONG)


def test_the_attempt_that_tells_most_speaks_for_all() -> None:
    assert made(PASSED, ERROR, FAILED).spokesman.verdict is FAILED
    assert made(PASSED, ERROR).spokesman.verdict is ERROR


def test_what_could_not_be_judged_counts_neither_for_nor_against() -> None:
    rate = attempts.pass_rate([made(PASSED, FAILED), made(PASSED, ERROR)], 0.95)
    assert (rate.passed, rate.attempts) == (2, 3)
    assert not made(ERROR).is_judged
