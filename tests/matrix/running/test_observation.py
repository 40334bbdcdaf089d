"""What a check came to arrives at the controller as it was, and is one thing in all phases."""

from __future__ import annotations

from dataclasses import fields

import pytest
from kserve_conformance.asking.transcript import Seen
from kserve_conformance.results.record import Record
from kserve_conformance.results.verdict import Verdict

from matrix.running.observation import Observation, Phase
from matrix.running.spans import TimeSpent

# No member as its default, so that one that is dropped on the way is missed.
RECORD = Record(
    cell="cell",
    axes={"kserve": "0.9.0"},
    check="starts",
    verdict=Verdict.FAILED,
    expected_verdict=Verdict.UNSUPPORTED,
    message="why",
    expected={"a": [1, 1.0, None]},
    observed="\ud800",
    seconds=0.123456789,
    evidence={
        "interpreter": "python",
        "exchanges": [{"request": "curl", "response": "200"}],
        "wrapper_log": "a line",
        "traceback": "Traceback",
    },
    binding=False,
    attempt=2,
    family="http",
)
SEEN = Seen("V2-META-001", 1, "GET /v2", "200", "content-type: text/plain", "text")
TIME = TimeSpent(4.5, {"checks": 0.25, "waiting": 1.0}, {"waiting": 2})
STATEMENTS = (Observation(RECORD, 3.0, 4.0),)
PHASE = Phase(Observation(RECORD, 1.5, 2.5), TIME, STATEMENTS, (SEEN, SEEN))


def _report() -> pytest.TestReport:
    return pytest.TestReport("test", ("", 0, ""), {}, "passed", None, "call")


@pytest.mark.parametrize("phase", [PHASE, Phase(Observation(RECORD, 1.5, 2.5), TIME)])
def test_what_is_sent_arrives_as_it_was(phase: Phase) -> None:
    report = _report()
    phase.attach(report)
    arrived = Phase.of(report)
    assert arrived == phase
    assert type(arrived.check.record.verdict) is Verdict


def test_no_member_of_the_record_that_is_sent_is_its_default() -> None:
    assert [
        each.name for each in fields(Record) if getattr(RECORD, each.name) == each.default
    ] == []
