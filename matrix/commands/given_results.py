"""Results that a command line names: files, or the folders that runs wrote them to."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from kserve_conformance.results import results_file
from kserve_conformance.results.results_file import Given, ResultsError

from matrix.planning.cells import completed
from matrix.results import judging
from matrix.running import files

# Where `python -m matrix run` writes when nobody says where.
DEFAULT = Path("results") / files.RESULTS


def add(parser: argparse.ArgumentParser) -> None:
    """Add the positional argument of a command that takes results to be judged together."""
    parser.add_argument(
        "results",
        nargs="*",
        type=Path,
        default=[DEFAULT],
        metavar="RESULTS",
        help=f"A results file, or the folder of its {files.RESULTS} (default: {DEFAULT}).",
    )


def file(path: Path) -> Path:
    """Give the results file that a path stands for, which may name its folder."""
    # pathlib's own raises where the path is too long, or its folder can't be searched.
    return path / files.RESULTS if os.path.isdir(path) else path  # noqa: PTH112 - see above


def one(path: Path) -> Given:
    """Read results of any kind.

    Raises:
        ResultsError: when the file can't be read.
    """
    named = file(path)
    if named == DEFAULT and not named.exists():
        raise ResultsError(
            f"{named} is not there: `python -m matrix run` writes it; name those of another folder"
        )
    given = _with_later_axes(results_file.given(named))
    _refuse_other_cells(given)
    return given


def together(paths: Iterable[Path]) -> list[Given]:
    """Read results that are judged together, such as those of both backends.

    Raises:
        ResultsError: when a file can't be read or isn't of the matrix, or when two of them
            judge the same cell on the same backend.
    """
    given = [of_matrix(path) for path in paths]
    owners: dict[tuple[str, str | None], Given] = {}
    for each in given:
        runtime = each.run.header.runtime
        for cell in each.run.header.planned:
            owner = owners.setdefault((cell, runtime), each)
            if owner is not each:
                raise ResultsError(
                    f"{owner.path} and {each.path} both hold {cell} on {runtime}: runs that are "
                    "judged together have no cell in common; `python -m matrix diff` compares them"
                )
    return given


def of_matrix(path: Path) -> Given:
    """Read results of the matrix.

    Raises:
        ResultsError: when the file can't be read, or is of something else.
    """
    given = one(path)
    header = given.run.header
    # Nobody knows how the TorchServe behind a server runs that was judged at its address.
    if header.runtime is None:
        raise ResultsError(
            f"{given.path} is of a server that was judged at its address (kserve-conformance), "
            "and not of the matrix: it has no KServe releases to tell of"
        )
    return given


def _with_later_axes(given: Given) -> Given:
    """Put records from before an axis came at the point of it that they are of."""
    if given.run.header.runtime is None or not completed({}):
        return given
    records = [replace(each, axes=completed(each.axes)) for each in given.run.records]
    return replace(given, run=replace(given.run, records=records))


def _refuse_other_cells(given: Given) -> None:
    """Refuse results, where they are of the matrix, that are of other cells than they say."""
    header = given.run.header
    if header.runtime is None:
        return
    try:
        planned = {name: cell.axes() for name, cell in judging.cells_of(header).items()}
    except ValueError as error:
        raise ResultsError(
            f"{given.path}: line 1 plans what isn't of the matrix: {error}"
        ) from None
    for line, record in enumerate(given.run.records, start=2):
        if record.cell not in planned:
            raise ResultsError(
                f"{given.path}: line {line} is of {record.cell}, which line 1 doesn't plan"
            )
        if record.axes != planned[record.cell]:
            raise ResultsError(
                f"{given.path}: line {line} has other axes than its cell {record.cell}"
            )
