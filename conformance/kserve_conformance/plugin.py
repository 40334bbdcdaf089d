"""The suite as plain pytest, a test a statement: ``pytest --pyargs kserve_conformance``."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from kserve_conformance.asking.target import Target
from kserve_conformance.catalogue import Statement
from kserve_conformance.commands import options
from kserve_conformance.commands.run import selected
from kserve_conformance.errors import ExitCode, NotKnown, WrongUsage
from kserve_conformance.session import Session
from kserve_conformance.text.redaction import without_secrets

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
        raise pytest.UsageError(without_secrets(str(error))) from None
    config.stash[_TARGET] = target
    config.stash[_STATEMENTS] = statements


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each statement."""
    if "statement" in metafunc.fixturenames:
        statements = metafunc.config.stash[_STATEMENTS]
        metafunc.parametrize("statement", statements, ids=[each.id for each in statements])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Take secrets out of all that is told of a test, tracebacks and what was logged included."""
    report = yield
    if isinstance(report.longrepr, tuple):
        path, line, reason = report.longrepr
        report.longrepr = path, line, without_secrets(reason)
    elif report.longrepr is not None:
        text = str(report.longrepr)
        # As it is where there are none: pytest colours it, and gives a line of it in its summary.
        report.longrepr = report.longrepr if text == (told := without_secrets(text)) else told
    report.sections = [(title, without_secrets(text)) for title, text in report.sections]
    return report


@pytest.fixture(scope="session")
def conformance_session(request: pytest.FixtureRequest) -> Iterator[Session]:
    """Give the server under judgement."""
    try:
        session = Session(request.config.stash[_TARGET])
    except NotKnown as error:
        pytest.exit(without_secrets(str(error)), returncode=ExitCode.NOT_KNOWN)
    with session:
        yield session
