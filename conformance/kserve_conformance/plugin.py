"""The suite as plain pytest, a test a statement: ``pytest --pyargs kserve_conformance``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kserve_conformance.asking.target import Target
from kserve_conformance.catalogue import Statement
from kserve_conformance.commands import options
from kserve_conformance.commands.run import selected
from kserve_conformance.errors import ExitCode, NotKnown, WrongUsage
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
    except WrongUsage as error:
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
    except NotKnown as error:
        pytest.exit(str(error), returncode=ExitCode.NOT_KNOWN)
    with session:
        yield session
