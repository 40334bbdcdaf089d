"""``python -m matrix`` whose pytest heeds PYTEST_ADDOPTS, by which tests bring their plugins.

A run of anybody else's doesn't; see `matrix.running.starting`.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Sequence

import pytest

from matrix.commands import cli

MODULE = "tests.matrix.with_addopts"
# A folder of plugins. PYTHONPATH would be no reason to start anew, were it not read at the start.
PLUGINS = "MATRIX_PLUGINS"


def main() -> int:
    """Run a command of the matrix, and give its exit code."""
    if PLUGINS in os.environ:
        sys.path.insert(0, os.environ[PLUGINS])
    options = shlex.split(os.environ.get("PYTEST_ADDOPTS", ""))
    run: Callable[..., int] = pytest.main

    def with_options(arguments: Sequence[str], plugins: Sequence[object]) -> int:
        return run([*options, *arguments], plugins)

    # mypy: it takes less than pytest's own, but all that it is called with.
    pytest.main = with_options  # type: ignore[assignment]
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
