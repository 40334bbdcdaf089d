"""A pytest plugin for tests of the matrix, which makes runs of it quick.

MATRIX_GIVEN_TORCHSERVE holds TorchServe instances that run already, as JSON:
`Instance.to_dict()` by envelope; an instance may be replaced by a text, which is then why it
can't be started. What is given isn't stopped. Where MATRIX_GIVEN_PYTHON is set, that
interpreter stands for every SDK environment, and a refusal may take long: such runs are about
what becomes of verdicts, which mustn't follow from how busy the machine is. MATRIX_GIVEN_CHECKS
holds the checks to make by the cell's id, as JSON; a run has no others then. The fork servers are
those of the tests' session.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from execnet import gateway_io

from fixtures import torchserve
from fixtures.torchserve import Instance, TorchServeError
from matrix.environments.locking import Lock
from matrix.environments.provision import Environment
from matrix.planning.plan import CONFORMANCE, Plan
from matrix.running import refusal, session, starting, worker
from tests import processes
from tests.matrix import forked_worker

CHECKS = "MATRIX_GIVEN_CHECKS"
PYTHON = "MATRIX_GIVEN_PYTHON"
VARIABLE = "MATRIX_GIVEN_TORCHSERVE"
PLUGIN = "tests.matrix.given_torchserve"
_REFUSED_WITHIN = 30.0


class Given:
    """A TorchServe that belongs to somebody else."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance

    def logs(self) -> str:
        """Give something that results can be searched for."""
        return "the log of a given TorchServe"

    def logs_between(self, began: float, ended: float) -> str:
        """Give the same, whenever."""
        return self.logs()

    def stop(self) -> None:
        """Leave it running."""


def _start(*_: object, envelope: str, **__: object) -> Any:
    given = json.loads(os.environ[VARIABLE])[envelope]
    if isinstance(given, str):
        raise TorchServeError(given)
    return Given(Instance.from_dict(given))


def _of_lock(lock: Lock) -> Environment:
    return Environment(lock.release.release, Path(os.environ[PYTHON]), "none")


def _given_checks(plan: Plan) -> Plan:
    given = {cell: set(checks) for cell, checks in json.loads(os.environ[CHECKS]).items()}
    for checks in given.values():
        if CONFORMANCE in checks:
            checks.update(plan.expectations.statements)
    return replace(
        plan,
        cells=tuple(cell for cell in plan.cells if cell.id in given),
        checks={
            cell: tuple(check for check in plan.checks[cell] if check in checks)
            for cell, checks in given.items()
        },
    )


class _GivenServers(processes.SdkServers):
    def close(self) -> None:
        """Leave them running."""


@pytest.hookimpl(tryfirst=True)
def pytest_configure() -> None:
    """Put what is given in the place of what would have to be made."""
    if VARIABLE in os.environ:
        torchserve.start = _start
    if CHECKS in os.environ:
        make_plan = starting.make_plan
        starting.make_plan = lambda *given: _given_checks(make_plan(*given))
    given = processes.of_sdks()
    if given is not None:
        session.fork_servers = lambda *_: _GivenServers(given.folder)
    if forked_worker.VARIABLE in os.environ:
        gateway_io.Popen2IOMaster = forked_worker.Forked  # type: ignore[assignment,misc]
    if PYTHON in os.environ:
        # mypy: what a module imports isn't what it exports, but it is what it uses.
        worker.of_lock = session.found = _of_lock  # type: ignore[attr-defined]
        refusal.AT_MOST = _REFUSED_WITHIN
