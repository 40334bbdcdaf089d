"""The pytest plugin of the matrix: plans, starts TorchServe once, records, judges the run.

The controller (pytest-xdist's, or the only process) starts the TorchServe instances and
writes the results; the workers get the instances as data and run the checks. A check is a
test function that needs ``cell``; its name is its id: ``test_v1_predict`` makes ``v1-predict``.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from typing import Any

import pytest
from kserve_conformance.errors import ExitCode, WrongUsage
from kserve_conformance.outcome import Outcome
from kserve_conformance.results.exhibit import Exhibit
from kserve_conformance.results.verdict import Verdict
from kserve_conformance.text.visible import printable

from matrix.planning import options
from matrix.planning.cells import Cell
from matrix.planning.expectations import Expectations
from matrix.planning.plan import Plan
from matrix.running import hookspecs, observation, spans
from matrix.running.distribution import ByCell, visit_of
from matrix.running.observation import Phase
from matrix.running.session import MatrixSession
from matrix.running.spans import Activity, Work
from matrix.running.timing import Moment, Watch
from matrix.running.worker import Stage

# Making an environment from an empty cache, on a slow line, is a part of the first check.
_CHECK_WITHIN = 1200
_EXIT_CODES = {
    pytest.ExitCode.USAGE_ERROR: ExitCode.WRONG_USAGE,
    pytest.ExitCode.NO_TESTS_COLLECTED: ExitCode.WRONG_USAGE,
    pytest.ExitCode.INTERRUPTED: ExitCode.NOT_KNOWN,
    pytest.ExitCode.INTERNAL_ERROR: ExitCode.NOT_KNOWN,
}

_MATRIX = pytest.StashKey[MatrixSession]()
_EXHIBIT = pytest.StashKey[Exhibit]()
_OUTCOMES: pytest.StashKey[list[tuple[Outcome, Moment]]] = pytest.StashKey()
_WATCH = pytest.StashKey[Watch]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of a run."""
    options.add(parser.getgroup("matrix", "compatibility matrix").addoption)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Add the hooks by which a run tells how it goes."""
    pluginmanager.add_hookspecs(hookspecs)


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main() -> Generator[None, Any, Any]:
    """Turn pytest's exit codes into those of the harness."""
    try:
        code = yield
    except pytest.UsageError as error:
        sys.stderr.write(printable(f"error: {error}\n"))
        return ExitCode.WRONG_USAGE
    return _EXIT_CODES.get(code, code)


