"""The suite as plain pytest, a test a statement: ``pytest --pyargs kserve_conformance``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kserve_conformance.asking.target import Target, TargetError
from kserve_conformance.catalogue import CatalogueError, Statement
from kserve_conformance.commands import options
from kserve_conformance.commands.run import selected
from kserve_conformance.requirements import RequirementsError
from kserve_conformance.results.verdict import SubjectFailed
from kserve_conformance.session import Session

_TARGET = pytest.StashKey[Target]()
_STATEMENTS = pytest.StashKey[list[Statement]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that say what is judged."""
    options.add(parser.getgroup("conformance", "conformance suite").addoption)


def pytest_configure(config: pytest.Config) -> None:
    """Find out what is judged, and by what."""
    if config.option.help or config.option.version:
        return
    try:
        target = options.target_of(config.option)
        statements = selected(target, config.option.suite_version, ())
    except (TargetError, RequirementsError, CatalogueError) as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[_TARGET] = target
    config.stash[_STATEMENTS] = statements


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each statement."""
    if "statement" in metafunc.fixturenames:
        statements = metafunc.config.stash[_STATEMENTS]
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
