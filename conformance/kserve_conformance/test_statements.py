"""Each statement as a test of pytest, for those who run the suite that way."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kserve_conformance import failure
from kserve_conformance.catalogue import Statement
from kserve_conformance.results.verdict import Verdict
from kserve_conformance.session import Session


def test_statement(
    conformance_session: Session,
    statement: Statement,
    record_property: Callable[[str, object], None],
) -> None:
    """Fail with what teaches; what isn't offered is skipped, and says so."""
    record_property("family", statement.family.name)
    outcome = conformance_session.judge(statement)
    verdict = outcome.judgement.verdict
    if verdict is Verdict.UNSUPPORTED:
        pytest.skip(f"unsupported: {outcome.judgement.message}")
    if verdict is Verdict.FAILED:
        pytest.fail(failure.explained(outcome), pytrace=False)
    if outcome.error is not None:
        raise outcome.error
