"""The suite as plain pytest, a test a statement: ``pytest conformance --target ...``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance import failure, options
from conformance.catalogue import CatalogueError, Statement
from conformance.requirements import RequirementsError
from conformance.run import selected
from conformance.session import Session
from conformance.target import Target, TargetError
from conformance.verdicts import SubjectFailed, Verdict

_TARGET = pytest.StashKey[Target]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that say what is judged."""
    options.add(parser.getgroup("conformance", "conformance suite").addoption)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each statement."""
    if "statement" not in metafunc.fixturenames:
        return
    try:
        target = options.target_of(metafunc.config.option)
        statements = selected(target, metafunc.config.option.suite_version, ())
    except (TargetError, RequirementsError, CatalogueError) as error:
        raise pytest.UsageError(str(error)) from None
    metafunc.config.stash[_TARGET] = target
    metafunc.parametrize("statement", statements, ids=[each.id for each in statements])


@pytest.fixture(scope="session")
def conformance_session(request: pytest.FixtureRequest) -> Iterator[Session]:
    """Give the server under judgement."""
    try:
        session = Session(request.config.stash[_TARGET])
    except SubjectFailed as error:
        pytest.exit(str(error), returncode=3)
    with session:
        yield session


@pytest.fixture
def judged(conformance_session: Session, statement: Statement) -> None:
    """Judge a statement: return, fail with what teaches, or skip what isn't offered."""
    outcome = conformance_session.judge(statement)
    verdict = outcome.judgement.verdict
    if verdict is Verdict.UNSUPPORTED:
        pytest.skip(f"unsupported: {outcome.judgement.message}")
    if verdict is Verdict.FAILED:
        pytest.fail(failure.explained(outcome), pytrace=False)
    if outcome.error is not None:
        raise outcome.error
