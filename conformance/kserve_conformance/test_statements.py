"""Each statement as a test of pytest, for those who run the suite that way."""

from __future__ import annotations

import pytest

from kserve_conformance import failure
from kserve_conformance.catalogue import Statement
from kserve_conformance.results.verdict import Verdict
from kserve_conformance.session import Session


def test_statement(conformance_session: Session, statement: Statement) -> None:
    """Fail with what teaches; what isn't offered is skipped, and says so."""
    outcome = conformance_session.judge(statement)
    verdict = outcome.judgement.verdict
    if verdict is Verdict.UNSUPPORTED:
        pytest.skip(f"unsupported: {outcome.judgement.message}")
    if verdict is Verdict.FAILED:
        pytest.fail(failure.explained(outcome), pytrace=False)
    if outcome.error is not None:
        raise outcome.error