def pytest_configure(config: pytest.Config) -> None:
    """Make the plan."""
    try:
        config.stash[_MATRIX] = MatrixSession(config)
    except WrongUsage as error:
        raise pytest.UsageError(str(error)) from None
    matrix = config.stash[_MATRIX]
    if matrix.worker is None:
        config.pluginmanager.register(_Reporting(config, matrix), "matrix-reporting")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Start what the workers share, before they are started."""
    matrix = session.config.stash[_MATRIX]
    if matrix.worker is not None or session.config.option.collectonly:
        return
    try:
        matrix.options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        out = matrix.options.out
        raise pytest.UsageError(f"--out {out} can't be written: {error.strerror}") from None
    matrix.start(session.config.hook)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, Any, Any]:
    """Wait for what the workers share, while they collect the checks."""
    matrix = session.config.stash[_MATRIX]
    if matrix.worker is None and not session.config.option.collectonly:
        matrix.begin()
    return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Send a worker of pytest-xdist what it has to know."""
    node.workerinput["matrix"] = node.config.stash[_MATRIX].to_worker()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test of a check for each cell that it is planned in."""
    if "cell" not in metafunc.fixturenames:
        return
    planned = metafunc.config.stash[_MATRIX].plan
    check = _check_of(metafunc.definition)
    if check not in planned.expectations.checks:
        raise pytest.UsageError(
            f"{metafunc.definition.nodeid}: expectations.toml has no check {check}: add it there"
        )
    within = pytest.mark.timeout(_CHECK_WITHIN)
    visits = planned.visits_of(check)
    parameters = [pytest.param(cell, id=cell.visit, marks=within) for cell in visits]
    metafunc.parametrize("cell", parameters)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Bring the checks of one cell together, in the plan's order.

    Several workers are handed the cells with the most checks first: see `LoadScopeScheduling`.
    """
    planned = config.stash[_MATRIX].plan
    cells = {cell: index for index, cell in enumerate(planned.visits())}
    checks = {check: index for index, check in enumerate(planned.expectations.checks)}

    def place(item: pytest.Item) -> tuple[int, int]:
        cell = _cell(item)
        return (cells[cell], checks[_check_of(item)]) if cell else (-1, -1)

    # pytest collects a test with no parameters once, to skip it. Nothing is skipped here.
    items[:] = [
        item for item in items if _cell(item) or "cell" not in getattr(item, "fixturenames", ())
    ]
    items.sort(key=place)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Spare the traceback of each failure where nobody shows it: results have the exception.

    How it is shown is an option of the plugin that does, and workers have those of the controller.
    """
    vars(session.config.option).setdefault("tbstyle", "no")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a check beside those of the other processes, unless one of them has to be alone.

    What it takes, and nothing has a name of its own for, counts as the check.
    """
    cell = _cell(item)
    if cell is None:
        return None
    matrix = item.config.stash[_MATRIX]
    with matrix.stage.quiet.beside(), spans.during(Activity.CHECK):
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in matrix.repeats.reports(item, nextitem, cell.visit, matrix.stage):
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Take the time of a check, and begin its evidence."""
    cell = _cell(item)
    if cell is not None:
        item.stash[_EXHIBIT] = Exhibit()
        item.stash[_WATCH] = item.config.stash[_MATRIX].stage.watch(cell)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Judge a phase of a check and attach what its record needs."""
    report = yield
    cell = _cell(item)
    if cell is None:
        return report
    matrix = item.config.stash[_MATRIX]
    check = observation.of_check(
        matrix.plan,
        cell,
        _check_of(item),
        call.excinfo.value if call.excinfo else None,
        item.stash[_EXHIBIT],
        call.duration,
        item.stash[_WATCH].moment(),
        matrix.stage.interpreter(cell),
    )
    if check.record.verdict is Verdict.UNSUPPORTED:
        report.outcome = "skipped"
        report.longrepr = (str(item.path), 0, f"unsupported: {check.record.message}")
    elif check.record.verdict is not Verdict.PASSED:
        report.outcome = "failed"
        if isinstance(report.longrepr, tuple):  # of a skip, which is none here
            report.longrepr = check.record.message
    time = spans.taken()
    phase = Phase(check, time)
    if call.when == "call" and _OUTCOMES in item.stash:
        outcomes = item.stash[_OUTCOMES]
        judged = (observation.of_statement(matrix.plan, cell, *each) for each in outcomes)
        seen = (seen for outcome, _ in outcomes for seen in outcome.seen)
        phase = Phase(check, time, tuple(judged), tuple(seen))
    phase.attach(report)
    return report


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Finish the results and judge the run; one that was broken off is left without a footer."""
    matrix = session.config.stash.get(_MATRIX, None)
    if matrix is None or matrix.recorder is None:
        return
    if exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        run, differing = matrix.recorder.finish()
        session.exitstatus = run.exit_code()
        if differing is not None:
            session.config.hook.pytest_matrix_notice(sentence=differing)
        session.config.hook.pytest_matrix_finished(run=run)
        if not session.config.getoption("numprocesses", None):
            session.config.hook.pytest_matrix_standing(stage=matrix.stage)


@pytest.hookimpl(tryfirst=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """End what was started, whatever happened."""
    matrix = config.stash.get(_MATRIX, None)
    if matrix is not None:
        matrix.close()


class _Reporting:
    """Passes reports on to the recorder. Registered in the controller only."""

    def __init__(self, config: pytest.Config, matrix: MatrixSession) -> None:
        self._config = config
        self._matrix = matrix
        self._visits = {cell.visit: cell for cell in matrix.plan.visits()}

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        return ByCell(config, log, self._visits, self._matrix.unmade)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        cell = self._visits.get(visit_of(nodeid))
        if cell is not None:
            self._config.hook.pytest_matrix_cell_entered(cell=cell)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        recorder = self._matrix.recorder
        cell = self._visits.get(visit_of(report.nodeid))
        if recorder is None or cell is None:
            return
        function = report.nodeid.rpartition("::")[2].partition("[")[0]
        check = _check_id(function)
        if report.when in ("setup", "call", "teardown"):
            phase = Phase.of(report)
            work = Work(getattr(report, "worker_id", ""), cell, check, phase.time)
            self._config.hook.pytest_matrix_worked(work=work)
            records = recorder.take(cell, report, phase)
        else:  # pytest-xdist's report about a worker that crashed
            records = [recorder.crashed(cell, check, report)]
        for record in records:
            self._config.hook.pytest_matrix_record(record=record)


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> Stage:
    """Give what the checks of this process stand on."""
    return request.config.stash[_MATRIX].stage


@pytest.fixture
def check(request: pytest.FixtureRequest) -> str:
    """Give the id of the check."""
    return _check_of(request.node)


@pytest.fixture
def exhibit(request: pytest.FixtureRequest) -> Exhibit:
    """Give the evidence that goes into the check's record."""
    begun: Exhibit = request.node.stash[_EXHIBIT]
    return begun


@pytest.fixture
def outcomes(request: pytest.FixtureRequest) -> list[tuple[Outcome, Moment]]:
    """Give the list of what statements of the conformance suite came to, and when, to be filled."""
    made: list[tuple[Outcome, Moment]] = []
    request.node.stash[_OUTCOMES] = made
    return made


@pytest.fixture
def plan(request: pytest.FixtureRequest) -> Plan:
    """Give the plan of the run."""
    return request.config.stash[_MATRIX].plan


@pytest.fixture
def expected(request: pytest.FixtureRequest) -> Expectations:
    """Give what expectations.toml says."""
    return request.config.stash[_MATRIX].plan.expectations


def _cell(item: pytest.Item) -> Cell | None:
    parameters = getattr(item, "callspec", None)
    cell = parameters.params.get("cell") if parameters else None
    return cell if isinstance(cell, Cell) else None


def _check_of(item: pytest.Item) -> str:
    return _check_id(getattr(item, "originalname", item.name))


def _check_id(function: str) -> str:
    return function.removeprefix("test_").replace("_", "-")
