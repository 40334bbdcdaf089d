"""The command line of a benchmark that measures in rounds, and keeps a file and a table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kserve_conformance.errors import ExitCode

from benchmarks import outcome
from benchmarks.load import LoadError


def parser(
    name: str, description: str | None, results: Path, seconds: int
) -> argparse.ArgumentParser:
    """Make a parser of what each has: ``--seconds``, ``--rounds`` and ``--out``.

    Args:
        name: the module's, within `benchmarks`.
        results: the file to write by default.
        seconds: of each measurement by default.
    """
    made = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=description)
    made.add_argument("--seconds", type=int, default=seconds, help="of each measurement")
    made.add_argument("--rounds", type=int, default=3, help="whose median is taken")
    made.add_argument("--out", type=Path, default=results)
    return made


def run(
    asked: argparse.Namespace,
    torchserve: str,
    measure: Callable[[], Sequence[Mapping[str, Any]]],
    table: Callable[[Mapping[str, Any]], str],
) -> int:
    """Measure, write the results, print the table; give the exit code."""
    try:
        rows = measure()
    except LoadError as error:
        sys.stderr.write(f"error: {error}\n")
        return ExitCode.NOT_KNOWN
    sys.stdout.write(table(outcome.keep(asked.out, rows, torchserve, asked.seconds, asked.rounds)))
    return ExitCode.AS_EXPECTED
