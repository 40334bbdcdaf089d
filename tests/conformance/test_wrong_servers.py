"""The suite is tested by servers: one that keeps every statement, and ones that break one each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kserve_conformance import catalogue
from kserve_conformance.asking.target import Target
from kserve_conformance.expect import Departure
from kserve_conformance.results.verdict import Verdict
from kserve_conformance.session import Session

from tests.servers import RightServer
from tests.servers.wrong import FAULTS, Fault

STATEMENTS = catalogue.load()
# Of the checks, this share has to be seen to fail on a wrong server.
SEEN_TO_FAIL = 0.95


@pytest.fixture(scope="module")
def session(target: Target) -> Iterator[Session]:
    with Session(target) as judging:
        yield judging


def test_all_of_the_right_server_is_seen(session: Session) -> None:
    offer = session.offer
    assert offer.absent == {}
    assert offer.is_contract_v1
    assert offer.is_contract_v2
    assert offer.detected == {each.feature for each in STATEMENTS.values() if each.feature}


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_right_server_keeps(session: Session, server: RightServer, statement: str) -> None:
    outcome = session.judge(STATEMENTS[statement])
    assert outcome.judgement.verdict is Verdict.PASSED, outcome.judgement.message


@pytest.mark.parametrize(
    ("statement", "fault"), FAULTS, ids=[f"{each}-{fault.__name__}" for each, fault in FAULTS]
)
def test_a_wrong_server_is_caught(
    session: Session, server: RightServer, statement: str, fault: Fault
) -> None:
    fault(server)
    outcome = session.judge(STATEMENTS[statement])
    assert outcome.judgement.verdict is Verdict.FAILED, outcome.judgement
    assert isinstance(outcome.error, Departure)


def test_almost_every_check_is_seen_to_fail() -> None:
    seen = {statement for statement, _ in FAULTS}
    assert seen <= STATEMENTS.keys()
    never = STATEMENTS.keys() - seen
    share = len(seen) / len(STATEMENTS)
    assert share >= SEEN_TO_FAIL, f"{share:.0%}; never seen to fail: {', '.join(sorted(never))}"
