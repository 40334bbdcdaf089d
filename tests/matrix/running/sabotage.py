"""A pytest plugin for tests: checks that don't check, a worker that dies, a check that is watched.

`SABOTAGE` says which, as JSON: by a part of the check's name, a word of `_WAYS`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from matrix.planning.cells import Cell

SABOTAGE = "MATRIX_SABOTAGE"
PLUGIN = "tests.matrix.running.sabotage"
# A folder, in which a file for each visit of a cell has the workers that made its checks.
TOLD = "MATRIX_TOLD"


def _skip() -> None:
    pytest.skip("not today")


def _expect_failure() -> None:
    pytest.xfail("some day")


def _fail() -> None:
    raise ZeroDivisionError


def _die() -> None:
    os._exit(1)


_WAYS: dict[str, Callable[[], None]] = {
    "skipped": _skip,
    "expected to fail": _expect_failure,
    "faulty": _fail,
    "deadly": _die,
}


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Function) -> None:
    """Do as is said."""
    if TOLD in os.environ:
        cell = item.callspec.params["cell"]
        assert isinstance(cell, Cell)
        with Path(os.environ[TOLD], cell.visit).open("a") as told:
            told.write(os.environ["PYTEST_XDIST_WORKER"] + "\n")
    for name, how in json.loads(os.environ.get(SABOTAGE, "{}")).items():
        if name in item.name:
            _WAYS[how]()
